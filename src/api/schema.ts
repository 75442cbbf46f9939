import { z } from 'zod';

/** A CEL rule as a CRD carries it (x-kubernetes-validations). */
export interface CelRule {
  rule: string;
  message: string;
  fieldPath?: string;
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired' | 'FieldValueDuplicate';
}

/** Adds CEL rules for what a structural schema cannot say. */
export function withRules<T extends z.ZodType>(schema: T, rules: readonly CelRule[]): T {
  return schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules });
}

/** A list whose items are known by the members `keys`, so that managers can own single items. */
export function mapList<T extends z.ZodType>(item: T, maxItems: number, keys: readonly string[] = ['name']) {
  return z.array(item).max(maxItems).meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}

/** A list of distinct scalars. */
export function setList<T extends z.ZodType>(item: T, maxItems: number) {
  return z.array(item).max(maxItems).meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list that is replaced as a whole. */
export function atomicList<T extends z.ZodType>(item: T, maxItems: number) {
  return z.array(item).max(maxItems).meta({ 'x-kubernetes-list-type': 'atomic' });
}

/** A string of at most `max` characters. */
export function text(max: number): z.ZodString {
  return z.string().max(max);
}

/** A name of an object of the same namespace (DNS-1123 subdomain). */
export const objectName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);

/** Name of a list entry (DNS-1123 label). */
export const entryName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);

/** A count. Zod's own integer bounds are dropped by the CRD generator. */
export function integer(min: number, max: number): z.ZodInt {
  return z.int().min(min).max(max);
}

/** A Kubernetes quantity, such as `500m`, `4Gi` or `2`. */
export const quantity = z
  .union([z.int(), z.string().max(64)])
  .meta({
    'x-kubernetes-int-or-string': true,
    pattern: '^[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$',
  })
  .describe('A Kubernetes quantity, such as 500m, 4Gi or 2.');

/** RFC 3339 time, whole seconds, UTC. */
export const time = z.iso.datetime();

/** An object whose members Hostler does not know: kept as they are. */
export const freeObject = z.looseObject({}).meta({ 'x-kubernetes-preserve-unknown-fields': true });
