import type { Logger } from '../../lib/logger.ts';
import type { WatchHub } from '../cache/watchHub.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';
import type { FieldVersions } from '../fields/fieldVersions.ts';
import { fieldTypeOf } from '../fields/fieldType.ts';
import { compareVersions } from '../registry/catalog.ts';
import { FOREGROUND, ORPHAN } from '../registry/delete.ts';
import { generationOf, listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import { apiVersionOf } from '../registry/resource.ts';
import type { ResourceNames, ScalePaths, StoredResource, Strategy } from '../registry/resource.ts';
import { ResourceStore } from '../registry/resourceStore.ts';
import { replicaErrors } from '../registry/scale.ts';
import { goQuote } from '../schema/goText.ts';
import { compileStructuralSchema, type ResourceSchema } from '../schema/resourceSchema.ts';
import type { Storage } from '../storage/storage.ts';
import { compileJsonPath, type JsonPath } from '../table/jsonPath.ts';
import { compileTable, type PrinterColumn } from '../table/table.ts';
import { versionsWithoutWebhook } from './versions.ts';

/** What custom resources stand on. */
export interface CustomDeps {
  storage: Storage;
  hub: WatchHub;
  log: Logger;
}

/** In the order of kube-apiserver, which is another one than for built-in kinds. */
const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const;

const STRATEGY: Strategy = {
  nameRule: 'DNS1123Subdomain',
  allowUnconditionalUpdate: false,
  tracksGeneration: true,
  warnings: (object, old) => {
    const known = old === undefined ? [] : textsAt(metaOf(old), 'finalizers');
    return [...new Set(textsAt(metaOf(object), 'finalizers'))]
      .filter((name) => !known.includes(name) && !name.includes('/') && name !== ORPHAN && name !== FOREGROUND)
      .sort()
      .map((name) => `metadata.finalizers: ${goQuote(name)}: ${name.includes('.') ? PATHLESS : UNQUALIFIED}`);
  },
};
const PREFER = 'prefer a domain-qualified finalizer name';
const CONFLICTS = 'to avoid accidental conflicts with other finalizer writers';
const PATHLESS = `${PREFER} including a path (/) ${CONFLICTS}`;
const UNQUALIFIED = `${PREFER} ${CONFLICTS}`;

/** One version of a definition, read. */
interface Version {
  name: string;
  storage: boolean;
  source: JsonObject;
  schema: ResourceSchema;
  fields: readonly { label: string; path: JsonPath }[];
}

/** What comes of a definition; all versions are over one store. */
export interface CustomResources {
  /** One per served version. */
  served: readonly StoredResource[];
  /** In the version that objects are stored in, served or not: for whoever must reach them all. */
  stored: StoredResource;
}

/**
 * The resources of the established definition `crd`; undefined when no version of it is stored.
 * @param createForbidden  Why nothing can be created right now; undefined = nothing stands against it.
 */
export function customResources(
  crd: JsonObject,
  deps: CustomDeps,
  createForbidden: () => string | undefined,
): CustomResources | undefined {
  const spec = objectAt(crd, 'spec') ?? {};
  const versions = listAt(spec, 'versions')
    .filter((version) => isJsonObject(version))
    .map((source) => readVersion(source, spec));
  const stored = versions.find((version) => version.storage);
  if (stored === undefined) return undefined;
  const names = namesOf(crd);
  const served = versionsWithoutWebhook(crd);
  const store = storeOf({ crd, names, versions, stored }, deps);
  const resourceOf = (version: Version): StoredResource =>
    toResource({
      spec,
      names,
      version,
      store,
      createForbidden,
      fieldVersions: fieldVersionsOf(versions, {
        group: textAt(spec, 'group'),
        version: version.name,
        isRevised: generationOf(crd) > 1,
      }),
    });
  return {
    served: versions.filter((version) => served.includes(version.name)).map(resourceOf),
    stored: resourceOf(stored),
  };
}

function readVersion(source: JsonObject, spec: JsonObject): Version {
  const openApi = objectAt(objectAt(source, 'schema'), 'openAPIV3Schema');
  const fields = listAt(source, 'selectableFields').map((field) => {
    const path = textAt(field, 'jsonPath');
    return { label: path.replace(/^\./, ''), path: compileJsonPath(path) };
  });
  return {
    name: textAt(source, 'name'),
    storage: source['storage'] === true,
    source,
    schema: compileStructuralSchema(openApi, { preserveUnknownFields: spec['preserveUnknownFields'] === true }),
    fields,
  };
}

/** The names in use: the accepted ones where there are some. */
function namesOf(crd: JsonObject): ResourceNames {
  const wanted = objectAt(objectAt(crd, 'spec'), 'names') ?? {};
  const accepted = objectAt(objectAt(crd, 'status'), 'acceptedNames') ?? {};
  const name = (key: string): string => textAt(accepted, key) || textAt(wanted, key);
  return {
    plural: name('plural'),
    singular: name('singular') || name('kind').toLowerCase(),
    kind: name('kind'),
    listKind: name('listKind') || `${name('kind')}List`,
    shortNames: textsAt(accepted, 'shortNames'),
    categories: textsAt(accepted, 'categories'),
  };
}

function storeOf(
  definition: { crd: JsonObject; names: ResourceNames; versions: readonly Version[]; stored: Version },
  deps: CustomDeps,
): ResourceStore {
  const { crd, names, versions, stored } = definition;
  const group = textAt(objectAt(crd, 'spec'), 'group');
  const fields = new Map(versions.flatMap(({ fields }) => fields).map(({ label, path }) => [label, path]));
  return new ResourceStore({
    ...deps,
    group,
    resource: names.plural,
    apiVersion: `${group}/${stored.name}`,
    kind: names.kind,
    admitStored: (object) => stored.schema.admitStored(object),
    selectableFields: fields.size === 0 ? () => undefined : (object) => valuesOf(fields, object),
  });
}

function valuesOf(fields: ReadonlyMap<string, JsonPath>, object: JsonObject): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [label, path] of fields) {
    const [value] = path.find(object);
    if (value !== undefined && value !== null && typeof value !== 'object') values[label] = String(value);
  }
  return values;
}

function toResource(part: {
  spec: JsonObject;
  names: ResourceNames;
  version: Version;
  store: ResourceStore;
  createForbidden: () => string | undefined;
  fieldVersions: FieldVersions;
}): StoredResource {
  const { spec, names, version, store, createForbidden, fieldVersions } = part;
  const subresources = objectAt(version.source, 'subresources');
  const group = textAt(spec, 'group');
  const scale = scaleOf(subresources);
  const status = objectAt(subresources, 'status') !== undefined;
  return {
    type: 'Stored',
    group,
    version: version.name,
    names,
    namespaced: textAt(spec, 'scope') === 'Namespaced',
    verbs: VERBS,
    schema: version.schema,
    strategy: scale === undefined ? STRATEGY : { ...STRATEGY, validate: (object) => replicaErrors(object, scale) },
    store,
    conversion: undefined,
    status,
    scale,
    finalize: false,
    token: false,
    table: compileTable(columnsOf(version.source)),
    fieldLabels: new Map(version.fields.map(({ label }) => [label, label])),
    strategicKind: undefined,
    deprecation: deprecationOf(version, spec, names),
    createForbidden,
    fieldVersions,
    resetFields: (subresource) => {
      if (status) return subresource === '' ? ['f:status'] : subresource === 'status' ? ['f:spec'] : [];
      return [];
    },
  };
}

/** All versions of a definition: they differ in nothing but their schemas and apiVersion. */
function fieldVersionsOf(
  versions: readonly Version[],
  own: { group: string; version: string; isRevised: boolean },
): FieldVersions {
  const types = new Map(versions.map(({ name, schema }) => [`${own.group}/${name}`, fieldTypeOf(schema.root)]));
  return (apiVersion) => {
    const type = types.get(apiVersion);
    if (type === undefined) return undefined;
    return {
      type,
      isRevised: own.isRevised,
      to: (object) => ({ ...object, apiVersion }),
      from: (object) => ({ ...object, apiVersion: apiVersionOf(own) }),
    };
  };
}

function scaleOf(subresources: JsonObject | undefined): ScalePaths | undefined {
  const scale = objectAt(subresources, 'scale');
  if (scale === undefined) return undefined;
  return {
    specReplicasPath: textAt(scale, 'specReplicasPath'),
    statusReplicasPath: textAt(scale, 'statusReplicasPath'),
    labelSelectorPath: textAt(scale, 'labelSelectorPath') || undefined,
  };
}

function columnsOf(version: JsonObject): PrinterColumn[] {
  return listAt(version, 'additionalPrinterColumns').map((column) => {
    const priority = isJsonObject(column) ? column['priority'] : undefined;
    const type = textAt(column, 'type');
    const description = textAt(column, 'description');
    return {
      name: textAt(column, 'name'),
      type: COLUMN_TYPES.find((known) => known === type) ?? 'string',
      format: textAt(column, 'format'),
      ...(description === '' ? {} : { description }),
      priority: typeof priority === 'number' ? priority : 0,
      jsonPath: textAt(column, 'jsonPath'),
    };
  });
}

const COLUMN_TYPES = ['integer', 'number', 'boolean', 'string', 'date'] as const;

function deprecationOf(version: Version, spec: JsonObject, { kind }: ResourceNames): string | undefined {
  if (version.source['deprecated'] !== true) return undefined;
  const own = textAt(version.source, 'deprecationWarning');
  if (own !== '') return own;
  const group = textAt(spec, 'group');
  const [better] = listAt(spec, 'versions')
    .filter((one) => isJsonObject(one) && one['served'] === true && one['deprecated'] !== true)
    .map((one) => textAt(one, 'name'))
    .filter((name) => compareVersions(name, version.name) < 0)
    .sort(compareVersions);
  const instead = better === undefined ? '' : `; use ${group}/${better} ${kind}`;
  return `${group}/${version.name} ${kind} is deprecated${instead}`;
}
