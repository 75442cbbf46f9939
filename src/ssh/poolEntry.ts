import type { Clock } from '../lib/clock.ts';
import { TransientError } from '../lib/errors.ts';
import type { Connection } from './session.ts';

/** Why a session went away. */
export type CloseCause = 'Lost' | 'Drained' | 'Evicted' | 'Expired' | 'PoolClosed';

/** Logs in. */
export type OpenConnection = (signal: AbortSignal) => Promise<Connection>;

/** See {@link PoolEntry}. */
export interface PoolEntryOptions {
  owner: string;
  id: string;
  clock: Clock;
  maxAgeMs: number;
  /** Takes the entry out of the pool. */
  retire: (cause: CloseCause) => void;
  /** The entry holds nothing any more; without cause when it never opened. */
  gone: (cause: CloseCause | undefined) => void;
  /** The entry is not in use any more. */
  idle: () => void;
}

/** One session of the pool, from the start of its login to its end. */
export class PoolEntry {
  readonly owner: string;
  readonly id: string;
  /** Settles when the login ended. */
  readonly opened: Promise<void>;
  readonly #options: PoolEntryOptions;
  readonly #cancel = new AbortController();
  #begin: (open: OpenConnection) => void;
  #connection: Connection | undefined;
  #holders = 0;
  #retired: CloseCause | undefined;
  #openedAt = 0;
  #usedAt = 0;
  #age: NodeJS.Timeout | undefined;

  constructor(options: PoolEntryOptions) {
    this.owner = options.owner;
    this.id = options.id;
    this.#options = options;
    let begin: (open: OpenConnection) => void = () => undefined;
    const begun = new Promise<OpenConnection>((resolve) => {
      begin = resolve;
    });
    this.#begin = begin;
    this.opened = begun.then((open) => this.#open(open));
    // those who wait hear of it; when nobody waits any more, nobody needs to
    this.opened.catch(() => undefined);
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Somebody holds it or waits for it. */
  get inUse(): boolean {
    return this.#holders > 0;
  }

  get isRetired(): boolean {
    return this.#retired !== undefined;
  }

  /** Milliseconds, by the clock. */
  get openedAt(): number {
    return this.#openedAt;
  }

  /** When it was given back last. */
  get usedAt(): number {
    return this.#usedAt;
  }

  /** Begins the login. What `open` holds, a run with its secrets, must not live as long as the session. */
  start(open: OpenConnection): void {
    this.#begin(open);
    this.#begin = () => undefined;
  }

  /** One more holder. */
  hold(): void {
    this.#holders += 1;
  }

  /** One holder less; the last one ends a login that nobody waits for, and a session that was retired. */
  leave(): void {
    this.#holders -= 1;
    this.#usedAt = this.#options.clock.now();
    if (this.#holders > 0) return;
    if (this.#connection === undefined) this.#options.retire('Drained');
    else if (this.#retired !== undefined) this.#connection.close();
    else this.#options.idle();
  }

  /** Ends it as soon as nobody holds it. Not to be handed out any more. */
  retire(cause: CloseCause): void {
    this.#retired ??= cause;
    if (this.#holders > 0) return;
    if (this.#connection === undefined) this.#cancel.abort(cancelled());
    else this.#connection.close();
  }

  /** Ends it now, whoever holds it. */
  async end(cause: CloseCause): Promise<void> {
    this.#retired ??= cause;
    this.#cancel.abort(cancelled());
    await this.opened.catch(() => undefined);
    this.#connection?.close();
    await this.#connection?.closed;
  }

  async #open(open: OpenConnection): Promise<void> {
    const { clock, gone, maxAgeMs } = this.#options;
    try {
      this.#connection = await open(this.#cancel.signal);
    } catch (error) {
      gone(undefined);
      throw error;
    }
    this.#openedAt = this.#usedAt = clock.now();
    this.#age = setTimeout(() => this.#options.retire('Expired'), Math.min(maxAgeMs, 2 ** 31 - 1));
    this.#age.unref();
    void this.#connection.closed.then(() => {
      clearTimeout(this.#age);
      gone(this.#retired ?? 'Lost');
    });
    if (this.#retired !== undefined && this.#holders === 0) this.#connection.close();
  }
}

function cancelled(): TransientError {
  return new TransientError('ConnectionLost', 'The login was given up, as nobody waits for it any more.');
}
