import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { childrenOf, EMPTY, elementSet, isEmptySet, isMember } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';
import { fieldElement } from './pathElement.ts';

/** `object` without the `fields`; a map or list that loses its last part is null. The object is not changed. */
export function removeFields(object: JsonObject, fields: FieldSet, type: FieldType): JsonObject {
  return removeMembers(object, fields, type) ?? {};
}

function remove(value: JsonValue, fields: FieldSet, type: FieldType): JsonValue {
  switch (type.shapeOf(value)) {
    case 'scalar':
      return value;
    case 'map':
      return isJsonObject(value) && !type.isAtomicMap ? (removeMembers(value, fields, type) ?? null) : null;
    case 'list':
      return Array.isArray(value) && !type.isAtomicList ? removeItems(value, fields, type) : null;
  }
}

function removeMembers(object: JsonObject, fields: FieldSet, type: FieldType): JsonObject | undefined {
  const left: JsonObject = {};
  for (const key of Object.keys(object)) {
    const value = object[key] ?? null;
    const below = fields[fieldElement(key)];
    if (below === undefined) left[key] = value;
    else if (!isMember(below)) left[key] = remove(value, below, type.member(key));
  }
  return Object.keys(left).length === 0 ? undefined : left;
}

function removeItems(list: JsonValue[], fields: FieldSet, type: FieldType): JsonValue {
  const left: JsonValue[] = [];
  for (const item of list) {
    const below = fields[type.elementOf(item) ?? ''];
    if (below === undefined) left.push(item);
    else if (!isMember(below)) left.push(remove(item, below, type.item));
  }
  return left.length === 0 ? null : left;
}

/** `fields` with every named field that holds one of them. */
export function withNamedFields(fields: FieldSet, type: FieldType | undefined): FieldSet {
  const all: Record<string, FieldSet> = {};
  for (const element of Object.keys(fields)) {
    if (element === '.') continue;
    const below = fields[element] ?? EMPTY;
    const children = childrenOf(below);
    const isNamed = element.startsWith('f:') && type?.members.has(element.slice(2)) === true && !isEmptySet(children);
    const set = elementSet(isMember(below) || isNamed, withNamedFields(children, typeBelow(element, type)));
    if (set !== undefined) all[element] = set;
  }
  return all;
}

/** Type of what an element leads to; undefined where no names are known. */
function typeBelow(element: string, type: FieldType | undefined): FieldType | undefined {
  if (type === undefined) return undefined;
  if (element.startsWith('f:')) return type.member(element.slice(2));
  return element.startsWith('k:') ? type.item : undefined;
}
