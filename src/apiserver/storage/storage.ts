/**
 * One stored value. `revision` is the store's global counter at its last write (etcd: mod_revision) and becomes
 * the object's resourceVersion; the value itself never contains it.
 */
export interface Entry {
  key: string;
  value: Buffer;
  revision: number;
}

/** One write, in revision order. `Deleted` carries the deletion's revision and the last value in `previous`. */
export type StorageEvent =
  | { type: 'Created'; key: string; value: Buffer; revision: number; previous?: undefined }
  | { type: 'Updated'; key: string; value: Buffer; revision: number; previous?: Buffer }
  | { type: 'Deleted'; key: string; revision: number; previous: Buffer };

/**
 * What a watcher receives: events, writes whose values cannot be read (as `Corrupt`), or a sign of progress (no event
 * with a revision ≤ `revision` is still to come). `more`: another item of the same revision follows.
 */
export type WatchItem =
  | { kind: 'event'; event: StorageEvent; more?: true }
  | { kind: 'unreadable'; key: string; revision: number; error: StorageError; more?: true }
  | { kind: 'progress'; revision: number };

/** The revision that a watch has come to with `item`. */
export function revisionOf(item: WatchItem): number {
  return item.kind === 'event' ? item.event.revision : item.revision;
}

/** Whether `item` is but a part of what its revision wrote. */
export function hasMore(item: WatchItem): boolean {
  return item.kind !== 'progress' && item.more === true;
}

/** One page of a list. */
export interface Page {
  entries: Entry[];
  /** The revision that the whole list shows; every following page must be read at it. */
  revision: number;
  /** First key of the next page; undefined on the last. */
  next: string | undefined;
  /** How many entries follow this page at `revision`; undefined when the store does not know. */
  remaining: number | undefined;
}

/** Why a storage call failed. The HTTP layer maps each code to one Kubernetes Status. */
export type StorageErrorCode =
  /** create: the key exists. */
  | 'KeyExists'
  /** update/delete: no such key. */
  | 'KeyNotFound'
  /** update/delete: the stored revision is not `expected`. */
  | 'Conflict'
  /** list/watch: the revision is older than the history that is kept → 410 Expired. */
  | 'Compacted'
  /** list: the revision lies in the future → 504 with cause ResourceVersionTooLarge. */
  | 'TooLarge'
  /** value larger than the store takes → 413. */
  | 'ValueTooLarge'
  /** the store cannot be reached or refused; nothing is known about the write → 503/500. */
  | 'Unavailable'
  /** a stored value that cannot be decrypted or parsed → 500; the message says what would help. */
  | 'Corrupt'
  /** the key is empty or longer than the store takes → 400; the message names the limit. */
  | 'InvalidKey';

/** Options of {@link StorageError}. */
export interface StorageErrorOptions {
  cause?: unknown;
  current?: Entry;
  message?: string;
}

/**
 * Failure of a {@link Storage} call; decide on `code`, never on the message (default: code and key).
 * The message may be shown to users: it never holds a value.
 */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly key: string;
  /** On `Conflict`: what is stored now, so that the caller can redo without another read. */
  readonly current: Entry | undefined;

  constructor(code: StorageErrorCode, key: string, options: StorageErrorOptions = {}) {
    super(options.message ?? `${code}: ${key}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StorageError';
    this.code = code;
    this.key = key;
    this.current = options.current;
  }
}

/**
 * A revisioned key-value store with compare-and-swap, consistent paged lists and ordered watches: what
 * the registry needs, and all it may use. Two implementations, one contract suite (test/contract/storage.ts).
 *
 * Keys look like `/registry/<group or core>/<resource>/<namespace>/<name>` and are compared by bytes.
 * Revisions are one global counter: each successful write raises it by at least 1, it never goes back, also not
 * across restarts. A write is durable (fsync) before its promise resolves, and before any watcher sees it.
 * Buffers go in and out without copies and are shared between watchers: nobody may change one.
 *
 * Expiry: a key written with `ttlSeconds` is deleted (an ordinary `Deleted` event) within about 2 s after that time (in
 * etcd, where keys share leases, up to 5 % of the time later, at most a minute); an update without `ttlSeconds` takes the
 * expiry away.
 */
export interface Storage {
  /** Current global revision; 0 only for a store never written to. */
  revision(): Promise<number>;

  /** Writes a new key. @throws StorageError KeyExists, InvalidKey, ValueTooLarge, Unavailable. @returns the entry as stored. */
  create(key: string, value: Buffer, options?: { ttlSeconds?: number }): Promise<Entry>;

  /**
   * Replaces the value if the stored revision is still `expected`.
   * @throws StorageError Conflict (with `current`), KeyNotFound, ValueTooLarge, Unavailable.
   */
  update(key: string, value: Buffer, expected: number, options?: { ttlSeconds?: number }): Promise<Entry>;

  /** Removes the key if the stored revision is still `expected`. Returns the deletion's revision. @throws as update. */
  delete(key: string, expected: number): Promise<number>;

  /** The entry, or undefined. Always the newest acknowledged write. */
  get(key: string): Promise<Entry | undefined>;

  /**
   * Entries whose key starts with `prefix`, in key order, at one revision.
   * @param options.limit     Page size; 0 or undefined = all.
   * @param options.start     First key to return (a previous page's `next`); a key before `prefix` means the prefix.
   * @param options.revision  Read at this revision; undefined = newest.
   * @throws StorageError Compacted, TooLarge, Unavailable.
   */
  list(prefix: string, options?: { limit?: number; start?: string; revision?: number }): Promise<Page>;

  /**
   * Every event under `prefix` with a revision > `afterRevision`, in order, none missing, none twice; then live
   * ones, until `signal` aborts (then it returns). A consumer that is too slow gets `StorageError Compacted` thrown
   * rather than a gap. Progress items come at least every 5 s while idle and once right after the backlog is delivered.
   * An `afterRevision` in the future is allowed: events up to and including it are left out.
   * @throws StorageError Compacted when history after `afterRevision` is gone; Unavailable when the link to the store
   *   broke: watch again after the last revision that came.
   */
  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchItem>;

  /**
   * Asks the running watches of exactly `prefix` for a progress item with at least the current revision, soon.
   * A hint for consistent reads from a cache: callers wait with a limit and ask again.
   */
  requestProgress(prefix: string): void;

  /**
   * Forgets history up to and including `revision` (current values stay). Later reads below it, and watches after
   * less than it → Compacted; reads at it still work. A store may also compact by itself.
   */
  compact(revision: number): Promise<void>;

  /** Flushes and closes; running watches end. */
  close(): Promise<void>;
}
