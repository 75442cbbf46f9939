/** Metadata of every Kubernetes object, as it travels in JSON. */
interface ObjectMeta {
  name: string;
  generateName?: string;
  /** Absent on cluster-scoped objects. */
  namespace?: string;
  uid?: string;
  /** Opaque; compare only with kube/resourceVersion.ts. */
  resourceVersion?: string;
  /** +1 with every change outside metadata and status. */
  generation?: number;
  creationTimestamp?: string;
  /** Set once deletion was asked for; the object goes when `finalizers` is empty. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

/** The object that this one belongs to; deleted with it by garbage collection. */
interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** What all Kubernetes objects share. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** A list of objects at one moment. */
export interface KubeList<T extends KubeObject = KubeObject> {
  apiVersion?: string;
  kind?: string;
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

/** One cause inside a {@link Status}: which field is wrong and why. */
interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** The Kubernetes API's answer when there is no object to return: every error, and some deletions. */
export interface Status {
  apiVersion?: string;
  kind?: string;
  metadata?: { continue?: string; resourceVersion?: string };
  status?: 'Success' | 'Failure';
  message?: string;
  /** CamelCase, such as `NotFound`, `Conflict`, `Invalid`, `Expired`. */
  reason?: string;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    uid?: string;
    causes?: StatusCause[];
    retryAfterSeconds?: number;
  };
  code?: number;
}

export const GROUP = 'hostler.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;
