import type { Logger } from '../../lib/logger.ts';
import {
  META,
  packExpiry,
  packHead,
  packLog,
  packNumber,
  unpackHead,
  unpackNumber,
  type HeadRow,
  type LogRow,
  type Tables,
} from './embeddedTables.ts';
import { StorageError, type Entry, type StorageEvent } from './storage.ts';

/** Most writes, and most bytes of values, in one transaction. */
const MAX_BATCH = 512;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * One piece of work inside a transaction. It throws StorageError before its first change, and then fails alone;
 * anything else it throws undoes the whole transaction.
 */
type Work<T> = (batch: Batch) => T;

interface Pending {
  run: (batch: Batch) => void;
  bytes: number;
  /** Tells the caller: after the commit, or with the reason why there was none. */
  settle: (failure: StorageError | undefined) => void;
}

/** One write transaction under way: hands out revisions and collects events. */
export class Batch {
  readonly #tables: Tables;
  readonly events: StorageEvent[] = [];
  #revision: number;
  #replaced: number;

  constructor(tables: Tables, revision: number, replaced: number) {
    this.#tables = tables;
    this.#revision = revision;
    this.#replaced = replaced;
  }

  /** Newest revision given out. */
  get revision(): number {
    return this.#revision;
  }

  /** See {@link META}.replaced. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Writes a key that does not exist. */
  create(key: string, value: Buffer, expiresAt: number): Entry {
    const { head, tombs } = this.#tables;
    const id = Buffer.from(key);
    if (head.doesExist(id)) throw new StorageError('KeyExists', key);
    const before = unpackNumber(tombs.get(id));
    if (before !== 0) void tombs.remove(id);
    const revision = this.#log({ type: 'Created', before, key });
    this.#putHead(id, { revision, expiresAt, value });
    this.events.push({ type: 'Created', key, value, revision });
    return { key, value, revision };
  }

  /** Replaces the value if the stored revision is `expected`. */
  update(key: string, value: Buffer, condition: { expected: number; expiresAt: number }): Entry {
    const id = Buffer.from(key);
    const old = this.#match(key, id, condition.expected);
    this.#retire(old);
    const revision = this.#log({ type: 'Updated', before: old.revision, key });
    this.#putHead(id, { revision, expiresAt: condition.expiresAt, value });
    this.events.push({ type: 'Updated', key, value, revision, previous: old.value });
    return { key, value, revision };
  }

  /** Removes the key if the stored revision is `expected`. */
  delete(key: string, expected: number): number {
    const { head, tombs } = this.#tables;
    const id = Buffer.from(key);
    const old = this.#match(key, id, expected);
    this.#retire(old);
    const revision = this.#log({ type: 'Deleted', before: old.revision, key });
    void head.remove(id);
    void tombs.put(id, packNumber(revision));
    this.events.push({ type: 'Deleted', key, revision, previous: old.value });
    return revision;
  }

  #match(key: string, id: Buffer, expected: number): HeadRow {
    const bytes = this.#tables.head.get(id);
    if (bytes === undefined) throw new StorageError('KeyNotFound', key);
    const { revision, expiresAt, value } = unpackHead(bytes);
    if (revision !== expected) throw new StorageError('Conflict', key, { current: { key, value, revision } });
    return { revision, expiresAt, value };
  }

  #retire(old: HeadRow): void {
    void this.#tables.values.put(packNumber(old.revision), old.value);
    this.#replaced += old.value.length;
    if (old.expiresAt !== 0) void this.#tables.expiry.remove(packExpiry(old.expiresAt, old.revision));
  }

  #putHead(id: Buffer, row: HeadRow): void {
    void this.#tables.head.put(id, packHead(row));
    if (row.expiresAt !== 0) void this.#tables.expiry.put(packExpiry(row.expiresAt, row.revision), id);
  }

  #log(row: Omit<LogRow, 'replaced'>): number {
    const revision = ++this.#revision;
    void this.#tables.log.put(packNumber(revision), packLog({ ...row, replaced: this.#replaced }));
    return revision;
  }
}

/**
 * Group commit: writes that arrive while a transaction is being made durable share the next one. Events are
 * handed out in revision order, after the commit and before the writers are told.
 */
export class Committer {
  readonly #tables: Tables;
  readonly #log: Logger;
  readonly #publish: (events: readonly StorageEvent[], revision: number) => void;
  readonly #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #revision: number;
  #replaced: number;

  constructor(deps: {
    tables: Tables;
    log: Logger;
    publish: (events: readonly StorageEvent[], revision: number) => void;
  }) {
    this.#tables = deps.tables;
    this.#log = deps.log;
    this.#publish = deps.publish;
    this.#revision = unpackNumber(deps.tables.meta.get(META.revision));
    this.#replaced = unpackNumber(deps.tables.meta.get(META.replaced));
  }

  /** Newest durable revision whose event has been handed out. */
  get revision(): number {
    return this.#revision;
  }

  /** Bytes of values ever replaced or deleted. */
  get replaced(): number {
    return this.#replaced;
  }

  /**
   * Runs `work` in the next transaction; resolves when that is durable.
   * @param bytes  About how much it writes.
   */
  submit<T>(work: Work<T>, bytes: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let outcome: { value: T } | undefined;
      this.#queue.push({
        bytes,
        run: (batch) => {
          outcome = { value: work(batch) };
        },
        settle: (failure) => {
          if (failure !== undefined) reject(failure);
          else if (outcome !== undefined) resolve(outcome.value);
        },
      });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when everything submitted so far is durable or has failed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // a turn of the microtask queue: writers that start together share the first transaction
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#take());
    // in the same turn as the last look at the queue, or a write in between would wait for ever
    this.#running = undefined;
  }

  #take(): Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < Math.min(this.#queue.length, MAX_BATCH) && bytes < MAX_BATCH_BYTES) {
      bytes += this.#queue[count]?.bytes ?? 0;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(group: Pending[]): Promise<void> {
    const failures = new Map<Pending, StorageError>();
    let batch: Batch;
    try {
      batch = await this.#tables.root.childTransaction(() => this.#apply(group, failures));
    } catch (error) {
      this.#fail(group, error);
      return;
    }
    this.#revision = batch.revision;
    this.#replaced = batch.replaced;
    this.#publish(batch.events, batch.revision);
    for (const pending of group) pending.settle(failures.get(pending));
  }

  #apply(group: readonly Pending[], failures: Map<Pending, StorageError>): Batch {
    this.#assertAlone();
    const batch = new Batch(this.#tables, this.#revision, this.#replaced);
    for (const pending of group) attempt(pending, batch, failures);
    void this.#tables.meta.put(META.revision, packNumber(batch.revision));
    void this.#tables.meta.put(META.replaced, packNumber(batch.replaced));
    return batch;
  }

  #fail(group: Pending[], error: unknown): void {
    void logCause(error, (cause) =>
      this.#log.error({ error: cause, writes: group.length }, 'the store could not write'),
    );
    const message =
      'the store could not write to its directory (is the disk full or read-only?); whether this change was made is not known';
    for (const pending of group) pending.settle(new StorageError('Unavailable', '', { cause: error, message }));
  }

  /** Another writer, or a commit that failed and happened all the same: what we know is no longer true. */
  #assertAlone(): void {
    const stored = unpackNumber(this.#tables.meta.get(META.revision));
    if (stored === this.#revision) return;
    throw new Error(`the store is at revision ${stored}, this process knows ${this.#revision}: restart it`);
  }
}

function attempt(pending: Pending, batch: Batch, failures: Map<Pending, StorageError>): void {
  try {
    pending.run(batch);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    failures.set(pending, error);
  }
}

/** lmdb-js rejects with a general error that carries a promise of the real one. */
async function logCause(error: unknown, report: (cause: unknown) => void): Promise<void> {
  try {
    if (error instanceof Error && 'commitError' in error) await error.commitError;
    report(error);
  } catch (cause) {
    report(cause);
  }
}
