import { systemClock, type Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { EtcdClient } from './etcdClient.ts';
import { StorageError } from './storage.ts';

/** Shared by everything of Kubernetes that uses this etcd, whatever its prefix: compaction is for all of it. */
const COMPACT_KEY = Buffer.from('compact_rev_key');

/**
 * Forgets history by age: every interval, whatever was current an interval ago. Of all servers on one etcd, also
 * kube-apiservers, the one that wins the comparison on `compact_rev_key` compacts; the others go by its mark.
 * Source: apiserver, pkg/storage/etcd3/compact.go.
 */
export class EtcdCompactor {
  readonly #client: EtcdClient;
  readonly #log: Logger;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  /** @param intervalMs  History is kept at least this long and at most twice as long; 0 = for ever. */
  constructor(deps: { client: EtcdClient; log: Logger; clock?: Clock; intervalMs: number }) {
    this.#client = deps.client;
    this.#log = deps.log;
    this.#running = deps.intervalMs <= 0 ? Promise.resolve() : this.#run(deps.clock ?? systemClock, deps.intervalMs);
  }

  /** Forgets history before etcd's `revision`. Harmless when it is forgotten already. */
  async compact(revision: number): Promise<void> {
    await this.#client
      .call('', (etcd) => etcd.kv.compact({ revision }))
      .catch((error: unknown) => {
        if (!(error instanceof StorageError) || error.code !== 'Compacted') throw error;
      });
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(clock: Clock, intervalMs: number): Promise<void> {
    const { signal } = this.#stop;
    let mark = { version: 0, revision: 0 };
    for (;;) {
      try {
        await clock.sleep(intervalMs, signal);
        mark = await this.#turn(mark);
      } catch (error) {
        if (signal.aborted) return;
        this.#log.warn({ error: messageOf(error) }, 'history of etcd could not be compacted');
      }
    }
  }

  /** @param mark  Version of the key, and etcd's revision, as of the turn before. */
  async #turn(mark: { version: number; revision: number }): Promise<{ version: number; revision: number }> {
    const answer = await this.#client.call('', (etcd) =>
      etcd.kv.txn({
        compare: [{ target: 'Version', result: 'Equal', key: COMPACT_KEY, version: mark.version }],
        success: [{ request_put: { key: COMPACT_KEY, value: Buffer.from(String(mark.revision)) } }],
        failure: [{ request_range: { key: COMPACT_KEY } }],
      }),
    );
    const revision = Number(answer.header.revision);
    // somebody else compacted meanwhile, or this is the first turn
    if (!answer.succeeded)
      return { version: Number(answer.responses[0]?.response_range.kvs[0]?.version ?? 0), revision };
    if (mark.revision > 0) await this.compact(mark.revision);
    return { version: mark.version + 1, revision };
  }
}
