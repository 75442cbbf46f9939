import { equalJson, isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { mapSubschemas } from './subschemas.ts';

const EITHER: JsonValue = [{ type: 'integer' }, { type: 'string' }];

/**
 * A structural schema in which what is x-kubernetes-int-or-string says so by anyOf as well, for readers that know
 * nothing of Kubernetes.
 * Source: apiextensions-apiserver pkg/apiserver/schema/unfold.go (v0.35).
 */
export function unfold(schema: JsonObject): JsonObject {
  const result = mapSubschemas(schema, unfold);
  return schema['x-kubernetes-int-or-string'] === true ? withEither(result) : result;
}

function withEither(schema: JsonObject): JsonObject {
  const { anyOf } = schema;
  const allOf = Array.isArray(schema['allOf']) ? schema['allOf'] : [];
  if (saysEither(schema) || saysEither(allOf[0])) return schema;
  return anyOf === undefined ? { ...schema, anyOf: EITHER } : { ...schema, allOf: [{ anyOf: EITHER }, ...allOf] };
}

function saysEither(schema: JsonValue | undefined): boolean {
  return isJsonObject(schema) && schema['anyOf'] !== undefined && equalJson(schema['anyOf'], EITHER);
}
