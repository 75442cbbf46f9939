import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import {
  StorageError,
  type Storage,
  type StorageErrorCode,
  type StorageEvent,
  type WatchItem,
} from '../../src/apiserver/storage/storage.ts';

/** Reads a watch and remembers what came. */
export class Consumer {
  readonly after: number;
  readonly items: WatchItem[] = [];
  error: unknown;
  onEvent: (event: StorageEvent) => void = () => undefined;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #ended = false;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  constructor(storage: Storage, prefix: string, after: number) {
    this.after = after;
    this.#running = this.#run(storage.watch(prefix, after, this.#stop.signal));
  }

  get received(): StorageEvent[] {
    return this.items.flatMap((item) => (item.kind === 'event' ? [item.event] : []));
  }

  get revisions(): number[] {
    return this.received.map((event) => event.revision);
  }

  /** Waits until `count` events have come, and a little longer, so that one too many is seen too. */
  async events(count: number, timeout = 10_000): Promise<void> {
    await vi.waitFor(() => expect(this.received.length).toBeGreaterThanOrEqual(count), { timeout, interval: 5 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(this.received).toHaveLength(count);
  }

  /** Waits for a progress item with at least `revision`. */
  async progress(revision: number, timeout = 5_000): Promise<void> {
    const isThere = (): boolean => this.items.some((item) => item.kind === 'progress' && item.revision >= revision);
    await vi.waitFor(() => expect(isThere(), `progress of at least ${revision}`).toBe(true), { timeout, interval: 5 });
  }

  /** Waits until the watch has ended by itself. */
  async end(): Promise<void> {
    await vi.waitFor(() => expect(this.#ended, 'the watch has ended').toBe(true), { timeout: 5_000, interval: 5 });
  }

  /** Waits until `count` events have come or the watch has ended. */
  async eventsOrEnd(count: number): Promise<void> {
    const isDone = (): boolean => this.#ended || this.received.length >= count;
    await vi.waitFor(() => expect(isDone()).toBe(true), { timeout: 10_000, interval: 5 });
  }

  /** Takes nothing more until {@link resume}. */
  pause(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  resume(): void {
    this.#open();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#open();
    await this.#running;
  }

  async #run(items: AsyncIterable<WatchItem>): Promise<void> {
    try {
      for await (const item of items) {
        this.items.push(item);
        if (item.kind === 'event') this.onEvent(item.event);
        await this.#gate;
      }
    } catch (error) {
      this.error = error;
    }
    this.#ended = true;
  }
}

/** Expects `promise` to fail with a StorageError of `code`, and returns it. */
export async function failsWith(code: StorageErrorCode, promise: Promise<unknown>): Promise<StorageError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome) || !(outcome.error instanceof StorageError)) {
    throw new Error(`expected a StorageError ${code}`, { cause: 'error' in outcome ? outcome.error : undefined });
  }
  expect(outcome.error.code).toBe(code);
  return outcome.error;
}

/** Events as short text: `Updated /a/x 2 (was 1)`. */
export function describeEvents(events: readonly StorageEvent[]): string[] {
  return events.map((event) => {
    const value = event.type === 'Deleted' ? '' : ` ${event.value.toString()}`;
    const previous = event.previous === undefined ? '' : ` (was ${event.previous.toString()})`;
    return `${event.type} ${event.key}${value}${previous}`;
  });
}

/** Writes `count` keys under `prefix`, many at a time; their revisions in order. */
export async function written(storage: Storage, prefix: string, count: number): Promise<number[]> {
  const revisions: number[] = [];
  for (let i = 0; i < count; i += 100) {
    const some = Array.from({ length: Math.min(100, count - i) }, (_, j) =>
      storage.create(`${prefix}${i + j}`, Buffer.from('x')),
    );
    revisions.push(...(await Promise.all(some)).map((entry) => entry.revision));
  }
  return revisions.sort((a, b) => a - b);
}

/** An empty directory and its removal. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'hostler-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
