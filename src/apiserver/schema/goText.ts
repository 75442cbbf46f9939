import type { JsonValue } from '../codec/json.ts';

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\x07': String.raw`\a`,
  '\b': String.raw`\b`,
  '\f': String.raw`\f`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
  '\v': String.raw`\v`,
  '"': String.raw`\"`,
  '\\': String.raw`\\`,
};
const UNPRINTABLE = /["\\]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** `text` in double quotes as Go's `%q` prints it. */
export function goQuote(text: string): string {
  return `"${text.replace(UNPRINTABLE, escapeRune)}"`;
}

function escapeRune(char: string): string {
  const short = SHORT_ESCAPES[char];
  if (short !== undefined) return short;
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return String.raw`\x` + code.toString(16).padStart(2, '0');
  if (code < 0x10000) return String.raw`\u` + code.toString(16).padStart(4, '0');
  return String.raw`\U` + code.toString(16).padStart(8, '0');
}

/** A number as Go's `%v` prints an int64 or float64. */
export function goNumber(value: number | bigint): string {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return value.toString();
  const magnitude = Math.abs(value);
  const text = magnitude < 1e-4 || magnitude >= 1e21 ? value.toExponential() : value.toString();
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The printable ASCII and Unicode characters of Go's unicode.IsPrint. */
export function isPrintable(char: string): boolean {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char);
}

/** The type of a JSON value as Go's decoder names it. */
export function goJsonType(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  if (value === null) return 'null';
  if (typeof value === 'bigint') return 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
