import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { listAt, objectAt } from '../registry/object.ts';
import { components } from './schemas/components.ts';

const SCHEMA = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
const KNOWN: ReadonlySet<string> = new Set(Object.keys(objectAt(components[SCHEMA], 'properties') ?? {}));
/** Members that are schemas, lists of them, and maps of them by a name. */
const SCHEMAS = ['not'];
const LISTS = ['allOf', 'anyOf', 'oneOf'];
const MAPS = ['properties', 'patternProperties', 'definitions'];
/** Members that are a schema or something else: kube-apiserver drops what is unknown in them without a word. */
const MIXED = ['items', 'additionalProperties', 'additionalItems'];

/**
 * Drops members of the schemas of a CustomResourceDefinition that no schema has, at any depth.
 * @returns their paths, such as `spec.versions[0].schema.openAPIV3Schema.properties.a.colour`.
 */
export function dropUnknownSchemaMembers(definition: JsonObject): string[] {
  const unknown: string[] = [];
  listAt(objectAt(definition, 'spec'), 'versions').forEach((version, index) => {
    const schema = objectAt(objectAt(version, 'schema'), 'openAPIV3Schema');
    visit(schema, `spec.versions[${index}].schema.openAPIV3Schema`, unknown);
  });
  return unknown;
}

function visit(schema: JsonValue | undefined, path: string, unknown: string[]): void {
  if (!isJsonObject(schema)) return;
  for (const key of Object.keys(schema)) {
    if (KNOWN.has(key)) continue;
    Reflect.deleteProperty(schema, key);
    unknown.push(`${path}.${key}`);
  }
  for (const key of SCHEMAS) visit(schema[key], `${path}.${key}`, unknown);
  for (const key of LISTS) {
    listAt(schema, key).forEach((item, index) => visit(item, `${path}.${key}[${index}]`, unknown));
  }
  for (const key of MAPS) {
    for (const [name, member] of Object.entries(objectAt(schema, key) ?? {})) {
      visit(member, `${path}.${key}.${name}`, unknown);
    }
  }
  for (const key of MIXED) visit(schema[key], '', []);
}
