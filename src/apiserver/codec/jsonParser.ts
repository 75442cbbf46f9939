import { BodyError } from './bodyError.ts';
import { toJsonInteger } from './json.ts';
import { hasLongInteger, MAX_DEPTH, parsePlainJson, TOO_DEEP } from './plainJson.ts';
import type { JsonObject, JsonValue } from './json.ts';

/** What {@link parseJson} returns. */
export interface ParsedJson {
  value: JsonValue;
  /** See DecodedBody; at most 100, each once. */
  duplicateFields: string[];
  /** See DecodedBody. */
  repeatedKeys?: string[];
}

const MAX_DUPLICATES = 100;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const INT64_MAX = 2n ** 63n - 1n;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses JSON exactly: int64 keeps its digits, repeated keys are noticed (the last one wins), `__proto__` is refused.
 * @throws BodyError 400, with Go's wording.
 */
export function parseJson(text: string): ParsedJson {
  const plain = parsePlainJson(text);
  return plain === undefined ? parseExactJson(text) : { value: plain, duplicateFields: [] };
}

/** {@link parseJson} for any text, character by character. */
export function parseExactJson(text: string, maxDepth = MAX_DEPTH): ParsedJson {
  const parser = new Parser(text, maxDepth);
  const value = parser.document();
  return { value, duplicateFields: [...parser.duplicates] };
}

/**
 * Parses JSON that this server wrote itself: as {@link parseJson} without looking for repeated keys, at the speed of
 * JSON.parse unless the text holds very long integers. However deep: what was stored once must not be lost.
 */
export function parseStoredJson(text: string): JsonValue {
  if (hasLongInteger(text)) return parseExactJson(text, Infinity).value;
  // JSON.parse yields exactly the values of JsonValue here: no integer is long enough to lose digits.
  return JSON.parse(text) as JsonValue;
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;
  /** Where the parser is: keys and indexes, for the paths of duplicates. */
  readonly #path: (string | number)[] = [];
  readonly duplicates = new Set<string>();

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value');
    return value;
  }

  #value(): JsonValue {
    this.#space();
    switch (this.#text.charCodeAt(this.#at)) {
      case 0x7b:
        return this.#nested(() => this.#object());
      case 0x5b:
        return this.#nested(() => this.#array());
      case QUOTE:
        return this.#string();
      case 0x74:
        return this.#literal('true', true);
      case 0x66:
        return this.#literal('false', false);
      case 0x6e:
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  #nested(parse: () => JsonValue): JsonValue {
    if (++this.#depth > this.#maxDepth) throw new BodyError(400, TOO_DEEP);
    const value = parse();
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    const object: JsonObject = {};
    this.#at++;
    if (this.#accept('}')) return object;
    do {
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== QUOTE) {
        throw this.#unexpected('looking for beginning of object key string');
      }
      const key = this.#string();
      if (key === '__proto__') throw new BodyError(400, 'the object key "__proto__" is not supported');
      if (Object.hasOwn(object, key)) this.#noteDuplicate(key);
      if (!this.#accept(':')) throw this.#unexpected('after object key');
      this.#path.push(key);
      object[key] = this.#value();
      this.#path.pop();
    } while (this.#accept(','));
    if (!this.#accept('}')) throw this.#unexpected('after object key:value pair');
    return object;
  }

  #array(): JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#accept(']')) return items;
    do {
      this.#path.push(items.length);
      items.push(this.#value());
      this.#path.pop();
    } while (this.#accept(','));
    if (!this.#accept(']')) throw this.#unexpected('after array element');
    return items;
  }

  #noteDuplicate(key: string): void {
    if (this.duplicates.size >= MAX_DUPLICATES) return;
    const path = [...this.#path, key].map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('');
    this.duplicates.add(path.startsWith('.') ? path.slice(1) : path);
  }

  #string(): string {
    const start = ++this.#at;
    const text = this.#text;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE) return text.slice(start, this.#at++);
      if (code === BACKSLASH) return this.#escapedString(start);
      if (!(code >= 0x20)) throw this.#unexpected('in string literal');
      this.#at++;
    }
  }

  /** The slow way, from the first backslash on. */
  #escapedString(start: number): string {
    const text = this.#text;
    let result = text.slice(start, this.#at);
    let from = this.#at;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === QUOTE || code === BACKSLASH) {
        result += text.slice(from, this.#at);
        if (code === QUOTE) break;
        result += this.#escape();
        from = this.#at;
      } else if (code >= 0x20) this.#at++;
      else throw this.#unexpected('in string literal');
    }
    this.#at++;
    return wellFormed(result);
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    const simple = ESCAPES[letter];
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const hex = this.#text.slice(this.#at + 2, this.#at + 6);
    if (letter !== 'u' || !/^[0-9a-fA-F]{4}$/.test(hex)) {
      this.#at++;
      throw this.#unexpected('in string escape code');
    }
    this.#at += 6;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) throw this.#unexpected('looking for beginning of value');
    const [literal, fraction, exponent] = match;
    this.#at += literal.length;
    const value = Number(literal);
    if (!Number.isFinite(value)) {
      throw new BodyError(400, `cannot unmarshal number ${literal} into Go value of type float64`);
    }
    if (fraction !== undefined || exponent !== undefined || Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    const exact = BigInt(literal);
    return exact <= INT64_MAX && exact >= -INT64_MAX - 1n ? toJsonInteger(exact) : value;
  }

  #literal<T extends JsonValue>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) {
      while (word.includes(this.#text[this.#at] ?? ' ') && this.#at < this.#text.length) this.#at++;
      throw this.#unexpected(`in literal ${word}`);
    }
    this.#at += word.length;
    return value;
  }

  #accept(char: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #unexpected(where: string): BodyError {
    if (this.#at >= this.#text.length) return new BodyError(400, 'unexpected end of JSON input');
    const char = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
    const shown = char === "'" ? String.raw`'\''` : char === '"' ? `'"'` : `'${JSON.stringify(char).slice(1, -1)}'`;
    return new BodyError(400, `invalid character ${shown} ${where}`);
  }
}

/** Replaces halves of surrogate pairs that stand alone, as Go does. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
