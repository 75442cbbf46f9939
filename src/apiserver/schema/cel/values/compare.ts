import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Uint } from './numbers.ts';
import { Duration, Timestamp } from './time.ts';
import { Optional, TypeValue, type Value } from './value.ts';

/** `a == b`. Values of different types are not equal, numbers are by value. @throws EvaluationError  see Opaque.equals. */
export function equals(a: Value, b: Value): boolean {
  if (a === b) return a === a;
  if (a === null || b === null || typeof a === 'string' || typeof a === 'boolean') return false;
  if (isNumeric(a)) return isNumeric(b) && equalNumbers(numericValue(a), numericValue(b));
  return equalObjects(a, b);
}

function equalObjects(a: Exclude<Value, null | string | boolean | bigint | number | Uint>, b: Value): boolean {
  if ('equals' in a && !(a instanceof Uint8Array)) return a.equals(b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.typeName === b.typeName;
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b);
  return sameKind(a, b) && a.nanos === b.nanos;
}

/** Both durations, or both timestamps. */
function sameKind(a: Duration | Timestamp, b: Value): b is Duration | Timestamp {
  return a instanceof Duration ? b instanceof Duration : b instanceof Timestamp;
}

function equalOptionals(a: Optional, b: Optional): boolean {
  if (a.value === undefined || b.value === undefined) return a.value === b.value;
  return equals(a.value, b.value);
}

type Numeric = bigint | number | Uint;

function isNumeric(value: Value): value is Numeric {
  return typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint;
}

function numericValue(value: Numeric): bigint | number {
  return value instanceof Uint ? value.value : value;
}

function equalNumbers(a: bigint | number, b: bigint | number): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b);
}

/** Negative, 0 or positive as `a` stands to `b`. @throws EvaluationError  when values like these have no order. */
export function compare(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(numericValue(a), numericValue(b));
  return compareOthers(a, b);
}

function compareOthers(a: Value, b: Value): number {
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if ((a instanceof Duration || a instanceof Timestamp) && sameKind(a, b)) return order(a.nanos, b.nanos);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  throw noSuchOverload();
}

function order(a: bigint, b: bigint): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function compareNumbers(a: bigint | number, b: bigint | number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) throw new EvaluationError('NaN values cannot be ordered');
  if (typeof a === 'bigint' && typeof b === 'bigint') return order(a, b);
  // an int beside a double is compared as a double, as Kubernetes does
  const [left, right] = [Number(a), Number(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By code point, as Go compares UTF-8; JavaScript compares UTF-16. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  const surrogates = /[\ud800-\udfff]/;
  return surrogates.test(a) || surrogates.test(b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1;
}
