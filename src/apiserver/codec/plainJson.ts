import { childOf, type JsonObject, type JsonValue } from './json.ts';

/** Objects and lists inside one another; deeper text is refused so that everything downstream may recurse. */
export const MAX_DEPTH = 1000;

/** What is said of what is deeper. */
export const TOO_DEEP = `exceeded max depth of ${MAX_DEPTH}`;

/**
 * Whether `value` is deeper than {@link MAX_DEPTH}; found out without following it further.
 * @param known  What is not looked at again where `value` shares it, at the same place.
 */
export function isTooDeep(value: JsonValue, known?: JsonValue, depth = 0): boolean {
  if (typeof value !== 'object' || value === null || value === known) return false;
  if (depth >= MAX_DEPTH) return true;
  if (Array.isArray(value)) return value.some((item, index) => isTooDeep(item, childOf(known, index), depth + 1));
  for (const key in value) if (isTooDeep(value[key] ?? null, childOf(known, key), depth + 1)) return true;
  return false;
}

/** Digits of an integer that a JavaScript number may not hold exactly. */
const LONG = 16;
/** So many digits where a number begins; also in strings, where it only costs time. */
const LONG_INTEGER = /(?:^|[:[,])[ \t\r\n]*-?[0-9]{16}/;
/** An escaped character, which may be half of one, or space between a key and its colon. */
const NOT_PLAIN = /\\u|"[ \t\r\n]+:/;
const QUOTE = 0x22;

/**
 * The value of JSON text by JSON.parse, which is several times as fast as a parser of our own, where it is certain to
 * be what the exact parser would say, without repeated keys; undefined where it is not certain.
 *
 * Keys that JSON.parse merged would show: with no space between a key and its colon, every member of the text has
 * a `":` in it whose quote is not escaped, so that there are at least as many of these as members in the text, and at
 * least as many of those as in the value. When the first number equals the last, all three are the same.
 */
export function parsePlainJson(text: string): JsonValue | undefined {
  if (hasLongInteger(text) || NOT_PLAIN.test(text)) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return countMembers(value, 0) === countColons(text) ? value : undefined;
  } catch (error) {
    // the exact parser finds the words for it
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether JSON text may hold an integer that a JavaScript number does not hold exactly. */
export function hasLongInteger(text: string): boolean {
  return hasLongDigits(text) && LONG_INTEGER.test(text);
}

/** Found fast, but also in hashes and the like: of {@link LONG} digits in a row one is at a multiple of it. */
function hasLongDigits(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    if (isDigit(text, at) && digitsAround(text, at) >= LONG) return true;
  }
  return false;
}

function digitsAround(text: string, at: number): number {
  let [first, last] = [at, at];
  while (isDigit(text, first - 1)) first--;
  while (isDigit(text, last + 1)) last++;
  return last - first + 1;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** Colons behind a quote that is not escaped. There are fewer colons than quotes, which makes the search faster. */
function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    if (text.charCodeAt(at - 1) === QUOTE && !isEscaped(text, at - 1)) count++;
  }
  return count;
}

/** Whether the character at `at` follows an odd number of backslashes: JSON in a string is full of such quotes. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first--;
  return (at - first) % 2 === 1;
}

/** The members of all objects in `value`; NaN when something in it has to be read exactly. */
function countMembers(value: JsonValue, depth: number): number {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? 0 : NaN;
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= MAX_DEPTH) return NaN;
  return Array.isArray(value) ? countInList(value, depth) : countInObject(value, depth);
}

function countInList(items: readonly JsonValue[], depth: number): number {
  let count = 0;
  for (const item of items) count += countMembers(item, depth + 1);
  return count;
}

function countInObject(value: JsonObject, depth: number): number {
  let count = 0;
  // its own: what JSON.parse makes inherits nothing that is enumerable; without a list of the keys it takes half the time
  for (const key in value) {
    if (key === '__proto__') return NaN;
    count += 1 + countMembers(value[key] ?? null, depth + 1);
  }
  return count;
}
