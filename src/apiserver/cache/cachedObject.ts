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

/** JSON as it is stored, and the revision to be shown in it. */
type Stored = Pick<CachedObject, 'bytes' | 'revision'>;

/** A stored object as JSON in the storage version, with its resourceVersion. */
export function textOf(stored: Stored): string {
  const at = placeOfRevision(stored);
  return `${stored.bytes.toString('utf8', 0, at)}${revisionText(stored)}${stored.bytes.toString('utf8', at)}`;
}

/** {@link textOf} without apiVersion and kind, which stand before the metadata. */
export function untypedTextOf(stored: Stored): string {
  return `{${META}${revisionText(stored)}${stored.bytes.toString('utf8', placeOfRevision(stored))}`;
}

/** {@link textOf} as bytes. */
export function bytesOf(stored: Stored): Buffer {
  const at = placeOfRevision(stored);
  const { bytes } = stored;
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(revisionText(stored)), bytes.subarray(at)]);
}

const META = '"metadata":{';

/**
 * Invariant (kept by the encoder): before the object's own metadata stand apiVersion and kind alone, which do not hold
 * the text `"metadata":{`, and metadata is never empty.
 */
function placeOfRevision({ bytes }: Stored): number {
  return bytes.indexOf(META) + META.length;
}

function revisionText({ revision }: Stored): string {
  return `"resourceVersion":"${revision}",`;
}
