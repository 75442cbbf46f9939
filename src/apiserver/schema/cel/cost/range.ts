/** Least and most of a cost or a size; what would not fit in 64 bits is the largest number that does. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** 2^64: every sum ends there. */
const LIMIT = 2 ** 64;

export const UNKNOWN: Range = { min: 0, max: LIMIT };
export const ZERO: Range = { min: 0, max: 0 };

/** Exactly `value`. */
export function exactly(value: number): Range {
  return { min: value, max: value };
}

/** All of `ranges`, one after the other. */
export function sum(...ranges: readonly Range[]): Range {
  return ranges.reduce((a, b) => ({ min: cut(a.min + b.min), max: cut(a.max + b.max) }), ZERO);
}

/** `a` times `b`. */
export function product(a: Range, b: Range): Range {
  return { min: cut(a.min * b.min), max: cut(a.max * b.max) };
}

/** `range` times `factor`, rounded up. */
export function scaled({ min, max }: Range, factor: number): Range {
  return { min: cut(Math.ceil(min * factor)), max: cut(Math.ceil(max * factor)) };
}

/** Either of them. */
export function union(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}

function cut(value: number): number {
  return Math.min(value, LIMIT);
}
