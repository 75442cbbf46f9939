import { cloneJson, isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/** Fills in defaults in place, also for nulls that the schema does not allow. */
export function applyDefaults(value: JsonValue, node: StructuralNode | undefined): void {
  if (node === undefined) return;
  if (Array.isArray(value)) defaultItems(value, node);
  else if (isJsonObject(value)) defaultMembers(value, node);
}

function defaultMembers(object: JsonObject, node: StructuralNode): void {
  for (const [key, property] of node.properties) {
    if (!Object.hasOwn(object, key) && property.default !== undefined) object[key] = cloneJson(property.default);
  }
  for (const key of Object.keys(object)) {
    const child = childNode(node, key);
    if (child === undefined) continue;
    const value = insteadOfNull(object[key] ?? null, child);
    object[key] = value;
    applyDefaults(value, child);
  }
}

/** The default in place of a null that the schema does not allow. */
function insteadOfNull(value: JsonValue, node: StructuralNode): JsonValue {
  return value === null && !node.nullable && node.default !== undefined ? cloneJson(node.default) : value;
}

function defaultItems(items: JsonValue[], node: StructuralNode): void {
  const { items: item } = node;
  if (item === undefined) return;
  items.forEach((value, index) => {
    items[index] = insteadOfNull(value, item);
    applyDefaults(items[index] ?? null, item);
  });
}

/** Removes in place the members that are null, not nullable and have no default. */
export function dropNulls(value: JsonValue, node: StructuralNode | undefined): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, node?.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const key of Object.keys(value)) {
    const child = childNode(node, key);
    const item = value[key] ?? null;
    if (item !== null) dropNulls(item, child);
    else if (child !== undefined && refusesNull(child)) Reflect.deleteProperty(value, key);
  }
}

function refusesNull(node: StructuralNode): boolean {
  return !node.nullable && node.default === undefined;
}
