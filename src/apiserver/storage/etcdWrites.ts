import type { Etcd3, IKeyValue, ITxnResponse } from 'etcd3';
import type { EtcdClient } from './etcdClient.ts';
import type { EtcdLeases } from './etcdLeases.ts';
import { findCreation, findUpdate } from './etcdRepeats.ts';
import type { EtcdSpace } from './etcdSpace.ts';
import { checkValue } from './limits.ts';
import { StorageError, type Entry } from './storage.ts';

/**
 * The three writes, as transactions of the shapes that kine and NATS know, too: create = if not there, put; update and
 * delete = if at the revision, put or delete, else read.
 *
 * Each may be repeated when its end is not known: a first try that was carried out makes the second one fail its
 * comparison, and then the key's history shows whether it was, also when others wrote since.
 * Source: kine, pkg/server (create.go, update.go, delete.go).
 */
export class EtcdWrites {
  readonly #client: EtcdClient;
  readonly #space: EtcdSpace;
  readonly #leases: EtcdLeases;

  constructor(client: EtcdClient, space: EtcdSpace, leases: EtcdLeases) {
    this.#client = client;
    this.#space = space;
    this.#leases = leases;
  }

  /** See `Storage.create`. */
  async create(key: string, value: Buffer, ttlSeconds: number | undefined): Promise<Entry> {
    const id = this.#space.objectKey(key);
    checkValue(key, value);
    return this.#leases.with(ttlSeconds, (lease) =>
      this.#client.call(key, async (etcd, attempt) => {
        const answer = await compareAndSwap(etcd, { key: id, revision: 0, put: { value, ...lease }, orRead: false });
        if (answer.succeeded) return { key, value, revision: this.#space.revision(answer.header.revision) };
        // the shape has no else: only a repeated write must look whether it was its own
        const stored = attempt === 0 ? undefined : (await etcd.kv.range({ key: id })).kvs[0];
        const own = stored && (await findCreation(etcd, { key, id, value, current: stored }));
        if (own !== undefined) return { ...this.#space.entry(own), value };
        throw new StorageError('KeyExists', key);
      }),
    );
  }

  /** See `Storage.update`. */
  async update(
    key: string,
    value: Buffer,
    condition: { expected: number; ttlSeconds: number | undefined },
  ): Promise<Entry> {
    const id = this.#space.objectKey(key);
    checkValue(key, value);
    const expected = this.#expected(condition.expected);
    return this.#leases.with(condition.ttlSeconds, (lease) =>
      this.#client.call(key, async (etcd, attempt) => {
        const answer = await compareAndSwap(etcd, { key: id, revision: expected, put: { value, ...lease } });
        if (answer.succeeded) return { key, value, revision: this.#space.revision(answer.header.revision) };
        const current = present(answer, key);
        const own = attempt === 0 ? undefined : await findUpdate(etcd, { key, id, value, current }, expected);
        if (own !== undefined) return this.#space.entry(own);
        throw new StorageError('Conflict', key, { current: this.#space.entry(current) });
      }),
    );
  }

  /** See `Storage.delete`. */
  async delete(key: string, expected: number): Promise<number> {
    const id = this.#space.objectKey(key);
    const raw = this.#expected(expected);
    return this.#client.call(key, async (etcd, attempt) => {
      const answer = await compareAndSwap(etcd, { key: id, revision: raw });
      const revision = this.#space.revision(answer.header.revision);
      if (answer.succeeded) return revision;
      // whoever did it: the revision that was to go is gone
      if (attempt > 0 && readInstead(answer) === undefined) return revision;
      const current = present(answer, key);
      // what is there was made after it went
      if (attempt > 0 && Number(current.create_revision) > raw) {
        return this.#space.revision(Number(current.create_revision) - 1);
      }
      throw new StorageError('Conflict', key, { current: this.#space.entry(current) });
    });
  }

  /** A revision from before the store's time matches nothing, but must not become 0, which means "not there". */
  #expected(revision: number): number {
    const raw = this.#space.raw(revision);
    return raw > 0 ? raw : Number.MAX_SAFE_INTEGER;
  }
}

/** What stands in the way. @throws StorageError KeyNotFound when nothing is there at all. */
function present(answer: ITxnResponse, key: string): IKeyValue {
  const stored = readInstead(answer);
  if (stored === undefined) throw new StorageError('KeyNotFound', key);
  return stored;
}

/** What is done when the key is at a revision (0 = not there), and otherwise. */
interface Swap {
  key: Buffer;
  revision: number | string;
  /** undefined = delete the key. */
  put?: { value: Buffer; lease?: string };
  /** Default true: otherwise read the key. */
  orRead?: boolean;
}

/** If the key is at the revision, put or delete it, else read it. */
export function compareAndSwap(etcd: Etcd3, { key, revision, put, orRead = true }: Swap): Promise<ITxnResponse> {
  return etcd.kv.txn({
    compare: [{ target: 'Mod', result: 'Equal', key, mod_revision: revision }],
    success: [put === undefined ? { request_delete_range: { key } } : { request_put: { key, ...put } }],
    failure: orRead ? [{ request_range: { key } }] : [],
  });
}

/** What {@link compareAndSwap} read when the key was elsewhere. */
export function readInstead(answer: ITxnResponse): IKeyValue | undefined {
  return answer.succeeded ? undefined : answer.responses[0]?.response_range.kvs[0];
}
