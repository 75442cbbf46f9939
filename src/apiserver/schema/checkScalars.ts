import { equalJson } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import type { NumberChecks, TextChecks } from './checkNode.ts';
import { goNumber } from './goText.ts';
import { compilePattern } from './patterns.ts';

/** Integers beyond are none to Go either; those within that a number cannot hold are bigints. */
const INT64_END = 2 ** 63;

/** What is wrong with one value: its type decides the reason, the message has no path yet. */
export interface Finding {
  type: 'FieldValueInvalid' | 'FieldValueTypeInvalid' | 'FieldValueTooLong';
  /** Behind `<path> in body `. For TooLong the limit. */
  text: string;
}

/** The JSON type of a value as kube names it. */
export function jsonTypeOf(value: JsonValue): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'bigint') return 'integer';
  if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < INT64_END ? 'integer' : 'number';
  return typeof value;
}

/** The first thing that is wrong with a string. */
export function checkText(text: string, checks: TextChecks): Finding | undefined {
  const { minLength, maxLength, pattern } = checks;
  if (maxLength !== undefined && text.length > maxLength && countRunes(text) > maxLength) {
    return { type: 'FieldValueTooLong', text: String(maxLength) };
  }
  if (minLength !== undefined && (text.length < minLength || countRunes(text) < minLength)) {
    return { type: 'FieldValueInvalid', text: `should be at least ${minLength} chars long` };
  }
  return pattern === undefined ? undefined : checkPatternOf(text, pattern);
}

function checkPatternOf(text: string, pattern: string): Finding | undefined {
  try {
    if (compilePattern(pattern).test(text)) return undefined;
    return { type: 'FieldValueInvalid', text: `should match '${pattern}'` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { type: 'FieldValueInvalid', text: `should match '${pattern}, but pattern is invalid: ${reason}'` };
  }
}

function countRunes(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0xd800 && code < 0xdc00) at++;
    count++;
  }
  return count;
}

/** Everything that is wrong with a number. Bounds of integers are integers, as in kube. */
export function checkNumber(value: number | bigint, checks: NumberChecks): Finding[] {
  const findings: Finding[] = [];
  for (const check of NUMBER_CHECKS) {
    const text = check(value, checks);
    if (text !== undefined) findings.push({ type: 'FieldValueInvalid', text });
  }
  return findings;
}

const NUMBER_CHECKS = [checkMultiple, checkMinimum, checkMaximum];

function checkMultiple(value: number | bigint, { multipleOf }: NumberChecks): string | undefined {
  if (multipleOf === undefined || isMultiple(value, boundFor(value, multipleOf))) return undefined;
  return `should be a multiple of ${goNumber(multipleOf)}`;
}

function checkMinimum(value: number | bigint, { minimum, exclusiveMinimum }: NumberChecks): string | undefined {
  if (minimum === undefined) return undefined;
  const bound = boundFor(value, minimum);
  if (exclusiveMinimum ? value > bound : value >= bound) return undefined;
  return `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${goNumber(bound)}`;
}

function checkMaximum(value: number | bigint, { maximum, exclusiveMaximum }: NumberChecks): string | undefined {
  if (maximum === undefined) return undefined;
  const bound = boundFor(value, maximum);
  if (exclusiveMaximum ? value < bound : value <= bound) return undefined;
  return `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${goNumber(bound)}`;
}

function boundFor(value: number | bigint, limit: number): number {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? Math.trunc(limit) : limit;
}

function isMultiple(value: number | bigint, factor: number): boolean {
  if (!(factor > 0)) return false;
  if (typeof value === 'bigint') return value % BigInt(factor) === 0n;
  return Number.isInteger(factor < 1 ? (1 / factor) * value : value / factor);
}

/** True when `value` is one of `allowed`; 1 and 1.0 are the same. */
export function isOneOf(value: JsonValue, allowed: readonly JsonValue[]): boolean {
  if (value === null) return false;
  return typeof value === 'object' ? allowed.some((candidate) => equalJson(candidate, value)) : allowed.includes(value);
}
