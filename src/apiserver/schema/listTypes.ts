import { canonicalText, childOf, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { duplicate, invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import type { StructuralNode } from './structural.ts';

/** Reports items of list sets and list maps that occur twice, each once. */
export function checkListTypes(value: JsonValue, node: StructuralNode): FieldError[] {
  return checkAt(value, node, { path: '', known: undefined });
}

/** As {@link checkListTypes} on an update: nothing is said when `old` had repeated items somewhere, too. */
export function checkListTypesUpdate(value: JsonValue, old: JsonValue, node: StructuralNode): FieldError[] {
  // What is shared with `old` counts only if `old` is sound, and then it is sound, too: nearly always there is
  // nothing to say after a look at what is not shared.
  const changed = checkAt(value, node, { path: '', known: old });
  return changed.length === 0 || checkListTypes(old, node).length > 0 ? [] : checkListTypes(value, node);
}

interface Place {
  path: string;
  /** What lay here before; the very same node is passed over. */
  known: JsonValue | undefined;
}

function checkAt(value: JsonValue, node: StructuralNode, { path, known }: Place): FieldError[] {
  if (value === known) return [];
  if (Array.isArray(value)) {
    const { items } = node;
    const errors =
      node.listType === 'set' ? checkSet(value, path) : node.listType === 'map' ? checkMap(value, node, path) : [];
    if (items === undefined || !hasListTypes(items)) return errors;
    const place = (index: number): Place => ({ path: `${path}[${index}]`, known: childOf(known, index) });
    return [...errors, ...value.flatMap((item, index) => checkAt(item, items, place(index)))];
  }
  return isJsonObject(value) ? checkMembers(value, node, { path, known }) : [];
}

function checkMembers(object: JsonObject, node: StructuralNode, { path, known }: Place): FieldError[] {
  if (!hasListTypes(node)) return [];
  const errors: FieldError[] = [];
  const { additionalProperties } = node;
  for (const key of Object.keys(object)) {
    const value = object[key] ?? null;
    if (typeof value !== 'object' || value === null) continue;
    const before = childOf(known, key);
    const property = node.properties.get(key);
    if (property !== undefined) {
      errors.push(...checkAt(value, property, { path: path === '' ? key : `${path}.${key}`, known: before }));
    } else if (typeof additionalProperties === 'object') {
      errors.push(...checkAt(value, additionalProperties, { path: `${path}[${key}]`, known: before }));
    }
  }
  return errors;
}

const listTyped = new WeakMap<StructuralNode, boolean>();

/** Whether anything at or below `node` is a set or map, so that the walk can skip the rest. */
function hasListTypes(node: StructuralNode): boolean {
  const cached = listTyped.get(node);
  if (cached !== undefined) return cached;
  const { items, additionalProperties } = node;
  const found =
    node.listType === 'set' ||
    node.listType === 'map' ||
    (items !== undefined && hasListTypes(items)) ||
    (typeof additionalProperties === 'object' && hasListTypes(additionalProperties)) ||
    [...node.properties.values()].some(hasListTypes);
  listTyped.set(node, found);
  return found;
}

function checkSet(items: JsonValue[], path: string): FieldError[] {
  return repeated(items.map(canonicalText)).map((index) => duplicate(`${path}[${index}]`, items[index] ?? null));
}

function checkMap(items: JsonValue[], node: StructuralNode, path: string): FieldError[] {
  const stranger = items.findIndex((item) => item !== null && !isJsonObject(item));
  if (stranger >= 0) {
    return [
      invalid(`${path}[${stranger}]`, items[stranger] ?? null, 'must be an object for an array of list-type map'),
    ];
  }
  const keys = (item: JsonValue): JsonObject => keysOf(item, node.listMapKeys);
  return repeated(items.map((item) => identityByKeys(item, node.listMapKeys))).map((index) =>
    duplicate(`${path}[${index}]`, keys(items[index] ?? {})),
  );
}

function keysOf(item: JsonValue, keys: readonly string[]): JsonObject {
  if (!isJsonObject(item)) return {};
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = member(item, key);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** As {@link canonicalText} of the keys; the usual single key needs no object around it. */
function identityByKeys(item: JsonValue, keys: readonly string[]): string {
  const [key, ...others] = keys;
  const value = key === undefined || others.length > 0 ? undefined : childOf(item, key);
  return typeof value === 'string' ? JSON.stringify(value) : canonicalText(keysOf(item, keys));
}

/** Indexes at which a value is seen for the second time. */
function repeated(values: readonly string[]): number[] {
  const times = new Map<string, number>();
  return values.flatMap((value, index) => {
    const count = (times.get(value) ?? 0) + 1;
    times.set(value, count);
    return count === 2 ? [index] : [];
  });
}
