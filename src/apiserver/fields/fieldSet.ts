import { isJsonObject } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import { elementText, normalizeElement, sortElements } from './pathElement.ts';

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

/** What stands below an element for the paths `below` and, with `withSelf`, the one that ends at it; undefined = nothing. */
export function elementSet(withSelf: boolean, below: FieldSet): FieldSet | undefined {
  if (isEmptySet(below)) return withSelf ? EMPTY : undefined;
  return withSelf ? { '.': EMPTY, ...below } : below;
}

/** Whether a path ends at an element, by what stands below it. */
export function isMember(below: FieldSet): boolean {
  return isEmptySet(below) || below['.'] !== undefined;
}

/** The paths that go on below an element. */
export function childrenOf(below: FieldSet): FieldSet {
  return below['.'] === undefined ? below : omitElements(below, ['.']);
}

/** Paths in either set; `a` itself when it has all of them. */
export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  const elements = Object.keys(a);
  const before = elements.length;
  for (const element of Object.keys(b)) if (a[element] === undefined) elements.push(element);
  let isGrown = elements.length > before;
  const union: Record<string, FieldSet> = {};
  for (const element of sortElements(elements)) {
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
  const rest: Record<string, FieldSet> = {};
  for (const element of Object.keys(a)) {
    const below = a[element] ?? EMPTY;
    const kept = leftBelow(below, b[element]);
    if (kept !== undefined) rest[element] = kept;
    isLess ||= kept !== below;
  }
  return isLess ? rest : a;
}

function leftBelow(a: FieldSet, b: FieldSet | undefined): FieldSet | undefined {
  if (b === undefined) return a;
  if (isEmptySet(a)) return isMember(b) ? undefined : a;
  const left = subtractSet(a, isEmptySet(b) ? SELF : b);
  const [first, ...others] = Object.keys(left);
  if (first === undefined) return undefined;
  return first === '.' && others.length === 0 ? EMPTY : left;
}

/** Paths in both sets. */
export function intersectSets(a: FieldSet, b: FieldSet): FieldSet {
  const both: Record<string, FieldSet> = {};
  for (const element of Object.keys(a)) {
    const [ofA, ofB] = [a[element] ?? EMPTY, b[element]];
    if (ofB === undefined || element === '.') continue;
    const below = elementSet(isMember(ofA) && isMember(ofB), intersectSets(childrenOf(ofA), childrenOf(ofB)));
    if (below !== undefined) both[element] = below;
  }
  return both;
}

/** `set` without the paths through these elements. */
export function omitElements(set: FieldSet, elements: readonly string[]): FieldSet {
  if (!elements.some((element) => set[element] !== undefined)) return set;
  return Object.fromEntries(Object.entries(set).filter(([element]) => !elements.includes(element)));
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
  return Object.fromEntries(sortElements([...found.keys()]).map((element) => [element, found.get(element) ?? EMPTY]));
}

/** Every path as text, `.spec.ports[port=80].name`: of each level first the paths that end there. */
export function pathTexts(set: FieldSet, prefix = ''): string[] {
  const elements = Object.keys(set).filter((element) => element !== '.');
  const text = (element: string): string => `${prefix}${elementText(element)}`;
  const below = (element: string): FieldSet => set[element] ?? EMPTY;
  return [
    ...elements.filter((element) => isMember(below(element))).map(text),
    ...elements.flatMap((element) => pathTexts(childrenOf(below(element)), text(element))),
  ];
}
