import { backoffMs, type Backoff } from '../../lib/backoff.ts';
import type { Logger } from '../../lib/logger.ts';

const RETRY: Backoff = { baseMs: 50, factor: 2, capMs: 30_000, jitter: 0.2 };

/** Works on one key. Returns milliseconds after which the key is to be looked at again; undefined = done. */
export type Work = (key: string) => Promise<number | undefined>;

/**
 * Keys to look at, each once however often it was added, one at a time; failures come back with backoff.
 * For the few controllers inside the server; those of Hostler itself use the client-side queue.
 */
export class KeyQueue {
  readonly #name: string;
  readonly #work: Work;
  readonly #log: Logger;
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: { name: string; work: Work; log: Logger }) {
    this.#name = options.name;
    this.#work = options.work;
    this.#log = options.log;
  }

  add(key: string): void {
    if (this.#stopped) return;
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
    this.#waiting.add(key);
    this.#running ??= this.#run();
  }

  addAfter(key: string, ms: number): void {
    if (this.#stopped || this.#waiting.has(key) || this.#timers.has(key)) return;
    this.#timers.set(
      key,
      setTimeout(() => this.add(key), ms),
    );
  }

  /** Takes no more keys and waits for the one under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#waiting.clear();
    await this.#running;
  }

  async #run(): Promise<void> {
    // let callers add all they have before the first is taken
    await Promise.resolve();
    for (let key = this.#take(); key !== undefined; key = this.#take()) await this.#one(key);
    this.#running = undefined;
  }

  #take(): string | undefined {
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      return key;
    }
    return undefined;
  }

  async #one(key: string): Promise<void> {
    try {
      const again = await this.#work(key);
      this.#failures.delete(key);
      if (again !== undefined) this.addAfter(key, again);
    } catch (error) {
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      const level = failures < 3 ? 'debug' : 'warn';
      this.#log[level]({ queue: this.#name, key, failures, error }, 'work on a key failed and is tried again');
      this.addAfter(key, backoffMs(RETRY, failures));
    }
  }
}
