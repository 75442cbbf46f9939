import type { JsonObject, JsonValue } from '../codec/json.ts';

/** Whether `value` is a JSON object (no list, no null). */
export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member `key` when it is an object. */
export function objectAt(value: JsonValue | undefined, key: string): JsonObject | undefined {
  const member = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isObject(member) ? member : undefined;
}

/** The member `key` when it is a list; else []. */
export function listAt(value: JsonValue | undefined, key: string): readonly JsonValue[] {
  const member = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return Array.isArray(member) ? member : [];
}

/** The member `key` when it is a string; else ''. */
export function textAt(value: JsonValue | undefined, key: string): string {
  const member = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof member === 'string' ? member : '';
}

/** The strings of the list `key`. */
export function textsAt(value: JsonValue | undefined, key: string): string[] {
  return listAt(value, key).filter((item) => typeof item === 'string');
}

/** `object.metadata`; an empty one is put in when there is none. */
export function metaOf(object: JsonObject): JsonObject {
  const found = object['metadata'];
  if (isObject(found)) return found;
  const made: JsonObject = {};
  object['metadata'] = made;
  return made;
}

/** metadata.generation; 0 when there is none. */
export function generationOf(object: JsonObject): number {
  const value = metaOf(object)['generation'];
  return typeof value === 'number' ? value : 0;
}

/** metadata.deletionTimestamp is set. */
export function isDeleting(object: JsonObject): boolean {
  return textAt(metaOf(object), 'deletionTimestamp') !== '';
}

/** Deep equality of JSON values; the order of keys does not count. */
export function sameJson(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}

/** A deep copy. */
export function cloneJson<T extends JsonValue>(value: T): T;
export function cloneJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => cloneJson(item));
  if (!isObject(value)) return value;
  const copy: JsonObject = {};
  for (const [key, member] of Object.entries(value)) copy[key] = cloneJson(member);
  return copy;
}

/** Copies member `key` of `from` to `to`, or removes it there when `from` has none. */
export function copyMember(from: JsonObject, to: JsonObject, key: string): void {
  const value = from[key];
  if (value === undefined) Reflect.deleteProperty(to, key);
  else to[key] = cloneJson(value);
}

/** Removes members. */
export function dropMembers(object: JsonObject, ...keys: string[]): void {
  for (const key of keys) Reflect.deleteProperty(object, key);
}
