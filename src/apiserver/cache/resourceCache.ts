import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { backoffMs, type Backoff } from '../../lib/backoff.ts';
import type { Logger } from '../../lib/logger.ts';
import { monotonicClock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import { hasMore, revisionOf, StorageError, type Storage, type StorageEvent } from '../storage/storage.ts';
import { expired } from '../http/status.ts';
import type { CachedObject, CacheEvent } from './cachedObject.ts';
import type { WatchHub } from './watchHub.ts';

/** Makes the cached form of a stored value. */
export type Decode = (key: string, value: Buffer, revision: number) => CachedObject;

/** Gets events as they happen. */
export interface CacheWatcher {
  onEvent(event: CacheEvent): void;
  /** The cache ends (resource removed or changed, server stops, history lost): the client must start over. */
  onEnd(): void;
}

/** A controller inside the server that follows a resource for good. */
export interface CacheObserver {
  onEvent(event: CacheEvent): void;
  /** The cache was (re)filled: everything in it must be looked at. */
  onFilled(): void;
}

/** History kept in memory per resource; what is older is read from the store's own history. */
const MAX_EVENTS = 5_000;
const MAX_EVENT_BYTES = 32 * 1024 * 1024;
const DECODE_BATCH = 100;
/** How long a value that cannot be read is not read again for those who ask. */
const UNREADABLE_MS = 1_000;
/** Between two tries to read anew what lost its history. */
const REFILL: Backoff = { baseMs: 100, factor: 2, capMs: 30_000, jitter: 0.2 };

/**
 * All objects of one resource in memory, and its latest events: one read and one watch of the store serve any
 * number of clients. Filled on first use. When history is lost, or an event cannot be read, it stands still where it
 * is until it has been read anew.
 */
export class ResourceCache {
  readonly #storage: Storage;
  readonly #hub: WatchHub;
  readonly #log: Logger;
  readonly #prefix: string;
  readonly #decode: Decode;
  #objects = new Map<string, CachedObject>();
  readonly #watchers = new Set<CacheWatcher>();
  readonly #observers = new Set<CacheObserver>();
  #history: CacheEvent[] = [];
  #historyBytes = 0;
  /** Every event after this revision is in `#history`. */
  #historyFrom = 0;
  #sorted: CachedObject[] | undefined;
  #loading: Promise<void> | undefined;
  #loaded = false;
  /** Of each key the last event that came while a list was under way. */
  #early = new Map<string, StorageEvent>();
  /** How often history was lost: a list that began before may lack what was written since. */
  #losses = 0;
  #refilling = false;
  /** A stored value that could not be read, and until when it is not tried again. */
  #unreadable: { error: StorageError; until: number } | undefined;
  /** What reads show while nothing new is shown. */
  #frozenAt: number | undefined;
  #unsubscribe: (() => void) | undefined;
  /** No watch begins any more. */
  #closed = false;
  readonly #end = new AbortController();

  constructor(options: { storage: Storage; hub: WatchHub; log: Logger; prefix: string; decode: Decode }) {
    this.#storage = options.storage;
    this.#hub = options.hub;
    this.#log = options.log;
    this.#prefix = options.prefix;
    this.#decode = options.decode;
  }

  /** The revision that reads show. */
  get revision(): number {
    return this.#frozenAt ?? Math.max(this.#hub.revision, this.#historyFrom);
  }

  /** Whether it shows what is there; else it is yet to be read (again), or has ended. */
  get isCurrent(): boolean {
    return this.#loaded && !this.isEnded;
  }

  /** It shows nothing new any more; another cache may have taken its place. */
  get isEnded(): boolean {
    return this.#end.signal.aborted;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /**
   * Resolves once filled.
   * @throws StorageError when the store cannot be read, and the next call tries again; Unavailable once ended.
   */
  async ready(): Promise<void> {
    if (this.isEnded) throw this.#ended();
    if (this.#loaded) return;
    // reading it all again for everybody who asks would find the same
    if (this.#unreadable !== undefined && monotonicClock.now() < this.#unreadable.until) throw this.#unreadable.error;
    await this.#fill();
  }

  async #fill(): Promise<void> {
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  /** Waits until what is in the store now is shown here. @throws as {@link ready}. */
  async caughtUp(timeoutMs: number): Promise<boolean> {
    await this.ready();
    if (!(await this.#hub.caughtUp(timeoutMs))) return false;
    // the hub may have come there over lost history
    await this.ready();
    return true;
  }

  /** Waits until `revision` has happened, whether it is shown here or not. */
  async happened(revision: number, timeoutMs: number): Promise<boolean> {
    return this.#hub.reached(revision, timeoutMs);
  }

  /** Waits until `revision` is shown here. @throws as {@link ready}. */
  async reached(revision: number, timeoutMs: number): Promise<boolean> {
    if (!(await this.#hub.reached(revision, timeoutMs))) return false;
    await this.ready();
    return true;
  }

  /** The object at `key`, if it exists. */
  get(key: string): CachedObject | undefined {
    return this.#objects.get(key);
  }

  /** All objects under `prefix`, in key order. */
  list(prefix: string = this.#prefix): CachedObject[] {
    this.#sorted ??= [...this.#objects.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    const all = this.#sorted;
    if (prefix === this.#prefix) return all;
    const from = lowerBound(all, prefix);
    let to = from;
    while (all[to]?.key.startsWith(prefix) === true) to++;
    return all.slice(from, to);
  }

  /**
   * Sends `watcher` every event after `after`: those of the past at once, then live ones. Returns the end of it.
   * Call {@link backlog} first when `after` may lie before what is kept in memory.
   * @throws ApiError 410 when events after `after` are gone from memory.
   */
  watch(after: number, watcher: CacheWatcher): () => void {
    if (after < this.#historyFrom) throw tooOld();
    for (const event of this.#history.slice(this.#firstAfter(after))) watcher.onEvent(event);
    // what happens until it has been read anew is not told
    if (this.#closed || !this.#loaded) watcher.onEnd();
    else this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Follows every live event, also across refills; `onFilled` comes at once when the cache is filled already. */
  observe(observer: CacheObserver): void {
    this.#observers.add(observer);
    if (this.#loaded) observer.onFilled();
  }

  /**
   * Events after `after` that have happened: those in memory or, when these do not reach back so far (or, after a
   * restart, not yet), older ones from the store's history. It goes on after `next`; when there are none, {@link watch}
   * misses nothing from there.
   * @throws ApiError 410 when the store has forgotten them, too.
   */
  async backlog(after: number, signal: AbortSignal): Promise<{ events: CacheEvent[]; next: number }> {
    const until = this.#historyFrom;
    if (after >= until) {
      const events = this.#history.slice(this.#firstAfter(after));
      return { events, next: events.at(-1)?.revision ?? after };
    }
    const events: CacheEvent[] = [];
    try {
      for await (const event of this.#pastEvents(after, until, signal)) events.push(event);
    } catch (error) {
      this.#log.debug({ after, error: messageOf(error) }, 'watch asks for a history that is gone');
      throw tooOld();
    }
    return { events, next: until };
  }

  /** Events after `after` up to `until` from the store's history. */
  async *#pastEvents(after: number, until: number, signal: AbortSignal): AsyncGenerator<CacheEvent> {
    for await (const item of this.#storage.watch(this.#prefix, after, signal)) {
      const revision = revisionOf(item);
      if (item.kind === 'unreadable' && revision <= until) throw item.error;
      if (item.kind === 'event' && revision <= until) yield this.#past(item.event);
      if (revision >= until && !hasMore(item)) return;
    }
  }

  /** Ends all watches, also those to come; reads go on. */
  endWatches(): void {
    this.#closed = true;
    this.#dropWatchers();
  }

  /** Ends all watches; the cache shows nothing new from here on, and nobody is to read it any more. */
  end(): void {
    if (this.isEnded) return;
    this.#frozenAt ??= this.revision;
    this.#end.abort();
    this.#unsubscribe?.();
    this.endWatches();
  }

  #ended(): StorageError {
    const message = 'the resource has just been changed, or the server stops: ask again';
    return new StorageError('Unavailable', this.#prefix, { message });
  }

  #dropWatchers(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.onEnd();
  }

  async #load(): Promise<void> {
    this.#unsubscribe ??= this.#hub.subscribe(this.#prefix, {
      onEvent: (event) => this.#receive(event),
      onReset: () => this.#reset(),
    });
    try {
      while (!(await this.#read()));
      this.#unreadable = undefined;
    } catch (error) {
      if (error instanceof StorageError && error.code === 'Corrupt')
        this.#unreadable = { error, until: monotonicClock.now() + UNREADABLE_MS };
      throw error;
    } finally {
      this.#early.clear();
    }
  }

  /** Whether what was read is all there is: false when history was lost meanwhile. */
  async #read(): Promise<boolean> {
    const losses = this.#losses;
    this.#early.clear();
    const page = await this.#storage.list(this.#prefix);
    const objects = new Map<string, CachedObject>();
    for (const [index, entry] of page.entries.entries()) {
      objects.set(entry.key, this.#decode(entry.key, entry.value, entry.revision));
      // decoding thousands of objects must not hold up everybody else
      if (index % DECODE_BATCH === DECODE_BATCH - 1) await nextTurn();
    }
    const until = await this.#addEarly(objects, page.revision);
    if (this.isEnded) throw this.#ended();
    if (losses !== this.#losses) return false;
    this.#objects = objects;
    this.#sorted = undefined;
    this.#history = [];
    this.#historyBytes = 0;
    this.#historyFrom = until;
    this.#frozenAt = undefined;
    this.#loaded = true;
    for (const observer of this.#observers) observer.onFilled();
    return true;
  }

  /** Brings `objects` of `revision` up to what came meanwhile. Returns the revision they are at then. */
  async #addEarly(objects: Map<string, CachedObject>, revision: number): Promise<number> {
    let until = revision;
    while (this.#early.size > 0) {
      for (const [key, event] of [...this.#early].slice(0, DECODE_BATCH)) {
        this.#early.delete(key);
        if (event.revision <= revision) continue;
        until = Math.max(until, event.revision);
        if (event.type === 'Deleted') objects.delete(key);
        else objects.set(key, this.#decode(key, event.value, event.revision));
      }
      // none left: nothing more may come before it is shown
      if (this.#early.size > 0) await nextTurn();
    }
    return until;
  }

  #reset(): void {
    this.#losses++;
    this.#frozenAt ??= this.revision;
    this.#loaded = false;
    this.#dropWatchers();
    void this.#refill();
  }

  /** Reads until it goes well: observers must not wait for a client to ask. */
  async #refill(): Promise<void> {
    if (this.#refilling) return;
    this.#refilling = true;
    for (let failures = 0; !this.#loaded && !this.isEnded; failures++) {
      await this.#fill().catch((error: unknown) => this.#pauseAfter(error, failures));
    }
    this.#refilling = false;
  }

  async #pauseAfter(error: unknown, failures: number): Promise<void> {
    if (this.isEnded) return;
    this.#log.error({ error, prefix: this.#prefix, failures }, 'a cache could not be filled');
    const options = { ref: false, signal: this.#end.signal };
    await sleep(backoffMs(REFILL, failures), undefined, options).catch(() => undefined);
  }

  #receive(event: StorageEvent): void {
    if (!this.#loaded) {
      // without a list under way, the next one will show it
      if (this.#loading !== undefined) this.#early.set(event.key, event);
      return;
    }
    if (event.revision <= this.#historyFrom) return;
    const made = this.#made(event);
    if (made === undefined) {
      this.#reset();
      return;
    }
    try {
      this.#apply(made);
    } catch (error) {
      // one follower that fails must not stop the events of all resources
      this.#log.error({ error, key: event.key, revision: event.revision }, 'an event could not be followed');
    }
  }

  /** Undefined when it cannot be read: what is shown would be old for good. */
  #made(event: StorageEvent): CacheEvent | undefined {
    try {
      return this.#toEvent(event, this.#objects.get(event.key));
    } catch (error) {
      this.#log.error({ error, key: event.key, revision: event.revision }, 'a stored object cannot be read');
      return undefined;
    }
  }

  #apply(made: CacheEvent): void {
    const { key } = made.object;
    if (made.type === 'Deleted') this.#objects.delete(key);
    else this.#objects.set(key, made.object);
    this.#sorted = undefined;
    this.#remember(made);
    for (const watcher of this.#watchers) watcher.onEvent(made);
    for (const observer of this.#observers) observer.onEvent(made);
  }

  #toEvent(event: StorageEvent, known: CachedObject | undefined): CacheEvent {
    const { revision } = event;
    if (event.type === 'Deleted') {
      const last = known ?? this.#decode(event.key, event.previous, revision);
      return { type: 'Deleted', revision, object: { ...last, revision }, previous: last, encoded: new Map() };
    }
    const object = this.#decode(event.key, event.value, revision);
    return { type: known === undefined ? 'Added' : 'Modified', revision, object, previous: known, encoded: new Map() };
  }

  /** An event of the past, with the previous value that the store kept. */
  #past(event: StorageEvent): CacheEvent {
    const previous = event.previous === undefined ? undefined : this.#decode(event.key, event.previous, event.revision);
    const made = this.#toEvent(event, previous);
    return event.type === 'Updated' ? { ...made, type: 'Modified' } : made;
  }

  #remember(event: CacheEvent): void {
    this.#history.push(event);
    this.#historyBytes += event.object.bytes.length;
    if (this.#history.length <= MAX_EVENTS && this.#historyBytes <= MAX_EVENT_BYTES) return;
    // a quarter at a time: dropping one by one would copy the array for each event
    for (const old of this.#history.splice(0, Math.ceil(this.#history.length / 4))) {
      this.#historyBytes -= old.object.bytes.length;
      this.#historyFrom = old.revision;
    }
  }

  #firstAfter(revision: number): number {
    let low = 0;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#history[middle]?.revision ?? 0) > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function tooOld(): Error {
  return expired('The resourceVersion for the provided watch is too old.');
}

function lowerBound(objects: CachedObject[], key: string): number {
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((objects[middle]?.key ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
