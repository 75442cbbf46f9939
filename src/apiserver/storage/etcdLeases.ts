import { EtcdLeaseInvalidError } from 'etcd3';
import { monotonicClock } from '../../lib/clock.ts';
import type { EtcdClient } from './etcdClient.ts';

/** A key may live longer by this part of its time, and by no more than this, so that keys can share a lease. */
const SHARE = 0.05;
const MAX_SHARE_MS = 60_000;
/** More keys on one lease would make its end a burst of deletions. */
const MAX_KEYS = 1_000;

interface Shared {
  id: string;
  /** Keys put until then share it. */
  until: number;
  keys: number;
}

/**
 * Leases for keys that expire, shared between keys: one per key would cost etcd more than the keys do.
 * Source: apiserver, pkg/storage/etcd3/lease_manager.go.
 */
export class EtcdLeases {
  readonly #client: EtcdClient;
  /** By seconds to live. */
  readonly #shared = new Map<number, Promise<Shared>>();

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  /** Runs `put` with the lease for a key that lives `ttlSeconds`; undefined or 0 = for ever. */
  async with<T>(ttlSeconds: number | undefined, put: (lease: { lease?: string }) => Promise<T>): Promise<T> {
    if (ttlSeconds === undefined || ttlSeconds <= 0) return put({});
    const seconds = Math.ceil(ttlSeconds);
    try {
      return await put({ lease: await this.#leaseFor(seconds) });
    } catch (error) {
      if (!(error instanceof Error && error.cause instanceof EtcdLeaseInvalidError)) throw error;
      // it ended early: somebody revoked it
      this.#shared.delete(seconds);
      return put({ lease: await this.#leaseFor(seconds) });
    }
  }

  async #leaseFor(seconds: number): Promise<string> {
    const known = this.#shared.get(seconds);
    let lease = await known?.catch(() => undefined);
    if (lease === undefined || lease.keys >= MAX_KEYS || monotonicClock.now() >= lease.until) {
      // whoever finds it used up first asks for the next; the others wait for that
      const current = this.#shared.get(seconds);
      const next = current === known || current === undefined ? this.#grant(seconds) : current;
      this.#shared.set(seconds, next);
      lease = await next;
    }
    lease.keys++;
    return lease.id;
  }

  async #grant(seconds: number): Promise<Shared> {
    const shareMs = Math.min(seconds * 1000 * SHARE, MAX_SHARE_MS);
    const asked = monotonicClock.now();
    const TTL = Math.ceil(seconds + shareMs / 1000);
    const { ID: id } = await this.#client.call('', (etcd) => etcd.leaseClient.leaseGrant({ TTL }));
    return { id, until: asked + shareMs, keys: 0 };
  }
}
