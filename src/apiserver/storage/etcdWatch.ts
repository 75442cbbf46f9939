import type { Etcd3, IEvent, IWatchResponse, WatchClient } from 'etcd3';
import type { Duplex } from 'node:stream';
import { monotonicClock } from '../../lib/clock.ts';
import type { EtcdClient } from './etcdClient.ts';
import { unavailable } from './etcdErrors.ts';
import type { EtcdFences } from './etcdFences.ts';
import type { EtcdReads } from './etcdReads.ts';
import type { EtcdSpace } from './etcdSpace.ts';
import { endOfPrefix } from './limits.ts';
import { StorageError, type StorageEvent, type WatchItem } from './storage.ts';

/** What a watch works with. */
export interface WatchDeps {
  client: EtcdClient;
  space: EtcdSpace;
  reads: EtcdReads;
  fences: EtcdFences;
  /** The watches that run, so that they can be asked for progress. */
  running: Set<EtcdWatch>;
}

type Stream = Awaited<ReturnType<WatchClient['watch']>>;

/** Items that may wait for the consumer; beyond, the stream is paused, and etcd keeps the rest in its history. */
const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;
const PROGRESS_MS = 4_000;
/** Events that are on their way come within this time; only then a fence is worth its write. */
const ON_THEIR_WAY_MS = 40;
/** A stream on which a fence does not come within this time is dead, whatever its connection says. */
const STALLED_MS = 10_000;

/**
 * See `Storage.watch`. One stream per watch, without etcd3's own watcher: that one knows neither progress nor
 * backpressure, and reconnects from a revision of its own choice.
 * @throws StorageError Compacted; Unavailable when the stream breaks.
 */
export async function* watchEtcd(
  deps: WatchDeps,
  from: { prefix: string; after: number },
  signal: AbortSignal,
): AsyncGenerator<WatchItem> {
  if (signal.aborted) return;
  const watch = new EtcdWatch(deps, from);
  const stop = (): void => watch.stop();
  signal.addEventListener('abort', stop);
  deps.running.add(watch);
  try {
    await watch.open();
    let item: WatchItem | undefined;
    while ((item = await watch.next()) !== undefined) yield item;
  } catch (error) {
    // whoever ends a watch does not care what it was waiting for
    if (!watch.isStopped) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    deps.running.delete(watch);
    watch.stop();
  }
}

/** One watch and its stream. */
export class EtcdWatch {
  readonly #deps: WatchDeps;
  readonly #prefix: string;
  /** Every event up to here has been queued. */
  #position: number;
  #queue: WatchItem[] = [];
  #queuedBytes = 0;
  #failure: StorageError | undefined;
  #stopped = false;
  #wake: () => void = () => undefined;
  #member: Etcd3 | undefined;
  #stream: Stream | undefined;
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;
  #askAgain = false;

  constructor(deps: WatchDeps, from: { prefix: string; after: number }) {
    this.#deps = deps;
    this.#prefix = from.prefix;
    this.#position = from.after;
  }

  get prefix(): string {
    return this.#prefix;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  async open(): Promise<void> {
    const { client, space, reads } = this.#deps;
    const after = this.#position;
    // also renews a login that has run out
    await reads.assertKept(this.#prefix, after);
    const member = client.member;
    this.#member = member;
    const stream = await member.watchClient.watch().catch((error: unknown) => {
      client.leave(member, error);
      throw unavailable(error, this.#prefix);
    });
    if (this.#stopped) {
      asDuplex(stream).end();
      stream.cancel();
      return;
    }
    this.#stream = stream;
    stream.on('data', (response: IWatchResponse) => this.#receive(response));
    stream.on('error', (error: Error) => this.#break(error));
    stream.on('end', () => this.#break(new Error('the watch stream ended')));
    const key = space.key(this.#prefix);
    stream.write({
      create_request: {
        key,
        range_end: endOfPrefix(key) ?? Buffer.from([0]),
        start_revision: space.raw(after) + 1,
        prev_kv: true,
      },
    });
  }

  /** The next item; undefined once stopped. @throws StorageError */
  async next(): Promise<WatchItem | undefined> {
    for (;;) {
      if (this.#stopped) return undefined;
      const item = this.#queue.shift();
      if (item !== undefined) {
        this.#queuedBytes -= sizeOf(item);
        this.#resumeWhenDrained();
        return item;
      }
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#cancel();
    this.#queue = [];
    this.#wake();
  }

  /** Sees to it that a progress item with at least the revision of now comes. */
  requestProgress(): void {
    if (this.#asking !== undefined) {
      this.#askAgain = true;
      return;
    }
    this.#asking = this.#ask()
      .catch((error: unknown) => this.#fail(unavailable(error, this.#prefix)))
      .finally(() => {
        this.#asking = undefined;
        if (!this.#askAgain || this.#stopped) return;
        this.#askAgain = false;
        this.requestProgress();
      });
  }

  async #ask(): Promise<void> {
    const { reads, fences } = this.#deps;
    const now = await reads.revision();
    if (await this.#reaches(now, ON_THEIR_WAY_MS)) {
      this.#push({ kind: 'progress', revision: Math.max(now, this.#position) });
      return;
    }
    const fence = await fences.raise(this.#prefix, now);
    if (await this.#reaches(fence, STALLED_MS)) return;
    // a consumer that takes nothing is no sign of a dead stream
    if (!this.#isPaused) this.#break(new Error(`the watch stream stalled before revision ${fence}`));
  }

  /** Whether the position comes to `revision` within `ms`. */
  async #reaches(revision: number, ms: number): Promise<boolean> {
    const until = monotonicClock.now() + ms;
    while (this.#position < revision) {
      if (this.#stopped || this.#failure !== undefined || monotonicClock.now() > until) return false;
      await monotonicClock.sleep(5);
    }
    return true;
  }

  #receive(response: IWatchResponse): void {
    if (this.#stopped || this.#failure !== undefined) return;
    if (response.canceled) {
      this.#cancelled(response);
      return;
    }
    if (response.created) {
      this.#timer = setInterval(() => this.requestProgress(), PROGRESS_MS);
      this.#timer.unref();
      void this.#confirm();
    }
    // etcd never divides a revision over two responses
    for (const [index, event] of response.events.entries()) {
      this.#take(event, response.events[index + 1]?.kv.mod_revision === event.kv.mod_revision);
    }
  }

  /**
   * Looks again for a compaction, now that the watch stands: etcd takes a watch from the very revision that was
   * compacted, though some of that revision's events may be gone.
   */
  async #confirm(): Promise<void> {
    const after = this.#position;
    try {
      await this.#deps.reads.assertKept(this.#prefix, after);
      this.requestProgress();
    } catch (error) {
      this.#fail(error instanceof StorageError ? error : unavailable(error, this.#prefix));
    }
  }

  #take(raw: IEvent, hasMore: boolean): void {
    const { space } = this.#deps;
    const revision = space.revision(raw.kv.mod_revision);
    const key = space.name(raw.kv.key);
    if (space.isOwn(key)) {
      this.#position = revision;
      this.#push({ kind: 'progress', revision });
      return;
    }
    const event = toEvent(raw, key, revision);
    if (event === undefined) {
      this.#fail(new StorageError('Compacted', this.#prefix));
      return;
    }
    this.#position = revision;
    this.#push({ kind: 'event', event, ...(hasMore ? { more: true } : {}) });
  }

  #push(item: WatchItem): void {
    if (this.#stopped || this.#failure !== undefined) return;
    this.#queue.push(item);
    this.#queuedBytes += sizeOf(item);
    this.#pauseWhenFull();
    this.#wake();
  }

  #pauseWhenFull(): void {
    if (this.#isPaused || (this.#queue.length <= MAX_QUEUED && this.#queuedBytes <= MAX_QUEUED_BYTES)) return;
    this.#isPaused = true;
    if (this.#stream !== undefined) asDuplex(this.#stream).pause();
  }

  #resumeWhenDrained(): void {
    if (!this.#isPaused || this.#queue.length > MAX_QUEUED / 2 || this.#queuedBytes > MAX_QUEUED_BYTES / 2) return;
    this.#isPaused = false;
    if (this.#stream !== undefined) asDuplex(this.#stream).resume();
  }

  /** Ended before it is cancelled: etcd3 takes the end of a writable stream for a failure of the whole connection. */
  #cancel(): void {
    if (this.#stream === undefined) return;
    asDuplex(this.#stream).end();
    this.#stream.cancel();
  }

  #cancelled(response: IWatchResponse): void {
    if (response.compact_revision === '0' && response.cancel_reason !== '') {
      this.#break(new Error(response.cancel_reason));
    } else {
      // from 3.4 on without a reason when the history is gone
      this.#fail(new StorageError('Compacted', this.#prefix));
    }
  }

  /** The link broke: another member may do better. */
  #break(error: unknown): void {
    if (this.#stopped || this.#failure !== undefined) return;
    if (this.#member !== undefined) this.#deps.client.leave(this.#member, error);
    this.#fail(unavailable(error, this.#prefix));
  }

  /** What was queued before is still handed out. */
  #fail(failure: StorageError): void {
    this.#failure ??= failure;
    clearInterval(this.#timer);
    this.#cancel();
    this.#wake();
  }
}

/** A stream is one of Node's; etcd3's type does not say so. */
function asDuplex(stream: Stream): Duplex {
  return stream as unknown as Duplex;
}

/** Undefined when etcd no longer has the value that a deletion must show. */
function toEvent({ type, kv, prev_kv: before }: IEvent, key: string, revision: number): StorageEvent | undefined {
  // values are copied: what etcd's client gives keeps the whole message in memory
  const previous = (before as IEvent['prev_kv'] | null) === null ? undefined : Buffer.from(before.value);
  if (type === 'Delete') return previous && { type: 'Deleted', key, revision, previous };
  const value = Buffer.from(kv.value);
  if (kv.create_revision === kv.mod_revision) return { type: 'Created', key, value, revision };
  return { type: 'Updated', key, value, revision, ...(previous === undefined ? {} : { previous }) };
}

function sizeOf(item: WatchItem): number {
  if (item.kind !== 'event') return 0;
  return (item.event.type === 'Deleted' ? 0 : item.event.value.length) + (item.event.previous?.length ?? 0);
}
