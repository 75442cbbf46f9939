import { isJsonObject, omit, stringifyJson, type JsonObject } from '../codec/json.ts';
import { parseStoredJson } from '../codec/jsonParser.ts';
import { metaOf } from './object.ts';

/** The object in `text`, which the store or this process wrote. @throws Error when it is none. */
export function fromJson(text: string): JsonObject {
  const value = parseStoredJson(text);
  if (isJsonObject(value)) return value;
  throw new Error('the stored value is no object');
}

/**
 * JSON text of an object as it is stored: apiVersion, kind and metadata first, no resourceVersion, so that
 * `textOf` finds the place for it.
 */
export function encodeObject(object: JsonObject): string {
  const { apiVersion = '', kind = '' } = object;
  const metadata = omit(metaOf(object), 'resourceVersion');
  const head = `{"apiVersion":${stringifyJson(apiVersion)},"kind":${stringifyJson(kind)},"metadata":${stringifyJson(metadata)}`;
  const tail = stringifyJson(omit(object, 'apiVersion', 'kind', 'metadata'));
  return tail === '{}' ? `${head}}` : `${head},${tail.slice(1)}`;
}
