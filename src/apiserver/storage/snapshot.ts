import type { Storage } from './storage.ts';

/** Where the objects of the API lie; what stands beside it belongs to the store and is made anew by each. */
export const OBJECTS = '/registry/';

/** One stored value of a {@link Snapshot}, encrypted as it is stored. */
export interface SnapshotEntry {
  key: string;
  value: Buffer;
  /** Of its last write. */
  revision: number;
  /** Milliseconds since the epoch; undefined = never. */
  expiresAt: number | undefined;
}

/** Everything in a store at one revision. */
export interface Snapshot {
  kind: 'embedded' | 'etcd';
  revision: number;
  /** In key order; to be read once. */
  entries: AsyncIterable<SnapshotEntry>;
  close(): Promise<void>;
}

/** An empty store that is being filled from a backup. Nobody can use it before {@link finish}. */
export interface Restoration {
  storage: Storage;
  /** Makes the store what it shall be, at once. */
  finish(): Promise<void>;
  /** Takes back what can be taken back. */
  abandon(): Promise<void>;
}

/** The store is not empty; restoring into it would mix two histories. */
export class StoreNotEmptyError extends Error {
  constructor(where: string, remedy: string) {
    super(`The store ${where} is not empty, and a backup is restored into an empty one only: ${remedy}.`);
    this.name = 'StoreNotEmptyError';
  }
}

/**
 * A restored store goes on this far above the backup: more than what was written to the old one after the backup, so
 * that no resourceVersion that a client holds means another state than the one it saw.
 */
const LEAP = 1_000_000_000;

/** Where the revisions of a restored store begin. */
export function revisionAfter(backup: number): number {
  return backup + LEAP;
}
