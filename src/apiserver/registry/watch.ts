import type { CacheEvent } from '../cache/cachedObject.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { ApiError, resourceVersionTooLarge } from '../http/status.ts';
import { candidates } from './list.ts';
import type { ListOptions } from './listOptions.ts';
import type { StoredResource } from './resource.ts';
import type { Selection } from './selection.ts';
import type { WatchEncoder, WireType } from './watchEncoder.ts';

/** Where a watch's bytes go. */
export interface WatchSink {
  /** Sends the headers, so that a client without events knows that its watch stands. */
  open(): void;
  write(bytes: Buffer): void;
  /** Until the client has taken most of what was written; undefined while there is room for more. */
  drained(): Promise<void> | undefined;
  /** Ends the answer in good order. */
  end(): void;
}

/** What a watch is about. */
export interface WatchRequest {
  resource: StoredResource;
  selection: Selection;
  options: ListOptions;
  encoder: WatchEncoder;
  sink: WatchSink;
  /** Aborted when the client goes. */
  signal: AbortSignal;
}

const WAIT_MS = 3_000;
const FRESH_MS = 3_000;
const BOOKMARK_MS = 60_000;
/** The last bookmark comes this long before the end, so that the client goes on from there. */
const LAST_BOOKMARK_MS = 2_000;
const DEFAULT_TIMEOUT_MS = 1_800_000;

/**
 * Streams changes until the client goes, its time is up or the cache ends.
 * First what is there already where the options want it, then every later change, none missing, none twice.
 * A history that is gone is told as an ERROR event with 410 Expired, a version that has not come yet with 504.
 */
export async function watchObjects(request: WatchRequest): Promise<void> {
  const { cache } = request.resource.store;
  await cache.ready();
  const session = new WatchSession(request);
  try {
    await begin(session, request);
  } catch (error) {
    session.stop();
    throw error;
  }
  await session.finished;
}

async function begin(session: WatchSession, { resource, options }: WatchRequest): Promise<void> {
  const { cache } = resource.store;
  if (options.sendInitialEvents === true) {
    if (await hasReached(cache, options.resourceVersion)) await session.startWithState();
    else session.fail(resourceVersionTooLarge(options.resourceVersion ?? 0, cache.revision));
  } else {
    // no version, and no wish for what is there: changes from now on
    await session.startFrom(options.resourceVersion || cache.revision);
  }
}

async function hasReached(cache: ResourceCache, version: number | undefined): Promise<boolean> {
  if (version === 0) return true;
  return version === undefined ? cache.caughtUp(FRESH_MS) : cache.reached(version, WAIT_MS);
}

class WatchSession {
  readonly finished: Promise<void>;
  readonly #request: WatchRequest;
  readonly #cache: ResourceCache;
  readonly #timers: NodeJS.Timeout[] = [];
  #finish: () => void = () => undefined;
  #unwatch: () => void = () => undefined;
  /** What happened before is sent; from here on a bookmark may say how far the cache is. */
  #following = false;
  #done = false;

  constructor(request: WatchRequest) {
    this.#request = request;
    this.#cache = request.resource.store.cache;
    this.finished = new Promise((resolve) => (this.#finish = resolve));
    this.#startTimers();
    if (request.signal.aborted) this.stop();
    else request.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  /** Everything that is there, the bookmark that says so, then changes. */
  async startWithState(): Promise<void> {
    const { resource, selection, encoder, sink, options } = this.#request;
    const { revision } = this.#cache;
    for (const object of candidates(resource, selection)) {
      if (this.#done) return;
      if (!selection.matches(object)) continue;
      sink.write(encoder.initial(object));
      await sink.drained();
    }
    if (options.allowWatchBookmarks) sink.write(encoder.bookmark(revision, true));
    await this.startFrom(revision);
  }

  /** Changes after `revision`: those that have happened at the client's pace, then each as it comes. */
  async startFrom(revision: number): Promise<void> {
    try {
      this.#follow(await this.#catchUp(revision));
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 410) throw error;
      this.fail(error);
    }
  }

  /** Returns the revision up to which all is sent; meanwhile more may happen, so it ends when nothing was left. */
  async #catchUp(revision: number): Promise<number> {
    for (let position = revision; ;) {
      const { events, next } = await this.#cache.backlog(position, this.#request.signal);
      if (events.length === 0 || this.#done) return next;
      await this.#sendAll(events);
      position = next;
    }
  }

  async #sendAll(events: readonly CacheEvent[]): Promise<void> {
    for (const event of events) {
      if (this.#done) return;
      this.#send(event);
      await this.#request.sink.drained();
    }
  }

  /** Nothing but an ERROR event. */
  fail({ status }: ApiError): void {
    const { encoder, sink } = this.#request;
    sink.write(encoder.error(status));
    this.#end();
  }

  #follow(revision: number): void {
    if (this.#done) return;
    this.#request.sink.open();
    this.#following = true;
    this.#unwatch = this.#cache.watch(revision, {
      onEvent: (event) => this.#sendAfter(event, revision),
      onEnd: () => this.#end(),
    });
  }

  #startTimers(): void {
    const { options } = this.#request;
    const { timeoutSeconds = 0 } = options;
    const timeoutMs = timeoutSeconds > 0 ? timeoutSeconds * 1000 : DEFAULT_TIMEOUT_MS * (1 + Math.random());
    this.#timers.push(setTimeout(() => this.#end(), timeoutMs));
    if (!options.allowWatchBookmarks) return;
    this.#timers.push(setInterval(() => this.#bookmark(), BOOKMARK_MS));
    if (timeoutMs > LAST_BOOKMARK_MS) {
      this.#timers.push(setTimeout(() => this.#bookmark(), timeoutMs - LAST_BOOKMARK_MS));
    }
  }

  /** A revision in the future: the client has seen up to there already. */
  #sendAfter(event: CacheEvent, revision: number): void {
    if (event.revision > revision) this.#send(event);
  }

  #send(event: CacheEvent): void {
    const { selection, encoder, sink } = this.#request;
    if (!event.object.key.startsWith(selection.prefix)) return;
    const before = event.previous !== undefined && selection.matches(event.previous);
    const after = event.type !== 'Deleted' && selection.matches(event.object);
    const type = wireType(before, after);
    if (type === undefined) return;
    sink.write(encoder.event(event, type, type === 'DELETED' && event.type !== 'Deleted'));
  }

  #bookmark(): void {
    const { encoder, sink } = this.#request;
    if (this.#following && !this.#done) sink.write(encoder.bookmark(this.#cache.revision, false));
  }

  /** Gives up what it holds; the answer is another's to end. */
  stop(): void {
    this.#done = true;
    this.#unwatch();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#finish();
  }

  #end(): void {
    if (this.#done) return;
    this.#request.sink.end();
    this.stop();
  }
}

/** What the change means for a client that sees only what matches. */
function wireType(before: boolean, after: boolean): WireType | undefined {
  if (after) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}
