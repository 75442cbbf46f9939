import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { EMPTY } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';
import { fieldElement, sortElements, sortTexts } from './pathElement.ts';

/** How the last value of a type was made of: its fields in order, what stood below each, and the set of all. */
interface Made {
  /** Keys of a map as they are sorted, elements of a list as they stood in it. */
  names: readonly string[];
  below: readonly FieldSet[];
  fields: FieldSet;
}

/**
 * Objects of a kind look alike: of nearly all of them, these are the very sets that were made for the one before. They
 * need no making, and what compares or writes them finds them equal at once. One for each type: a handful of memory.
 */
const lastMade = new WeakMap<FieldType, Made>();

/** The path of a value and those of all its fields, below its element: what a comparison with nothing comes to. */
export function wholeFieldsOf(value: JsonValue, type: FieldType): FieldSet {
  if (isJsonObject(value)) return type.isAtomicMap ? EMPTY : fieldsOfMembers(value, type);
  return Array.isArray(value) && !type.isAtomicList ? fieldsOfItems(value, type) : EMPTY;
}

function fieldsOfMembers(object: JsonObject, type: FieldType): FieldSet {
  const names = sortTexts(Object.keys(object));
  if (names.length === 0) return EMPTY;
  const below = names.map((key) => wholeFieldsOf(object[key] ?? null, type.member(key)));
  return madeBefore(type, names, below) ?? make(type, { names, below }, names.map(fieldElement));
}

function fieldsOfItems(list: JsonValue[], type: FieldType): FieldSet {
  const items = itemsByElement(list, type);
  if (items === undefined || items.size === 0) return EMPTY;
  const names = [...items.keys()];
  const below = [...items.values()].map(([first, ...duplicates]) =>
    first === undefined || duplicates.length > 0 ? EMPTY : wholeFieldsOf(first, type.item),
  );
  return madeBefore(type, names, below) ?? make(type, { names, below }, names);
}

function madeBefore(type: FieldType, names: readonly string[], below: readonly FieldSet[]): FieldSet | undefined {
  const last = lastMade.get(type);
  return last !== undefined && isSame(last.names, names) && isSame(last.below, below) ? last.fields : undefined;
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

/** @param elements  Of `names`, in their order. */
function make(type: FieldType, { names, below }: Omit<Made, 'fields'>, elements: readonly string[]): FieldSet {
  const byElement = new Map(elements.map((element, index) => [element, below[index] ?? EMPTY]));
  const fields: Record<string, FieldSet> = { '.': EMPTY };
  for (const element of sortElements([...elements])) fields[element] = byElement.get(element) ?? EMPTY;
  lastMade.set(type, { names, below, fields });
  return fields;
}

/** Items by their path element; undefined when one of them has none (then the list is compared as a whole). */
export function itemsByElement(list: JsonValue | undefined, type: FieldType): Map<string, JsonValue[]> | undefined {
  const items = new Map<string, JsonValue[]>();
  if (list === undefined || list === null) return items;
  if (!Array.isArray(list)) return undefined;
  for (const item of list) {
    const element = type.elementOf(item);
    if (element === undefined) return undefined;
    const known = items.get(element);
    if (known === undefined) items.set(element, [item]);
    else known.push(item);
  }
  return items;
}
