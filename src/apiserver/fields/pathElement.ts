import { BodyError } from '../codec/bodyError.ts';
import { isJsonObject, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { parseJson } from '../codec/jsonParser.ts';
import { goQuote } from '../schema/goText.ts';

/** Texts made before: one that was a key of an object already is one at once, a new one has to be looked up. */
type Known = Map<string, string>;
const MAX_KNOWN = 10_000;
const MAX_KNOWN_LENGTH = 64;
const MAX_KNOWN_KEYS = 100;
const fieldElements: Known = new Map();
/** Those of items with one key, by its name. */
const keyElements = new Map<string, Known>();

function knownOr(known: Known, text: string, make: (text: string) => string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  const element = make(text);
  if (text.length <= MAX_KNOWN_LENGTH && known.size < MAX_KNOWN) known.set(text, element);
  return element;
}

/** The element of the member `key` of an object. */
export function fieldElement(key: string): string {
  return knownOr(fieldElements, key, (text) => `f:${text}`);
}

/** The element of a list item that is known by its keys. */
export function keyElement(keys: readonly (readonly [string, JsonValue])[]): string {
  const [only, ...others] = keys;
  if (only !== undefined && others.length === 0 && typeof only[1] === 'string') return oneKeyElement(only[0], only[1]);
  return makeKeyElement(keys);
}

function oneKeyElement(key: string, value: string): string {
  const make = (text: string): string => makeKeyElement([[key, text]]);
  let known = keyElements.get(key);
  if (known === undefined) {
    if (keyElements.size >= MAX_KNOWN_KEYS) return make(value);
    known = new Map();
    keyElements.set(key, known);
  }
  return knownOr(known, value, make);
}

function makeKeyElement(keys: readonly (readonly [string, JsonValue])[]): string {
  const sorted = keys.length === 1 ? keys : keys.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `k:{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${stringifyJson(value)}`).join(',')}}`;
}

/** The element of an item of a set. */
export function valueElement(value: JsonValue): string {
  return `v:${stringifyJson(value)}`;
}

/** An element as a client wrote it, in the one way that it is written here; undefined when it is malformed. */
export function normalizeElement(element: string): string | undefined {
  const kind = element.slice(0, 2);
  if (kind === 'f:') return element;
  if (kind === 'i:') return /^i:-?\d+$/.test(element) ? element : undefined;
  const value = parseOrNothing(element.slice(2));
  if (value === undefined) return undefined;
  if (kind === 'v:') return valueElement(value);
  return isJsonObject(value) ? keyElement(Object.entries(value)) : undefined;
}

/** An element as it reads in a path: `.spec`, `[name="a",port=1]`, `[="x"]`. */
export function elementText(element: string): string {
  const rest = element.slice(2);
  if (element.startsWith('f:')) return `.${rest}`;
  if (element.startsWith('i:')) return `[${rest}]`;
  const value = parseOrNothing(rest) ?? null;
  if (element.startsWith('v:')) return `[=${valueText(value)}]`;
  const keys = isJsonObject(value) ? Object.entries(value) : [];
  return `[${keys.map(([key, item]) => `${key}=${valueText(item)}`).join(',')}]`;
}

function valueText(value: JsonValue): string {
  return typeof value === 'string' ? goQuote(value) : stringifyJson(value);
}

/** `texts`, sorted in place; those that are need no more than a look. */
export function sortTexts(texts: string[]): string[] {
  return texts.every((text, index) => index === 0 || (texts[index - 1] ?? '') <= text) ? texts : texts.sort();
}

/** `elements`, sorted in place; those that are need no more than a look. */
export function sortElements(elements: string[]): string[] {
  const isSorted = elements.every(
    (element, index) => index === 0 || compareElements(elements[index - 1] ?? '', element) <= 0,
  );
  return isSorted ? elements : elements.sort(compareElements);
}

const KINDS = ['.', 'f', 'k', 'v', 'i'];
/** Items by one key that is a plain string, and plain strings: nearly all there are, and their text is their order. */
const PLAIN = /^(?:k:\{"[^"\\]*":"[^"\\]*"\}|v:"[^"\\]*")$/;

/** Kube's order of elements: fields by name, then items by their keys, items by value, items by place. */
function compareElements(a: string, b: string): number {
  const kind = a.charAt(0);
  if (kind !== b.charAt(0)) return KINDS.indexOf(kind) - KINDS.indexOf(b.charAt(0));
  if (kind === 'f' || kind === '.') return compareTexts(a, b);
  // without the quote at the end, which comes after some letters
  if (PLAIN.test(a) && PLAIN.test(b)) return compareTexts(a.replace(/"\}?$/, ''), b.replace(/"\}?$/, ''));
  return compareValues(parseOrNothing(a.slice(2)) ?? null, parseOrNothing(b.slice(2)) ?? null);
}

const RANKS = ['number', 'string', 'boolean', 'list', 'map', 'null'] as const;

function rankOf(value: JsonValue): number {
  const type = value === null ? 'null' : Array.isArray(value) ? 'list' : isJsonObject(value) ? 'map' : typeof value;
  return RANKS.findIndex((rank) => rank === (type === 'bigint' ? 'number' : type));
}

function compareValues(a: JsonValue, b: JsonValue): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (isJsonObject(a) && isJsonObject(b)) return compareMembers(a, b);
  if (Array.isArray(a) && Array.isArray(b)) {
    const differing = a.findIndex((item, index) => compareValues(item, b[index] ?? null) !== 0);
    return differing < 0 ? a.length - b.length : compareValues(a[differing] ?? null, b[differing] ?? null);
  }
  return compareTexts(a as string, b as string);
}

function compareMembers(a: JsonObject, b: JsonObject): number {
  const others = Object.entries(b);
  for (const [index, [key, value]] of Object.entries(a).entries()) {
    const other = others[index];
    if (other === undefined) return 1;
    const order = compareTexts(key, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return Object.keys(a).length - others.length;
}

/** Order of texts, and of numbers. */
function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function parseOrNothing(text: string): JsonValue | undefined {
  try {
    return parseJson(text).value;
  } catch (error) {
    if (error instanceof BodyError) return undefined;
    throw error;
  }
}
