import { isJsonObject } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { PatchError } from './patchError.ts';

/** Applies an RFC 7386 patch. The document is not changed. @throws PatchError 400 when the patch is no object. */
export function applyMergePatch(document: JsonObject, patch: JsonValue): JsonObject {
  if (!isJsonObject(patch)) throw new PatchError(400, 'Invalid JSON Patch: a merge patch must be a JSON object');
  return merge(document, patch);
}

/** What has nothing to merge with: as in kube-apiserver, objects in it lose their nulls, also within lists. */
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutNulls);
  return isJsonObject(value) ? merge(undefined, value) : value;
}

function merge(target: JsonValue | undefined, patch: JsonObject): JsonObject {
  const result = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, key);
    else if (isJsonObject(value)) result[key] = merge(Object.hasOwn(result, key) ? result[key] : undefined, value);
    else result[key] = withoutNulls(value);
  }
  return result;
}
