import { isJsonObject, stringifyJson } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import { BodyError } from '../codec/bodyError.ts';
import { parseJson } from '../codec/jsonParser.ts';

/**
 * A set of field paths, as the tree that FieldsV1 is: `{"f:spec":{".":{},"f:replicas":{}}}`. Elements are
 * `f:<name>`, `k:{…}` (keys sorted), `v:<value>`, `i:<index>`; a path that ends at an element has `.` below it, or
 * nothing at all. Every level is sorted. Sets are never changed, so that they share what they have in common and what
 * is stored needs no reading and no writing.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** No path at all; below an element, the path that ends there. */
export const EMPTY: FieldSet = Object.freeze({});
const SELF: FieldSet = { '.': EMPTY };

/** True when there is no path in the set. */
export function isEmptySet(set: FieldSet): boolean {
  return Object.keys(set).length === 0;
}

/** Paths in either set; `a` itself when it has all of them. */
export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  const elements = Object.keys(a);
  const before = elements.length;
  for (const element of Object.keys(b)) if (a[element] === undefined) elements.push(element);
  let isGrown = elements.length > before;
  const union: Record<string, FieldSet> = {};
  for (const element of sortTexts(elements)) {
    const below = unionBelow(a[element], b[element]);
    union[element] = below;
    isGrown ||= below !== a[element];
  }
  return isGrown ? union : a;
}

function unionBelow(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet {
  if (a === undefined || a === b) return b ?? EMPTY;
  if (b === undefined) return a;
  if (isEmptySet(a)) return isEmptySet(b) ? a : unionSets(SELF, b);
  return unionSets(a, isEmptySet(b) ? SELF : b);
}

/**
 * Paths of `a` that are not in `b`, `a` itself when they are all; a path in `b` takes away only itself, not what lies
 * below it.
 */
export function subtractSet(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return EMPTY;
  let isLess = false;
  const left: Record<string, FieldSet> = {};
  for (const element of Object.keys(a)) {
    const below = a[element] ?? EMPTY;
    const kept = leftBelow(below, b[element]);
    if (kept !== undefined) left[element] = kept;
    isLess ||= kept !== below;
  }
  return isLess ? left : a;
}

function leftBelow(a: FieldSet, b: FieldSet | undefined): FieldSet | undefined {
  if (b === undefined) return a;
  if (isEmptySet(a)) return isEmptySet(b) || b['.'] !== undefined ? undefined : a;
  const left = subtractSet(a, isEmptySet(b) ? SELF : b);
  const [first, ...others] = Object.keys(left);
  if (first === undefined) return undefined;
  return first === '.' && others.length === 0 ? EMPTY : left;
}

/** Reads FieldsV1; undefined when it is malformed. */
export function decodeFieldsV1(fields: JsonValue): FieldSet | undefined {
  if (!isJsonObject(fields)) return undefined;
  const found = new Map<string, FieldSet>();
  for (const [raw, value] of Object.entries(fields)) {
    if (!/^[fvki]:/.test(raw)) continue; // '.' is said by the level above; kube skips kinds it does not know
    const element = normalizeElement(raw);
    const below = decodeFieldsV1(value);
    if (element === undefined || below === undefined) return undefined;
    const isSelf = isJsonObject(value) && Object.hasOwn(value, '.');
    found.set(element, unionBelow(found.get(element), isSelf ? unionBelow(EMPTY, below) : below));
  }
  return Object.fromEntries(sortTexts([...found.keys()]).map((element) => [element, found.get(element) ?? EMPTY]));
}

/** The element of the member `key` of an object. */
export function fieldElement(key: string): string {
  const known = fieldElements.get(key);
  if (known !== undefined) return known;
  const element = `f:${key}`;
  if (key.length <= MAX_KNOWN_LENGTH && fieldElements.size < MAX_KNOWN) fieldElements.set(key, element);
  return element;
}

/** Elements made before: a text that was a key of an object already is one at once, a new one has to be looked up. */
const fieldElements = new Map<string, string>();
const MAX_KNOWN = 10_000;
const MAX_KNOWN_LENGTH = 64;

/** The element of a list item that is known by its keys. */
export function keyElement(keys: readonly (readonly [string, JsonValue])[]): string {
  const sorted = keys.length === 1 ? keys : keys.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `k:{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${stringifyJson(value)}`).join(',')}}`;
}

/** `texts`, sorted in place; those that are need no more than a look. */
export function sortTexts(texts: string[]): string[] {
  return texts.every((text, index) => index === 0 || (texts[index - 1] ?? '') <= text) ? texts : texts.sort();
}

function normalizeElement(element: string): string | undefined {
  const kind = element.slice(0, 2);
  if (kind === 'f:') return element;
  if (kind === 'i:') return /^i:-?\d+$/.test(element) ? element : undefined;
  const value = parseOrNothing(element.slice(2));
  if (value === undefined) return undefined;
  if (kind === 'v:') return `v:${stringifyJson(value)}`;
  return isJsonObject(value) ? keyElement(Object.entries(value)) : undefined;
}

function parseOrNothing(text: string): JsonValue | undefined {
  try {
    return parseJson(text).value;
  } catch (error) {
    if (error instanceof BodyError) return undefined;
    throw error;
  }
}
