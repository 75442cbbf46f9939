import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';

/** A text member of `object`; '' when it is missing or no text. */
export function textAt(object: JsonObject | undefined, key: string): string {
  const value = object === undefined ? undefined : member(object, key);
  return typeof value === 'string' ? value : '';
}

/** An object member; undefined when it is missing or no object. */
export function objectAt(object: JsonObject | undefined, key: string): JsonObject | undefined {
  const value = object === undefined ? undefined : member(object, key);
  return isJsonObject(value) ? value : undefined;
}

/** A list member; [] when it is missing or no list. */
export function listAt(object: JsonObject | undefined, key: string): JsonValue[] {
  const value = object === undefined ? undefined : member(object, key);
  return Array.isArray(value) ? value : [];
}

/** The objects of a list member. */
export function objectsAt(object: JsonObject | undefined, key: string): JsonObject[] {
  return listAt(object, key).filter(isJsonObject);
}

/** The texts of a list member. */
export function textsAt(object: JsonObject | undefined, key: string): string[] {
  return listAt(object, key).filter((item) => typeof item === 'string');
}
