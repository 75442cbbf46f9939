import { abortReason } from './abortable.ts';

/** Fewest session channels that sshd grants by default are 10 (MaxSessions); some are left to others. */
const MAX_CHANNELS = 6;

/** Hands out the channels of one connection, first come, first served. */
export class ChannelSlots {
  #limit = MAX_CHANNELS;
  #used = 0;
  readonly #waiting: (() => void)[] = [];

  get used(): number {
    return this.#used;
  }

  /** Resolves with the slot's release when one is free. @throws signal.reason */
  async take(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    if (this.#used >= this.#limit) await this.#turn(signal);
    else this.#used += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#used -= 1;
      this.#wake();
    };
  }

  /** The host grants fewer: keep to `limit` from now on. */
  shrink(limit: number): void {
    this.#limit = Math.max(1, Math.min(this.#limit, limit));
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(abortReason(signal));
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(enter);
    });
  }

  #wake(): void {
    while (this.#used < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      // taken on behalf of the one that wakes up, so that nobody gets in between
      this.#used += 1;
      next();
    }
  }
}
