import { EvaluationError } from './errors.ts';

/** A CEL uint; a CEL int is a bigint, a double a number. */
export class Uint {
  readonly value: bigint;

  constructor(value: bigint) {
    this.value = value;
  }
}

/** `value` when it is an int of CEL. @throws EvaluationError  beyond 64 bits. */
export function checkInt(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new EvaluationError('integer overflow');
  return value;
}

/** `value` as a uint of CEL. @throws EvaluationError  when negative or beyond 64 bits. */
export function checkUint(value: bigint): Uint {
  if (BigInt.asUintN(64, value) !== value) throw new EvaluationError('unsigned integer overflow');
  return new Uint(value);
}

/** A double as Go's `%g` prints it. */
export function doubleText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const magnitude = Math.abs(value);
  if (value === 0 || (magnitude >= 1e-4 && magnitude < 1e6)) return value.toString();
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}
