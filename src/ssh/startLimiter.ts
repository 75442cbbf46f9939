import type { Clock } from '../lib/clock.ts';
import { abortable } from './abortable.ts';

/** See {@link StartLimiter}. */
export interface StartLimits {
  /** Over all addresses. */
  total: number;
  perAddress: number;
  /** Milliseconds that a start which had to wait is put off by at most. */
  jitterMs: number;
  clock: Clock;
  random: () => number;
}

/** Permission to log in; given back with `release`. */
export interface StartSlot {
  /** Gives the permission back for a while. Idempotent. */
  release: () => void;
  /** Waits for the permission again, after `release`; does nothing after `finish`. @throws signal.reason */
  resume: (signal: AbortSignal) => Promise<void>;
  /** Gives the permission back for good. Idempotent. */
  finish: () => void;
}

interface Waiter {
  address: string;
  admit: () => void;
}

/**
 * Bounds the logins that are under way: sshd drops unauthenticated connections beyond MaxStartups (10 by default), and
 * a controller that comes back must not open a thousand at once. First come, first served, but an address at its
 * limit does not hold up the others.
 */
export class StartLimiter {
  readonly #limits: StartLimits;
  readonly #byAddress = new Map<string, number>();
  readonly #waiting: Waiter[] = [];
  #running = 0;

  constructor(limits: StartLimits) {
    this.#limits = limits;
  }

  /** Logins that wait. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Resolves when the login may start. @throws signal.reason */
  async start(address: string, signal: AbortSignal): Promise<StartSlot> {
    const slot = { isHeld: false, isFinished: false };
    const release = (): void => {
      if (!slot.isHeld) return;
      slot.isHeld = false;
      this.#leave(address);
    };
    const resume = async (from: AbortSignal): Promise<void> => {
      if (slot.isHeld || slot.isFinished) return;
      await this.#enter(address, from);
      slot.isHeld = true;
      // finished while it waited
      if (isFinished(slot)) release();
    };
    const finish = (): void => {
      slot.isFinished = true;
      release();
    };
    await resume(signal);
    return { release, resume, finish };
  }

  async #enter(address: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#isFree(address)) {
      this.#take(address);
      return;
    }
    await this.#queue(address, signal);
    const { jitterMs, random, clock } = this.#limits;
    try {
      await clock.sleep(Math.round(jitterMs * random()), signal);
    } catch (error) {
      this.#leave(address);
      throw error;
    }
  }

  async #queue(address: string, signal: AbortSignal): Promise<void> {
    let admit = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      admit = resolve;
    });
    const waiter: Waiter = { address, admit };
    this.#waiting.push(waiter);
    try {
      await abortable(turn, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(waiter);
      // admitted in the same moment: then the place is given on
      if (index === -1) this.#leave(address);
      else this.#waiting.splice(index, 1);
      throw error;
    }
  }

  #isFree(address: string): boolean {
    return this.#running < this.#limits.total && (this.#byAddress.get(address) ?? 0) < this.#limits.perAddress;
  }

  #take(address: string): void {
    this.#running += 1;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  #leave(address: string): void {
    this.#running -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
    this.#admitNext();
  }

  #admitNext(): void {
    for (;;) {
      const index = this.#waiting.findIndex((waiter) => this.#isFree(waiter.address));
      const [waiter] = index === -1 ? [] : this.#waiting.splice(index, 1);
      if (waiter === undefined) return;
      this.#take(waiter.address);
      waiter.admit();
    }
  }
}

/** Asked anew, as it changes during an await. */
function isFinished(slot: { isFinished: boolean }): boolean {
  return slot.isFinished;
}
