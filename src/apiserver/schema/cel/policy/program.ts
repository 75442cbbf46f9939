import { CostExceeded, type Frame } from '../eval/frame.ts';
import { Planner } from '../eval/planner.ts';
import type { Overload } from '../functions/declare.ts';
import { functions, typeNames } from '../functions/registry.ts';
import type { Expr } from '../syntax/ast.ts';
import { parse } from '../syntax/parser.ts';
import { CompileError } from '../syntax/issues.ts';
import { check } from '../types/checker.ts';
import type { Checked } from '../types/environment.ts';
import { checkLiterals } from '../types/literals.ts';
import type { CelType } from '../types/type.ts';
import { EvaluationError } from '../values/errors.ts';
import type { Value } from '../values/value.ts';
import { authorization } from './authorizer.ts';

/** One expression of a policy. */
export interface Program {
  source: string;
  type: CelType;
  /** @throws ProgramError when it has no value. */
  evaluate(variables: ReadonlyMap<string, Value>, budget: CostBudget): Value;
}

/** What expressions may cost together. */
export class CostBudget {
  #left: number;

  /** @param limit  Default: Kubernetes' RuntimeCELCostBudget. */
  constructor(limit = 10_000_000) {
    this.#left = limit;
  }

  /** @throws BudgetSpent when it is. */
  spend(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) throw new BudgetSpent();
  }
}

/** An expression does not compile, or has no value. */
export class ProgramError extends Error {}

/** Nothing more is evaluated. */
export class BudgetSpent extends Error {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run');
  }
}

const ALL: ReadonlyMap<string, readonly Overload[]> = new Map([
  ...functions,
  ...Object.entries(authorization).map(([name, overloads]): [string, readonly Overload[]] => [
    name,
    [...(functions.get(name) ?? []), ...overloads],
  ]),
]);

/** @throws ProgramError `compilation failed: …` */
export function compileProgram(source: string, variables: ReadonlyMap<string, CelType>): Program {
  try {
    const checked = checkSource(source, variables);
    const names = [...variables.keys()];
    const step = new Planner(checked, ALL, names).plan();
    return {
      source,
      type: checked.typeOf(checked.expr),
      evaluate: (values, budget) => run(step, { slots: names.map((name) => values.get(name)), cost: 0 }, budget),
    };
  } catch (error) {
    if (error instanceof CompileError || error instanceof EvaluationError) {
      throw new ProgramError(`compilation failed: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

/** The type of what an expression gives, or what is wrong with it. */
export function checkProgram(source: string, variables: ReadonlyMap<string, CelType>): CelType | CompileError {
  try {
    const checked = checkSource(source, variables);
    return checked.typeOf(checked.expr);
  } catch (error) {
    if (error instanceof CompileError) return error;
    throw error;
  }
}

function checkSource(source: string, variables: ReadonlyMap<string, CelType>): Checked<Expr> {
  const checked = check(source, parse(source), { variables, types: typeNames, functions: ALL });
  checkLiterals(source, checked);
  return checked;
}

function run(step: (frame: Frame) => Value, frame: Frame, budget: CostBudget): Value {
  try {
    return step(frame);
  } catch (error) {
    // a text or a number beyond what the language can hold is a RangeError
    if (error instanceof EvaluationError || error instanceof CostExceeded || error instanceof RangeError) {
      throw new ProgramError(error.message, { cause: error });
    }
    throw error;
  } finally {
    budget.spend(frame.cost);
  }
}
