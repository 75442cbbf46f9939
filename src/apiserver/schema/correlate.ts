import { canonicalText, equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode } from './structural.ts';
import type { StructuralNode } from './structural.ts';

/** A value of an updated object beside the value it had before; both lie at the same place by the schema's rules. */
export interface Correlated {
  value: JsonValue;
  old: JsonValue;
  node: StructuralNode;
}

/** The member `key` of both; undefined when it is new. */
export function correlateKey(pair: Correlated | undefined, key: string): Correlated | undefined {
  if (pair === undefined || !isJsonObject(pair.value) || !isJsonObject(pair.old)) return undefined;
  const value = member(pair.value, key);
  const old = member(pair.old, key);
  const node = childNode(pair.node, key);
  return value === undefined || old === undefined || node === undefined ? undefined : { value, old, node };
}

/**
 * The item `index` and the one with the same keys in the old list; undefined when there is none, or when the list is
 * no map (items of atomic lists and sets have no identity).
 */
export function correlateIndex(pair: Correlated | undefined, index: number): Correlated | undefined {
  if (pair?.node.listType !== 'map' || pair.node.items === undefined) return undefined;
  if (!Array.isArray(pair.value) || !Array.isArray(pair.old)) return undefined;
  const value = pair.value[index];
  if (!isJsonObject(value)) return undefined;
  const { listMapKeys } = pair.node;
  // most often nothing has moved
  const beside = pair.old[index];
  const old =
    isJsonObject(beside) && sameKeys(beside, value, listMapKeys)
      ? beside
      : itemsByKeys(pair.old, listMapKeys).get(keysText(value, listMapKeys));
  return old === undefined ? undefined : { value, old, node: pair.node.items };
}

/** Lists that were asked for an item out of its place; one lies at one place of a schema, so its keys are always the same. */
const indexes = new WeakMap<JsonValue[], Map<string, JsonObject>>();

function itemsByKeys(list: JsonValue[], keys: readonly string[]): Map<string, JsonObject> {
  const known = indexes.get(list);
  if (known !== undefined) return known;
  const items = new Map<string, JsonObject>();
  for (const item of list) {
    if (!isJsonObject(item)) continue;
    const text = keysText(item, keys);
    if (!items.has(text)) items.set(text, item);
  }
  indexes.set(list, items);
  return items;
}

/** Equal for items of {@link sameKeys}; a key that is missing is another one than null. */
function keysText(item: JsonObject, keys: readonly string[]): string {
  return keys.map((key) => (Object.hasOwn(item, key) ? canonicalText(item[key] ?? null) : '')).join();
}

/** Deep equality; lists that are maps are compared by key, in any order. */
export function isUnchanged(pair: Correlated): boolean {
  const { value, old } = pair;
  if (value === old && isPlain(pair.node)) return true;
  if (Array.isArray(value) && Array.isArray(old) && pair.node.listType === 'map') {
    return (
      value.length === old.length &&
      value.every((_item, index) => {
        const child = correlateIndex(pair, index);
        return child !== undefined && isUnchanged(child);
      })
    );
  }
  if (isJsonObject(value) && isJsonObject(old)) return isUnchangedObject(pair, value, old);
  return equalJson(value, old);
}

const plain = new WeakMap<StructuralNode, boolean>();

/**
 * Whether one value is as it was whenever it is the very same, with no need to walk it: everywhere but where members may
 * have no schema, or items share their keys, as these have no old value to be compared with.
 */
function isPlain(node: StructuralNode): boolean {
  const cached = plain.get(node);
  if (cached !== undefined) return cached;
  const { items, additionalProperties } = node;
  const found =
    !node.preserveUnknownFields &&
    !node.embeddedResource &&
    node.listType !== 'map' &&
    [...node.properties.values(), items, additionalProperties].every((child) =>
      typeof child === 'object' ? isPlain(child) : child !== true,
    );
  plain.set(node, found);
  return found;
}

function isUnchangedObject(pair: Correlated, value: JsonObject, old: JsonObject): boolean {
  const keys = Object.keys(value);
  return (
    keys.length === Object.keys(old).length &&
    keys.every((key) => {
      const child = correlateKey(pair, key);
      return child !== undefined && isUnchanged(child);
    })
  );
}

function sameKeys(a: JsonObject, b: JsonObject, keys: readonly string[]): boolean {
  return keys.every((key) => equalJson(member(a, key), member(b, key)));
}
