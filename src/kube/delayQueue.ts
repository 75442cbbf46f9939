import type { Clock } from '../lib/clock.ts';

interface Entry<P> {
  key: string;
  payload: P;
  dueAt: number;
}

/** Longest single sleep: timers hold at most 2^31 ms, and a clock that was set is noticed within this time. */
const MAX_SLEEP_MS = 60_000;

/**
 * Keys that become due later; of several adds of one key the earliest time wins. One timer for all of them.
 * A binary heap with lazy removal: an entry counts only while the map still points at it.
 */
export class DelayQueue<P> {
  readonly #clock: Clock;
  readonly #due: (key: string, payload: P) => void;
  readonly #entries = new Map<string, Entry<P>>();
  #heap: Entry<P>[] = [];
  #sleep: { until: number; abort: AbortController } | undefined;

  constructor(clock: Clock, due: (key: string, payload: P) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Calls `due` at `dueAt` (milliseconds of the clock), or sooner if the key already waits for a sooner time. */
  add(key: string, payload: P, dueAt: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined && known.dueAt <= dueAt) return;
    const entry = { key, payload, dueAt };
    this.#entries.set(key, entry);
    this.#push(entry);
    if (this.#sleep === undefined || dueAt < this.#sleep.until) this.#arm();
  }

  /** Forgets `key`. */
  delete(key: string): void {
    this.#entries.delete(key);
    // lazily removed entries may not outnumber the live ones for long
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#entries.size) this.#rebuild();
  }

  /** Forgets everything. */
  clear(): void {
    this.#entries.clear();
    this.#heap = [];
    this.#sleep?.abort.abort();
    this.#sleep = undefined;
  }

  #arm(): void {
    this.#sleep?.abort.abort();
    this.#sleep = undefined;
    const first = this.#peek();
    if (first === undefined) return;
    const sleep = { until: first.dueAt, abort: new AbortController() };
    this.#sleep = sleep;
    const ms = Math.min(Math.max(0, first.dueAt - this.#clock.now()), MAX_SLEEP_MS);
    this.#clock.sleep(ms, sleep.abort.signal).then(
      () => {
        if (this.#sleep === sleep) this.#fire();
      },
      // rejects only because it was aborted: a newer timer has taken over
      () => undefined,
    );
  }

  #fire(): void {
    const now = this.#clock.now();
    for (let first = this.#peek(); first !== undefined && first.dueAt <= now; first = this.#peek()) {
      this.#entries.delete(first.key);
      this.#pop();
      this.#due(first.key, first.payload);
    }
    this.#arm();
  }

  /** The earliest live entry; drops dead ones from the top. */
  #peek(): Entry<P> | undefined {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#entries.get(top.key) === top) return top;
      this.#pop();
    }
    return undefined;
  }

  #push(entry: Entry<P>): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.dueAt <= entry.dueAt) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const child = this.#smallerChild(index);
      const below = heap[child];
      if (below === undefined || below.dueAt >= last.dueAt) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }

  #smallerChild(index: number): number {
    const [left, right] = [2 * index + 1, 2 * index + 2];
    const [a, b] = [this.#heap[left], this.#heap[right]];
    return a !== undefined && b !== undefined && b.dueAt < a.dueAt ? right : left;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const entry of this.#entries.values()) this.#push(entry);
  }
}
