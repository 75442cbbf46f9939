import { equalJson, isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode, parseStructural } from '../schema/structural.ts';
import type { StructuralNode } from '../schema/structural.ts';
import { EMPTY, fieldElement, keyElement, sortTexts } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';

/** How two versions of an object differ. No path is in two of the sets. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/** A set in the making: what it says above the paths of its maker may still grow. */
interface Draft {
  [element: string]: Draft | FieldSet;
}

/** ObjectMeta's list types, which no CRD states. */
const METADATA = parseStructural({
  type: 'object',
  properties: {
    finalizers: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    ownerReferences: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
    },
  },
});

/**
 * Compares two versions of an object field by field: maps by key, list sets by value, list maps by their keys; atomic
 * lists and maps, and lists whose type is unknown, are one field each.
 */
export function compareObjects(before: JsonObject, after: JsonObject, schema: StructuralNode | undefined): Comparison {
  const walker = new Walker();
  walker.resource(before, after, schema);
  return walker.comparison;
}

/** A value on one side; undefined = it is not there. */
type Side = JsonValue | undefined;

/** Goes through both sides in the order of path elements, so that the sets come out sorted. */
class Walker {
  readonly comparison = { added: {} as Draft, modified: {} as Draft, removed: {} as Draft };
  readonly #path: string[] = [];

  /** An object with metadata of its own: the root, and embedded resources. */
  resource(before: Side, after: Side, node: StructuralNode | undefined): void {
    this.#members(before, after, (key) => (key === 'metadata' ? METADATA : childNode(node, key)));
  }

  #value(before: Side, after: Side, node: StructuralNode | undefined): void {
    if (before === after) return; // also what two versions of one object share
    if (before === undefined || after === undefined) this.#oneSided(before, after, node);
    else this.#changed(before, after, node);
  }

  #changed(before: JsonValue, after: JsonValue, node: StructuralNode | undefined): void {
    const isMap = isJsonObject(before) || isJsonObject(after);
    const isList = isEitherList(before, after);
    if (isMap && isList) this.#replaced(before, after, node);
    else if (bothEmpty(before, after)) this.#leaf(before, after);
    else if (isMap && node?.mapType !== 'atomic') this.#map(before, after, node);
    else if (isList && isAssociative(node)) this.#list(before, after, node);
    else this.#leaf(before, after);
  }

  /** A whole part that came or went. */
  #oneSided(before: Side, after: Side, node: StructuralNode | undefined): void {
    const value = after ?? before;
    const set = after === undefined ? this.comparison.removed : this.comparison.added;
    if (value !== undefined) this.#insert(set, fieldsOf(value, node));
  }

  #map(before: JsonValue, after: JsonValue, node: StructuralNode | undefined): void {
    if (isScalar(before) || isScalar(after)) this.#replaced(before, after, node);
    else if (node?.embeddedResource === true) this.resource(before, after, node);
    else this.#members(before, after, (key) => childNode(node, key));
  }

  #members(before: Side, after: Side, nodeOf: (key: string) => StructuralNode | undefined): void {
    const old = isJsonObject(before) ? before : {};
    const now = isJsonObject(after) ? after : {};
    const keys = Object.keys(now);
    for (const key of Object.keys(old)) if (!Object.hasOwn(now, key)) keys.push(key);
    for (const key of sortTexts(keys)) {
      const sides = { before: member(old, key), after: member(now, key) };
      if (sides.before !== sides.after) this.#below(fieldElement(key), sides, nodeOf(key));
    }
  }

  #below(element: string, { before, after }: { before: Side; after: Side }, node: StructuralNode | undefined): void {
    this.#path.push(element);
    this.#value(before, after, node);
    this.#path.pop();
  }

  #list(before: JsonValue, after: JsonValue, node: StructuralNode): void {
    const old = itemsByElement(before, node);
    const now = itemsByElement(after, node);
    if (old === undefined || now === undefined) {
      this.#leaf(before, after);
      return;
    }
    for (const element of sortTexts([...new Set([...old.keys(), ...now.keys()])])) {
      this.#path.push(element);
      this.#item(old.get(element) ?? [], now.get(element) ?? [], node.items);
      this.#path.pop();
    }
  }

  /** Items that share an element are duplicates; they count as one atomic field. */
  #item(old: JsonValue[], now: JsonValue[], node: StructuralNode | undefined): void {
    if (old.length <= 1 && now.length <= 1) {
      this.#value(old[0], now[0], node);
      return;
    }
    if (old.length > 1 && now.length > 1) {
      if (!equalJson(old, now)) this.#insert(this.comparison.modified);
      return;
    }
    if (old.length > 1) {
      if (now.length === 1) this.#value(undefined, now[0], node);
      this.#insert(this.comparison.removed);
      return;
    }
    if (old.length === 1) this.#value(old[0], undefined, node);
    this.#insert(this.comparison.added);
  }

  /** A value of another kind took the place of one with fields of its own. */
  #replaced(before: JsonValue, after: JsonValue, node: StructuralNode | undefined): void {
    this.#insert(this.comparison.modified);
    if (isJsonObject(before)) this.#members(before, undefined, (key) => childNode(node, key));
    if (isJsonObject(after)) this.#members(undefined, after, (key) => childNode(node, key));
  }

  #leaf(before: JsonValue, after: JsonValue): void {
    if (!equalJson(before, after)) this.#insert(this.comparison.modified);
  }

  /** Adds the path gone so far, with `fields` below it; no path is put in above or below one that is there. */
  #insert(set: Draft, fields: FieldSet = EMPTY): void {
    let level = set;
    for (const element of this.#path.slice(0, -1)) level = level[element] ??= {};
    const last = this.#path.at(-1);
    if (last !== undefined) level[last] = fields;
  }
}

/** The path of a value and those of all its fields, below its element: what a comparison with nothing comes to. */
function fieldsOf(value: JsonValue, node: StructuralNode | undefined): FieldSet {
  if (isJsonObject(value)) return node?.mapType === 'atomic' ? EMPTY : fieldsOfMembers(value, node);
  return Array.isArray(value) && isAssociative(node) ? fieldsOfItems(value, node) : EMPTY;
}

function fieldsOfMembers(object: JsonObject, node: StructuralNode | undefined): FieldSet {
  const keys = sortTexts(Object.keys(object));
  if (keys.length === 0) return EMPTY;
  const fields: Record<string, FieldSet> = { '.': EMPTY };
  for (const key of keys) {
    const child = key === 'metadata' && node?.embeddedResource === true ? METADATA : childNode(node, key);
    fields[fieldElement(key)] = fieldsOf(object[key] ?? null, child);
  }
  return fields;
}

function fieldsOfItems(list: JsonValue[], node: StructuralNode): FieldSet {
  const items = itemsByElement(list, node);
  if (items === undefined || items.size === 0) return EMPTY;
  const fields: Record<string, FieldSet> = { '.': EMPTY };
  for (const element of sortTexts([...items.keys()])) {
    const [first, ...duplicates] = items.get(element) ?? [];
    fields[element] = first === undefined || duplicates.length > 0 ? EMPTY : fieldsOf(first, node.items);
  }
  return fields;
}

function isScalar(value: Side): boolean {
  return value !== undefined && value !== null && typeof value !== 'object';
}

function isEitherList(before: JsonValue, after: JsonValue): boolean {
  return Array.isArray(before) || Array.isArray(after);
}

function isAssociative(node: StructuralNode | undefined): node is StructuralNode {
  return node?.listType === 'set' || node?.listType === 'map';
}

function bothEmpty(before: Side, after: Side): boolean {
  return isEmpty(before) && isEmpty(after);
}

function isEmpty(value: Side): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}

/** Items by their path element; undefined when one of them has none (then the list is compared as a whole). */
function itemsByElement(list: Side, node: StructuralNode): Map<string, JsonValue[]> | undefined {
  const items = new Map<string, JsonValue[]>();
  if (list === undefined || list === null) return items;
  if (!Array.isArray(list)) return undefined;
  for (const item of list) {
    const element = node.listType === 'set' ? setElement(item) : mapElement(item, node);
    if (element === undefined) return undefined;
    const known = items.get(element);
    if (known === undefined) items.set(element, [item]);
    else known.push(item);
  }
  return items;
}

function setElement(item: JsonValue): string | undefined {
  return typeof item === 'object' ? undefined : `v:${stringifyJson(item)}`;
}

function mapElement(item: JsonValue, node: StructuralNode): string | undefined {
  if (!isJsonObject(item)) return undefined;
  const keys: [string, JsonValue][] = [];
  for (const key of node.listMapKeys) {
    const value = member(item, key) ?? childNode(node.items, key)?.default;
    if (value !== undefined) keys.push([key, value]);
  }
  return keys.length === 0 ? undefined : keyElement(keys);
}
