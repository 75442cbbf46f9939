import { goQuote } from '../../goText.ts';
import { structOf } from '../types/type.ts';
import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Opaque, type Value } from './value.ts';

export const SEMVER = structOf('kubernetes.Semver');

type Pre = bigint | string;

/** A semantic version. Source: blang/semver v4, which Kubernetes uses. */
export class Semver extends Opaque {
  readonly type = SEMVER;
  /** Major, minor, patch. */
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly Pre[];
  readonly build: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], pre: readonly Pre[], build: readonly string[]) {
    super();
    this.numbers = numbers;
    this.pre = pre;
    this.build = build;
  }

  equals(other: Value): boolean {
    if (!(other instanceof Semver)) throw noSuchOverload();
    return this.compareTo(other) === 0;
  }

  /** -1, 0 or 1; build metadata does not count. */
  compareTo(other: Semver): number {
    for (const [index, number] of this.numbers.entries()) {
      const theirs = other.numbers[index] ?? 0n;
      if (number !== theirs) return number > theirs ? 1 : -1;
    }
    if (this.pre.length === 0 || other.pre.length === 0) return Math.sign(other.pre.length - this.pre.length);
    return comparePres(this.pre, other.pre);
  }
}

function comparePres(a: readonly Pre[], b: readonly Pre[]): number {
  for (const [index, pre] of a.entries()) {
    const theirs = b[index];
    const order = theirs === undefined ? 1 : comparePre(pre, theirs);
    if (order !== 0) return order;
  }
  return a.length < b.length ? -1 : 0;
}

function comparePre(a: Pre, b: Pre): number {
  if (typeof a !== typeof b) return typeof a === 'bigint' ? -1 : 1;
  return a === b ? 0 : a > b ? 1 : -1;
}

/** @throws EvaluationError  with kube's text when `text` is no version. */
export function parseSemver(text: string): Semver {
  if (text === '') throw new EvaluationError('Version string empty');
  const [major, minor, rest] = splitThree(text);
  if (major === undefined || minor === undefined || rest === undefined)
    throw new EvaluationError('No Major.Minor.Patch elements found');
  const first = number(major, 'major', 'Major');
  const second = number(minor, 'minor', 'Minor');
  const [beforeBuild, build] = cut(rest, '+');
  const [patch, pre] = cut(beforeBuild, '-');
  const third = number(patch, 'patch', 'Patch');
  return new Semver(
    [first, second, third],
    pre?.split('.').map(preRelease) ?? [],
    build?.split('.').map(buildPart) ?? [],
  );
}

/** As parseSemver, but takes `v1`, `1.2` and leading zeros. */
export function parseLooseSemver(text: string): Semver {
  const parts = splitThree(text.replace(/^v/, '')).map((part) => {
    const trimmed = part.length > 1 ? part.replace(/^0+/, '') : part;
    return part.length > 1 && !/^\d/.test(trimmed) ? `0${trimmed}` : trimmed;
  });
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? ''))
    throw new EvaluationError('short version cannot contain PreRelease/Build meta data');
  return parseSemver([...parts, '0', '0'].slice(0, 3).join('.'));
}

function splitThree(text: string): string[] {
  const parts = text.split('.');
  return parts.length <= 3 ? parts : [...parts.slice(0, 2), parts.slice(2).join('.')];
}

function cut(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function number(text: string, name: string, title: string): bigint {
  if (/\D/.test(text)) throw new EvaluationError(`Invalid character(s) found in ${name} number ${goQuote(text)}`);
  if (/^0\d/.test(text)) throw new EvaluationError(`${title} number must not contain leading zeroes ${goQuote(text)}`);
  return uint64(text);
}

function uint64(text: string): bigint {
  const refuse = (why: string) => new EvaluationError(`strconv.ParseUint: parsing ${goQuote(text)}: ${why}`);
  if (text === '') throw refuse('invalid syntax');
  if (text.length > 20 || BigInt(text) >= 2n ** 64n) throw refuse('value out of range');
  return BigInt(text);
}

function preRelease(text: string): Pre {
  if (text === '') throw new EvaluationError('Prerelease is empty');
  if (/^\d+$/.test(text)) {
    if (/^0\d/.test(text))
      throw new EvaluationError(`Numeric PreRelease version must not contain leading zeroes ${goQuote(text)}`);
    return uint64(text);
  }
  if (!/^[\dA-Za-z-]+$/.test(text))
    throw new EvaluationError(`Invalid character(s) found in prerelease ${goQuote(text)}`);
  return text;
}

function buildPart(text: string): string {
  if (text === '') throw new EvaluationError('Build meta data is empty');
  if (!/^[\dA-Za-z-]+$/.test(text))
    throw new EvaluationError(`Invalid character(s) found in build meta data ${goQuote(text)}`);
  return text;
}
