import { structOf } from '../types/type.ts';
import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Opaque, type Value } from './value.ts';

export const QUANTITY = structOf('kubernetes.Quantity');

type Format = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

const DECIMAL: Readonly<Record<string, number>> = {
  ...{ n: -9, u: -6, m: -3, '': 0, k: 3, M: 6 },
  ...{ G: 9, T: 12, P: 15, E: 18 },
};
const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

const FORM = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[+-]?\d*)$/;
const WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
/** Digits of an int64 that cannot overflow. */
const INT64_DIGITS = 18;
const MAX_INT64 = 2n ** 63n - 1n;
const NANO = -9;
/** Nobody writes longer ones; the time of reading them grows with the square. */
const MAX_LENGTH = 1000;
/** A larger exponent would only fill the memory; kube works with it. */
const MAX_EXPONENT = 1000;

/**
 * An exact Kubernetes quantity: `value` × 10^`scale`. Source: apimachinery pkg/api/resource/quantity.go; like there,
 * a value that is not `small` (kept as an int64) is no integer for isInteger().
 */
export class Quantity extends Opaque {
  readonly type = QUANTITY;
  readonly #value: bigint;
  readonly #scale: number;
  readonly #small: boolean;
  readonly #format: Format;

  constructor(value: bigint, scale: number, options: { small: boolean; format: Format }) {
    super();
    this.#value = value;
    this.#scale = scale;
    this.#small = options.small;
    this.#format = options.format;
  }

  /** An int as a quantity. */
  static of(value: bigint): Quantity {
    return new Quantity(value, 0, { small: true, format: 'DecimalExponent' });
  }

  equals(other: Value): boolean {
    if (!(other instanceof Quantity)) throw noSuchOverload();
    return this.compareTo(other) === 0;
  }

  compareTo(other: Quantity): number {
    const [a, b] = align(this, other);
    return a === b ? 0 : a < b ? -1 : 1;
  }

  /** -1, 0 or 1. */
  get sign(): number {
    return this.#value === 0n ? 0 : this.#value < 0n ? -1 : 1;
  }

  plus(other: Quantity, sign: 1n | -1n = 1n): Quantity {
    const [a, b, scale] = align(this, other);
    const format = this.#value === 0n ? other.#format : this.#format;
    const value = a + sign * b;
    const small = this.#small && other.#small && isInt64(value) && isInt64(a) && isInt64(b);
    return new Quantity(value, scale, { small, format });
  }

  /** As an int; undefined when it has a fraction or is too large. */
  get integer(): bigint | undefined {
    if (!this.#small || this.#scale < 0) return undefined;
    const value = this.#value * 10n ** BigInt(this.#scale);
    return isInt64(value) ? value : undefined;
  }

  get approximate(): number {
    const base = Number(this.#value);
    return this.#scale === 0 ? base : base * Number(`1e${this.#scale}`);
  }

  /** Both as multiples of the same power of ten. */
  static aligned(a: Quantity, b: Quantity): [bigint, bigint, number] {
    const scale = Math.min(a.#scale, b.#scale);
    return [a.#value * 10n ** BigInt(a.#scale - scale), b.#value * 10n ** BigInt(b.#scale - scale), scale];
  }
}

function align(a: Quantity, b: Quantity): [bigint, bigint, number] {
  return Quantity.aligned(a, b);
}

function isInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

function matchForm(text: string): readonly string[] {
  const groups = text === '' || text.length > MAX_LENGTH ? null : FORM.exec(text);
  if (groups === null) throw new EvaluationError(WRONG_FORM);
  return groups;
}

/** Reads `500m`, `4Gi`, `1e3`. @throws EvaluationError  with kube's text when it is none. */
export function parseQuantity(text: string): Quantity {
  const groups = matchForm(text);
  const [sign, whole = '', fraction = '', suffix = ''] = groups.slice(1) as (string | undefined)[];
  const { format, exponent } = unitOf(suffix);
  const digits = whole.replace(/^0+/, '') || '0';
  const magnitude = BigInt(digits + fraction);
  const value = sign === '-' ? -magnitude : magnitude;
  if (format === 'BinarySI') return binary(value, { places: fraction.length, bits: exponent, digits: digits.length });
  const scale = exponent - fraction.length;
  if (digits.length + fraction.length <= INT64_DIGITS && scale >= NANO)
    return new Quantity(value, scale, { small: true, format });
  return rounded(value, scale, format);
}

function unitOf(suffix: string): { format: Format; exponent: number } {
  if (Object.hasOwn(DECIMAL, suffix)) return { format: 'DecimalSI', exponent: DECIMAL[suffix] ?? 0 };
  if (Object.hasOwn(BINARY, suffix)) return { format: 'BinarySI', exponent: BINARY[suffix] ?? 0 };
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix)?.[1];
  if (exponent === undefined || Math.abs(Number(exponent)) > MAX_EXPONENT)
    throw new EvaluationError("unable to parse quantity's suffix");
  return { format: 'DecimalExponent', exponent: Number(exponent) };
}

function binary(value: bigint, { places, bits, digits }: { places: number; bits: number; digits: number }): Quantity {
  const scaled = value * 2n ** BigInt(bits);
  const small = places === 0 && 15 - digits - Math.trunc((bits * 3) / 10) - 1 >= 0 && isInt64(scaled);
  if (small) return new Quantity(scaled, 0, { small, format: 'BinarySI' });
  const exact = rounded(scaled, -places, 'BinarySI');
  const max = new Quantity(MAX_INT64, 0, { small: false, format: 'BinarySI' });
  const min = new Quantity(-MAX_INT64, 0, { small: false, format: 'BinarySI' });
  const capped = exact.compareTo(max) > 0 ? max : exact.compareTo(min) < 0 ? min : exact;
  const fraction = capped.sign !== 0 && Math.abs(capped.approximate) < 1;
  return fraction ? rounded(scaled, -places, 'DecimalSI') : capped;
}

/** To nanos, away from zero. */
function rounded(value: bigint, scale: number, format: Format): Quantity {
  if (scale >= NANO) return new Quantity(value * 10n ** BigInt(scale - NANO), NANO, { small: false, format });
  const unit = 10n ** BigInt(NANO - scale);
  const rest = value % unit;
  const up = rest === 0n ? 0n : value < 0n ? -1n : 1n;
  return new Quantity(value / unit + up, NANO, { small: false, format });
}
