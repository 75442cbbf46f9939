import * as types from '../types/type.ts';
import { matchesPattern } from '../../patterns.ts';
import { EvaluationError } from '../values/errors.ts';
import { ArrayList, type CelList } from '../values/list.ts';
import { valueText } from '../values/text.ts';
import { checkLength } from '../values/textLimit.ts';
import * as is from './declare.ts';
import { func, method, type Library } from './declare.ts';
import { formatText } from './format.ts';

/*
 * Strings are counted in code points, as Go's runes. Only where a string has characters beyond UTF-16's basic plane does
 * that need more than JavaScript's own functions.
 */

const SURROGATES = /[\ud800-\udfff]/;

function runes(text: string): { length: number; slice(start: number, end?: number): string } {
  return SURROGATES.test(text) ? new Runes(text) : text;
}

class Runes {
  readonly #chars: string[];

  constructor(text: string) {
    this.#chars = Array.from(text);
  }

  get length(): number {
    return this.#chars.length;
  }

  slice(start: number, end?: number): string {
    return this.#chars.slice(start, end).join('');
  }
}

function outOfRange(index: bigint): EvaluationError {
  return new EvaluationError(`index out of range: ${index}`);
}

function charAt(text: string, index: bigint): string {
  const chars = runes(text);
  const at = Number(index);
  if (at < 0 || at > chars.length) throw outOfRange(index);
  return chars.slice(at, at + 1);
}

function substring(text: string, start: bigint, end?: bigint): string {
  const chars = runes(text);
  if (end !== undefined && start > end)
    throw new EvaluationError(`invalid substring range. start: ${start}, end: ${end}`);
  for (const index of end === undefined ? [start] : [start, end]) {
    if (index < 0n || Number(index) > chars.length) throw outOfRange(index);
  }
  return chars.slice(Number(start), end === undefined ? undefined : Number(end));
}

/** Index of a code point from an index of JavaScript. */
function runeIndex(text: string, index: number): bigint {
  return BigInt(index < 0 ? -1 : runes(text.slice(0, index)).length);
}

function indexOf(text: string, part: string, from: bigint): bigint {
  if (part === '') return from;
  if (from < 0n) throw outOfRange(from);
  const chars = runes(text);
  if (Number(from) >= chars.length) return -1n;
  return runeIndex(text, text.indexOf(part, chars.slice(0, Number(from)).length));
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const { length } = runes(text);
  if (part === '') return from ?? BigInt(length);
  if (from !== undefined && from < 0n) throw outOfRange(from);
  if (from !== undefined && Number(from) >= length) return -1n;
  const until = from === undefined ? text.length : runes(text).slice(0, Number(from)).length;
  return runeIndex(text, text.lastIndexOf(part, until));
}

function replace(text: string, part: string, by: string, count: bigint): string {
  const limit = count < 0n ? Infinity : Number(count);
  if (part === '') return between(text, by, limit);
  const pieces = text.split(part);
  checkLength(text.length + Math.min(limit, pieces.length - 1) * by.length);
  if (count < 0n) return pieces.join(by);
  const first = pieces.slice(0, Number(count) + 1).join(by);
  return [first, ...pieces.slice(Number(count) + 1)].join(part);
}

/** `by` before each of the first characters, and at the end. */
function between(text: string, by: string, count: number): string {
  const pieces = ['', ...Array.from(text)];
  checkLength(text.length + Math.min(count, pieces.length) * by.length);
  return pieces.map((char, index) => char + (index < count ? by : '')).join('');
}

function split(text: string, separator: string, count: bigint): ArrayList {
  if (count === 0n) return new ArrayList([]);
  const pieces = separator === '' ? Array.from(text) : text.split(separator);
  if (count < 0n || pieces.length <= Number(count)) return new ArrayList(pieces);
  const last = Number(count) - 1;
  return new ArrayList([...pieces.slice(0, last), pieces.slice(last).join(separator)]);
}

function join(list: CelList, separator: string): string {
  const pieces: string[] = [];
  let length = 0;
  for (const item of list) {
    if (typeof item !== 'string') throw new EvaluationError(`join: invalid input: ${valueText(item)}`);
    pieces.push(item);
    length += item.length + separator.length;
  }
  checkLength(length);
  return pieces.join(separator);
}

const QUOTED: Readonly<Record<string, string>> = {
  ...{ '\x07': String.raw`\a`, '\b': String.raw`\b`, '\f': String.raw`\f`, '\n': String.raw`\n` },
  ...{ '\r': String.raw`\r`, '\t': String.raw`\t`, '\v': String.raw`\v`, '\\': '\\\\', '"': String.raw`\"` },
};

function quote(text: string): string {
  return `"${Array.from(text, (char) => QUOTED[char] ?? char).join('')}"`;
}

/** White space of Go's strings.TrimSpace. */
const SPACE: ReadonlySet<string> = new Set(
  '\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000',
);

function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.has(text.charAt(start))) start++;
  while (end > start && SPACE.has(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

function matches(text: string, pattern: string): boolean {
  try {
    return matchesPattern(pattern, text);
  } catch (error) {
    throw new EvaluationError(error instanceof Error ? error.message : String(error));
  }
}

/** The strings of CEL, and version 2 of cel-go's extension. */
export const strings: Library = {
  contains: [
    method('contains_string', [is.STRING, is.STRING], types.BOOL, (text: string, part: string) => text.includes(part)),
  ],
  startsWith: [
    method('starts_with_string', [is.STRING, is.STRING], types.BOOL, (text: string, part: string) =>
      text.startsWith(part),
    ),
  ],
  endsWith: [
    method('ends_with_string', [is.STRING, is.STRING], types.BOOL, (text: string, part: string) => text.endsWith(part)),
  ],
  matches: [
    func('matches', [is.STRING, is.STRING], types.BOOL, matches),
    method('matches_string', [is.STRING, is.STRING], types.BOOL, matches),
  ],
  charAt: [method('string_char_at_int', [is.STRING, is.INT], types.STRING, charAt)],
  indexOf: [
    method('string_index_of_string', [is.STRING, is.STRING], types.INT, (text: string, part: string) =>
      indexOf(text, part, 0n),
    ),
    method('string_index_of_string_int', [is.STRING, is.STRING, is.INT], types.INT, indexOf),
  ],
  lastIndexOf: [
    method('string_last_index_of_string', [is.STRING, is.STRING], types.INT, (text: string, part: string) =>
      lastIndexOf(text, part),
    ),
    method(
      'string_last_index_of_string_int',
      [is.STRING, is.STRING, is.INT],
      types.INT,
      (text: string, part: string, from: bigint) => lastIndexOf(text, part, from),
    ),
  ],
  lowerAscii: [
    method('string_lower_ascii', [is.STRING], types.STRING, (text: string) =>
      text.replace(/[A-Z]+/g, (part) => part.toLowerCase()),
    ),
  ],
  upperAscii: [
    method('string_upper_ascii', [is.STRING], types.STRING, (text: string) =>
      text.replace(/[a-z]+/g, (part) => part.toUpperCase()),
    ),
  ],
  replace: [
    method(
      'string_replace_string_string',
      [is.STRING, is.STRING, is.STRING],
      types.STRING,
      (text: string, part: string, by: string) => replace(text, part, by, -1n),
    ),
    method('string_replace_string_string_int', [is.STRING, is.STRING, is.STRING, is.INT], types.STRING, replace),
  ],
  split: [
    method(
      'string_split_string',
      [is.STRING, is.STRING],
      types.listOf(types.STRING),
      (text: string, separator: string) => split(text, separator, -1n),
    ),
    method('string_split_string_int', [is.STRING, is.STRING, is.INT], types.listOf(types.STRING), split),
  ],
  substring: [
    method('string_substring_int', [is.STRING, is.INT], types.STRING, (text: string, start: bigint) =>
      substring(text, start),
    ),
    method(
      'string_substring_int_int',
      [is.STRING, is.INT, is.INT],
      types.STRING,
      (text: string, start: bigint, end: bigint) => substring(text, start, end),
    ),
  ],
  trim: [method('string_trim', [is.STRING], types.STRING, trim)],
  format: [method('string_format', [is.STRING, is.list(types.DYN)], types.STRING, formatText)],
  'strings.quote': [func('strings_quote', [is.STRING], types.STRING, quote)],
  join: [
    method('list_join', [is.list(types.STRING)], types.STRING, (list: CelList) => join(list, '')),
    method('list_join_string', [is.list(types.STRING), is.STRING], types.STRING, join),
  ],
};
