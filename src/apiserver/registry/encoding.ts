import { decodeBody } from '../codec/body.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { isObject, metaOf } from './object.ts';

/** An integer that a JavaScript number may not hold exactly, outside (or, harmlessly, inside) strings. */
const LONG_NUMBER = /[\d]{16}/;

/** JSON text of `value`; integers beyond 2^53 as they are. */
export function toJson(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // JSON.stringify knows no bigint
    if (error instanceof TypeError) return slowJson(value);
    throw error;
  }
}

function slowJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => slowJson(item)).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${slowJson(member)}`)
    .join(',')}}`;
}

/** The object in `text`, which the store or this process wrote. @throws Error when it is none. */
export function fromJson(text: string): JsonObject {
  const value: unknown = LONG_NUMBER.test(text) ? decodeBody(Buffer.from(text), undefined).value : JSON.parse(text);
  if (isJsonObject(value)) return value;
  throw new Error('the stored value is no object');
}

// JSON.parse yields nothing but JsonValues
function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * JSON text of an object as it is stored: apiVersion, kind and metadata first, no resourceVersion, so that
 * `withRevision` finds the place for it.
 */
export function encodeObject(object: JsonObject): string {
  const { apiVersion = '', kind = '', ...rest } = object;
  const metadata = { ...metaOf(object) };
  Reflect.deleteProperty(metadata, 'resourceVersion');
  Reflect.deleteProperty(rest, 'metadata');
  const head = `{"apiVersion":${toJson(apiVersion)},"kind":${toJson(kind)},"metadata":${toJson(metadata)}`;
  const tail = toJson(rest);
  return tail === '{}' ? `${head}}` : `${head},${tail.slice(1)}`;
}
