import type { JsonObject } from '../codec/json.ts';
import type { FieldError } from './fieldErrors.ts';

/** How names of a resource are judged: most are DNS subdomains, namespaces DNS labels, RBAC path segments. */
export type NameRule = 'DNS1123Subdomain' | 'DNS1123Label' | 'DNS1035Label' | 'PathSegment';

/**
 * Validates `object.metadata` as apimachinery does: name, generateName, namespace, labels, annotations (256 KiB in
 * total), ownerReferences, finalizers.
 */
export function validateObjectMeta(object: JsonObject, rule: NameRule, namespaced: boolean): FieldError[] {
  throw new Error(`not implemented: ${typeof object} ${rule} ${String(namespaced)}`);
}

/** Fields of metadata that an update may not change: name, namespace, uid, creationTimestamp, deletionTimestamp …. */
export function validateObjectMetaUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  throw new Error(`not implemented: ${typeof object} ${typeof old}`);
}
