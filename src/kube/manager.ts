import type { KubeObject } from '../api/meta.ts';
import { canonicalJson } from '../lib/canonicalJson.ts';
import { type Clock, monotonicClock } from '../lib/clock.ts';
import type { HealthCheck } from '../lib/httpEndpoint.ts';
import type { Logger } from '../lib/logger.ts';
import type { Client, Selection } from './client.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { type Informer, SharedInformer } from './informer.ts';
import type { KubeMetrics } from './metrics.ts';
import { apiVersionOf, type Resource } from './resource.ts';
import type { Shards } from './shards.ts';

/** Something that runs beside the controllers. */
export interface Runnable {
  name: string;
  /** Runs only in the process that holds shard 0; started and aborted as that changes. */
  needsLeadership?: boolean;
  /** Runs until `signal` aborts. Returning sooner is fine; throwing ends the manager. */
  run(signal: AbortSignal): Promise<void>;
}

/** What makes a {@link Manager}. */
export interface ManagerOptions {
  client: Client;
  log: Logger;
  metrics?: KubeMetrics;
  /** Must not jump; default lib/clock.ts `monotonicClock`. */
  clock?: Clock;
  /** The shards of this process; run by the manager, so do not run them elsewhere. */
  shards?: Shards & { run(signal: AbortSignal): Promise<void> };
  /** How long runs may go on after a stop before their signals abort; default 10 s. */
  graceMs?: number;
}

const GRACE_MS = 10_000;

/**
 * Runs informers, controllers and whatever else makes a control plane, in order: informers, until they have synced;
 * then shards; then controllers and runnables. Stops in the reverse order, so that no run outlives the right to act:
 * controllers drain, runnables end, shards are given back, informers end.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #clock: Clock;
  readonly #informers = new Map<string, SharedInformer<KubeObject>>();
  readonly #controllers: Controller[] = [];
  readonly #runnables: Runnable[] = [];
  #started = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
  }

  /** The informer of a resource (or a part of it): one, however many ask. Ask before {@link run}. */
  informer<T extends KubeObject>(
    resource: Resource<T>,
    selection: Omit<Selection, 'signal' | 'timeoutMs'> = {},
  ): Informer<T> {
    this.#mustNotRun();
    const key = canonicalJson([apiVersionOf(resource), resource.plural, selection]);
    const { client, log, metrics } = this.#options;
    const known = this.#informers.get(key);
    const informer =
      known ??
      new SharedInformer<KubeObject>({
        client,
        resource,
        selection,
        log,
        clock: this.#clock,
        ...(metrics === undefined ? {} : { metrics }),
      });
    this.#informers.set(key, informer);
    // the key says which resource, and the resource says what its objects are
    return informer as unknown as Informer<T>;
  }

  /** Adds a controller. Connect informer handlers to its `enqueue`. */
  addController(options: Omit<ControllerOptions, 'log' | 'clock' | 'metrics'>): Controller {
    this.#mustNotRun();
    const { log, metrics } = this.#options;
    const controller = new Controller({
      ...options,
      log,
      clock: this.#clock,
      ...(metrics === undefined ? {} : { metrics }),
    });
    this.#controllers.push(controller);
    return controller;
  }

  /** Adds something that runs beside the controllers. */
  addRunnable(runnable: Runnable): void {
    this.#mustNotRun();
    this.#runnables.push(runnable);
  }

  /** Checks for lib/httpEndpoint.ts `ready`: one per informer. */
  readinessChecks(): Record<string, HealthCheck> {
    const check = (informer: SharedInformer<KubeObject>) => () => {
      if (!informer.hasSynced()) throw new Error('has not synced yet');
    };
    const entries = [...this.#informers].map(
      ([key, informer]) => [`informer-${nameOf(key)}`, check(informer)] as const,
    );
    return Object.fromEntries(entries);
  }

  /**
   * Runs everything until `signal` aborts, then stops in good order and resolves.
   * @throws whatever a runnable threw, after everything else has stopped.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#mustNotRun();
    this.#started = true;
    // aborts on the outer signal, or because something failed
    const stop = new AbortController();
    const follow = (): void => stop.abort(signal.reason);
    signal.addEventListener('abort', follow, { once: true });
    if (signal.aborted) follow();
    const informing = new AbortController();
    const informers = [...this.#informers.values()].map((informer) => informer.run(informing.signal));
    try {
      await this.#runSynced(stop);
    } finally {
      signal.removeEventListener('abort', follow);
      informing.abort();
      await Promise.all(informers);
      this.#options.log.info({}, 'stopped');
    }
  }

  async #runSynced(stop: AbortController): Promise<void> {
    const { log, shards, graceMs = GRACE_MS } = this.#options;
    const synced = [...this.#informers.values()].map((informer) => informer.waitForSync(stop.signal));
    await Promise.all(synced).catch(ignoreAbort(stop.signal));
    if (stop.signal.aborted) return;
    log.info({ informers: this.#informers.size, controllers: this.#controllers.length }, 'informers have synced');
    const fail = async (what: Promise<void>): Promise<void> => {
      await what.catch((error: unknown) => {
        stop.abort(error);
        throw error;
      });
    };
    const sharding = new AbortController();
    const shardsEnd = shards === undefined ? Promise.resolve() : fail(shards.run(sharding.signal));
    const controllers = this.#controllers.map((controller) => fail(controller.run()));
    const runnables = this.#runnables.map((runnable) => fail(this.#runRunnable(runnable, stop.signal)));
    await aborted(stop.signal);
    log.info({ graceMs }, 'stopping');
    await Promise.all(this.#controllers.map((controller) => controller.stop(graceMs)));
    const ended = await Promise.allSettled([...controllers, ...runnables]);
    sharding.abort();
    const all = [...ended, ...(await Promise.allSettled([shardsEnd]))];
    const failure = all.find((result) => result.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  }

  async #runRunnable(runnable: Runnable, signal: AbortSignal): Promise<void> {
    const { shards, log } = this.#options;
    if (runnable.needsLeadership !== true || shards === undefined) {
      await runnable.run(signal).catch(ignoreAbort(signal));
      return;
    }
    while (!isAborted(signal)) {
      await whenHeld(shards, true, signal);
      if (isAborted(signal)) return;
      const term = new AbortController();
      void whenHeld(shards, false, signal).then(() => term.abort(new DOMException('leadership ended', 'AbortError')));
      log.info({ runnable: runnable.name }, 'leading');
      await runnable.run(term.signal).catch(ignoreAbort(term.signal));
      // one that is done stays done for this term
      await aborted(term.signal);
    }
  }

  #mustNotRun(): void {
    if (this.#started) throw new Error('the manager runs already');
  }
}

const LEADER_SHARD = 0;

/** Resolves when shard 0 is held (or not held), or `signal` aborts. */
async function whenHeld(shards: Shards, wanted: boolean, signal: AbortSignal): Promise<void> {
  if (shards.holds(LEADER_SHARD) === wanted || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      remove();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const remove = shards.onChange((shard, held) => {
      if (shard === LEADER_SHARD && held === wanted) end();
    });
    signal.addEventListener('abort', end, { once: true });
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

/** What is thrown because of the abort is no failure. */
function ignoreAbort(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) throw error;
  };
}

/** As a function, since `signal.aborted` changes during an await, which the compiler does not see. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** `servers` out of an informer's key; a part of a resource keeps its selection. */
function nameOf(key: string): string {
  const [, plural, selection] = JSON.parse(key) as [string, string, Record<string, string>];
  return [plural, ...Object.values(selection)].join('-');
}
