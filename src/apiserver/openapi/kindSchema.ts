import { componentOf } from '../builtins/builtins.ts';
import { ref } from '../builtins/schemas/build.ts';
import { components, withoutReferences } from '../builtins/schemas/components.ts';
import { embeddedTypeMeta, META, STANDARD_METADATA, typeMeta } from '../builtins/schemas/meta.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';
import type { ServedResource } from '../registry/resource.ts';
import { mapSubschemas } from './subschemas.ts';
import { unfold } from './unfold.ts';

/** The schema of a kind as OpenAPI shows it, v2 with less of what may hold anything. */
export function schemaOf(resource: ServedResource, isV2: boolean): JsonObject {
  const name = componentOf(resource.group, resource.names.kind);
  if (name !== undefined) return components[name] ?? {};
  const schema = withMembers(unfold(withEmbeddedMembers(resource.schema.root.source, isV2)), typeMeta);
  return { ...schema, type: 'object' };
}

/** {@link schemaOf} v3 in one piece: without references. */
export function wholeSchemaOf(resource: ServedResource): JsonObject {
  return withoutReferences(schemaOf(resource, false));
}

/** With what every object has in place of what the schema says about it. */
function withMembers(schema: JsonObject, type: JsonObject): JsonObject {
  const { properties } = schema;
  const members = isJsonObject(properties) ? properties : {};
  const metadata = ref(META.ObjectMeta, STANDARD_METADATA);
  return { ...schema, properties: { ...members, ...type, metadata } };
}

/** Source: apiextensions-apiserver pkg/controller/openapi/builder/builder.go (v0.35), addEmbeddedProperties. */
function withEmbeddedMembers(schema: JsonObject, isV2: boolean): JsonObject {
  const result = mapSubschemas(schema, (one) => withEmbeddedMembers(one, isV2));
  if (schema['x-kubernetes-embedded-resource'] !== true) return result;
  // clients of v2 would take these for all that there may be
  if (isV2 && schema['x-kubernetes-preserve-unknown-fields'] === true) return result;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const missing = ['kind', 'apiVersion'].filter((name) => !required.includes(name));
  return { ...withMembers(result, embeddedTypeMeta), required: [...required, ...missing] };
}
