import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { elementSet, EMPTY } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';
import { fieldElement, sortElements, sortTexts } from './pathElement.ts';

/**
 * The fields that `object` speaks about: all leaves, items of sets and keyed lists, entries of free maps. A named field
 * that holds others is not among them: setting `spec.replicas` does not claim `spec`.
 */
export function fieldsOf(object: JsonObject, type: FieldType): FieldSet {
  return fieldsOfMembers(object, type);
}

/** What stands below the element of a value, and whether the value is a field by itself. */
interface Fields {
  isLeaf: boolean;
  below: FieldSet;
}

const LEAF: Fields = { isLeaf: true, below: EMPTY };

function fieldsOfValue(value: JsonValue, type: FieldType): Fields {
  const shape = type.shapeOf(value);
  if (shape === 'map') {
    if (type.isAtomicMap) return LEAF;
    return { isLeaf: false, below: isJsonObject(value) ? fieldsOfMembers(value, type) : EMPTY };
  }
  if (shape === 'scalar' || type.isAtomicList) return LEAF;
  return { isLeaf: false, below: Array.isArray(value) ? fieldsOfItems(value, type) : EMPTY };
}

function fieldsOfMembers(object: JsonObject, type: FieldType): FieldSet {
  const fields: Record<string, FieldSet> = {};
  for (const key of sortTexts(Object.keys(object))) {
    const value = object[key] ?? null;
    const { isLeaf, below } = fieldsOfValue(value, type.member(key));
    const set = elementSet(isLeaf || isNothing(value) || !type.members.has(key), below);
    if (set !== undefined) fields[fieldElement(key)] = set;
  }
  return fields;
}

function isNothing(value: JsonValue): boolean {
  return value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

/** Items that share an element count as one field. */
function fieldsOfItems(list: JsonValue[], type: FieldType): FieldSet {
  const items = new Map<string, FieldSet>();
  for (const item of list) {
    const element = type.elementOf(item);
    if (element === undefined) continue;
    const below = items.has(element) ? EMPTY : fieldsOfValue(item, type.item).below;
    items.set(element, elementSet(true, below) ?? EMPTY);
  }
  const fields: Record<string, FieldSet> = {};
  for (const element of sortElements([...items.keys()])) fields[element] = items.get(element) ?? EMPTY;
  return fields;
}
