import type { KubeList, KubeObject } from '../api/meta.ts';
import { type Backoff, backoffMs } from '../lib/backoff.ts';
import { type Clock, monotonicClock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { ApiError, isExpired, isTooLargeResourceVersion } from './apiError.ts';
import type { Client, Selection } from './client.ts';
import type { KubeMetrics } from './metrics.ts';
import { apiVersionOf, type Resource } from './resource.ts';
import { compareResourceVersions } from './resourceVersion.ts';
import { MalformedFrameError, type WatchEvent } from './watchStream.ts';

/** Receives what a {@link Reflector} sees, in order. Must not throw. */
export interface ReflectorSink<T extends KubeObject> {
  /** The whole state at one moment; whatever is not in it is gone. */
  replace(items: readonly T[]): void;
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: T): void;
}

/** What makes a {@link Reflector}. */
export interface ReflectorOptions<T extends KubeObject> {
  client: Client;
  resource: Resource<T>;
  selection?: Omit<Selection, 'signal' | 'timeoutMs'>;
  sink: ReflectorSink<T>;
  log: Logger;
  /** Must not jump; default lib/clock.ts `monotonicClock`. */
  clock?: Clock;
  random?: () => number;
  metrics?: KubeMetrics;
  /** Objects per page of a list; default 500. */
  pageSize?: number;
  /** Silence after which a watch counts as dead; default: the client's. */
  idleTimeoutMs?: number;
}

/** client-go's: 0.8 s doubling to 30 s, forgotten after two quiet minutes. */
const BACKOFF: Backoff = { baseMs: 800, factor: 2, capMs: 30_000, jitter: 0.5 };
const BACKOFF_RESET_MS = 120_000;
const MIN_WATCH_SECONDS = 300;
/** A watch that ends within this time without an event is a sign of trouble, not of a timeout. */
const SHORT_WATCH_MS = 1000;
/** So many watches in a row that broke at the same place: what is there cannot be read, so look at the whole again. */
const MAX_BROKEN_WATCHES = 3;

/**
 * Keeps a sink equal to a resource on the server: list, then watch from the list's resourceVersion, for ever.
 *
 * Never misses an event: after any cut it goes on from the last event that arrived whole, and when the server no longer
 * has that place (410) or cannot serve it, it lists again, so that the sink sees the difference.
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #name: string;
  /** Where the next watch starts; undefined = list first. */
  #resourceVersion: string | undefined;
  #failures = 0;
  #lastFailureAt = -Infinity;
  #brokenWatches = 0;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#clock = options.clock ?? monotonicClock;
    this.#random = options.random ?? Math.random;
    this.#name = options.resource.plural;
  }

  /** Runs until `signal` aborts, then returns. Failures are logged and retried with backoff, for ever. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#resourceVersion ??= await this.#list(signal);
        await this.#watch(this.#resourceVersion, signal);
      } catch (error) {
        if (isAborted(signal)) return;
        await this.#recover(error, signal);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, resource, selection = {}, pageSize, sink, metrics } = this.#options;
    metrics?.lists.inc({ name: this.#name });
    let list: KubeList<T>;
    try {
      list = await client.list(resource, { ...selection, ...(pageSize === undefined ? {} : { pageSize }), signal });
    } catch (error) {
      if (!isExpired(error)) throw error;
      // the pages' moment was compacted while we read them: one unpaged list cannot be too slow for that
      list = await client.list(resource, { ...selection, pageSize: 0, signal });
    }
    const version = list.metadata.resourceVersion;
    if (version === undefined || version === '')
      throw new MalformedFrameError(`LIST ${this.#name}: no resourceVersion`);
    sink.replace(list.items);
    this.#brokenWatches = 0;
    this.#options.log.debug({ resource: this.#name, items: list.items.length, resourceVersion: version }, 'listed');
    return version;
  }

  async #watch(from: string, signal: AbortSignal): Promise<void> {
    const { client, resource, selection = {}, idleTimeoutMs, metrics } = this.#options;
    metrics?.watches.inc({ name: this.#name });
    const startedAt = this.#clock.now();
    const events = client.watch(resource, {
      ...selection,
      resourceVersion: from,
      // spread, so that not every client comes back at the same moment
      timeoutSeconds: Math.round(MIN_WATCH_SECONDS * (1 + this.#random())),
      ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      signal,
    });
    for await (const event of events) this.#take(event);
    if (this.#resourceVersion === from && this.#clock.now() - startedAt < SHORT_WATCH_MS)
      throw new ShortWatchError(this.#name);
  }

  #take(event: WatchEvent<T>): void {
    const { sink } = this.#options;
    const version = this.#checkedVersion(event.object);
    if (compareResourceVersions(version, this.#resourceVersion) < 0) throw new BackInTimeError(this.#name);
    if (event.type !== 'BOOKMARK') sink.apply(event.type, event.object);
    this.#resourceVersion = version;
    this.#brokenWatches = 0;
  }

  /** The event's resourceVersion, if it is an object of this resource. */
  #checkedVersion(object: KubeObject): string {
    const { resource } = this.#options;
    if (object.kind !== resource.kind || object.apiVersion !== apiVersionOf(resource)) {
      throw new MalformedFrameError(`WATCH ${this.#name}: an event holds a ${object.apiVersion} ${object.kind}`);
    }
    // `?.`: what a server sends is not what the type promises
    const version = (object.metadata as Partial<KubeObject['metadata']> | undefined)?.resourceVersion;
    if (version === undefined) throw new MalformedFrameError(`WATCH ${this.#name}: an event has no resourceVersion`);
    return version;
  }

  /** Decides where to go on, and waits. */
  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { log, metrics } = this.#options;
    if (this.#resourceVersion !== undefined) metrics?.watchFailures.inc({ name: this.#name });
    if (this.#mustRelist(error)) this.#resourceVersion = undefined;
    const expired = isExpired(error);
    const delayMs = expired && this.#failures === 0 ? 0 : this.#nextDelay(error);
    this.#failures++;
    this.#lastFailureAt = this.#clock.now();
    const fields = { resource: this.#name, error: messageOf(error), resourceVersion: this.#resourceVersion, delayMs };
    if (expired || error instanceof ShortWatchError) log.debug(fields, 'the watch has to start again');
    else log.warn(fields, 'listing or watching failed');
    if (delayMs > 0) await this.#clock.sleep(delayMs, signal).catch(() => undefined);
  }

  #mustRelist(error: unknown): boolean {
    if (isExpired(error) || isTooLargeResourceVersion(error) || error instanceof BackInTimeError) return true;
    // 400 and 404 speak about the request, which will be the same next time
    if (error instanceof ApiError && error.code < 500 && error.code !== 429) return true;
    return error instanceof MalformedFrameError && ++this.#brokenWatches >= MAX_BROKEN_WATCHES;
  }

  #nextDelay(error: unknown): number {
    if (this.#clock.now() - this.#lastFailureAt > BACKOFF_RESET_MS) this.#failures = 0;
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    return Math.max(asked, backoffMs(BACKOFF, this.#failures, this.#random));
  }
}

class ShortWatchError extends Error {
  constructor(name: string) {
    super(`WATCH ${name}: ended at once without an event`);
    this.name = 'ShortWatchError';
  }
}

/** An event is older than where the watch began: the server's data were replaced, for example by a backup. */
class BackInTimeError extends Error {
  constructor(name: string) {
    super(`WATCH ${name}: the server's resourceVersions went back`);
    this.name = 'BackInTimeError';
  }
}

/** As a function, since `signal.aborted` changes during an await, which the compiler does not see. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
