import { checkPattern } from '../../patterns.ts';
import { mapClauses, TAKES } from '../functions/format.ts';
import { childrenOf, type Call, type Expr, type ListExpr } from '../syntax/ast.ts';
import { CompileError, type Issue } from '../syntax/issues.ts';
import { EvaluationError } from '../values/errors.ts';
import { parseDuration, parseTimestamp, Timestamp, timestampOf } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import type { Checked } from './environment.ts';
import { sameType, typeText, type CelType } from './type.ts';

/**
 * Refuses literals that can only fail: patterns, durations and timestamps that are none, lists of mixed types, formats
 * that do not fit their arguments. Source: cel-go cel/validator.go, ext/formatting.go.
 * @throws CompileError
 */
export function checkLiterals(source: string, checked: Checked<Expr>): void {
  const issues: Issue[] = [];
  visit(checked.expr, { checked, issues, formatting: false });
  if (issues.length > 0) throw new CompileError(source, issues);
}

interface Visit {
  checked: Checked<Expr>;
  issues: Issue[];
  /** Inside of a call of format(), whose list may be mixed. */
  formatting: boolean;
}

const TESTS: Readonly<Record<string, (literal: Value) => boolean>> = {
  duration: (literal) => typeof literal === 'string' && parseDuration(literal) !== undefined,
  timestamp: isTimestamp,
  matches: (literal) => typeof literal !== 'string' || checkPattern(literal) === undefined,
};

function isTimestamp(literal: Value): boolean {
  try {
    if (typeof literal === 'bigint') return timestampOf(literal) instanceof Timestamp;
    return typeof literal === 'string' && parseTimestamp(literal) !== undefined;
  } catch {
    return false;
  }
}

function visit(expr: Expr, at: Visit): void {
  if (expr.kind === 'call') checkCall(expr, at);
  if (expr.kind === 'list' && !at.formatting) checkList(expr, at);
  if (expr.kind === 'map' && !at.formatting) {
    const { entries } = expr;
    checkSame(
      entries.map((entry) => ({ expr: entry.key, optional: false })),
      at,
      false,
    );
    checkSame(
      entries.map((entry) => ({ expr: entry.value, optional: entry.optional })),
      at,
      false,
    );
  }
  const formatting = at.formatting || (expr.kind === 'call' && expr.name === 'format');
  for (const child of childrenOf(expr)) visit(child, { ...at, formatting });
}

function checkCall(expr: Call, at: Visit): void {
  const [arg] = expr.args;
  const test = Object.hasOwn(TESTS, expr.name) ? TESTS[expr.name] : undefined;
  if (test !== undefined && arg?.kind === 'literal' && !test(arg.value))
    at.issues.push({ pos: arg.pos, message: `invalid ${expr.name} argument` });
  if (expr.name === 'format' && arg?.kind === 'list') checkFormat(expr, arg, at);
}

function checkList({ elements, optional }: ListExpr, at: Visit): void {
  checkSame(
    elements.map((expr, index) => ({ expr, optional: optional.has(index) })),
    at,
    true,
  );
}

function checkSame(parts: readonly { expr: Expr; optional: boolean }[], at: Visit, onlyFirst: boolean): void {
  let expected: CelType | undefined;
  for (const { expr, optional } of parts) {
    const own = at.checked.typeOf(expr);
    const type = optional ? (own.params[0] ?? own) : own;
    expected ??= type;
    if (sameType(expected, type)) continue;
    const message = `expected type '${typeText(expected)}' but found '${typeText(type)}'`;
    at.issues.push({ pos: expr.pos, message });
    if (onlyFirst) return;
  }
}

/** Types that each clause takes. */
const FITTING: Readonly<Record<keyof typeof TAKES, readonly CelType['kind'][]>> = {
  s: ['bool', 'bytes', 'double', 'duration', 'int', 'list', 'map', 'null_type', 'string', 'timestamp', 'type', 'uint'],
  d: ['int', 'uint'],
  f: ['double'],
  e: ['double'],
  b: ['int', 'uint', 'bool'],
  x: ['int', 'uint', 'string', 'bytes'],
  X: ['int', 'uint', 'string', 'bytes'],
  o: ['int', 'uint'],
};

function checkFormat({ target, pos }: Call, { elements }: ListExpr, at: Visit): void {
  if (target?.kind !== 'literal' || typeof target.value !== 'string') return;
  let used = 0;
  try {
    mapClauses(target.value, (clause) => {
      const arg = elements[used];
      if (arg === undefined) throw new EvaluationError(`index ${used} out of range`);
      used++;
      const { verb } = clause();
      const { kind, name } = at.checked.typeOf(arg);
      if (kind !== 'dyn' && !FITTING[verb].includes(kind))
        throw new Misfit(`error during formatting: ${TAKES[verb]}, was given ${name}`, arg.pos);
      return '';
    });
    if (elements.length > used)
      at.issues.push({
        pos,
        message: `too many arguments supplied to string.format (expected ${used}, got ${elements.length})`,
      });
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    at.issues.push({ pos: error instanceof Misfit ? error.pos : pos, message: error.message });
  }
}

class Misfit extends EvaluationError {
  readonly pos: number;

  constructor(message: string, pos: number) {
    super(message);
    this.pos = pos;
  }
}
