import type { JsonObject } from '../codec/json.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import type { User } from '../http/authentication.ts';
import type { ObjectRef } from '../http/status.ts';
import type { Creations } from './creations.ts';
import type { KeyedLock } from './keyedLock.ts';
import type { StoredResource } from './resource.ts';

/** How unknown and duplicate fields are treated: refused, told by warnings, or dropped in silence. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** One request to one resource, as the registry sees it: who, which object, how. */
export interface Call {
  resource: StoredResource;
  /** '' for cluster-wide resources, and for lists over all namespaces. */
  namespace: string;
  /** '' for create and collections. */
  name: string;
  subresource: '' | 'status' | 'scale' | 'finalize' | 'token';
  user: User;
  /** The server does it of its own accord. No request is this, whatever name it comes under. */
  isServers?: true;
  dryRun: boolean;
  /** Field manager of the write. */
  manager: string;
  /** Apply: the object comes with the managedFields that it shall have. */
  operation: 'Update' | 'Apply';
  validation: FieldValidation;
  /** What is said of each repeated field of the body. */
  repeated: readonly string[];
  /** Collected here, sent as Warning headers. */
  warnings: string[];
  /** What the client said of how to write or delete, for policies to see. */
  options?: JsonObject;
  /** Puts something into the audit log beside the request. */
  annotate?: (key: string, value: string) => void;
}

/** One change before it is stored. */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  call: Call;
  /** What the objects are where they are no objects of the resource: those of some subresources. */
  kind?: { group: string; version: string; kind: string };
  /** undefined on DELETE. */
  object: JsonObject | undefined;
  /** undefined on CREATE. */
  old: JsonObject | undefined;
}

/** May refuse a change. */
export interface Admission {
  /** @throws ApiError the refusal. */
  admit(request: AdmissionRequest): Promise<void>;
}

/** What all registry functions work with. */
export interface RegistryDeps {
  clock: Clock;
  log: Logger;
  locks: KeyedLock;
  creations: Creations;
  admissions: readonly Admission[];
  /** Asked last, with the object as it would be stored. */
  policies: readonly Admission[];
}

/** An object as a write left it, in the request's version. */
export interface Written {
  object(): JsonObject;
  /** The same as JSON, where it is at hand. */
  json: Buffer | undefined;
}

/** The object a call is about, as errors name it. */
export function refOf(call: Pick<Call, 'resource' | 'name'>): ObjectRef {
  return { group: call.resource.group, resource: call.resource.names.plural, name: call.name };
}

/** The key of the object a call is about. */
export function keyOf(call: Call): string {
  return call.resource.store.key(call.resource.namespaced ? call.namespace : '', call.name);
}
