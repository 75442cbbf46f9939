import { chmod, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../lib/clock.ts';
import { silentLogger, type Logger } from '../../lib/logger.ts';
import { assertUnclaimed, claim, holdInProcess } from './directoryLock.ts';
import { Housekeeping } from './embeddedHousekeeping.ts';
import { Reader } from './embeddedReads.ts';
import { META, openTables, type Tables } from './embeddedTables.ts';
import { Broadcaster } from './embeddedWatches.ts';
import { Committer } from './embeddedWrites.ts';
import { checkKey, checkValue } from './limits.ts';
import { StorageError, type Entry, type Page, type Storage, type WatchItem } from './storage.ts';

const FORMAT = '1';

/** How {@link openEmbeddedStorage} behaves; every field has a default that suits a server. */
export interface EmbeddedOptions {
  log?: Logger;
  clock?: Clock;
  /** History is kept at least this long and at most twice as long; default 300 000 (5 minutes). 0 = any age. */
  historyMs?: number;
  /** Most events kept in history, however young; default 500 000. Beyond it, the older half is forgotten. */
  maxHistoryEvents?: number;
  /** Most bytes of replaced and deleted values kept, however young; default 256 MiB. */
  maxHistoryBytes?: number;
}

/**
 * Opens (or makes) the store in `directory`, for this process alone: LMDB, durable before a write is acknowledged,
 * made for one server. The directory gets mode 0700, its files 0600. It must lie on a local file system.
 * @throws StoreInUseError when another process, or this one, has it open.
 */
export async function openEmbeddedStorage(directory: string, options: EmbeddedOptions = {}): Promise<Storage> {
  await prepare(directory);
  const undo = [await holdInProcess(directory)] as (() => unknown)[];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    await assertUnclaimed(directory);
    const tables = openTables(directory);
    undo.push(() => tables.root.close());
    undo.push(await claim(directory, tables));
    await checkFormat(directory, tables);
    return new EmbeddedStorage(tables, options, close);
  } catch (error) {
    await close();
    throw error;
  }
}

class EmbeddedStorage implements Storage {
  readonly #clock: Clock;
  readonly #reader: Reader;
  readonly #committer: Committer;
  readonly #broadcaster: Broadcaster;
  readonly #housekeeping: Housekeeping;
  /** Closes the files and gives up the directory. */
  readonly #release: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(tables: Tables, options: EmbeddedOptions, release: () => Promise<void>) {
    const log = options.log ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#release = release;
    this.#reader = new Reader(tables);
    this.#committer = new Committer({
      tables,
      log,
      publish: (events, revision) => this.#broadcaster.publish(events, revision),
    });
    this.#broadcaster = new Broadcaster(this.#reader, this.#committer.revision);
    this.#housekeeping = new Housekeeping({
      tables,
      log,
      clock: this.#clock,
      reader: this.#reader,
      committer: this.#committer,
      limits: {
        ageMs: options.historyMs ?? 300_000,
        events: options.maxHistoryEvents ?? 500_000,
        bytes: options.maxHistoryBytes ?? 256 * 1024 ** 2,
      },
    });
  }

  revision(): Promise<number> {
    return this.#read(() => this.#committer.revision);
  }

  async create(key: string, value: Buffer, options: { ttlSeconds?: number } = {}): Promise<Entry> {
    this.#check(key, value);
    const expiresAt = this.#expiry(options.ttlSeconds);
    return this.#committer.submit((batch) => batch.create(key, value, expiresAt), value.length);
  }

  async update(key: string, value: Buffer, expected: number, options: { ttlSeconds?: number } = {}): Promise<Entry> {
    this.#check(key, value);
    const condition = { expected, expiresAt: this.#expiry(options.ttlSeconds) };
    return this.#committer.submit((batch) => batch.update(key, value, condition), value.length);
  }

  async delete(key: string, expected: number): Promise<number> {
    this.#check(key);
    return this.#committer.submit((batch) => batch.delete(key, expected), 0);
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#read(() => {
      this.#check(key);
      return this.#reader.get(key);
    });
  }

  list(prefix: string, options: { limit?: number; start?: string; revision?: number } = {}): Promise<Page> {
    return this.#read(() => this.#reader.list(prefix, options));
  }

  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchItem> {
    return this.#broadcaster.watch(prefix, afterRevision, signal);
  }

  requestProgress(prefix: string): void {
    this.#broadcaster.requestProgress(prefix);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    await this.#housekeeping.compact(revision);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Reads are synchronous; the caller gets failures as a rejection all the same. */
  #read<T>(read: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#assertOpen();
      resolve(read());
    });
  }

  async #close(): Promise<void> {
    this.#broadcaster.close();
    await this.#housekeeping.close();
    await this.#committer.idle();
    // watchers end in their own turns and must not read from a closed file
    await new Promise((resolve) => setImmediate(resolve));
    await this.#release();
  }

  #expiry(ttlSeconds: number | undefined): number {
    return ttlSeconds === undefined || ttlSeconds <= 0 ? 0 : Math.round(this.#clock.now() + ttlSeconds * 1000);
  }

  #check(key: string, value?: Buffer): void {
    this.#assertOpen();
    checkKey(key);
    if (value !== undefined) checkValue(key, value);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw new StorageError('Unavailable', '', { message: 'the store is closed' });
  }
}

/** LMDB would make its files readable by the group; it keeps the mode of files that exist. */
async function prepare(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = await open(join(directory, name), 'a', 0o600);
    await file.chmod(0o600);
    await file.close();
  }
}

async function checkFormat(directory: string, tables: Tables): Promise<void> {
  const format = tables.meta.get(META.format)?.toString();
  if (format === FORMAT) return;
  if (format !== undefined) {
    throw new Error(
      `The store in ${directory} has format ${format}, this version reads ${FORMAT}: use a newer version.`,
    );
  }
  await tables.meta.put(META.format, Buffer.from(FORMAT));
}
