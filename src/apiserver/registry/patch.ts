import { cloneJson, isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { ApiError, badRequest, invalid, tooLarge, unprocessable, unsupportedMediaType } from '../http/status.ts';
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, PatchError } from '../patch/patch.ts';
import type { Call, RegistryDeps, Written } from './call.ts';
import { checkFields, checkName, checkNamespace, checkType } from './checks.ts';
import { sharingWith } from './object.ts';
import type { StoredResource } from './resource.ts';
import { deriveObject } from './update.ts';
import { sharesNodes } from './versions.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
/** Server-side apply. */
export const APPLY_PATCH = 'application/apply-patch+yaml';

/** Applies one parsed patch to a document, which is not changed but may be shared. @throws PatchError. */
type Apply = (document: JsonObject) => JsonObject;

/** The patch types that `resource` takes. */
export function patchTypes(resource: StoredResource): string[] {
  return [JSON_PATCH, MERGE_PATCH, ...(resource.strategicKind === undefined ? [] : [STRATEGIC_PATCH]), APPLY_PATCH];
}

/**
 * Patches the object of `call`; on a concurrent write the patch is applied again to the newer object.
 * @throws ApiError 415 for a type that this resource does not take, 400, 404, 409, 422.
 */
export async function patchObject(deps: RegistryDeps, call: Call, type: string, patch: JsonValue): Promise<Written> {
  const apply = patchFunction(call.resource, type, patch);
  return deriveObject(deps, call, (current) => {
    if (!sharesNodes(call.resource)) return admitPatched(call, patched(call, cloneJson(current), apply));
    // what the patch repeats is shared, too: it was admitted before
    return admitPatched(call, sharingWith(current, patched(call, current, apply)), current);
  });
}

/** `current` with the patch applied, errors told in terms of the object. */
export function patched(call: Call, current: JsonObject, apply: Apply): JsonObject {
  try {
    return apply(current);
  } catch (error) {
    if (error instanceof PatchError) throw fromPatchError(error, call);
    throw error;
  }
}

/** @param old  What `object` may share nodes with. */
function admitPatched(call: Call, object: JsonObject, old?: JsonObject): JsonObject {
  try {
    checkType(object, call.resource);
    checkFields(call.resource.schema.admitRequest(object, old), call);
  } catch (error) {
    if (error instanceof ApiError && error.code === 400) throw unfitPatch(error);
    throw error;
  }
  checkName(object, call);
  checkNamespace(object, call);
  return object;
}

const OPERATION = ['op', 'path', 'from', 'value'];

/** What a patch has too much of, beside what it makes of the object. @param repeated  Paths of keys that it has twice. */
export function patchProblems(type: string, patch: JsonValue, repeated: readonly string[]): string[] {
  if (type !== JSON_PATCH) return repeated.map((path) => `duplicate field "${path}"`);
  const operations = Array.isArray(patch) ? patch : [];
  const unknown = operations.flatMap((operation, index) =>
    (isJsonObject(operation) ? Object.keys(operation) : [])
      .filter((key) => !OPERATION.includes(key))
      .map((key) => `json patch unknown field "[${index}].${key}"`),
  );
  return [...unknown, ...repeated.map((path) => `json patch duplicate field "${path}"`)];
}

/** How a patch of media type `type` is applied. @throws ApiError 415. */
export function patchFunction(resource: StoredResource, type: string, patch: JsonValue): Apply {
  if (type === JSON_PATCH) return (document) => applyJsonPatch(document, patch);
  if (type === MERGE_PATCH) return (document) => applyMergePatch(document, patch);
  const { strategicKind } = resource;
  if (type === STRATEGIC_PATCH && strategicKind !== undefined) {
    return (document) => applyStrategicMergePatch(document, patch, strategicKind);
  }
  throw unsupportedMediaType(patchTypes(resource));
}

/** 422: the patch can be read, but not what it makes of the object; which is not repeated, since it may be a Secret. */
function unfitPatch({ message }: ApiError): ApiError {
  const subject = { group: '', kind: '', name: '' };
  return invalid(subject, [{ type: 'FieldValueInvalid', field: 'patch', detail: message }]);
}

function fromPatchError(error: PatchError, call: Call): ApiError {
  if (error.code === 400) return badRequest(error.message);
  if (error.code === 413) return tooLarge(error.message);
  const { group, names } = call.resource;
  if (error.message === '') return unprocessable('the patch does not apply');
  return invalid({ group, kind: names.kind, name: call.name }, [
    { type: 'FieldValueInvalid', field: 'patch', detail: error.message },
  ]);
}
