import { randomUUID } from 'node:crypto';
import type { KubeObject } from '../api/meta.ts';
import type { Backoff } from '../lib/backoff.ts';
import { type Clock, monotonicClock } from '../lib/clock.ts';
import { TransientError, WaitingError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { redactor } from '../lib/redaction.ts';
import type { Lister } from './informer.ts';
import type { KubeMetrics } from './metrics.ts';
import type { Reconciler, Request, Result } from './reconciler.ts';
import { keyOf, keyText, parseKey } from './resource.ts';
import { conflictBackoff, failureBackoff, judge } from './retryPolicy.ts';
import { SHARD_INDEX, shardOf, type Shards } from './shards.ts';
import { type AddOptions, type WorkItem, Workqueue } from './workqueue.ts';

/** What makes a {@link Controller}. */
export interface ControllerOptions {
  /** Lower-case kind, such as `server`: label of metrics and log lines. */
  name: string;
  reconciler: Reconciler;
  log: Logger;
  /** Most runs at once; default 10. */
  workers?: number;
  /** After which a run's signal aborts; milliseconds; default 10 minutes. */
  deadlineMs?: number;
  /** Delay after failures; default 1 s doubling to 5 minutes. */
  backoff?: Backoff;
  /** Runs only keys whose shard this process holds; the others wait for their shard. `objects` has {@link SHARD_INDEX}. */
  sharding?: { shards: Shards; objects: Lister<KubeObject> };
  /** Must not jump; default lib/clock.ts `monotonicClock`. */
  clock?: Clock;
  random?: () => number;
  metrics?: KubeMetrics;
}

const DEADLINE_MS = 600_000;
const WORKERS = 10;
/** When to look again for a key whose shard was lost in the middle of its run. */
const SHARD_LOST_MS = 1000;
/** When to ask again whether a key's shard is ours. */
const NOT_HELD_MS = 60_000;

interface Run {
  request: Request;
  shard: number | undefined;
  abort: AbortController;
  end: Promise<void>;
}

/** Takes keys from a queue and reconciles them. Retries are decided by kube/retryPolicy.ts and carried out here. */
export class Controller {
  readonly name: string;
  readonly #options: ControllerOptions;
  readonly #clock: Clock;
  readonly #queue: Workqueue;
  readonly #runs = new Map<string, Run>();
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
    this.#queue = new Workqueue({
      name: options.name,
      clock: this.#clock,
      backoff: options.backoff ?? failureBackoff,
      ...(options.random === undefined ? {} : { random: options.random }),
      ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    });
    // the first increase of a counter that is not there yet is none for Prometheus
    for (const counter of ['reconcileErrors', 'terminalErrors', 'panics', 'timeouts'] as const)
      options.metrics?.[counter].inc({ controller: options.name }, 0);
    options.metrics?.maxWorkers.set({ controller: options.name }, options.workers ?? WORKERS);
    options.metrics?.activeWorkers.set({ controller: options.name }, 0);
  }

  /** Makes the object be reconciled. Never throws, may be called before {@link run}. */
  enqueue(request: Request, options?: AddOptions): void {
    this.#queue.add(keyText(request), options);
  }

  /** Keys ready to run. */
  get backlog(): number {
    return this.#queue.length;
  }

  /** Works until {@link stop}; resolves when every run has ended. */
  async run(): Promise<void> {
    const stopListening = this.#options.sharding?.shards.onChange((shard, held) => this.#shardChanged(shard, held));
    const workers = Array.from({ length: this.#options.workers ?? WORKERS }, () => this.#work());
    await Promise.all(workers);
    stopListening?.();
  }

  /**
   * Starts no further run, lets the current ones end, aborts their signals after `graceMs`. Resolves when all ended.
   * Not guaranteed: that a run which ignores its signal ever ends.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    const drained = this.#queue.shutDown();
    const timer = new AbortController();
    void this.#clock.sleep(graceMs, timer.signal).then(
      () => {
        for (const run of this.#runs.values()) run.abort.abort(new DOMException('the process stops', 'AbortError'));
      },
      // drained in time
      () => undefined,
    );
    await drained;
    timer.abort();
  }

  async #work(): Promise<void> {
    for (let item = await this.#queue.get(); item !== undefined; item = await this.#queue.get()) {
      await this.#process(item);
      this.#queue.done(item.key);
    }
  }

  async #process(item: WorkItem): Promise<void> {
    const request = parseKey(item.key);
    const { sharding } = this.#options;
    const uid = sharding?.objects.get(request)?.metadata.uid;
    const shard = uid === undefined ? undefined : shardOf(uid);
    if (shard !== undefined && sharding?.shards.holds(shard) !== true) {
      // whoever holds the shard has the same informer; when we get it, every key of it is enqueued. Asked again all the
      // same: `holds` goes by the clocks, which may say no for a moment without a change that anybody is told of
      this.#queue.forget(item.key);
      this.#queue.add(item.key, { afterMs: NOT_HELD_MS, priority: 'resync' });
      return;
    }
    const { promise: end, resolve } = withResolvers();
    const run: Run = { request, shard, abort: new AbortController(), end };
    this.#runs.set(item.key, run);
    try {
      // whatever it says, the failure's log entry too, is rid of its own secrets, and of nobody else's
      await redactor.within(`${this.name} ${item.key}`, () => this.#reconcile(item, run));
    } finally {
      this.#runs.delete(item.key);
      resolve();
    }
  }

  async #reconcile(item: WorkItem, run: Run): Promise<void> {
    const { name, metrics } = this.#options;
    const { request } = run;
    const log = this.#options.log.child({ controller: name, ...request, reconcileId: randomUUID() });
    const endTimer = metrics?.reconcileTime.startTimer({ controller: name });
    metrics?.activeWorkers.inc({ controller: name });
    const deadline = this.#startDeadline(run, log);
    try {
      const result = await this.#options.reconciler.reconcile(request, run.abort.signal, log);
      this.#succeeded(item, result);
    } catch (error) {
      this.#failed(item, preferAbortReason(error, run.abort.signal), log);
    } finally {
      deadline.abort();
      metrics?.activeWorkers.dec({ controller: name });
      endTimer?.();
    }
  }

  #succeeded(item: WorkItem, result: Result): void {
    this.#queue.forget(item.key);
    const afterMs = result.requeueAfterMs;
    this.#count(afterMs === undefined ? 'success' : 'requeue_after');
    if (afterMs !== undefined) this.#queue.add(item.key, { afterMs: Math.max(1, afterMs), priority: 'resync' });
  }

  #failed(item: WorkItem, error: unknown, log: Logger): void {
    if (this.#stopped) {
      log.info({ error }, 'run ended by the stop of the process');
      return;
    }
    const { key, priority } = item;
    const verdict = judge(error);
    switch (verdict.kind) {
      case 'conflict':
        this.#count('requeue');
        log.debug({ error }, 'run again: the object changed meanwhile');
        this.#queue.addRateLimited(key, { priority, backoff: conflictBackoff });
        return;
      case 'after':
        this.#count('requeue_after');
        log.info({ error, afterMs: verdict.ms }, 'waiting');
        this.#queue.forget(key);
        this.#queue.add(key, { afterMs: Math.max(1, verdict.ms), priority: 'resync' });
        return;
      case 'never':
        this.#countError('terminalErrors');
        log.warn({ error }, 'run failed for good; waiting for a change');
        this.#queue.forget(key);
        return;
      case 'backoff':
        this.#countError(verdict.isBug ? 'panics' : undefined);
        if (verdict.isBug)
          log.error({ error, failures: this.#queue.failures(key) + 1 }, 'run failed unexpectedly; this is a bug');
        else log.warn({ error, failures: this.#queue.failures(key) + 1 }, 'run failed');
        this.#queue.addRateLimited(key, { priority: 'resync' });
    }
  }

  #startDeadline(run: Run, log: Logger): AbortController {
    const deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS;
    const timer = new AbortController();
    void this.#clock.sleep(deadlineMs, timer.signal).then(
      () => {
        this.#options.metrics?.timeouts.inc({ controller: this.name });
        log.warn({ deadlineMs }, 'run passed its deadline and is aborted');
        run.abort.abort(
          new TransientError('InternalError', `The run took longer than ${String(deadlineMs / 1000)} s.`),
        );
      },
      // the run ended in time
      () => undefined,
    );
    return timer;
  }

  /** A gained shard's objects are reconciled; a lost one's runs end, and whoever waits for that waits here. */
  async #shardChanged(shard: number, held: boolean): Promise<void> {
    const { sharding } = this.#options;
    if (held) {
      for (const object of sharding?.objects.byIndex(SHARD_INDEX, String(shard)) ?? [])
        this.enqueue(keyOf(object), { priority: 'resync' });
      return;
    }
    const lost = [...this.#runs.values()].filter((run) => run.shard === shard);
    const reason = new WaitingError('ShardNotHeld', 'Another process took over.', { afterMs: SHARD_LOST_MS });
    for (const run of lost) run.abort.abort(reason);
    await Promise.all(lost.map((run) => run.end));
  }

  #count(result: 'success' | 'error' | 'requeue' | 'requeue_after'): void {
    this.#options.metrics?.reconciles.inc({ controller: this.name, result });
  }

  #countError(also: 'terminalErrors' | 'panics' | undefined): void {
    this.#count('error');
    this.#options.metrics?.reconcileErrors.inc({ controller: this.name });
    if (also !== undefined) this.#options.metrics?.[also].inc({ controller: this.name });
  }
}

/** What was thrown because the run was aborted is not the failure; why it was aborted is. */
function preferAbortReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && signal.reason instanceof Error ? signal.reason : error;
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
