import { AsyncLocalStorage } from 'node:async_hooks';
import { systemClock, type Clock } from '../lib/clock.ts';
import { ReconcileError, TransientError } from '../lib/errors.ts';
import { abortable } from './abortable.ts';
import { Lease } from './lease.ts';
import { PoolEntry, type CloseCause } from './poolEntry.ts';
import type { Connection, PooledSession } from './session.ts';
import { StartLimiter, type StartSlot } from './startLimiter.ts';

/** Who wants a session, and how one is made when there is none. */
export interface AcquireRequest {
  /** Server UID: sessions of the same owner under another key are drained. */
  owner: string;
  /** Everything that makes a login another login: Secret UID and resourceVersion, trusted key, user, jump path … */
  key: string;
  /** `address:port`, for the limit of starts per address. */
  address: string;
  /** Somebody waits for it: where logins have to queue, it goes before those for which nobody does. */
  urgent?: boolean;
  /**
   * Logs in. May acquire a jump host's session from the same pool; its place among the starting logins is given up
   * meanwhile. The signal aborts when nobody waits any more.
   */
  open: (signal: AbortSignal) => Promise<Connection>;
  /** Milliseconds to wait for a session, its opening included; default 60 000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** What the pool holds now. */
export interface PoolStats {
  /** Logged in. */
  open: number;
  /** Of these, not in use. */
  idle: number;
  /** Of these, to be closed when they come back. */
  draining: number;
  /** Logins under way. */
  opening: number;
  /** Of these, waiting for the start limiter. */
  queued: number;
}

/** Called on what happens; for metrics. Must not throw. */
export interface PoolObserver {
  /** A login ended; `reason` is undefined when it succeeded. */
  login?(event: { reason: string | undefined; durationMs: number }): void;
  /** A session went away. */
  closed?(event: { cause: CloseCause }): void;
}

/** Limits of a pool; all times in milliseconds. */
export interface PoolOptions {
  /** Sessions kept; the least recently used idle one goes; when all are in use, one more waits. Default 1000. */
  maxSessions?: number;
  /** Default 12 hours. */
  maxAgeMs?: number;
  /** Logins at the same time, over all addresses; default 25: hosts that are away keep theirs for 10 s. */
  maxStarts?: number;
  /** Logins at the same time to one address; default 2. */
  maxStartsPerAddress?: number;
  /** A login that had to wait starts up to this much later still, so that a burst spreads; default 100. */
  startJitterMs?: number;
  clock?: Clock;
  random?: () => number;
  observer?: PoolObserver;
}

const DEFAULT_WAIT_MS = 60_000;
const MAX_AGE_MS = 12 * 60 * 60_000;

/** Kept sessions, one per owner and key, shared by everybody who asks for the same. */
export class SessionPool {
  readonly #options: PoolOptions;
  readonly #clock: Clock;
  readonly #limiter: StartLimiter;
  /** The start slot of the login that the current code belongs to. */
  readonly #starting = new AsyncLocalStorage<StartSlot>();
  /** By owner and key; draining ones are not found any more. */
  readonly #current = new Map<string, PoolEntry>();
  readonly #all = new Set<PoolEntry>();
  /** The same by owner: an owner has one or two, all together have thousands. */
  readonly #byOwner = new Map<string, Set<PoolEntry>>();
  readonly #waitingForRoom = new Set<() => void>();
  #closed = false;

  constructor(options: PoolOptions = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#limiter = new StartLimiter({
      total: options.maxStarts ?? 25,
      perAddress: options.maxStartsPerAddress ?? 2,
      jitterMs: options.startJitterMs ?? 100,
      clock: this.#clock,
      random: options.random ?? Math.random,
    });
  }

  /**
   * A session of `request.key`, opened when there is none; `release()` gives it back.
   * Everybody who waits for the same opening gets the same error. A tunnel keeps the session in use until it closes.
   * @throws whatever `open` throws; TransientError ConnectionTimedOut after `timeoutMs`; `signal.reason`.
   */
  async acquire(request: AcquireRequest): Promise<PooledSession> {
    const timeoutMs = request.timeoutMs ?? DEFAULT_WAIT_MS;
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(noSession(request.address, timeoutMs)), timeoutMs);
    const signal = request.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, request.signal]);
    // this login waits for a jump host: others may start meanwhile, that jump host's own login among them
    const outer = this.#starting.getStore();
    outer?.release();
    try {
      const entry = await this.#enter(request, signal);
      if (outer !== undefined) await resumeOrLeave(outer, entry, signal);
      return new Lease(entry);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the owner's sessions as soon as they are idle; the next acquire logs in anew. */
  drain(owner: string): void {
    for (const entry of this.#byOwner.get(owner) ?? []) this.#retire(entry, 'Drained');
  }

  /** What it holds now. */
  stats(): PoolStats {
    const entries = [...this.#all];
    const open = entries.filter((entry) => entry.connection !== undefined);
    return {
      open: open.length,
      idle: open.filter((entry) => !entry.inUse).length,
      draining: open.filter((entry) => entry.isRetired).length,
      opening: entries.length - open.length,
      queued: this.#limiter.queued,
    };
  }

  /** Closes everything, also what is in use. Later acquires fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const entries = [...this.#all];
    for (const entry of entries) this.#retire(entry, 'PoolClosed');
    for (const wake of this.#waitingForRoom) wake();
    await Promise.all(entries.map((entry) => entry.end('PoolClosed')));
  }

  /** A hold on the entry that serves the request. */
  async #enter(request: AcquireRequest, signal: AbortSignal): Promise<PoolEntry> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#closed) throw new TransientError('ConnectionLost', 'Hostler is stopping.');
      const entry = this.#find(request) ?? (this.#hasRoom() ? this.#open(request) : undefined);
      if (entry === undefined) {
        await this.#room(signal);
        continue;
      }
      entry.hold();
      try {
        await abortable(entry.opened, signal);
      } catch (error) {
        entry.leave();
        throw error;
      }
      if (entry.connection?.alive === true) return entry;
      // it broke between its opening and now
      entry.leave();
      this.#retire(entry, 'Lost');
    }
  }

  #find(request: AcquireRequest): PoolEntry | undefined {
    const id = idOf(request);
    for (const other of this.#byOwner.get(request.owner) ?? []) {
      if (other.id !== id) this.#retire(other, 'Drained');
    }
    const entry = this.#current.get(id);
    if (entry?.connection === undefined) return entry;
    if (!entry.connection.alive) this.#retire(entry, 'Lost');
    else if (this.#clock.now() - entry.openedAt >= this.#maxAgeMs) this.#retire(entry, 'Expired');
    else return entry;
    return undefined;
  }

  get #maxAgeMs(): number {
    return this.#options.maxAgeMs ?? MAX_AGE_MS;
  }

  /**
   * Makes room by closing the idle session that was used least recently. What closes already is as good as gone: its
   * FIN may take a round trip, and a fleet larger than `maxSessions` needs room for every look.
   */
  #hasRoom(): boolean {
    const max = this.#options.maxSessions ?? 1000;
    if (this.#all.size < max) return true;
    const staying = [...this.#all].filter((entry) => entry.inUse || !entry.isRetired);
    if (staying.length < max) return true;
    const idle = staying.filter((entry) => !entry.inUse);
    const [first] = idle;
    if (first === undefined) return false;
    const oldest = idle.reduce((least, entry) => (entry.usedAt < least.usedAt ? entry : least), first);
    this.#retire(oldest, 'Evicted');
    return staying.length <= max;
  }

  async #room(signal: AbortSignal): Promise<void> {
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waitingForRoom.add(wake);
    try {
      await abortable(woken, signal);
    } finally {
      this.#waitingForRoom.delete(wake);
    }
  }

  #open(request: AcquireRequest): PoolEntry {
    const entry = this.#newEntry(request.owner, idOf(request));
    entry.start((signal) => this.#logIn(request, signal));
    return entry;
  }

  /** Knows nothing of the request: what is created here lives as long as the session. */
  #newEntry(owner: string, id: string): PoolEntry {
    const entry = new PoolEntry({
      owner,
      id,
      clock: this.#clock,
      maxAgeMs: this.#maxAgeMs,
      retire: (cause) => this.#retire(entry, cause),
      gone: (cause) => this.#gone(entry, cause),
      idle: () => this.#wake(),
    });
    this.#all.add(entry);
    this.#byOwner.set(entry.owner, (this.#byOwner.get(entry.owner) ?? new Set()).add(entry));
    this.#current.set(entry.id, entry);
    return entry;
  }

  async #logIn(request: AcquireRequest, signal: AbortSignal): Promise<Connection> {
    const { address, urgent = false } = request;
    const slot = await this.#limiter.start({ address, urgent }, signal);
    const startedAt = this.#clock.now();
    let reason: string | undefined;
    try {
      return await this.#starting.run(slot, () => request.open(signal));
    } catch (error) {
      reason = error instanceof ReconcileError ? error.reason : 'InternalError';
      throw error;
    } finally {
      slot.finish();
      this.#options.observer?.login?.({ reason, durationMs: this.#clock.now() - startedAt });
    }
  }

  #retire(entry: PoolEntry, cause: CloseCause): void {
    if (this.#current.get(entry.id) === entry) this.#current.delete(entry.id);
    entry.retire(cause);
  }

  #gone(entry: PoolEntry, cause: CloseCause | undefined): void {
    if (this.#current.get(entry.id) === entry) this.#current.delete(entry.id);
    this.#all.delete(entry);
    const owned = this.#byOwner.get(entry.owner);
    owned?.delete(entry);
    if (owned?.size === 0) this.#byOwner.delete(entry.owner);
    if (cause !== undefined) this.#options.observer?.closed?.({ cause });
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waitingForRoom]) wake();
  }
}

async function resumeOrLeave(outer: StartSlot, entry: PoolEntry, signal: AbortSignal): Promise<void> {
  try {
    await outer.resume(signal);
  } catch (error) {
    entry.leave();
    throw error;
  }
}

function idOf(request: AcquireRequest): string {
  return JSON.stringify([request.owner, request.key]);
}

function noSession(address: string, timeoutMs: number): TransientError {
  return new TransientError('ConnectionTimedOut', `No session to ${address} within ${timeoutMs / 1000} s.`, {
    remedy: 'Many logins wait, or the host is slow; it is tried again. See --max-connections if it stays so.',
  });
}
