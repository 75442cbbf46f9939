import type { Clock } from '../../src/lib/clock.ts';

interface Sleeper {
  dueAt: number;
  wake: () => void;
}

/** A clock that stands still until the test moves it. */
export class FakeClock implements Clock {
  #now: number;
  #sleepers: Sleeper[] = [];

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  /** How many sleeps are pending. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
        reject(signal?.reason as Error);
      };
      const sleeper = {
        dueAt: this.#now + ms,
        wake: () => {
          signal?.removeEventListener('abort', fail);
          resolve();
        },
      };
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      signal?.addEventListener('abort', fail, { once: true });
      this.#sleepers.push(sleeper);
    });
  }

  /** Moves the time on, waking sleepers in order; what they start runs before the next one wakes. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (first, one) => (one.dueAt <= end && (first === undefined || one.dueAt < first.dueAt) ? one : first),
        undefined,
      );
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.dueAt);
      this.#sleepers = this.#sleepers.filter((one) => one !== next);
      next.wake();
      await settle();
    }
    this.#now = end;
    await settle();
  }

  /** Sets the time without waking anybody, as a stopped process or a corrected clock would see it. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** Lets everything that is ready to run do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}
