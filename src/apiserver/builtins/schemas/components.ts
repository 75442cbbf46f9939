import { isJsonObject, type JsonObject, type JsonValue } from '../../codec/json.ts';
import { admissionregistrationComponents } from './admissionregistration.ts';
import { apiextensionsComponents } from './apiextensions.ts';
import { coordinationComponents } from './coordination.ts';
import { coreComponents } from './core.ts';
import { eventsComponents } from './events.ts';
import { META, metaComponents } from './meta.ts';
import { rbacComponents } from './rbac.ts';
import { authenticationComponents, authorizationComponents } from './reviews.ts';

/** Every named schema of the built-in kinds, as OpenAPI shows them. */
export const components: Readonly<Record<string, JsonObject>> = {
  ...metaComponents,
  ...coreComponents,
  ...eventsComponents,
  ...coordinationComponents,
  ...apiextensionsComponents,
  ...rbacComponents,
  ...admissionregistrationComponents,
  ...authenticationComponents,
  ...authorizationComponents,
};

const PREFIX = '#/components/schemas/';

/** The component that `schema` refers to (by `$ref` or the one `allOf` of a described reference). */
function referenceOf(schema: JsonObject): string | undefined {
  const { $ref, allOf } = schema;
  if (typeof $ref === 'string') return $ref.slice(PREFIX.length);
  const only = Array.isArray(allOf) && allOf.length === 1 ? allOf[0] : undefined;
  return isJsonObject(only) && typeof only['$ref'] === 'string' ? only['$ref'].slice(PREFIX.length) : undefined;
}

/** Components that `schema` refers to, directly or through others, `found` included. */
export function referencedComponents(schema: JsonValue, found: Set<string> = new Set<string>()): Set<string> {
  if (Array.isArray(schema)) for (const item of schema) referencedComponents(item, found);
  else if (isJsonObject(schema)) {
    const name = typeof schema['$ref'] === 'string' ? schema['$ref'].slice(PREFIX.length) : undefined;
    if (name !== undefined && !found.has(name)) {
      found.add(name);
      referencedComponents(components[name] ?? {}, found);
    }
    for (const member of Object.values(schema)) referencedComponents(member, found);
  }
  return found;
}

/** What becomes of references, and of the schemas between them. */
interface Resolution {
  /** In place of a schema inside itself. */
  circular: JsonObject;
  /** In place of what a reference refers to. */
  known: ReadonlyMap<string, JsonObject>;
  shape: (schema: JsonObject) => JsonObject;
}

const FOR_VALIDATION: Resolution = {
  circular: { 'x-kubernetes-preserve-unknown-fields': true },
  known: new Map([[META.ObjectMeta, { type: 'object' }]]),
  shape: (schema) => {
    // bytes are checked by the kinds themselves: the general message would show what may be a secret
    if (schema['format'] === 'byte') return { type: 'string' };
    // what must be there is for the kinds to say: a Go decoder demands nothing
    return Object.fromEntries(
      Object.entries(schema).filter(([key, member]) => key !== 'required' || !Array.isArray(member)),
    );
  },
};

/**
 * The component `name` with all references resolved, for the structural schema of the kind. Metadata is left to the
 * rules that hold for every object; a schema inside itself (JSONSchemaProps) is taken as it comes.
 */
export function resolvedComponent(name: string): JsonObject {
  return resolved(components[name] ?? {}, FOR_VALIDATION, [name]);
}

const AS_DECLARED: Resolution = { circular: { type: 'object' }, known: new Map(), shape: (schema) => schema };

/** `schema` with all references resolved, and otherwise as it is; a schema inside itself says no more than object. */
export function withoutReferences(schema: JsonObject): JsonObject {
  return resolved(schema, AS_DECLARED, []);
}

function resolved(schema: JsonObject, how: Resolution, path: readonly string[]): JsonObject {
  const result = resolve(schema, how, path);
  return isJsonObject(result) ? result : {};
}

function resolve(schema: JsonValue, how: Resolution, path: readonly string[]): JsonValue {
  if (Array.isArray(schema)) return schema.map((item) => resolve(item, how, path));
  if (!isJsonObject(schema)) return schema;
  const reference = referenceOf(schema);
  if (reference === undefined) {
    const members = Object.entries(how.shape(schema));
    return Object.fromEntries(members.map(([key, member]) => [key, resolve(member, how, path)]));
  }
  const known = how.known.get(reference);
  if (known !== undefined) return known;
  if (path.includes(reference)) return how.circular;
  return resolve(components[reference] ?? {}, how, [...path, reference]);
}
