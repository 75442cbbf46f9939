import type { JsonObject, JsonValue } from '../../codec/json.ts';

/** Extra keywords of one schema: formats, list types, merge keys. */
type Extra = Record<string, JsonValue>;

/** A schema of `type` with a description. */
function of(type: string, description: string, extra: Extra): JsonObject {
  return { type, description, ...extra };
}

/** A string. */
export const text = (description: string, extra: Extra = {}): JsonObject => of('string', description, extra);

/** A whole number of 32 bits. */
export const int32 = (description: string, extra: Extra = {}): JsonObject =>
  of('integer', description, { format: 'int32', ...extra });

/** A whole number of 64 bits. */
export const int64 = (description: string, extra: Extra = {}): JsonObject =>
  of('integer', description, { format: 'int64', ...extra });

/** true or false. */
export const flag = (description: string): JsonObject => of('boolean', description, {});

/** A point in time, RFC 3339. */
export const time = (description: string): JsonObject => of('string', description, { format: 'date-time' });

/** A list; `extra` says its list type and, for strategic merge, its merge key. */
export const list = (description: string, items: JsonObject, extra: Extra = {}): JsonObject =>
  of('array', description, { items, ...extra });

/** Values of one kind by free keys. */
export const mapOf = (description: string, additionalProperties: JsonObject): JsonObject =>
  of('object', description, { additionalProperties });

/** An object with named members. */
export const object = (description: string, properties: Record<string, JsonObject>, extra: Extra = {}): JsonObject =>
  of('object', description, { ...(Object.keys(properties).length > 0 ? { properties } : {}), ...extra });

/** A reference to a component, with a description of its own. */
export const ref = (name: string, description = ''): JsonObject => ({
  ...(description === '' ? {} : { description }),
  allOf: [{ $ref: `#/components/schemas/${name}` }],
});

/** A list whose items server-side apply tells apart by `key`; strategic merge replaces it. */
export const keyed = (key: string): Extra => ({
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
});

/** {@link keyed}, and strategic merge joins it: patch/mergeRules.ts has it, too. */
export const byKey = (key: string): Extra => ({
  ...keyed(key),
  'x-kubernetes-patch-merge-key': key,
  'x-kubernetes-patch-strategy': 'merge',
});

/** A list that is replaced as a whole. */
export const ATOMIC: Extra = { 'x-kubernetes-list-type': 'atomic' };

/** A list of unique scalars that strategic merge joins. */
export const MERGED_SET: Extra = { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
