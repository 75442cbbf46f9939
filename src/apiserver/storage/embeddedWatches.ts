import { setImmediate } from 'node:timers/promises';
import { sizeOf, type Reader } from './embeddedReads.ts';
import type { StorageEvent, WatchItem } from './storage.ts';

/** What one watcher may keep waiting; beyond it, it goes back to reading the history from disk. */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
/** One read of history: short enough not to be felt by other requests. */
const CHUNK = { rows: 1_000, bytes: 2 * 1024 * 1024 };
const PROGRESS_MS = 4_000;

/**
 * Hands committed events to watchers. A watcher reads the history from disk until it has caught up, and then gets
 * events from memory. One that is too slow for its queue goes back to the disk: memory stays bounded, nothing is lost,
 * and only when compaction overtakes it does it end, with Compacted.
 */
export class Broadcaster {
  readonly #reader: Reader;
  readonly #watchers = new Set<Watcher>();
  readonly #timer: NodeJS.Timeout;
  #revision: number;
  #closed = false;

  constructor(reader: Reader, revision: number) {
    this.#reader = reader;
    this.#revision = revision;
    this.#timer = setInterval(() => this.#requestProgress(() => true), PROGRESS_MS);
    this.#timer.unref();
  }

  /** Takes one committed transaction: all its events, and the revision it ends with. */
  publish(events: readonly StorageEvent[], revision: number): void {
    this.#revision = revision;
    for (const watcher of this.#watchers) {
      for (const event of events) watcher.offer(event);
    }
  }

  /** See `Storage.requestProgress`. */
  requestProgress(prefix: string): void {
    this.#requestProgress((watcher) => watcher.prefix === prefix);
  }

  /** See `Storage.watch`. */
  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchItem> {
    const watcher = new Watcher(prefix, after);
    const stop = (): void => watcher.stop();
    if (signal.aborted || this.#closed) return;
    signal.addEventListener('abort', stop);
    this.#watchers.add(watcher);
    try {
      while (!watcher.stopped) {
        if (!watcher.live) yield* this.#history(watcher);
        const item = this.#next(watcher);
        if (item !== undefined) yield item;
        // also lets other work run between two reads of history
        else await (watcher.live ? watcher.wait() : setImmediate());
      }
    } finally {
      signal.removeEventListener('abort', stop);
      this.#watchers.delete(watcher);
    }
  }

  /** Ends all watches. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const watcher of this.#watchers) watcher.stop();
  }

  /** The next piece of history; when there is none left, the watcher is live from here on. */
  *#history(watcher: Watcher): Generator<WatchItem> {
    if (watcher.position >= this.#revision) {
      watcher.goLive();
      return;
    }
    const { events, until } = this.#reader.history(watcher.prefix, watcher.position, CHUNK);
    for (const event of events) {
      if (watcher.stopped) return;
      yield { kind: 'event', event };
    }
    // may lie beyond #revision when a commit is on disk but not handed out yet: `offer` drops what was read here
    watcher.position = until;
  }

  #next(watcher: Watcher): WatchItem | undefined {
    if (watcher.stopped || !watcher.live) return undefined;
    const event = watcher.take();
    if (event !== undefined) return { kind: 'event', event };
    return watcher.takeProgressRequest(this.#revision) ? { kind: 'progress', revision: this.#revision } : undefined;
  }

  #requestProgress(which: (watcher: Watcher) => boolean): void {
    for (const watcher of this.#watchers) {
      if (which(watcher)) watcher.requestProgress();
    }
  }
}

/** The queue of one watch. */
class Watcher {
  readonly prefix: string;
  /** Every event up to this revision has been handed to the consumer, or is not for it. */
  position: number;
  /** True: events come through the queue. False: they are read from disk. */
  live = false;
  stopped = false;
  #queue: StorageEvent[] = [];
  #queuedBytes = 0;
  #progressRequested = false;
  #wake: (() => void) | undefined;

  constructor(prefix: string, after: number) {
    this.prefix = prefix;
    this.position = after;
  }

  goLive(): void {
    this.live = true;
    this.#progressRequested = true;
  }

  offer(event: StorageEvent): void {
    if (!this.live || event.revision <= this.position || !event.key.startsWith(this.prefix)) return;
    if (this.#queue.length === 0) this.position = event.revision - 1;
    this.#queue.push(event);
    this.#queuedBytes += sizeOf(event);
    if (this.#queue.length > MAX_QUEUED || this.#queuedBytes > MAX_QUEUED_BYTES) this.#fallBehind();
    this.#notify();
  }

  take(): StorageEvent | undefined {
    const event = this.#queue.shift();
    if (event === undefined) return undefined;
    this.position = event.revision;
    this.#queuedBytes -= sizeOf(event);
    return event;
  }

  requestProgress(): void {
    this.#progressRequested = true;
    this.#notify();
  }

  /** Whether progress is due, now that nothing is queued; the watcher is then at `revision`. */
  takeProgressRequest(revision: number): boolean {
    if (!this.#progressRequested) return false;
    this.#progressRequested = false;
    this.position = Math.max(this.position, revision);
    return true;
  }

  /** Resolves when there is something to do. */
  async wait(): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  stop(): void {
    this.stopped = true;
    this.#queue = [];
    this.#notify();
  }

  #fallBehind(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
    this.live = false;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
