import { createHash } from 'node:crypto';
import { type Clock, monotonicClock, systemClock, toMicroTime } from '../lib/clock.ts';
import { messageOf, WaitingError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { isAlreadyExists, isConflict, isNotFound } from './apiError.ts';
import type { Client } from './client.ts';
import { SharedInformer } from './informer.ts';
import { LeaderElector, type LeaseTiming } from './leaderElection.ts';
import { LEASE_LABEL, memberName, Members } from './members.ts';
import type { KubeMetrics } from './metrics.ts';
import { apiVersionOf, type Lease, leases } from './resource.ts';
import { compareResourceVersions } from './resourceVersion.ts';
import { SHARD_COUNT, type ShardListener, shardOf, type Shards, type ShardToken } from './shards.ts';

/** What makes a {@link ShardManager}. */
export interface ShardManagerOptions {
  client: Client;
  /** Who we are; see LeaderElectorOptions.identity. */
  identity: string;
  log: Logger;
  /** Default `hostler-system`; must exist. */
  namespace?: string;
  timing?: LeaseTiming;
  /** For intervals; must not jump. Default lib/clock.ts `monotonicClock`. */
  clock?: Clock;
  /** For the times in the Leases. */
  wallClock?: Clock;
  metrics?: KubeMetrics;
}

/**
 * Others take over 20 s after the last renewal they saw, so a killed replica's Servers are served again within 30 s.
 * Renewing every 8 s costs 450 writes per process and hour: 0.045 per Server and hour with 10,000 Servers.
 */
const memberTiming: LeaseTiming = {
  leaseDurationMs: 20_000,
  renewDeadlineMs: 15_000,
  renewPeriodMs: 8000,
  retryPeriodMs: 2000,
};
const TICK_MS = 500;
/** After a lost race, until our informer has caught up. */
const RETRY_MS = 2000;
/** How long the runs of a shard that is handed over may take to end. */
const HANDOVER_MS = 15_000;

/**
 * Spreads the shards over all living processes and holds this process's part.
 *
 * Two levels, because renewing 64 Leases quickly would cost somebody's etcd 64 writes every few seconds: each process
 * renews one **member** Lease `hostler-member-<hash>`; the **shard** Leases `hostler-shard-00` … `-63` say which member
 * holds a shard and are written only when the holder changes, so their renewTime is the time of that change. A holder is
 * alive while its member Lease is. Whoever takes a shard writes its Lease by compare-and-swap and raises
 * leaseTransitions; a process whose member Lease lapsed holds nothing until it has taken every shard anew. Who should
 * have a shard is rendezvous hashing over the living members, so that one process more or less moves only its share.
 *
 * Not guaranteed: that a stopped process does not act late. Hosts compare the {@link ShardToken}.
 */
export class ShardManager implements Shards {
  readonly #options: ShardManagerOptions;
  readonly #namespace: string;
  readonly #clock: Clock;
  readonly #timing: LeaseTiming;
  readonly #elector: LeaderElector;
  readonly #informer: SharedInformer<Lease>;
  readonly #members: Members;
  readonly #held = new Map<number, { lease: Lease; token: ShardToken }>();
  /** Shards being taken or handed over. */
  readonly #busy = new Map<number, Promise<void>>();
  readonly #retryAt = new Map<number, number>();
  readonly #listeners = new Set<ShardListener>();

  constructor(options: ShardManagerOptions) {
    const { client, log, clock = monotonicClock, namespace = 'hostler-system' } = options;
    this.#options = options;
    this.#namespace = namespace;
    this.#clock = clock;
    this.#timing = options.timing ?? memberTiming;
    const lease = { namespace, name: memberName(options.identity), labels: { [LEASE_LABEL]: 'member' } };
    this.#elector = new LeaderElector({ ...options, lease, timing: this.#timing, onStop: 'delete' });
    const selection = { namespace, labelSelector: LEASE_LABEL };
    this.#informer = new SharedInformer({ client, resource: leases, selection, log, clock });
    this.#members = new Members({ client, namespace, leases: this.#informer, clock, log });
    this.#informer.addHandler({
      added: (seen) => this.#observe(seen),
      updated: (_previous, seen) => this.#observe(seen),
      deleted: (gone) => {
        this.#members.forget(gone);
        const held = this.#held.get(shardNumber(gone));
        if (held?.lease.metadata.uid === gone.metadata.uid) void this.#drop(shardNumber(gone), 'deleted');
      },
    });
    this.#elector.onChange((held) => {
      if (!held) for (const shard of [...this.#held.keys()]) void this.#drop(shard, 'the member lease lapsed');
    });
  }

  holds(shard: number): boolean {
    return this.#held.has(shard) && this.#elector.isLeader();
  }

  async confirm(uid: string): Promise<boolean> {
    const shard = shardOf(uid);
    const held = this.#held.get(shard);
    if (held === undefined || !this.holds(shard)) return false;
    const key = { namespace: this.#namespace, name: shardName(shard) };
    const lease = await this.#options.client.find(leases, key);
    return lease !== undefined && lease.metadata.uid === held.token.leaseUid && isSameHolding(lease, held.lease);
  }

  token(serverUid: string): ShardToken {
    const shard = shardOf(serverUid);
    const held = this.#held.get(shard);
    if (held === undefined || !this.#elector.isLeader()) {
      throw new WaitingError('ShardNotHeld', `This process does not hold shard ${String(shard)}.`, { afterMs: 5000 });
    }
    return held.token;
  }

  onChange(listener: ShardListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Holds its part until `signal` aborts, then gives it back. Before that, stop whatever acts on the shards. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const background = [this.#informer.run(stop.signal), this.#elector.run(signal)];
    await this.#informer.waitForSync(signal).catch(() => undefined);
    while (!signal.aborted) {
      if (this.#elector.isLeader()) await this.#balance();
      await this.#clock.sleep(TICK_MS, signal).catch(() => undefined);
    }
    // the elector deletes the member Lease: with that, all its shards are free for the others
    await Promise.all(this.#busy.values());
    stop.abort();
    await Promise.all(background);
  }

  #observe(lease: Lease): void {
    this.#members.observe(lease);
    // a younger process with our identity has taken over: all that we hold goes with it
    if (lease.metadata.name === memberName(this.#options.identity)) this.#elector.notice(lease);
    const held = this.#held.get(shardNumber(lease));
    const { resourceVersion } = lease.metadata;
    if (held === undefined || compareResourceVersions(resourceVersion, held.lease.metadata.resourceVersion) <= 0)
      return;
    if (isSameHolding(lease, held.lease)) held.lease = lease;
    else void this.#drop(shardNumber(lease), 'somebody else wrote its lease');
  }

  /** Takes what should be ours and is free, gives away what should be another's. */
  async #balance(): Promise<void> {
    const alive = this.#members.alive().add(this.#options.identity);
    const deaths = new Map<string, Promise<boolean>>();
    const isDead = (holder: string): Promise<boolean> => {
      const known = deaths.get(holder) ?? this.#members.isDead(holder);
      deaths.set(holder, known);
      return known;
    };
    const takings: Promise<void>[] = [];
    for (let shard = 0; shard < SHARD_COUNT; shard++) {
      if (this.#busy.has(shard) || this.#clock.now() < (this.#retryAt.get(shard) ?? 0)) continue;
      const isWanted = ownerOf(shard, alive) === this.#options.identity;
      if (isWanted && !this.#held.has(shard)) takings.push(this.#start(shard, () => this.#take(shard, alive, isDead)));
      // not waited for: the runs of one shard may take their time to end
      if (!isWanted && this.#isOurs(shard)) void this.#start(shard, () => this.#handOver(shard));
    }
    await Promise.all(takings);
    if (this.holds(0)) await this.#members.removeOld();
  }

  /** Runs one change of one shard; never rejects. */
  #start(shard: number, change: () => Promise<void>): Promise<void> {
    const running = change()
      .catch((error: unknown) => {
        this.#retryAt.set(shard, this.#clock.now() + RETRY_MS);
        this.#options.log.warn({ shard, error }, 'a shard could not be taken or handed over');
      })
      .finally(() => this.#busy.delete(shard));
    this.#busy.set(shard, running);
    return running;
  }

  async #take(shard: number, alive: ReadonlySet<string>, isDead: (holder: string) => Promise<boolean>): Promise<void> {
    const known = this.#known(shard);
    const holder = known?.spec?.holderIdentity ?? '';
    const isFree = holder === '' || holder === this.#options.identity;
    if (!isFree && (alive.has(holder) || !(await isDead(holder)))) return;
    const taken = await this.#write(shard, known);
    if (taken === undefined) this.#retryAt.set(shard, this.#clock.now() + RETRY_MS);
    else if (this.#elector.isLeader()) this.#hold(shard, taken);
  }

  #hold(shard: number, lease: Lease): void {
    const { resourceVersion } = lease.metadata;
    // somebody may have written it again before our own answer arrived
    if (compareResourceVersions(this.#known(shard)?.metadata.resourceVersion, resourceVersion) > 0) return;
    const token = { leaseUid: lease.metadata.uid ?? '', transitions: lease.spec?.leaseTransitions ?? 0 };
    this.#held.set(shard, { lease, token });
    this.#options.log.info({ lease: lease.metadata.name, transitions: token.transitions }, 'shard taken');
    for (const listener of this.#listeners) void listener(shard, true);
  }

  #known(shard: number): Lease | undefined {
    return this.#informer.get({ namespace: this.#namespace, name: shardName(shard) });
  }

  /** We hold it, or its Lease says so though we do not: from before a restart, or after a failed hand-over. */
  #isOurs(shard: number): boolean {
    return this.#held.has(shard) || this.#known(shard)?.spec?.holderIdentity === this.#options.identity;
  }

  /** Writes the shard's Lease as ours; undefined when somebody else was faster. */
  async #write(shard: number, known: Lease | undefined): Promise<Lease | undefined> {
    const { client, identity } = this.#options;
    const metadata = { namespace: this.#namespace, name: shardName(shard), labels: { [LEASE_LABEL]: 'shard' } };
    const now = toMicroTime((this.#options.wallClock ?? systemClock).now());
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#timing.leaseDurationMs / 1000),
      acquireTime: now,
      renewTime: now,
      leaseTransitions: (known?.spec?.leaseTransitions ?? 0) + 1,
    };
    try {
      if (known !== undefined) return await client.update(leases, { ...known, spec });
      return await client.create(leases, { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata, spec });
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #handOver(shard: number): Promise<void> {
    const lease = this.#held.get(shard)?.lease ?? this.#known(shard);
    if (lease === undefined) return;
    const patience = new AbortController();
    const ended = this.#drop(shard, 'handed over');
    await Promise.race([ended, this.#clock.sleep(HANDOVER_MS, patience.signal).catch(() => undefined)]);
    patience.abort();
    // until our informer has seen it, the shard still looks like ours
    this.#retryAt.set(shard, this.#clock.now() + RETRY_MS);
    await this.#options.client.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } });
  }

  /** Resolves when everybody who was told has let go. */
  #drop(shard: number, why: string): Promise<unknown> {
    if (!this.#held.delete(shard)) return Promise.resolve();
    this.#options.log.info({ lease: shardName(shard), why }, 'shard given up');
    const told = [...this.#listeners].map(async (listener) => listener(shard, false));
    return Promise.all(told).catch((error: unknown) => {
      this.#options.log.error({ error: messageOf(error), shard }, 'a shard listener failed; this is a bug');
    });
  }
}

function shardName(shard: number): string {
  return `hostler-shard-${String(shard).padStart(2, '0')}`;
}

/** -1 for a Lease that is no shard's. */
function shardNumber(lease: Lease): number {
  const match = /^hostler-shard-(\d\d)$/.exec(lease.metadata.name);
  return match === null ? -1 : Number(match[1]);
}

function isSameHolding(a: Lease, b: Lease): boolean {
  return a.spec?.holderIdentity === b.spec?.holderIdentity && a.spec?.leaseTransitions === b.spec?.leaseTransitions;
}

/** Rendezvous hashing: the member with the highest hash for this shard. */
function ownerOf(shard: number, members: ReadonlySet<string>): string | undefined {
  const weighted = [...members].map((member) => ({
    member,
    weight: createHash('sha256')
      .update(`${member}\0${String(shard)}`)
      .digest('hex'),
  }));
  return weighted.sort((a, b) => (a.weight < b.weight ? 1 : -1))[0]?.member;
}
