import { type Clock, monotonicClock, systemClock, toMicroTime } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { withDeadline } from '../lib/deadline.ts';
import type { Logger } from '../lib/logger.ts';
import { isAlreadyExists, isConflict, isNotFound } from './apiError.ts';
import type { Client } from './client.ts';
import type { KubeMetrics } from './metrics.ts';
import { apiVersionOf, type Lease, leases } from './resource.ts';
import { compareResourceVersions } from './resourceVersion.ts';

/** Times of an election; milliseconds. Needs renewDeadline < leaseDuration, so that a holder gives up before others take over. */
export interface LeaseTiming {
  /** How long others wait, by their own clocks, after the last renewal that they saw. */
  leaseDurationMs: number;
  /** How long a holder believes itself after its last successful renewal began. */
  renewDeadlineMs: number;
  /** Between successful renewals. */
  renewPeriodMs: number;
  /** Between failed tries. */
  retryPeriodMs: number;
}

/** client-go's defaults. */
const defaultTiming: LeaseTiming = {
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  renewPeriodMs: 2000,
  retryPeriodMs: 2000,
};

/** What makes a {@link LeaderElector}. */
export interface LeaderElectorOptions {
  client: Client;
  /** The Lease to hold. */
  lease: { namespace: string; name: string; labels?: Record<string, string> };
  /**
   * Who we are. Two processes never share one; a process that kept it over a restart takes its own Lease over at once.
   */
  identity: string;
  log: Logger;
  timing?: LeaseTiming;
  /** For intervals; must not jump. Default lib/clock.ts `monotonicClock`. */
  clock?: Clock;
  /** For the times in the Lease, which are for people. */
  wallClock?: Clock;
  metrics?: KubeMetrics;
  /** On stop: give the Lease back (default) or delete it. */
  onStop?: 'release' | 'delete';
}

/**
 * Holds a Lease, as client-go's leaderelection does: others' clocks are never believed, a record counts as fresh from
 * the moment we first saw it. Two differences: losing does not end the process, the campaign goes on; and transitions
 * grow with every acquisition, also by the same identity, so that they tell apart two runs of one process.
 *
 * Not guaranteed: that no two processes act at once. A stopped process may act late: what it touches needs the token.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #timing: LeaseTiming;
  readonly #clock: Clock;
  readonly #wallClock: Clock;
  readonly #listeners = new Set<(held: boolean) => void>();
  /** The record as last seen, and since when it is unchanged. */
  #observed: { lease: Lease; since: number } | undefined;
  /** Set while we hold: when the last successful renewal began, by both clocks. */
  #renewed: { at: number; wallAt: number } | undefined;
  /** Transitions of our last own record. */
  #ownTransitions: number | undefined;
  #lastTryFailed = false;
  #watchdog = new AbortController();

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? defaultTiming;
    this.#clock = options.clock ?? monotonicClock;
    this.#wallClock = options.wallClock ?? systemClock;
    if (this.#timing.renewDeadlineMs >= this.#timing.leaseDurationMs) {
      throw new RangeError('renewDeadlineMs must be less than leaseDurationMs');
    }
  }

  /**
   * Whether we hold the Lease now, by our own clocks: false as soon as the deadline has passed, also when this process
   * was stopped (SIGSTOP) or its machine slept, before anything else ran.
   */
  isLeader(): boolean {
    if (this.#renewed === undefined) return false;
    // a suspended machine stops the monotonic clock, a corrected one moves the wall clock: the longer time counts
    const age = Math.max(this.#clock.now() - this.#renewed.at, this.#wallClock.now() - this.#renewed.wallAt);
    return age < this.#timing.renewDeadlineMs;
  }

  /** Called with each gain and loss. Returns its removal. */
  onChange(listener: (held: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells of a record that was seen elsewhere, such as by an informer, so that a loss is known at once. */
  notice(lease: Lease): void {
    if (this.#renewed === undefined || this.#observed === undefined || this.#isMine(lease)) return;
    const { resourceVersion } = this.#observed.lease.metadata;
    if (compareResourceVersions(lease.metadata.resourceVersion, resourceVersion) <= 0) return;
    this.#observe(lease);
    this.#lose('another holder');
  }

  /** Campaigns, leads, campaigns again, until `signal` aborts; then gives the Lease back. */
  async run(signal: AbortSignal): Promise<void> {
    this.#options.metrics?.masterStatus.set({ name: this.#options.lease.name }, 0);
    while (!signal.aborted) {
      await this.#tryOnce(signal);
      const waitMs = this.isLeader() && !this.#lastTryFailed ? this.#timing.renewPeriodMs : this.#timing.retryPeriodMs;
      await this.#clock.sleep(waitMs, signal).catch(() => undefined);
    }
    this.#watchdog.abort();
    await this.#release();
  }

  /** One try to get or renew the Lease. */
  async #tryOnce(signal: AbortSignal): Promise<void> {
    // what lapsed is acquired again, never just renewed: somebody may have had it in between
    this.#noticeDeadline();
    const started = { at: this.#clock.now(), wallAt: this.#wallClock.now() };
    const reason = new Error('the API server did not answer in time');
    const options = { clock: this.#clock, ms: this.#timing.renewDeadlineMs / 2, reason, signal };
    try {
      const lease = await withDeadline(options, (limited) => this.#acquireOrRenew(limited));
      this.#lastTryFailed = false;
      if (lease === undefined) this.#lose('another holder');
      else this.#win(lease, started);
    } catch (error) {
      this.#lastTryFailed = true;
      if (!signal.aborted)
        this.#options.log.warn(
          { error: messageOf(error), lease: this.#options.lease.name },
          'the lease could not be renewed',
        );
    }
  }

  /** The Lease as ours, or undefined when somebody else holds it. */
  async #acquireOrRenew(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, lease: key } = this.#options;
    if (this.#renewed !== undefined && this.#observed !== undefined) {
      const renewed = await this.#update(this.#record(this.#observed.lease, true), signal);
      if (renewed !== undefined) return renewed;
      // somebody wrote it: look who
    }
    const found = await client.find(leases, key, { signal });
    if (found === undefined) {
      // somebody deleted it: whoever looked meanwhile thinks that nobody holds it
      this.#lose('deleted');
      return this.#create(signal);
    }
    this.#observe(found);
    const isMine = this.#isMine(found);
    if (!isMine && !this.#isFree()) return undefined;
    return this.#update(this.#record(found, isMine && this.#renewed !== undefined), signal);
  }

  /** undefined when somebody else was faster. */
  async #update(lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#options.client.update(leases, lease, { signal });
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #create(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, lease: key } = this.#options;
    const empty: Lease = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata: { ...key } };
    try {
      return await client.create(leases, this.#record(empty, false), { signal });
    } catch (error) {
      if (isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  #record(lease: Lease, renews: boolean): Lease {
    const now = toMicroTime(this.#wallClock.now());
    const spec = lease.spec ?? {};
    return {
      ...lease,
      spec: {
        ...spec,
        holderIdentity: this.#options.identity,
        leaseDurationSeconds: Math.ceil(this.#timing.leaseDurationMs / 1000),
        acquireTime: renews ? (spec.acquireTime ?? now) : now,
        renewTime: now,
        leaseTransitions: (spec.leaseTransitions ?? 0) + (renews ? 0 : 1),
      },
    };
  }

  #observe(lease: Lease): void {
    if (this.#observed?.lease.metadata.resourceVersion === lease.metadata.resourceVersion) return;
    this.#observed = { lease, since: this.#clock.now() };
  }

  /** Our own record: of this process, or of the one that had our identity before. */
  #isMine(lease: Lease): boolean {
    if (lease.spec?.holderIdentity !== this.#options.identity) return false;
    return this.#ownTransitions === undefined || this.#ownTransitions === lease.spec.leaseTransitions;
  }

  #isFree(): boolean {
    const spec = this.#observed?.lease.spec;
    if (this.#observed === undefined || spec?.holderIdentity === undefined || spec.holderIdentity === '') return true;
    const durationMs = (spec.leaseDurationSeconds ?? this.#timing.leaseDurationMs / 1000) * 1000;
    return this.#clock.now() - this.#observed.since >= durationMs;
  }

  #win(lease: Lease, started: { at: number; wallAt: number }): void {
    // the answer came before the watchdog's timer, but late: isLeader() was false, and who asked it must hear of it
    this.#noticeDeadline();
    const wasLeader = this.#renewed !== undefined;
    this.#observed = { lease, since: this.#clock.now() };
    this.#ownTransitions = lease.spec?.leaseTransitions;
    this.#renewed = started;
    this.#armWatchdog();
    if (!wasLeader) this.#announce(true, 'acquired');
  }

  /** Tells of the loss at the deadline, whatever hangs at that time. */
  #armWatchdog(): void {
    this.#watchdog.abort();
    this.#watchdog = new AbortController();
    this.#clock.sleep(this.#timing.renewDeadlineMs, this.#watchdog.signal).then(
      () => this.#noticeDeadline(),
      // renewed meanwhile
      () => undefined,
    );
  }

  #lose(why: string): void {
    if (this.#renewed === undefined) return;
    this.#renewed = undefined;
    this.#announce(false, why);
  }

  #noticeDeadline(): void {
    if (this.#renewed !== undefined && !this.isLeader()) this.#lose('not renewed in time');
  }

  #announce(held: boolean, why: string): void {
    const { lease, identity, log, metrics } = this.#options;
    metrics?.masterStatus.set({ name: lease.name }, held ? 1 : 0);
    log.info({ lease: lease.name, identity, why }, held ? 'lease acquired' : 'lease lost');
    for (const listener of this.#listeners) listener(held);
  }

  /** So that the next holder need not wait. */
  async #release(): Promise<void> {
    if (this.#renewed === undefined || this.#observed === undefined) return;
    const { client, lease: key, log, onStop } = this.#options;
    const { lease } = this.#observed;
    this.#lose('released');
    try {
      const { uid = '', resourceVersion = '' } = lease.metadata;
      if (onStop === 'delete') await client.delete(leases, key, { uid, resourceVersion, timeoutMs: 5000 });
      else await client.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: '' } }, { timeoutMs: 5000 });
    } catch (error) {
      log.warn({ lease: key.name, error: messageOf(error) }, 'the lease could not be given back; it will expire');
    }
  }
}
