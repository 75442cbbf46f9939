import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import {
  hasMore,
  revisionOf,
  StorageError,
  type Storage,
  type StorageEvent,
  type WatchItem,
} from '../storage/storage.ts';

/** Root of every object's key. */
export const REGISTRY = '/registry/';

/** Takes the events of one resource. */
export interface HubListener {
  /** In revision order, none missing, none twice, from the hub's revision at subscription on. */
  onEvent(event: StorageEvent): void;
  /** History was lost (store away, consumer too slow, unreadable value): what is held is stale and must be read anew. */
  onReset(): void;
}

interface Waiter {
  revision: number;
  resolve: (reached: boolean) => void;
}

type Write = Exclude<WatchItem, { kind: 'progress' }>;

const RETRY_MS = 500;

/**
 * The one watch on the store, however many resources and clients there are: every event goes to the cache of its
 * resource. One watch, rather than one per resource, gives all caches one progress: whatever was written anywhere
 * up to `revision` has been handed out everywhere.
 */
export class WatchHub {
  readonly #storage: Storage;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, HubListener>();
  readonly #stop = new AbortController();
  #waiters: Waiter[] = [];
  #revision = 0;
  /** The watch failed, and nothing has come since. */
  #isDown = false;
  #running: Promise<void> = Promise.resolve();

  constructor(deps: { storage: Storage; log: Logger; clock: Clock }) {
    this.#storage = deps.storage;
    this.#log = deps.log;
    this.#clock = deps.clock;
  }

  /** No event with a revision up to this one is still to come. */
  get revision(): number {
    return this.#revision;
  }

  /** Begins at the store's revision of now. */
  async start(): Promise<void> {
    this.#advance(await this.#storage.revision());
    this.#running = this.#run();
  }

  /** Ends the watch; waiters are told that their revision was not reached. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(false);
    await this.#running;
  }

  /** Hands events under `prefix` (`/registry/<group>/<resource>/`) to `listener` until the returned function is called. */
  subscribe(prefix: string, listener: HubListener): () => void {
    this.#listeners.set(prefix, listener);
    return () => {
      if (this.#listeners.get(prefix) === listener) this.#listeners.delete(prefix);
    };
  }

  /** Whether `revision` was reached within `timeoutMs` milliseconds. */
  async reached(revision: number, timeoutMs: number): Promise<boolean> {
    if (this.#revision >= revision) return true;
    return new Promise((resolve) => {
      const waiter: Waiter = { revision, resolve: (reached) => settle(reached) };
      const timer = setTimeout(() => settle(false), timeoutMs);
      const settle = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(reached);
      };
      this.#waiters.push(waiter);
    });
  }

  /** Waits until all that is in the store now has been handed out. */
  async caughtUp(timeoutMs: number): Promise<boolean> {
    const revision = await this.#storage.revision();
    if (this.#revision >= revision) return true;
    this.#storage.requestProgress(REGISTRY);
    return this.reached(revision, timeoutMs);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #follow(): Promise<void> {
    let together: Write[] = [];
    for await (const item of this.#storage.watch(REGISTRY, this.#revision, this.#stop.signal)) {
      this.#isDown = false;
      if (item.kind !== 'progress') together.push(item);
      // nobody sees one half of a revision
      if (hasMore(item)) continue;
      for (const one of together) this.#handOut(one);
      together = [];
      this.#advance(revisionOf(item));
    }
  }

  #handOut(item: Write): void {
    if (item.kind === 'event') {
      this.#listeners.get(resourcePrefix(item.event.key))?.onEvent(item.event);
      return;
    }
    const { key, revision, error } = item;
    this.#log.error({ error, key, revision }, 'a stored value cannot be read');
    this.#listeners.get(resourcePrefix(key))?.onReset();
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const lost = error instanceof StorageError && error.code === 'Compacted';
    const message = lost ? 'watch history lost, caches are read anew' : 'watch on the store failed';
    // an outage is told once, not twice a second
    if (lost || !this.#isDown) this.#log.warn({ error, revision: this.#revision }, message);
    this.#isDown = !lost;
    const now = lost ? await this.#storage.revision().catch(() => undefined) : undefined;
    if (now === undefined) {
      await this.#clock.sleep(RETRY_MS, this.#stop.signal).catch(() => undefined);
      return;
    }
    // first, so that nobody who waits for the revision sees what was there before it
    for (const listener of this.#listeners.values()) listener.onReset();
    this.#advance(now);
  }

  #advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    if (this.#waiters.length === 0) return;
    for (const waiter of this.#waiters.filter((one) => one.revision <= revision)) waiter.resolve(true);
  }
}

/** `/registry/<group>/<resource>/` of a key. */
function resourcePrefix(key: string): string {
  const group = key.indexOf('/', REGISTRY.length);
  const resource = key.indexOf('/', group + 1);
  return resource < 0 ? key : key.slice(0, resource + 1);
}
