import type { Clock } from '../lib/clock.ts';
import type { Connection, PooledSession } from './session.ts';

/** Who wants a session, and how one is made when there is none. */
export interface AcquireRequest {
  /** Server UID: sessions of the same owner under another key are drained. */
  owner: string;
  /** Everything that makes a login another login: Secret UID and resourceVersion, trusted key, user, jump path … */
  key: string;
  /** `address:port`, for the limit of starts per address. */
  address: string;
  /** Logs in; may acquire a jump host's session from the same pool. The signal aborts when nobody waits any more. */
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
  /** Given out and to be closed when they come back. */
  draining: number;
  /** Logins under way. */
  opening: number;
  /** Logins that wait for the start limiter. */
  queued: number;
}

/** Called on what happens; for metrics. Must not throw. */
export interface PoolObserver {
  /** A login ended; `reason` is undefined when it succeeded. */
  login?(event: { reason: string | undefined; durationMs: number }): void;
  /** A session went away. */
  closed?(event: { cause: 'Lost' | 'Drained' | 'Evicted' | 'Expired' | 'PoolClosed' }): void;
}

/** Limits of a pool; all times in milliseconds. */
export interface PoolOptions {
  /** Sessions kept; the least recently used idle one goes; when all are in use, one more waits. Default 1000. */
  maxSessions?: number;
  /** Default 12 hours. */
  maxAgeMs?: number;
  /** Logins at the same time, over all addresses; default 10. */
  maxStarts?: number;
  /** Logins at the same time to one address; default 2. */
  maxStartsPerAddress?: number;
  /** A login that had to wait starts up to this much later still, so that a burst spreads; default 100. */
  startJitterMs?: number;
  clock?: Clock;
  random?: () => number;
  observer?: PoolObserver;
}

/** Kept sessions, one per key, shared by everybody who asks for the same key. */
export declare class SessionPool {
  constructor(options?: PoolOptions);
  /**
   * A session of `request.key`, opened when there is none; `release()` gives it back.
   * Everybody who waits for the same opening gets the same error.
   * @throws whatever `open` throws; TransientError ConnectionTimedOut after `timeoutMs`; `signal.reason`.
   */
  acquire(request: AcquireRequest): Promise<PooledSession>;
  /** Closes the owner's sessions as soon as they are idle; the next acquire logs in anew. */
  drain(owner: string): void;
  stats(): PoolStats;
  /** Closes everything, also what is in use. Later acquires fail. */
  close(): Promise<void>;
}
