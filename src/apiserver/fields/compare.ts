import { equalJson, isJsonObject, member, stringifyJson } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childNode, parseStructural } from '../schema/structural.ts';
import type { StructuralNode } from '../schema/structural.ts';
import { emptySet, insertPath, keyElement } from './fieldSet.ts';
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
    const sides = [before, after];
    const isMap = sides.some(isJsonObject);
    const isList = sides.some(Array.isArray);
    if (isMap && isList) this.#replaced(before, after, node);
    else if (bothEmpty(before, after)) this.#leaf(before, after);
    else if (isMap && node?.mapType !== 'atomic') this.#map(before, after, node);
    else if (isList && isAssociative(node)) this.#list(before, after, node);
    else this.#leaf(before, after);
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
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      this.#inside(`f:${key}`, () => this.#value(member(old, key), member(now, key), nodeOf(key)));
    }
  }

  #list(before: Side, after: Side, node: StructuralNode): void {
    const old = itemsByElement(before, node);
    const now = itemsByElement(after, node);
    if (old === undefined || now === undefined) {
      this.#leaf(before, after);
      return;
    }
    for (const element of new Set([...old.keys(), ...now.keys()])) {
      this.#inside(element, () => this.#item(old.get(element) ?? [], now.get(element) ?? [], node.items));
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

  #inside(element: string, visit: () => void): void {
    this.#path.push(element);
    visit();
    this.#path.pop();
  }
}

function isScalar(value: Side): boolean {
  return value !== undefined && value !== null && typeof value !== 'object';
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
    items.set(element, [...(items.get(element) ?? []), item]);
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
