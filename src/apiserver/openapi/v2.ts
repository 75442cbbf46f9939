import { isJsonObject, omit, type JsonObject, type JsonValue } from '../codec/json.ts';

const REF_V3 = '#/components/schemas/';
const REF = '#/definitions/';
/** Members that hold schemas by name, one schema, or several. */
const MAPS = ['properties', 'patternProperties', 'definitions'];
const SINGLE = ['items', 'additionalProperties'];
/** Junctors, and defaults, which old clients would fill in by themselves. */
const DROPPED = ['allOf', 'anyOf', 'oneOf', 'not', 'default'];
/** What is told of a kind that may hold anything. */
const KEPT = ['x-kubernetes-group-version-kind', 'x-kubernetes-selectable-fields'];
const PRESERVES = 'x-kubernetes-preserve-unknown-fields';

/**
 * A schema of OpenAPI v3 as v2 can say it: without junctors, without null, and open where v2 would be stricter than the
 * server is.
 * Source: apiextensions-apiserver pkg/controller/openapi/v2/conversion.go (v0.35).
 */
export function toV2(schema: JsonObject): JsonObject {
  const ref = refOf(schema);
  if (ref !== undefined) return { ...descriptionOf(schema), $ref: ref.replace(REF_V3, REF) };
  const plain = opened(omit(withoutNullRequired(schema), ...DROPPED));
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(plain)) {
    if (key !== 'uniqueItems' || value === true) result[key] = member(key, value);
  }
  return result;
}

/** The definition of a kind: of one that may hold anything, no more than that it is an object. */
export function definitionV2(schema: JsonObject): JsonObject {
  if (schema[PRESERVES] !== true) return toV2(schema);
  const kept = Object.entries(schema).filter(([key]) => KEPT.includes(key));
  return { type: 'object', ...Object.fromEntries(kept) };
}

/** v3 wraps a reference that has a description into an allOf. */
function refOf({ $ref, allOf }: JsonObject): string | undefined {
  if (typeof $ref === 'string') return $ref;
  const [only] = Array.isArray(allOf) && allOf.length === 1 ? allOf : [];
  return isJsonObject(only) && typeof only['$ref'] === 'string' ? only['$ref'] : undefined;
}

function descriptionOf({ description }: JsonObject): JsonObject {
  return description === undefined ? {} : { description };
}

/** Without the parts that old clients would take for all there may be. */
function opened(schema: JsonObject): JsonObject {
  const nullable = schema['nullable'] === true;
  const preserves = schema[PRESERVES] === true;
  const open = nullable || preserves ? omit(schema, 'nullable', 'items', 'properties') : omit(schema, 'nullable');
  const { type, items } = open;
  const untyped = nullable || (preserves && type === 'object') || (type === 'array' && items === undefined);
  return untyped ? omit(open, 'type') : open;
}

/** Null counts as missing in v2. */
function withoutNullRequired(schema: JsonObject): JsonObject {
  const { required, properties } = schema;
  if (!Array.isArray(required) || !isJsonObject(properties)) return schema;
  const kept = required.filter((name) => {
    const property = typeof name === 'string' ? properties[name] : undefined;
    return !(isJsonObject(property) && property['nullable'] === true);
  });
  return kept.length === 0 ? omit(schema, 'required') : { ...schema, required: kept };
}

function member(key: string, value: JsonValue): JsonValue {
  if (SINGLE.includes(key)) return isJsonObject(value) ? toV2(value) : value;
  if (!MAPS.includes(key) || !isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, schema]) => [name, isJsonObject(schema) ? toV2(schema) : schema]),
  );
}
