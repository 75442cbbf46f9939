import { estimateCost } from './cost/estimate.ts';
import { CostExceeded, type Frame } from './eval/frame.ts';
import { Planner } from './eval/planner.ts';
import { functions, typeNames } from './functions/registry.ts';
import { sizeAt, type Declared } from './schema/declared.ts';
import { parse } from './syntax/parser.ts';
import { check } from './types/checker.ts';
import { checkLiterals } from './types/literals.ts';
import { optionalOf, type CelType } from './types/type.ts';
import { EvaluationError } from './values/errors.ts';
import type { Value } from './values/value.ts';

/** One expression, ready to be evaluated any number of times. */
export interface Expression {
  type: CelType;
  usesOldSelf: boolean;
  /** The most that one evaluation can cost, by the schema. */
  maxCost: number;
  evaluate(variables: { self: Value; oldSelf: Value | undefined }): Outcome;
}

/** What an evaluation gave: a value, or an error; and what it cost. */
export type Outcome = { cost: number } & (
  { value: Value; error?: undefined } | { error: EvaluationError | CostExceeded; value?: undefined }
);

/**
 * Compiles a rule or a message expression.
 * @param options.declared         What `self` is.
 * @param options.optionalOldSelf  `oldSelf` is an optional.
 * @throws CompileError     with what is wrong and where: syntax, a name, a type.
 * @throws EvaluationError  when a constant part can have no value.
 */
export function compileExpression(
  source: string,
  { declared, optionalOldSelf }: { declared: Declared; optionalOldSelf: boolean },
): Expression {
  const self = declared.type('selfType');
  const variables = new Map([
    ['self', self],
    ['oldSelf', optionalOldSelf ? optionalOf(self) : self],
  ]);
  const checked = check(source, parse(source), { variables, types: typeNames, functions });
  checkLiterals(source, checked);
  const step = new Planner(checked, functions, ['self', 'oldSelf']).plan();
  return {
    type: checked.typeOf(checked.expr),
    usesOldSelf: checked.variables.has('oldSelf'),
    maxCost: estimateCost(checked, (path) => sizeAt(declared, path)),
    evaluate: ({ self: value, oldSelf }) => {
      const frame: Frame = { slots: [value, oldSelf], cost: 0 };
      try {
        return { value: step(frame), cost: frame.cost };
      } catch (error) {
        if (error instanceof EvaluationError || error instanceof CostExceeded) return { error, cost: frame.cost };
        // a text or a number beyond what the language can hold
        if (error instanceof RangeError) return { error: new EvaluationError(error.message), cost: frame.cost };
        throw error;
      }
    },
  };
}
