import { equalJson, isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode, parseStructural } from '../schema/structural.ts';
import type { StructuralNode } from '../schema/structural.ts';
import { emptySet, insertPath, isEmptySet, keyElement, parentOf } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';

/** How two versions of an object differ. No path is in two of the sets. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
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

class Walker {
  readonly comparison: Comparison = { added: emptySet(), modified: emptySet(), removed: emptySet() };
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
    const last = this.#path.at(-1);
    if (value !== undefined && last !== undefined) insertValue(parentOf(set, this.#path), last, value, node);
  }

  #map(before: Side, after: Side, node: StructuralNode | undefined): void {
    if (isScalar(before) || isScalar(after)) {
      this.#replaced(before, after, node);
      return;
    }
    if (node?.embeddedResource === true) this.resource(before, after, node);
    else this.#members(before, after, (key) => childNode(node, key));
    this.#container(before, after);
  }

  #members(before: Side, after: Side, nodeOf: (key: string) => StructuralNode | undefined): void {
    const old = isJsonObject(before) ? before : {};
    const now = isJsonObject(after) ? after : {};
    for (const key of Object.keys(now)) this.#member(key, { before: member(old, key), after: now[key] }, nodeOf);
    for (const key of Object.keys(old)) {
      if (!Object.hasOwn(now, key)) this.#member(key, { before: old[key], after: undefined }, nodeOf);
    }
  }

  #member(
    key: string,
    { before, after }: { before: Side; after: Side },
    nodeOf: (key: string) => StructuralNode | undefined,
  ): void {
    if (before === after) return;
    this.#path.push(`f:${key}`);
    this.#value(before, after, nodeOf(key));
    this.#path.pop();
  }

  #list(before: Side, after: Side, node: StructuralNode): void {
    const old = itemsByElement(before, node);
    const now = itemsByElement(after, node);
    if (old === undefined || now === undefined) {
      this.#leaf(before, after);
      return;
    }
    for (const element of new Set([...old.keys(), ...now.keys()])) {
      this.#path.push(element);
      this.#item(old.get(element) ?? [], now.get(element) ?? [], node.items);
      this.#path.pop();
    }
    this.#container(before, after);
  }

  /** Items that share an element are duplicates; they count as one atomic field. */
  #item(old: JsonValue[], now: JsonValue[], node: StructuralNode | undefined): void {
    if (old.length <= 1 && now.length <= 1) {
      this.#value(old[0], now[0], node);
      return;
    }
    if (old.length > 1 && now.length > 1) {
      if (!equalJson(old, now)) insertPath(this.comparison.modified, this.#path);
      return;
    }
    if (old.length > 1) {
      if (now.length === 1) this.#value(undefined, now[0], node);
      insertPath(this.comparison.removed, this.#path);
      return;
    }
    if (old.length === 1) this.#value(old[0], undefined, node);
    insertPath(this.comparison.added, this.#path);
  }

  /** A value of another kind took the place of one with fields of its own. */
  #replaced(before: Side, after: Side, node: StructuralNode | undefined): void {
    if (before !== undefined && after !== undefined) insertPath(this.comparison.modified, this.#path);
    if (isJsonObject(before)) this.#members(before, undefined, (key) => childNode(node, key));
    if (isJsonObject(after)) this.#members(undefined, after, (key) => childNode(node, key));
  }

  #leaf(before: Side, after: Side): void {
    if (before === undefined || after === undefined) this.#container(before, after);
    else if (!equalJson(before, after)) insertPath(this.comparison.modified, this.#path);
  }

  /** The field itself came or went. */
  #container(before: Side, after: Side): void {
    if (before === undefined && after !== undefined) insertPath(this.comparison.added, this.#path);
    if (after === undefined && before !== undefined) insertPath(this.comparison.removed, this.#path);
  }
}

/** Adds the path `element` and those of all fields of `value` below it: what a comparison with nothing comes to. */
function insertValue(set: FieldSet, element: string, value: JsonValue, node: StructuralNode | undefined): void {
  set.members.add(element);
  if (typeof value !== 'object' || isEmpty(value)) return;
  const below = emptySet();
  if (isJsonObject(value)) insertMembers(below, value, node);
  else if (Array.isArray(value) && isAssociative(node)) insertItems(below, value, node);
  if (!isEmptySet(below)) set.children.set(element, below);
}

function insertMembers(set: FieldSet, object: JsonObject, node: StructuralNode | undefined): void {
  if (node?.mapType === 'atomic') return;
  for (const key of Object.keys(object)) {
    const child = key === 'metadata' && node?.embeddedResource === true ? METADATA : childNode(node, key);
    insertValue(set, `f:${key}`, object[key] ?? null, child);
  }
}

function insertItems(set: FieldSet, list: JsonValue[], node: StructuralNode): void {
  for (const [element, [first, ...duplicates]] of itemsByElement(list, node) ?? []) {
    if (duplicates.length > 0 || first === undefined) set.members.add(element);
    else insertValue(set, element, first, node.items);
  }
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
  const keys = node.listMapKeys.flatMap((key): [string, JsonValue][] => {
    const value = member(item, key) ?? childNode(node.items, key)?.default;
    return value === undefined ? [] : [[key, value]];
  });
  return keys.length === 0 ? undefined : keyElement(keys);
}
