import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { EMPTY } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';
import { fieldElement, sortElements, sortTexts } from './pathElement.ts';
import { itemsByElement, wholeFieldsOf } from './wholeFields.ts';

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

/**
 * Compares two versions of an object field by field: maps by key, list sets by value, list maps by their keys; atomic
 * lists and maps, and lists whose type is unknown, are one field each.
 */
export function compareObjects(before: JsonObject, after: JsonObject, type: FieldType): Comparison {
  const walker = new Walker();
  walker.members(before, after, type);
  return walker.comparison;
}

/** A value on one side; undefined = it is not there. */
type Side = JsonValue | undefined;

/** Goes through both sides in the order of path elements, so that the sets come out sorted. */
class Walker {
  readonly comparison = { added: {} as Draft, modified: {} as Draft, removed: {} as Draft };
  readonly #path: string[] = [];

  #value(before: Side, after: Side, type: FieldType): void {
    if (before === after) return; // also what two versions of one object share
    if (before === undefined || after === undefined) this.#oneSided(before, after, type);
    else this.#changed(before, after, type);
  }

  #changed(before: JsonValue, after: JsonValue, type: FieldType): void {
    const isMap = isJsonObject(before) || isJsonObject(after);
    const isList = isEitherList(before, after);
    if (isMap && isList) this.#replaced(before, after, type);
    else if (bothEmpty(before, after)) this.#leaf(before, after);
    else if (isMap && !type.isAtomicMap) this.#map(before, after, type);
    else if (isList && !type.isAtomicList) this.#list(before, after, type);
    else this.#leaf(before, after);
  }

  /** A whole part that came or went. */
  #oneSided(before: Side, after: Side, type: FieldType): void {
    const value = after === undefined ? before : after;
    const set = after === undefined ? this.comparison.removed : this.comparison.added;
    if (value !== undefined && (value !== null || type.isNullable)) this.#insert(set, wholeFieldsOf(value, type));
  }

  #map(before: JsonValue, after: JsonValue, type: FieldType): void {
    if (isScalar(before) || isScalar(after)) this.#replaced(before, after, type);
    else this.members(before, after, type);
  }

  members(before: Side, after: Side, type: FieldType): void {
    const old = isJsonObject(before) ? before : {};
    const now = isJsonObject(after) ? after : {};
    const keys = Object.keys(now);
    for (const key of Object.keys(old)) if (!Object.hasOwn(now, key)) keys.push(key);
    for (const key of sortTexts(keys)) {
      const sides = { before: member(old, key), after: member(now, key) };
      if (sides.before !== sides.after) this.#below(fieldElement(key), sides, type.member(key));
    }
  }

  #below(element: string, { before, after }: { before: Side; after: Side }, type: FieldType): void {
    this.#path.push(element);
    this.#value(before, after, type);
    this.#path.pop();
  }

  #list(before: JsonValue, after: JsonValue, type: FieldType): void {
    const old = itemsByElement(before, type);
    const now = itemsByElement(after, type);
    if (old === undefined || now === undefined) {
      this.#leaf(before, after);
      return;
    }
    for (const element of sortElements([...new Set([...old.keys(), ...now.keys()])])) {
      this.#path.push(element);
      this.#item(old.get(element) ?? [], now.get(element) ?? [], type.item);
      this.#path.pop();
    }
  }

  /** Items that share an element are duplicates; they count as one atomic field. */
  #item(old: JsonValue[], now: JsonValue[], type: FieldType): void {
    if (old.length <= 1 && now.length <= 1) {
      this.#value(old[0], now[0], type);
      return;
    }
    if (old.length > 1 && now.length > 1) {
      if (!equalJson(old, now)) this.#insert(this.comparison.modified);
      return;
    }
    if (old.length > 1) {
      if (now.length === 1) this.#value(undefined, now[0], type);
      this.#insert(this.comparison.removed);
      return;
    }
    if (old.length === 1) this.#value(old[0], undefined, type);
    this.#insert(this.comparison.added);
  }

  /** A value of another kind took the place of one with fields of its own. */
  #replaced(before: JsonValue, after: JsonValue, type: FieldType): void {
    this.#insert(this.comparison.modified);
    if (isJsonObject(before)) this.members(before, undefined, type);
    if (isJsonObject(after)) this.members(undefined, after, type);
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

function isScalar(value: Side): boolean {
  return value !== undefined && value !== null && typeof value !== 'object';
}

function isEitherList(before: JsonValue, after: JsonValue): boolean {
  return Array.isArray(before) || Array.isArray(after);
}

function bothEmpty(before: Side, after: Side): boolean {
  return isEmpty(before) && isEmpty(after);
}

function isEmpty(value: Side): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isJsonObject(value) && Object.keys(value).length === 0;
}
