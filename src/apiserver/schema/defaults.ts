import { childOf, cloneJson, isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/**
 * Fills in defaults in place, also for nulls that the schema does not allow.
 * @param old  Has its defaults: nodes that `value` shares with it at the same place are passed over.
 */
export function applyDefaults(value: JsonValue, node: StructuralNode | undefined, old?: JsonValue): void {
  if (node === undefined || !hasDefaults(node)) return;
  if (Array.isArray(value)) defaultItems(value, node, old);
  else if (isJsonObject(value)) defaultMembers(value, node, old);
}

function defaultMembers(object: JsonObject, node: StructuralNode, old: JsonValue | undefined): void {
  for (const [key, value] of defaultsOf(node)) if (!Object.hasOwn(object, key)) object[key] = cloneJson(value);
  for (const key of Object.keys(object)) {
    const child = childNode(node, key);
    const before = childOf(old, key);
    if (child === undefined || object[key] === before) continue;
    const value = insteadOfNull(object[key] ?? null, child);
    object[key] = value;
    applyDefaults(value, child, before);
  }
}

const defaulted = new WeakMap<StructuralNode, boolean>();

/** Whether anything at or below `node` has a default, so that the walk can skip the rest. */
function hasDefaults(node: StructuralNode): boolean {
  const cached = defaulted.get(node);
  if (cached !== undefined) return cached;
  const { items, additionalProperties } = node;
  const below = [...node.properties.values(), items, additionalProperties];
  const found = node.default !== undefined || below.some((child) => typeof child === 'object' && hasDefaults(child));
  defaulted.set(node, found);
  return found;
}

const known = new WeakMap<StructuralNode, readonly (readonly [string, JsonValue])[]>();

/** The properties that have a default: few, so that most objects need no look at all properties they could have. */
function defaultsOf(node: StructuralNode): readonly (readonly [string, JsonValue])[] {
  const cached = known.get(node);
  if (cached !== undefined) return cached;
  const found = [...node.properties].flatMap(([key, { default: value }]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  known.set(node, found);
  return found;
}

/** The default in place of a null that the schema does not allow. */
function insteadOfNull(value: JsonValue, node: StructuralNode): JsonValue {
  return value === null && !node.nullable && node.default !== undefined ? cloneJson(node.default) : value;
}

function defaultItems(items: JsonValue[], node: StructuralNode, old: JsonValue | undefined): void {
  const { items: item } = node;
  if (item === undefined) return;
  items.forEach((value, index) => {
    const before = childOf(old, index);
    if (value === before) return;
    const kept = insteadOfNull(value, item);
    items[index] = kept;
    applyDefaults(kept, item, before);
  });
}

/**
 * Removes in place the members that are null, not nullable and have no default.
 * @param old  Went through this before: nodes that `value` shares with it at the same place are passed over.
 */
export function dropNulls(value: JsonValue, node: StructuralNode | undefined, old?: JsonValue): void {
  if (value === old) return;
  if (Array.isArray(value)) {
    value.forEach((item, index) => dropNulls(item, node?.items, childOf(old, index)));
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const item = value[key] ?? null;
    if (typeof item !== 'object') continue;
    const child = childNode(node, key);
    if (item !== null) dropNulls(item, child, childOf(old, key));
    else if (child !== undefined && refusesNull(child)) Reflect.deleteProperty(value, key);
  }
}

function refusesNull(node: StructuralNode): boolean {
  return !node.nullable && node.default === undefined;
}
