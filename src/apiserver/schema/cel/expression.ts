import { celEnv, isCelError, parse, plan, type CelInput, type CelValue } from '@bufbuild/cel';
import { messageOf } from '../../../lib/errors.ts';
import { matchesPattern } from '../patterns.ts';
import { functionNames, libraries } from './libraries.ts';

/** The syntax tree of an expression, as the parser gives it. */
export type Expr = ReturnType<typeof parse>['expr'];

/** One expression, ready to be evaluated any number of times. */
export interface Expression {
  source: string;
  ast: Expr;
  usesOldSelf: boolean;
  /** @returns the value, or an Error that says why there is none. */
  evaluate(variables: { self: CelInput; oldSelf?: CelInput }): CelValue | Error;
}

const env = celEnv({
  funcs: libraries,
  // RE2: linear time whatever the pattern
  re2: { compile: (pattern) => ({ test: (text) => matchesPattern(pattern, text) }) },
});

const TYPE_NAMES: ReadonlySet<string> = new Set([
  ...['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type', 'dyn'],
  ...['google', 'sets', 'format', 'math'],
]);

/** Deeper nesting than any honest rule has; the parser is recursive. */
const MAX_LENGTH = 20_000;

/**
 * Compiles a rule or message expression.
 * @throws Error  with what is wrong: syntax, an unknown variable, an unknown function.
 */
export function compileExpression(source: string): Expression {
  if (source.length > MAX_LENGTH) throw new Error(`longer than ${MAX_LENGTH} characters`);
  const parsed = parse(source);
  const names = new Set<string>();
  checkNames(parsed.expr, new Set(['self', 'oldSelf']), names);
  const run = plan(env, parsed);
  return {
    source,
    ast: parsed.expr,
    usesOldSelf: names.has('oldSelf'),
    evaluate: (variables) => {
      try {
        const result = run(variables);
        return isCelError(result) ? new Error(result.message) : result;
      } catch (error) {
        return error instanceof Error ? error : new Error(messageOf(error));
      }
    },
  };
}

function checkNames(expr: Expr | undefined, scope: ReadonlySet<string>, used: Set<string>): void {
  if (expr === undefined) return;
  const { exprKind } = expr;
  if (exprKind.case === 'identExpr') {
    const { name } = exprKind.value;
    if (!scope.has(name) && !TYPE_NAMES.has(name)) throw new Error(`undeclared reference to '${name}'`);
    used.add(name);
  }
  if (exprKind.case === 'callExpr') checkFunction(exprKind.value.function);
  const inner =
    exprKind.case === 'comprehensionExpr'
      ? new Set([...scope, exprKind.value.iterVar, exprKind.value.iterVar2, exprKind.value.accuVar])
      : scope;
  for (const child of childrenOf(expr)) checkNames(child, inner, used);
}

function checkFunction(name: string): void {
  const operator = /^[^A-Za-z]/.test(name) || name.includes('_');
  const known = functionNames.has(name) || [...functionNames].some((one) => one.endsWith(`.${name}`));
  if (!operator && !known) throw new Error(`undeclared reference to '${name}'`);
}

/** The sub-expressions of `expr`, in order of evaluation. */
export function childrenOf(expr: Expr): Expr[] {
  const { exprKind } = expr;
  switch (exprKind.case) {
    case 'selectExpr':
      return present([exprKind.value.operand]);
    case 'callExpr':
      return present([exprKind.value.target, ...exprKind.value.args]);
    case 'listExpr':
      return exprKind.value.elements;
    case 'structExpr':
      return exprKind.value.entries.flatMap((entry) =>
        present([entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined, entry.value]),
      );
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return present([iterRange, accuInit, loopCondition, loopStep, result]);
    }
    default:
      return [];
  }
}

function present(list: readonly (Expr | undefined)[]): Expr[] {
  return list.filter((one) => one !== undefined);
}
