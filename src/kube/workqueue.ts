import { type Backoff, backoffMs } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import { DelayQueue } from './delayQueue.ts';
import type { KubeMetrics } from './metrics.ts';

/** `user`: somebody changed something and waits. `resync`: periodic work and the first list. */
export type Priority = 'user' | 'resync';

/** How a key is added. */
export interface AddOptions {
  /** Default `user`. A key that waits with both has `user`. */
  priority?: Priority;
  /** Milliseconds until it may run; default 0. The earliest of several adds wins. */
  afterMs?: number;
}

/** A key handed to a worker; give it back with {@link Workqueue.done}. */
export interface WorkItem {
  key: string;
  priority: Priority;
}

/** What makes a {@link Workqueue}. */
export interface WorkqueueOptions {
  name: string;
  /** Must not jump: lib/clock.ts `monotonicClock`. */
  clock: Clock;
  /** Delay of {@link Workqueue.addRateLimited}. */
  backoff: Backoff;
  random?: () => number;
  metrics?: KubeMetrics;
}

/** So many user keys in a row, then one resync key if one waits: nobody starves. */
const USER_KEYS_IN_A_ROW = 8;

/**
 * A queue of keys, not of events: however often a key is added, it waits once. Invariants:
 * - a key is never handed out while it is being worked on; added meanwhile, it runs again after {@link done};
 * - every add is followed by a run that starts after it, unless the queue is shut down;
 * - a delayed add is forgotten when the key runs earlier: the run decides anew when to come back.
 */
export class Workqueue {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #ready: Record<Priority, Map<string, number>> = { user: new Map(), resync: new Map() };
  /** Keys handed out, with the time. */
  readonly #working = new Map<string, number>();
  /** Added while being worked on. */
  readonly #dirty = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  readonly #delayed: DelayQueue<Priority>;
  readonly #waiters: ((item: WorkItem | undefined) => void)[] = [];
  readonly #metrics: QueueMetrics | undefined;
  #drained: (() => void)[] = [];
  #userRow = 0;
  #shutDown = false;

  constructor(options: WorkqueueOptions) {
    this.#name = options.name;
    this.#clock = options.clock;
    this.#backoff = options.backoff;
    this.#random = options.random ?? Math.random;
    this.#metrics = options.metrics === undefined ? undefined : this.#measure(options.metrics);
    this.#delayed = new DelayQueue(options.clock, (key, priority) => this.#addNow(key, priority));
  }

  /** Keys ready to run; not the delayed ones, not the ones at work. */
  get length(): number {
    return this.#ready.user.size + this.#ready.resync.size;
  }

  /** Makes `key` run, now or after `afterMs`. Ignored after shutdown. */
  add(key: string, options: AddOptions = {}): void {
    const { priority = 'user', afterMs = 0 } = options;
    if (this.#shutDown) return;
    if (afterMs > 0) {
      // a key that is about to run anyway needs no timer: that run decides when to come back
      if (this.#isPending(key)) this.#raise(key, priority);
      else this.#delayed.add(key, priority, this.#clock.now() + afterMs);
      return;
    }
    this.#addNow(key, priority);
  }

  /** Makes `key` run again after a delay that grows with each call until {@link forget}. */
  addRateLimited(key: string, options: { priority?: Priority; backoff?: Backoff } = {}): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#metrics?.retries.inc();
    const afterMs = backoffMs(options.backoff ?? this.#backoff, failures, this.#random);
    this.add(key, { priority: options.priority ?? 'user', afterMs });
  }

  /** Clears the failure count: the key succeeded, or its failure is not to be counted. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** How often {@link addRateLimited} was called since {@link forget}. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key, when there is one; undefined when the queue is shut down and empty. */
  async get(): Promise<WorkItem | undefined> {
    const item = this.#take();
    if (item !== undefined) return item;
    if (this.#shutDown) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Ends the work on `key`; if it was added meanwhile, it waits again. */
  done(key: string): void {
    const startedAt = this.#working.get(key);
    if (startedAt === undefined) return;
    this.#working.delete(key);
    this.#metrics?.worked((this.#clock.now() - startedAt) / 1000);
    const priority = this.#dirty.get(key);
    if (priority !== undefined) {
      this.#dirty.delete(key);
      this.#enqueue(key, priority);
    }
    if (this.#working.size === 0 && this.#shutDown) {
      for (const resolve of this.#drained.splice(0)) resolve();
    }
  }

  /**
   * Stops: waiting and delayed keys are dropped, {@link get} returns undefined, further adds are ignored.
   * Resolves when every key handed out was given back.
   */
  async shutDown(): Promise<void> {
    this.#shutDown = true;
    this.#delayed.clear();
    this.#dirty.clear();
    for (const priority of ['user', 'resync'] as const) {
      this.#ready[priority].clear();
      this.#metrics?.depth[priority].set(0);
    }
    for (const resolve of this.#waiters.splice(0)) resolve(undefined);
    if (this.#working.size > 0) await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  #addNow(key: string, priority: Priority): void {
    if (this.#shutDown) return;
    this.#delayed.delete(key);
    this.#metrics?.adds.inc();
    if (this.#working.has(key)) this.#dirty.set(key, higher(this.#dirty.get(key), priority));
    else if (this.#isPending(key)) this.#raise(key, priority);
    else this.#enqueue(key, priority);
  }

  /** A run of `key` that has not started is certain. */
  #isPending(key: string): boolean {
    return this.#ready.user.has(key) || this.#ready.resync.has(key) || this.#dirty.has(key);
  }

  #raise(key: string, priority: Priority): void {
    if (priority === 'resync') return;
    if (this.#dirty.has(key)) this.#dirty.set(key, priority);
    const since = this.#ready.resync.get(key);
    if (since === undefined) return;
    this.#ready.resync.delete(key);
    this.#ready.user.set(key, since);
    this.#updateDepth();
  }

  #enqueue(key: string, priority: Priority): void {
    this.#ready[priority].set(key, this.#clock.now());
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#updateDepth();
    else waiter(this.#take());
  }

  #take(): WorkItem | undefined {
    const priority = this.#nextPriority();
    const first = this.#ready[priority].entries().next();
    if (first.done === true) return undefined;
    const [key, since] = first.value;
    this.#ready[priority].delete(key);
    this.#delayed.delete(key);
    const now = this.#clock.now();
    this.#working.set(key, now);
    this.#metrics?.waited((now - since) / 1000);
    this.#updateDepth();
    return { key, priority };
  }

  #nextPriority(): Priority {
    const { user, resync } = this.#ready;
    if (user.size === 0 || (resync.size > 0 && this.#userRow >= USER_KEYS_IN_A_ROW)) {
      this.#userRow = 0;
      return 'resync';
    }
    this.#userRow++;
    return 'user';
  }

  #updateDepth(): void {
    this.#metrics?.depth.user.set(this.#ready.user.size);
    this.#metrics?.depth.resync.set(this.#ready.resync.size);
  }

  #measure(metrics: KubeMetrics): QueueMetrics {
    const labels = { name: this.#name, controller: this.#name };
    metrics.onScrape(() => {
      const seconds = [...this.#working.values()].map((since) => (this.#clock.now() - since) / 1000);
      metrics.unfinishedWork.set(
        labels,
        seconds.reduce((sum, one) => sum + one, 0),
      );
      metrics.longestRunning.set(labels, Math.max(0, ...seconds));
    });
    return {
      adds: metrics.queueAdds.labels(labels),
      retries: metrics.queueRetries.labels(labels),
      depth: {
        user: metrics.queueDepth.labels({ ...labels, priority: 'user' }),
        resync: metrics.queueDepth.labels({ ...labels, priority: 'resync' }),
      },
      waited: (value) => metrics.queueDuration.observe(labels, value),
      worked: (value) => metrics.workDuration.observe(labels, value),
    };
  }
}

interface QueueMetrics {
  adds: { inc(): void };
  retries: { inc(): void };
  depth: Record<Priority, { set(value: number): void }>;
  waited(seconds: number): void;
  worked(seconds: number): void;
}

function higher(a: Priority | undefined, b: Priority): Priority {
  return a === 'user' ? a : b;
}
