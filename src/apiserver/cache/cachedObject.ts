/** One object as lists and watches need it: encoded once, with the attributes that selectors read beside it. */
export interface CachedObject {
  key: string;
  revision: number;
  /**
   * JSON in the storage version, without resourceVersion; {@link textOf} puts that in. Bytes rather than text: they are
   * what was written to the store, they lie outside of the heap, where nothing moves them, and text beyond Latin-1
   * takes no more room than on disk.
   */
  bytes: Buffer;
  name: string;
  /** '' for cluster-wide objects. */
  namespace: string;
  uid: string;
  labels: Readonly<Record<string, string>> | undefined;
  /** Values of the selectable fields beside metadata.name and metadata.namespace. */
  fields: Readonly<Record<string, string>> | undefined;
  owners: readonly OwnerReference[] | undefined;
  /** True once a deletion was asked for. */
  deleting: boolean;
  finalizers: readonly string[] | undefined;
}

/** metadata.ownerReferences[]. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** One change of one resource. `previous` is what was there before, so that selectors can tell entering from leaving. */
export interface CacheEvent {
  type: 'Added' | 'Modified' | 'Deleted';
  revision: number;
  /** What is there now; on `Deleted` the last state with the deletion's resourceVersion. */
  object: CachedObject;
  previous: CachedObject | undefined;
  /** Encoded forms, made once for all watchers; keys are chosen by the encoder. */
  encoded: Map<string, Buffer>;
}

/** A cached object as JSON in the storage version. */
export function textOf(object: CachedObject): string {
  return withRevision(object.bytes.toString(), object.revision);
}

const META = '"metadata":{';
const RV = '"resourceVersion":"';

/**
 * Puts `revision` into the JSON text of an object, replacing the one that this function put there before.
 * Invariant (kept by the encoder): nothing before the object's own metadata holds the text `"metadata":{`,
 * and metadata is never empty.
 */
export function withRevision(text: string, revision: number): string {
  const at = text.indexOf(META) + META.length;
  const rest = text.startsWith(RV, at) ? text.indexOf('",', at) + 2 : at;
  return `${text.slice(0, at)}${RV}${revision}",${text.slice(rest)}`;
}
