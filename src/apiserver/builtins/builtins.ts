import type { Logger } from '../../lib/logger.ts';
import type { WatchHub } from '../cache/watchHub.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { structMismatch } from '../codec/structDecode.ts';
import type { FieldVersion } from '../fields/fieldVersions.ts';
import { fieldTypeOf } from '../fields/fieldType.ts';
import { listAt } from '../registry/object.ts';
import { apiVersionOf, type ReviewResource, type ServedResource, type StoredResource } from '../registry/resource.ts';
import { ResourceStore } from '../registry/resourceStore.ts';
import { compileStructuralSchema, type ResourceSchema } from '../schema/resourceSchema.ts';
import type { Storage } from '../storage/storage.ts';
import { compileTable, type TableRenderer } from '../table/table.ts';
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from './admissionPolicies.ts';
import { configMaps } from './configMaps.ts';
import { customResourceDefinitions } from './customResourceDefinitions.ts';
import type { BuiltinDefinition } from './definition.ts';
import { coreEvents, events } from './events.ts';
import { leases } from './leases.ts';
import { namespaces } from './namespaces.ts';
import { reviewDefinitions, type ReviewDefinition, type Reviewers } from './reviews.ts';
import { resolvedComponent } from './schemas/components.ts';
import { clusterRoleBindings, roleBindings } from './roleBindings.ts';
import { clusterRoles, roles } from './roles.ts';
import { secrets } from './secrets.ts';
import { serviceAccounts } from './serviceAccounts.ts';
import { services } from './services.ts';

const DEFINITIONS: readonly BuiltinDefinition[] = [
  namespaces,
  secrets,
  configMaps,
  serviceAccounts,
  coreEvents,
  events,
  leases,
  services,
  customResourceDefinitions,
  roles,
  clusterRoles,
  roleBindings,
  clusterRoleBindings,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
];

/** Verbs of every stored resource. */
const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const;

/** What built-in resources stand on. */
export interface BuiltinDeps extends Reviewers {
  storage: Storage;
  hub: WatchHub;
  log: Logger;
}

/** All built-in resources, ready to be served. */
export function builtinResources(deps: BuiltinDeps): ServedResource[] {
  const stored: StoredResource[] = [];
  for (const definition of DEFINITIONS) stored.push(toResource(definition, stored, deps));
  return [...stored, ...reviewDefinitions(deps).map(toReview)];
}

/** Name of the OpenAPI component of a built-in kind. */
export function componentOf(group: string, kind: string): string | undefined {
  const known = DEFINITIONS.find((one) => one.group === group && one.names.kind === kind);
  if (known !== undefined) return known.component;
  return REVIEW_COMPONENTS.get(`${group}/${kind}`);
}

const REVIEW_COMPONENTS = new Map(
  ['SelfSubjectAccessReview', 'SubjectAccessReview', 'LocalSubjectAccessReview', 'SelfSubjectRulesReview']
    .map((kind): [string, string] => [`authorization.k8s.io/${kind}`, `io.k8s.api.authorization.v1.${kind}`])
    .concat(
      ['SelfSubjectReview', 'TokenReview'].map((kind): [string, string] => [
        `authentication.k8s.io/${kind}`,
        `io.k8s.api.authentication.v1.${kind}`,
      ]),
    ),
);

function toReview(definition: ReviewDefinition): ReviewResource {
  const schema = builtinSchema(definition);
  const same = (object: JsonObject): JsonObject => object;
  const version = { type: fieldTypeOf(schema.root), isRevised: false, to: same, from: same };
  return { ...definition, type: 'Review', schema, fieldVersions: () => version };
}

function toResource(
  definition: BuiltinDefinition,
  known: readonly StoredResource[],
  deps: BuiltinDeps,
): StoredResource {
  const { group, version, names, sharedWith } = definition;
  const schema = builtinSchema(definition);
  const shared = known.find(
    (one) =>
      one.group === sharedWith?.group && one.version === sharedWith.version && one.names.plural === sharedWith.plural,
  );
  const fields = definition.selectableFields;
  const labels = Object.keys(fields?.({}) ?? {}).map((name): [string, string] => [name, name]);
  return {
    type: 'Stored',
    group,
    version,
    names,
    namespaced: definition.namespaced,
    verbs: definition.verbs ?? ALL_VERBS,
    schema,
    strategy: definition.strategy,
    store: shared?.store ?? storeOf(definition, deps),
    conversion: sharedWith?.conversion,
    status: definition.status === true,
    scale: undefined,
    finalize: definition.finalize === true,
    token: definition.token === true,
    table: tableOf(definition),
    fieldLabels: definition.fieldLabels ?? new Map(labels),
    strategicKind: group === '' ? names.kind : `${names.kind}.${group}`,
    deprecation: undefined,
    fieldVersions: (apiVersion) => builtinVersion({ group, version, names: definition.names }, apiVersion, known),
    resetFields: (subresource) => (definition.status === true ? (definition.resetFields ?? RESET)(subresource) : []),
    createForbidden: undefined,
  };
}

const RESET = (subresource: string): readonly string[] => (subresource === '' ? ['f:status'] : ['f:spec']);

/** The kind of `resource` in `apiVersion`: its own, or that of another resource over the same objects. */
function builtinVersion(
  { group, version, names }: Pick<StoredResource, 'group' | 'version' | 'names'>,
  apiVersion: string,
  all: readonly StoredResource[],
): FieldVersion | undefined {
  const find = (wanted: string): StoredResource | undefined =>
    all.find((one) => apiVersionOf(one) === wanted && one.names.kind === names.kind);
  const own = find(apiVersionOf({ group, version }));
  const other = find(apiVersion);
  if (own === undefined || other?.store !== own.store) return undefined;
  const type = fieldTypeOf(other.schema.root);
  const isRevised = false;
  if (own === other) return { type, isRevised, to: (object) => object, from: (object) => object };
  return {
    type,
    isRevised,
    to: (object) => converted(object, own, other),
    from: (object) => converted(object, other, own),
  };
}

function converted(object: JsonObject, from: StoredResource, to: StoredResource): JsonObject {
  const copy = { ...object, apiVersion: apiVersionOf(to) };
  from.conversion?.toStorage(copy);
  to.conversion?.fromStorage(copy);
  return copy;
}

function storeOf(definition: BuiltinDefinition, deps: BuiltinDeps): ResourceStore {
  const { group, names } = definition;
  return new ResourceStore({
    storage: deps.storage,
    hub: deps.hub,
    log: deps.log,
    group: group === '' ? 'core' : group,
    resource: names.plural,
    apiVersion: apiVersionOf(definition),
    kind: names.kind,
    admitStored: undefined,
    selectableFields: (object) => definition.selectableFields?.(object),
  });
}

type SchemaOf = Pick<BuiltinDefinition, 'component' | 'group' | 'version' | 'names' | 'dropUnknown'>;

/**
 * The schema of a built-in kind. Clients in Go write null for what they leave out, so nulls are dropped before
 * anything else; null in a map means the empty value, and an empty map is none.
 */
function builtinSchema({ component, group, version, names, dropUnknown }: SchemaOf): ResourceSchema {
  const apiVersion = apiVersionOf({ group, version });
  const schema = compileStructuralSchema(resolvedComponent(component), { allowRepeated: true });
  return {
    root: schema.root,
    admitRequest(object) {
      const malformed = structMismatch(object, apiVersion, names.kind);
      if (malformed !== undefined) return { unknownFields: [], malformed };
      tidy(object, ROOT_MAPS);
      const found = schema.admitRequest(object);
      return dropUnknown === undefined
        ? found
        : { ...found, unknownFields: [...found.unknownFields, ...dropUnknown(object)] };
    },
    admitStored: (object) => schema.admitStored(object),
    admitConverted: (object) => schema.admitConverted(object),
    validateCreate: (object) => schema.validateCreate(object),
    validateUpdate: (object, old) => schema.validateUpdate(object, old),
  };
}

/** Members whose keys are the user's: of the object itself, and of its metadata. */
const ROOT_MAPS: ReadonlySet<string> = new Set(['data', 'stringData', 'binaryData']);
const META_MAPS: ReadonlySet<string> = new Set(['labels', 'annotations']);
const NO_MAPS: ReadonlySet<string> = new Set();

function tidy(object: JsonObject, maps: ReadonlySet<string>): void {
  for (const [key, value] of Object.entries(object)) {
    if (value === null) Reflect.deleteProperty(object, key);
    else if (!isJsonObject(value)) objectsIn(value).forEach((item) => tidy(item, NO_MAPS));
    else if (!maps.has(key)) tidy(value, maps === ROOT_MAPS && key === 'metadata' ? META_MAPS : NO_MAPS);
    else if (Object.keys(value).length === 0) Reflect.deleteProperty(object, key);
    else emptyForNull(value);
  }
}

function emptyForNull(map: JsonObject): void {
  for (const [key, value] of Object.entries(map)) if (value === null) map[key] = '';
}

function objectsIn(value: JsonValue): JsonObject[] {
  return Array.isArray(value) ? value.filter((item) => isJsonObject(item)) : [];
}

function tableOf(definition: BuiltinDefinition): TableRenderer {
  const renderer = compileTable(definition.columns);
  if (definition.nameColumn !== 'last') return renderer;
  return {
    table(objects, options) {
      const table = renderer.table(objects, options);
      const columns = listAt(table, 'columnDefinitions');
      const [name, ...others] = columns;
      if (isJsonObject(name)) table['columnDefinitions'] = [...others, { ...name, priority: 1 }];
      for (const row of listAt(table, 'rows')) {
        if (!isJsonObject(row)) continue;
        const [first, ...rest] = listAt(row, 'cells');
        if (first !== undefined) row['cells'] = [...rest, first];
      }
      return table;
    },
  };
}
