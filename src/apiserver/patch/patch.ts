import type { JsonObject, JsonValue } from '../codec/json.ts';

/** Why a patch was refused: 400 BadRequest (malformed), 413 (too many operations), 422 Invalid (does not apply). */
export class PatchError extends Error {
  readonly code: 400 | 413 | 422;

  constructor(code: 400 | 413 | 422, message: string) {
    super(message);
    this.name = 'PatchError';
    this.code = code;
  }
}

/** RFC 6902; at most 10,000 operations. The document is not changed. @throws PatchError. */
export function applyJsonPatch(document: JsonObject, patch: JsonValue): JsonObject {
  throw new PatchError(422, `not implemented: ${typeof document} ${typeof patch}`);
}

/** RFC 7386. The document is not changed. @throws PatchError when the patch is no object. */
export function applyMergePatch(document: JsonObject, patch: JsonValue): JsonObject {
  throw new PatchError(400, `not implemented: ${typeof document} ${typeof patch}`);
}

/**
 * Strategic merge of a built-in kind, with `$patch`, `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`.
 * The document is not changed. @param kind  Kind and group as in `ServiceAccount`, `CustomResourceDefinition.apiextensions.k8s.io`.
 * @throws PatchError 400 for a malformed patch, 422 when a keyed list's item lacks its key.
 */
export function applyStrategicMergePatch(document: JsonObject, patch: JsonValue, kind: string): JsonObject {
  throw new PatchError(400, `not implemented: ${kind} ${typeof document} ${typeof patch}`);
}
