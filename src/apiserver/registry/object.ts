import { isJsonObject, member, shareEqual, shareMembers, type JsonObject, type JsonValue } from '../codec/json.ts';

/** The member `key` when it is an object. */
export function objectAt(value: JsonValue | undefined, key: string): JsonObject | undefined {
  const member = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return isJsonObject(member) ? member : undefined;
}

/** The member `key` when it is a list; else []. */
export function listAt(value: JsonValue | undefined, key: string): readonly JsonValue[] {
  const member = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return Array.isArray(member) ? member : [];
}

/** The member `key` when it is a string; else ''. */
export function textAt(value: JsonValue | undefined, key: string): string {
  const member = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof member === 'string' ? member : '';
}

/** The strings of the list `key`. */
export function textsAt(value: JsonValue | undefined, key: string): string[] {
  return listAt(value, key).filter((item) => typeof item === 'string');
}

/** `object.metadata`; an empty one is put in when there is none. */
export function metaOf(object: JsonObject): JsonObject {
  const found = object['metadata'];
  if (isJsonObject(found)) return found;
  const made: JsonObject = {};
  object['metadata'] = made;
  return made;
}

/** Members of metadata that, when empty, are as good as absent and are not stored. */
const OMITTED_WHEN_EMPTY = ['labels', 'annotations', 'finalizers', 'ownerReferences'];

/** Removes empty maps and lists from metadata, so that `labels: {}` and no labels are the same object. */
export function tidyMeta(object: JsonObject): void {
  const meta = metaOf(object);
  for (const key of OMITTED_WHEN_EMPTY) {
    const value = meta[key];
    if (isJsonObject(value) ? Object.keys(value).length === 0 : Array.isArray(value) && value.length === 0) {
      Reflect.deleteProperty(meta, key);
    }
  }
}

/**
 * A copy of `object` that may be changed in itself and in its metadata; everything below is shared, with the very nodes
 * of `old` wherever both are equal at the same place.
 */
export function sharingWith(old: JsonObject, object: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(object)) {
    const value = object[key] ?? null;
    const before = member(old, key);
    const isMetadata = key === 'metadata' && isJsonObject(value);
    result[key] = isMetadata ? shareMembers(value, isJsonObject(before) ? before : {}) : shareEqual(value, before);
  }
  return result;
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

/** Gives `to` the member `key` of `from` (shared, not copied), or removes it there when `from` has none. */
export function copyMember(from: JsonObject, to: JsonObject, key: string): void {
  const value = from[key];
  if (value === undefined) Reflect.deleteProperty(to, key);
  else to[key] = value;
}

/** Removes members. */
export function dropMembers(object: JsonObject, ...keys: string[]): void {
  for (const key of keys) Reflect.deleteProperty(object, key);
}
