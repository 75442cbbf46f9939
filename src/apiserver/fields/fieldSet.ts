import { isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { BodyError } from '../codec/bodyError.ts';
import { parseJson } from '../codec/jsonParser.ts';

/**
 * A set of field paths, as a tree. Path elements are written as FieldsV1 writes them: `f:<name>`, `k:{…}` (keys
 * sorted), `v:<value>`, `i:<index>`.
 */
export interface FieldSet {
  /** Elements that are the end of a path in the set. */
  readonly members: Set<string>;
  /** Elements with longer paths below them. Never holds an empty set. */
  readonly children: Map<string, FieldSet>;
}

/** An empty set, to be filled by its maker only: sets that are passed around are not changed. */
export function emptySet(): FieldSet {
  return { members: new Set(), children: new Map() };
}

/** Adds a path of at least one element. */
export function insertPath(set: FieldSet, path: readonly string[]): void {
  const last = path.at(-1);
  if (last !== undefined) parentOf(set, path).members.add(last);
}

/** The set of the paths below all but the last element of `path`, put in when it is not there: not to be left empty. */
export function parentOf(set: FieldSet, path: readonly string[]): FieldSet {
  let node = set;
  for (let depth = 0; depth < path.length - 1; depth++) {
    const element = path[depth] ?? '';
    let child = node.children.get(element);
    if (child === undefined) {
      child = emptySet();
      node.children.set(element, child);
    }
    node = child;
  }
  return node;
}

/** True when there is no path in the set. */
export function isEmptySet(set: FieldSet): boolean {
  return set.members.size === 0 && set.children.size === 0;
}

/** Paths in either set. */
export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const other = children.get(element);
    children.set(element, other === undefined ? child : unionSets(other, child));
  }
  return { members: new Set([...a.members, ...b.members]), children };
}

/** Paths of `a` that are not in `b`; a path in `b` takes away only itself, not what lies below it. */
export function subtractSet(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [element, child] of a.children) {
    const other = b.children.get(element);
    const left = other === undefined ? child : subtractSet(child, other);
    if (!isEmptySet(left)) children.set(element, left);
  }
  return { members: new Set([...a.members].filter((element) => !b.members.has(element))), children };
}

/** True when both hold the same paths. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return isEmptySet(subtractSet(a, b)) && isEmptySet(subtractSet(b, a));
}

/** The set as FieldsV1: `{"f:spec":{".":{},"f:replicas":{}}}`. */
export function encodeFieldsV1(set: FieldSet): JsonObject {
  return encodeInto({}, set);
}

function encodeInto(result: JsonObject, set: FieldSet): JsonObject {
  const elements = [...set.members];
  for (const element of set.children.keys()) if (!set.members.has(element)) elements.push(element);
  for (const element of elements.sort()) {
    const child = set.children.get(element);
    const below: JsonObject = child !== undefined && set.members.has(element) ? { '.': {} } : {};
    result[element] = child === undefined ? below : encodeInto(below, child);
  }
  return result;
}

/**
 * True when FieldsV1 that {@link encodeFieldsV1} wrote may hold paths that begin like one in `set`; cheaper than
 * decoding it.
 */
export function mayOverlap(fields: JsonObject, set: FieldSet): boolean {
  return Object.keys(fields).some((element) => set.members.has(element) || set.children.has(element));
}

/** True when FieldsV1 that {@link encodeFieldsV1} wrote holds every path of `set`. */
export function holdsAll(fields: JsonObject, set: FieldSet): boolean {
  for (const element of set.members) {
    const below = member(fields, element);
    if (!isJsonObject(below) || !(Object.hasOwn(below, '.') || Object.keys(below).length === 0)) return false;
  }
  for (const [element, child] of set.children) {
    const below = member(fields, element);
    if (!isJsonObject(below) || !holdsAll(below, child)) return false;
  }
  return true;
}

/** Reads FieldsV1; undefined when it is malformed. */
export function decodeFieldsV1(fields: JsonValue): FieldSet | undefined {
  if (!isJsonObject(fields)) return undefined;
  const set = emptySet();
  for (const [raw, below] of Object.entries(fields)) {
    if (!/^[fvki]:/.test(raw)) continue; // '.' is said by the level above; kube skips kinds it does not know
    const element = normalizeElement(raw);
    const child = decodeFieldsV1(below);
    if (element === undefined || child === undefined) return undefined;
    if (isEmptySet(child) || (isJsonObject(below) && Object.hasOwn(below, '.'))) set.members.add(element);
    if (!isEmptySet(child)) set.children.set(element, child);
  }
  return set;
}

/** The element of a list item that is known by its keys. */
export function keyElement(keys: readonly (readonly [string, JsonValue])[]): string {
  const sorted = keys.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `k:{${sorted.map(([key, value]) => `${JSON.stringify(key)}:${stringifyJson(value)}`).join(',')}}`;
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
