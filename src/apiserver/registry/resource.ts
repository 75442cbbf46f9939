import type { JsonObject } from '../codec/json.ts';
import type { FieldVersions } from '../fields/fieldVersions.ts';
import type { User } from '../http/authentication.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import type { NameRule } from '../schema/objectMeta.ts';
import type { ResourceSchema } from '../schema/resourceSchema.ts';
import type { TableRenderer } from '../table/table.ts';
import type { ResourceStore } from './resourceStore.ts';

/** What a resource is called. */
export interface ResourceNames {
  plural: string;
  singular: string;
  kind: string;
  listKind: string;
  shortNames: readonly string[];
  categories: readonly string[];
}

/**
 * What differs between resources in the life of an object: data and small functions, called by the one registry.
 * All functions may change `object` (never `old`) in place.
 */
export interface Strategy {
  nameRule: NameRule;
  /** PUT without resourceVersion overwrites what is there. */
  allowUnconditionalUpdate: boolean;
  /** PUT creates what is not there. */
  createOnUpdate?: boolean;
  /** metadata.generation counts changes outside of metadata and, with a status subresource, status. */
  tracksGeneration: boolean;
  /** Drops what clients may not set, sets what the server decides. Before validation; the name is known. */
  prepareForCreate?: (object: JsonObject) => void;
  /** As prepareForCreate. Called for the main resource only; status and scale have rules of their own. */
  prepareForUpdate?: (object: JsonObject, old: JsonObject) => void;
  /** Beyond the schema. */
  validate?: (object: JsonObject, old?: JsonObject) => FieldError[];
  /** Beyond `validate`: what may not change. */
  validateUpdate?: (object: JsonObject, old: JsonObject) => FieldError[];
  /** In place of both where status alone is written, whatever the rest is by now. */
  validateStatus?: (object: JsonObject) => FieldError[];
  /** Writes to /status may also change labels and annotations (built-in kinds); else metadata is left alone. */
  statusWritesMetadata?: boolean;
  /** Sentences for the person at the client; `old` on updates. */
  warnings?: (object: JsonObject, old: JsonObject | undefined) => string[];
  /** On the first deletion request: marks the object (phase, finalizers). */
  prepareForDelete?: (object: JsonObject) => void;
  /** Keeps a deleting object although metadata.finalizers is empty (Namespace: spec.finalizers). */
  heldBy?: (object: JsonObject) => boolean;
  /** A deletion answers with what is gone, where other kinds' answers with a Status. */
  showsDeleted?: boolean;
  /** Objects that may not be deleted: why. */
  undeletable?: (name: string) => string | undefined;
  /** The store forgets the object after so long. */
  ttlSeconds?: number;
  /** Objects of this resource may be created in a namespace that is being deleted. */
  allowInTerminatingNamespace?: boolean;
}

/** The scale subresource of a custom resource, by paths such as `.spec.replicas`. */
export interface ScalePaths {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath: string | undefined;
}

/** Changes the version of an object in place; without it versions differ in nothing but apiVersion. */
export interface VersionConversion {
  toStorage(object: JsonObject): void;
  fromStorage(object: JsonObject): void;
  /** Members that clients of this version look for in what they read, be it null. */
  alwaysShown: readonly string[];
}

/** What every served resource has, for discovery and documentation. */
export interface ResourceHead {
  group: string;
  version: string;
  names: ResourceNames;
  namespaced: boolean;
  verbs: readonly string[];
  schema: ResourceSchema;
}

/** One resource in one served version, with all that the registry needs to serve it. */
export interface StoredResource extends ResourceHead {
  type: 'Stored';
  strategy: Strategy;
  /** Shared by all versions of the resource. */
  store: ResourceStore;
  conversion: VersionConversion | undefined;
  status: boolean;
  scale: ScalePaths | undefined;
  /** Namespace's `/finalize`: writes spec.finalizers. */
  finalize: boolean;
  /** ServiceAccount's `/token`, as discovery lists it; it has an endpoint of its own. */
  token: boolean;
  table: TableRenderer;
  /** Field selectors beside metadata.name and metadata.namespace: what the client writes → what the store knows. */
  fieldLabels: ReadonlyMap<string, string>;
  /** Name of the kind in the strategic merge tables; undefined = custom resource, no strategic merge. */
  strategicKind: string | undefined;
  /** What users of a deprecated version are told with every answer. */
  deprecation: string | undefined;
  /** The versions of the kind, as who owns which fields is kept in them. */
  fieldVersions: FieldVersions;
  /** Members that a write to the subresource ('' = the resource itself) cannot change: path elements. */
  resetFields: (subresource: string) => readonly string[];
  /** Why nothing can be created now (the CRD is being deleted); undefined = nothing stands against it. */
  createForbidden: (() => string | undefined) | undefined;
}

/** A resource that answers a question and stores nothing: only `create`. */
export interface ReviewResource extends ResourceHead {
  type: 'Review';
  /** Its only version, as who owns which fields of the question is told in. */
  fieldVersions: FieldVersions;
  /** Fills in the answer. @param namespace  Of the URL; '' when the resource is in none. */
  review(object: JsonObject, user: User, namespace: string): Promise<void>;
}

export type ServedResource = StoredResource | ReviewResource;

/** `group/version`, or the bare version of the core group. */
export function apiVersionOf(resource: { group: string; version: string }): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}
