import type { IRangeResponse } from 'etcd3';
import type { EtcdClient } from './etcdClient.ts';
import type { EtcdSpace } from './etcdSpace.ts';
import { boundsOf } from './limits.ts';
import { StorageError, type Entry, type Page } from './storage.ts';

/** Entries read from etcd at once: a list of everything does not become one huge message. */
const MAX_PAGE = 500;
/** etcd's sign for "to the end of all keys". */
const NO_END = Buffer.from([0]);

/** What one page is read with. */
interface Request {
  prefix: string;
  start: Buffer;
  end: Buffer;
  limit: number;
  /** etcd's; 0 = newest. */
  revision: number;
}

/** The reads: linearizable, or at a revision of the past. */
export class EtcdReads {
  readonly #client: EtcdClient;
  readonly #space: EtcdSpace;
  #now: Promise<number> | undefined;
  #next: Promise<number> | undefined;

  constructor(client: EtcdClient, space: EtcdSpace) {
    this.#client = client;
    this.#space = space;
  }

  /**
   * See `Storage.revision`. Callers that come while an answer is under way share the next one: it was asked for after
   * they came, so it shows what was there before.
   */
  revision(): Promise<number> {
    this.#next ??= this.#askAfter(this.#now);
    return this.#next;
  }

  /** See `Storage.get`. */
  async get(key: string): Promise<Entry | undefined> {
    const id = this.#space.objectKey(key);
    const answer = await this.#client.call(key, (etcd) => etcd.kv.range({ key: id }));
    const stored = answer.kvs[0];
    return stored && this.#space.entry(stored);
  }

  /** See `Storage.list`. */
  async list(prefix: string, options: { limit?: number; start?: string; revision?: number }): Promise<Page> {
    const { start, end } = boundsOf(prefix, options.start);
    const limit = limitOf(options);
    const request: Request = {
      prefix,
      start,
      end: end === undefined ? NO_END : this.#space.bound(end),
      limit: Math.min(limit, MAX_PAGE),
      revision: options.revision === undefined ? 0 : this.#past(prefix, options.revision),
    };
    const entries: Entry[] = [];
    for (;;) {
      const answer = await this.#page(request);
      request.revision ||= Number(answer.header.revision);
      for (const stored of answer.kvs) entries.push(this.#space.entry(stored));
      const last = answer.kvs.at(-1);
      if (!answer.more || last === undefined) return this.#toPage(entries, request.revision, undefined);
      request.start = Buffer.from(`${this.#space.name(last.key)}\0`);
      if (entries.length >= limit) {
        const remaining = Number(answer.count) - answer.kvs.length;
        return this.#toPage(entries, request.revision, { next: request.start.toString(), remaining });
      }
      request.limit = Math.min(limit - entries.length, MAX_PAGE);
    }
  }

  /**
   * Whether events after `revision` are there still.
   * @throws StorageError Compacted.
   */
  async assertKept(prefix: string, revision: number): Promise<void> {
    const raw = this.#space.raw(revision);
    if (raw < 0) throw new StorageError('Compacted', prefix);
    // etcd reads 0 as "newest"; a watch from there fails by itself once there was a compaction
    if (raw === 0) return;
    try {
      await this.#client.call(prefix, (etcd) =>
        etcd.kv.range({ key: this.#space.fenceKey(prefix), revision: raw, count_only: true }),
      );
    } catch (error) {
      // a watch may begin in the future
      if (!(error instanceof StorageError) || error.code !== 'TooLarge') throw error;
    }
  }

  async #page(request: Request): Promise<IRangeResponse> {
    const { limit, revision } = request;
    const key = this.#space.bound(request.start);
    return this.#client.call(request.prefix, (etcd) => etcd.kv.range({ key, range_end: request.end, limit, revision }));
  }

  #toPage(all: Entry[], raw: number, more: { next: string; remaining: number } | undefined): Page {
    const entries = all.filter((entry) => !this.#space.isOwn(entry.key));
    return { entries, revision: this.#space.revision(raw), next: more?.next, remaining: more?.remaining ?? 0 };
  }

  #past(prefix: string, revision: number): number {
    const raw = this.#space.raw(revision);
    if (raw < 1) throw new StorageError('Compacted', prefix);
    return raw;
  }

  async #askAfter(now: Promise<number> | undefined): Promise<number> {
    await now?.catch(() => undefined);
    this.#now = this.#next;
    this.#next = undefined;
    const key = this.#space.fenceKey('');
    const answer = await this.#client.call('', (etcd) => etcd.kv.range({ key, count_only: true }));
    return this.#space.revision(answer.header.revision);
  }
}

function limitOf({ limit }: { limit?: number }): number {
  return limit === undefined || limit <= 0 ? Infinity : limit;
}
