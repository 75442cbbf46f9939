import { isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { duplicate, invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import type { StructuralNode } from './structural.ts';

/** Reports items of list sets and list maps that occur twice, each once. */
export function checkListTypes(value: JsonValue, node: StructuralNode, path = ''): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = node;
    const errors =
      node.listType === 'set' ? checkSet(value, path) : node.listType === 'map' ? checkMap(value, node, path) : [];
    if (items === undefined || !hasListTypes(items)) return errors;
    return [...errors, ...value.flatMap((item, index) => checkListTypes(item, items, `${path}[${index}]`))];
  }
  return isJsonObject(value) ? checkMembers(value, node, path) : [];
}

function checkMembers(object: JsonObject, node: StructuralNode, path: string): FieldError[] {
  if (!hasListTypes(node)) return [];
  const errors: FieldError[] = [];
  const { additionalProperties } = node;
  for (const key of Object.keys(object)) {
    const value = object[key] ?? null;
    const property = node.properties.get(key);
    if (property !== undefined) errors.push(...checkListTypes(value, property, path === '' ? key : `${path}.${key}`));
    else if (typeof additionalProperties === 'object') {
      errors.push(...checkListTypes(value, additionalProperties, `${path}[${key}]`));
    }
  }
  return errors;
}

const known = new WeakMap<StructuralNode, boolean>();

/** Whether anything at or below `node` is a set or map, so that the walk can skip the rest. */
function hasListTypes(node: StructuralNode): boolean {
  const cached = known.get(node);
  if (cached !== undefined) return cached;
  const { items, additionalProperties } = node;
  const found =
    node.listType === 'set' ||
    node.listType === 'map' ||
    (items !== undefined && hasListTypes(items)) ||
    (typeof additionalProperties === 'object' && hasListTypes(additionalProperties)) ||
    [...node.properties.values()].some(hasListTypes);
  known.set(node, found);
  return found;
}

function checkSet(items: JsonValue[], path: string): FieldError[] {
  return repeated(items.map(identity)).map((index) => duplicate(`${path}[${index}]`, items[index] ?? null));
}

function checkMap(items: JsonValue[], node: StructuralNode, path: string): FieldError[] {
  const stranger = items.findIndex((item) => item !== null && !isJsonObject(item));
  if (stranger >= 0) {
    return [
      invalid(`${path}[${stranger}]`, items[stranger] ?? null, 'must be an object for an array of list-type map'),
    ];
  }
  const keys = items.map((item) => keysOf(item, node.listMapKeys));
  return repeated(keys.map(identity)).map((index) => duplicate(`${path}[${index}]`, keys[index] ?? {}));
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

/** A text that is equal for equal values. */
function identity(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(identity).join(',')}]`;
  if (!isJsonObject(value)) return stringifyJson(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${identity(value[key] ?? null)}`);
  return `{${members.join(',')}}`;
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
