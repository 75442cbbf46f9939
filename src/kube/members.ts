import { createHash } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { Client } from './client.ts';
import type { Lister } from './informer.ts';
import { type Lease, leases } from './resource.ts';

/** Label of every Lease that sharding uses; its value is `member` or `shard`. */
export const LEASE_LABEL = 'hostler.dev/lease';
/** A dead process's member Lease is kept that long for people to see. */
const KEPT_MS = 3_600_000;

/** Name of the member Lease of the process with this identity. */
export function memberName(identity: string): string {
  return `hostler-member-${createHash('sha256').update(identity).digest('hex').slice(0, 12)}`;
}

/** Who of the processes that share the shards is alive. Counts silence by our own clock, from what we saw ourselves. */
export class Members {
  readonly #options: { client: Client; namespace: string; leases: Lister<Lease>; clock: Clock; log: Logger };
  /** Per member Lease: resourceVersion as last seen, and since when. */
  readonly #seen = new Map<string, { resourceVersion: string; since: number }>();

  constructor(options: { client: Client; namespace: string; leases: Lister<Lease>; clock: Clock; log: Logger }) {
    this.#options = options;
  }

  /** Notes that `lease` was written. */
  observe(lease: Lease): void {
    const { name, resourceVersion = '' } = lease.metadata;
    if (this.#seen.get(name)?.resourceVersion === resourceVersion) return;
    this.#seen.set(name, { resourceVersion, since: this.#options.clock.now() });
  }

  /** Notes that `lease` was deleted. */
  forget(lease: Lease): void {
    this.#seen.delete(lease.metadata.name);
  }

  /** Identities whose Lease was renewed within its duration, as far as our informer shows. */
  alive(): Set<string> {
    const fresh = this.#members().filter((lease) => !this.#isSilent(lease));
    return new Set(fresh.map((lease) => lease.spec?.holderIdentity ?? '').filter((identity) => identity !== ''));
  }

  /** Whether `identity` is certainly dead: asks the API itself, since our informer may be what is cut off. */
  async isDead(identity: string): Promise<boolean> {
    const { client, namespace } = this.#options;
    const lease = await client.find(leases, { namespace, name: memberName(identity) });
    if (lease === undefined || lease.spec?.holderIdentity !== identity) return true;
    this.observe(lease);
    return this.#isSilent(lease);
  }

  /** Removes member Leases that nobody renewed for an hour. */
  async removeOld(): Promise<void> {
    const { client, clock, log } = this.#options;
    const old = this.#members().filter((lease) => clock.now() - this.#since(lease) > KEPT_MS);
    for (const lease of old) {
      const { uid = '', resourceVersion = '' } = lease.metadata;
      await client.delete(leases, lease.metadata, { uid, resourceVersion }).catch((error: unknown) => {
        log.debug({ lease: lease.metadata.name, error }, 'an old member lease could not be removed');
      });
    }
  }

  #members(): Lease[] {
    return this.#options.leases.list().filter((lease) => lease.metadata.labels?.[LEASE_LABEL] === 'member');
  }

  #isSilent(lease: Lease): boolean {
    return this.#options.clock.now() - this.#since(lease) >= (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
  }

  #since(lease: Lease): number {
    return this.#seen.get(lease.metadata.name)?.since ?? this.#options.clock.now();
  }
}
