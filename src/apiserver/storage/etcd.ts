import type { Clock } from '../../lib/clock.ts';
import { silentLogger, type Logger } from '../../lib/logger.ts';
import { EtcdClient, type EtcdConnection } from './etcdClient.ts';
import { EtcdCompactor } from './etcdCompactor.ts';
import { EtcdFences } from './etcdFences.ts';
import { EtcdLeases } from './etcdLeases.ts';
import { EtcdReads } from './etcdReads.ts';
import { EtcdSpace } from './etcdSpace.ts';
import { openSpace } from './etcdMarker.ts';
import { watchEtcd, type EtcdWatch } from './etcdWatch.ts';
import { EtcdWrites } from './etcdWrites.ts';
import { StorageError, type Entry, type Page, type Storage, type WatchItem } from './storage.ts';

/** How {@link openEtcdStorage} behaves. */
export interface EtcdOptions extends EtcdConnection {
  /** Before every key: '' or `/path`, without a slash at its end. Several installations can share one etcd. */
  prefix?: string;
  log?: Logger;
  clock?: Clock;
  /** History is kept at least this long and at most twice as long; default 300 000 (5 minutes). 0 = for ever. */
  historyMs?: number;
}

/**
 * Opens the store in an etcd cluster, 3.4 or newer. Any number of processes may have it open.
 *
 * A key with an expiry may live 5 % longer than asked, at most a minute: keys share leases.
 * @throws StorageError Unavailable when no endpoint answers, with the reason.
 */
export async function openEtcdStorage(options: EtcdOptions): Promise<Storage> {
  const log = options.log ?? silentLogger;
  const client = new EtcdClient(options, log);
  try {
    return new EtcdStorage(client, await openSpace(client, options.prefix ?? ''), options);
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** The store over one client; {@link openEtcdStorage} makes it. */
export class EtcdStorage implements Storage {
  readonly #client: EtcdClient;
  readonly #space: EtcdSpace;
  readonly #reads: EtcdReads;
  readonly #writes: EtcdWrites;
  readonly #fences: EtcdFences;
  readonly #compactor: EtcdCompactor;
  readonly #watches = new Set<EtcdWatch>();
  readonly #stop = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(client: EtcdClient, space: EtcdSpace, options: EtcdOptions) {
    this.#client = client;
    this.#space = space;
    this.#reads = new EtcdReads(client, space);
    this.#writes = new EtcdWrites(client, space, new EtcdLeases(client));
    this.#fences = new EtcdFences(client, space);
    this.#compactor = new EtcdCompactor({
      client,
      log: options.log ?? silentLogger,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      intervalMs: options.historyMs ?? 300_000,
    });
  }

  revision(): Promise<number> {
    return this.#reads.revision();
  }

  create(key: string, value: Buffer, options: { ttlSeconds?: number } = {}): Promise<Entry> {
    return this.#writes.create(key, value, options.ttlSeconds);
  }

  update(key: string, value: Buffer, expected: number, options: { ttlSeconds?: number } = {}): Promise<Entry> {
    return this.#writes.update(key, value, { expected, ttlSeconds: options.ttlSeconds });
  }

  delete(key: string, expected: number): Promise<number> {
    return this.#writes.delete(key, expected);
  }

  get(key: string): Promise<Entry | undefined> {
    return this.#reads.get(key);
  }

  list(prefix: string, options: { limit?: number; start?: string; revision?: number } = {}): Promise<Page> {
    return this.#reads.list(prefix, options);
  }

  watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncIterable<WatchItem> {
    return watchEtcd(
      { client: this.#client, space: this.#space, reads: this.#reads, fences: this.#fences, running: this.#watches },
      { prefix, after: afterRevision },
      AbortSignal.any([signal, this.#stop.signal]),
    );
  }

  requestProgress(prefix: string): void {
    for (const watch of this.#watches) if (watch.prefix === prefix) watch.requestProgress();
  }

  async compact(revision: number): Promise<void> {
    const newest = await this.#reads.revision();
    const raw = this.#space.raw(Math.min(revision, newest));
    if (raw > 0) await this.#compactor.compact(raw);
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop.abort(new StorageError('Unavailable', '', { message: 'the store is closed' }));
    await this.#compactor.close();
    await this.#client.close();
  }
}
