import type { JsonObject } from '../codec/json.ts';
import type { FieldError } from './fieldErrors.ts';

/** What {@link validateCustomResourceDefinition} says. */
export interface CrdVerdict {
  /** Non-empty: refuse the write with 422. */
  errors: FieldError[];
  /** `spec.conversion.strategy: Webhook`: valid data that this server does not serve; say so in a condition. */
  webhookConversion: boolean;
}

/**
 * Validates a CustomResourceDefinition (apiextensions.k8s.io/v1) after {@link defaultCustomResourceDefinition}: names,
 * versions, structural schemas, defaults, CEL rules and their cost, columns, selectable fields, scale paths.
 * @param old  The stored object on update: immutable fields are compared, and old mistakes in unchanged schemas pass.
 */
export function validateCustomResourceDefinition(crd: JsonObject, old?: JsonObject): CrdVerdict {
  throw new Error(`not implemented: ${typeof crd} ${typeof old}`);
}

/** Fills in what kube defaults in place: singular, listKind, conversion None, storedVersions stays untouched. */
export function defaultCustomResourceDefinition(crd: JsonObject): void {
  throw new Error(`not implemented: ${typeof crd}`);
}
