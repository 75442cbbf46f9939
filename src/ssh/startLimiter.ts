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

/** Who wants to log in. */
interface Start {
  address: string;
  /** Before those who are not. */
  urgent: boolean;
}

interface Waiter extends Start {
  admit: () => void;
}

/**
 * Bounds the logins that are under way: sshd drops unauthenticated connections beyond MaxStartups (10 by default), and
 * a controller that comes back must not open a thousand at once. First come, first served, the urgent before the
 * others; an address at its limit holds up nobody else.
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
  async start(start: Start, signal: AbortSignal): Promise<StartSlot> {
    const slot = { isHeld: false, isFinished: false };
    const release = (): void => {
      if (!slot.isHeld) return;
      slot.isHeld = false;
      this.#leave(start.address);
    };
    const resume = async (from: AbortSignal): Promise<void> => {
      if (slot.isHeld || slot.isFinished) return;
      await this.#enter(start, from);
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

  async #enter(start: Start, signal: AbortSignal): Promise<void> {
    const { address } = start;
    signal.throwIfAborted();
    if (this.#isFree(address)) {
      this.#take(address);
      return;
    }
    await this.#queue(start, signal);
    const { jitterMs, random, clock } = this.#limits;
    try {
      await clock.sleep(Math.round(jitterMs * random()), signal);
    } catch (error) {
      this.#leave(address);
      throw error;
    }
  }

  async #queue(start: Start, signal: AbortSignal): Promise<void> {
    let admit = (): void => undefined;
    const turn = new Promise<void>((resolve) => {
      admit = resolve;
    });
    const waiter: Waiter = { ...start, admit };
    const before = start.urgent ? this.#waiting.findIndex(({ urgent }) => !urgent) : -1;
    this.#waiting.splice(before === -1 ? this.#waiting.length : before, 0, waiter);
    try {
      await abortable(turn, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(waiter);
      // admitted in the same moment: then the place is given on
      if (index === -1) this.#leave(start.address);
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
