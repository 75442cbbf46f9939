import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { componentOf } from '../builtins/builtins.ts';
import { components, referencedComponents } from '../builtins/schemas/components.ts';
import { kindSchema, META } from '../builtins/schemas/meta.ts';
import { list, ref } from '../builtins/schemas/build.ts';
import type { ServedResource } from '../registry/resource.ts';
import { schemaOf } from './kindSchema.ts';
import { documentText, gvkOf, pathsOf } from './operations.ts';
import { definitionV2 } from './v2.ts';

/** The OpenAPI v3 document of one group-version, as JSON. */
export function openApiDocument(resources: readonly ServedResource[]): string {
  const { paths, schemas } = describe(resources, false);
  return documentText(sorted(paths), sorted(schemas));
}

/** The OpenAPI v2 document of all of them. It describes kinds; how to reach them, clients ask discovery. */
export function openApiV2Document(resources: readonly ServedResource[], info: JsonObject): JsonObject {
  const definitions = Object.entries(sorted(describe(resources, true).schemas)).map(
    ([name, schema]): [string, JsonValue] => [name, isJsonObject(schema) ? definitionV2(schema) : schema],
  );
  return { swagger: '2.0', info, paths: {}, definitions: Object.fromEntries(definitions) };
}

function describe(resources: readonly ServedResource[], isV2: boolean): { paths: JsonObject; schemas: JsonObject } {
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const resource of resources) {
    const name = schemaName(resource);
    Object.assign(paths, pathsOf(resource, name));
    const selectable = selectableOf(resource);
    const gvk = { 'x-kubernetes-group-version-kind': [gvkOf(resource)] };
    schemas[name] = { ...schemaOf(resource, isV2), ...gvk, ...selectable };
    if (resource.type === 'Stored') schemas[`${name}List`] = { ...listOf(resource, name), ...selectable };
  }
  const needed = referencedComponents({ paths, schemas });
  for (const name of needed) {
    const component = components[name];
    if (component !== undefined && schemas[name] === undefined) schemas[name] = component;
  }
  return { paths, schemas };
}

/** The fields that a definition lets be selected by. */
function selectableOf(resource: ServedResource): JsonObject {
  if (resource.type === 'Review' || resource.strategicKind !== undefined || resource.fieldLabels.size === 0) return {};
  return { 'x-kubernetes-selectable-fields': [...resource.fieldLabels.keys()].map((fieldPath) => ({ fieldPath })) };
}

/** `io.k8s.api.core.v1.Secret`; for custom resources the group backwards: `dev.hostler.v1alpha1.Server`. */
function schemaName(resource: ServedResource): string {
  const builtin = componentOf(resource.group, resource.names.kind);
  if (builtin !== undefined) return builtin;
  return [...resource.group.split('.').reverse(), resource.version, resource.names.kind].join('.');
}

function listOf(resource: ServedResource, name: string): JsonObject {
  const schema = kindSchema(`${resource.names.listKind} is a list of ${resource.names.kind}`, {
    items: list(`List of ${resource.names.plural}.`, ref(name)),
    metadata: ref(META.ListMeta, 'Metadata of the list.'),
  });
  return {
    ...schema,
    required: ['items'],
    'x-kubernetes-group-version-kind': [{ ...gvkOf(resource), kind: resource.names.listKind }],
  };
}

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
