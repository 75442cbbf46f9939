import type { EtcdClient } from './etcdClient.ts';
import type { EtcdSpace } from './etcdSpace.ts';
import { compareAndSwap, readInstead } from './etcdWrites.ts';

/**
 * A write into the range of a watch: when its event comes, everything before it has come. Used where that cannot be
 * known otherwise: etcd's own progress answers may overtake events before 3.4.31 and 3.5.13 (etcd issue 15220), and
 * kine need not have them. One key per watched prefix, and nothing is written while a watch shows all there is.
 */
export class EtcdFences {
  readonly #client: EtcdClient;
  readonly #space: EtcdSpace;
  /** By prefix. */
  readonly #writing = new Map<string, Promise<number>>();
  /** etcd's revision of the fence's last write that is known here, by prefix. */
  readonly #known = new Map<string, string>();

  constructor(client: EtcdClient, space: EtcdSpace) {
    this.#client = client;
    this.#space = space;
  }

  /** Sees to it that watches of `prefix` get a fence at `revision` or later. Returns its revision. */
  async raise(prefix: string, revision: number): Promise<number> {
    for (;;) {
      const writing = this.#writing.get(prefix) ?? this.#begin(prefix);
      const fence = await writing;
      if (fence >= revision) return fence;
    }
  }

  #begin(prefix: string): Promise<number> {
    const writing = this.#write(prefix).finally(() => this.#writing.delete(prefix));
    this.#writing.set(prefix, writing);
    return writing;
  }

  async #write(prefix: string): Promise<number> {
    const key = this.#space.fenceKey(prefix);
    return this.#client.call(key.toString(), async (etcd) => {
      const revision = this.#known.get(prefix) ?? 0;
      const answer = await compareAndSwap(etcd, { key, revision, put: { value: Buffer.alloc(0) } });
      // another server's fence does as well
      const raw = answer.succeeded ? answer.header.revision : (readInstead(answer)?.mod_revision ?? '0');
      this.#known.set(prefix, raw);
      return this.#space.revision(raw);
    });
  }
}
