import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../../src/lib/errors.ts';
import { SessionPool, type AcquireRequest, type PoolOptions } from '../../../src/ssh/pool.ts';
import { FakeConnection } from './fakeConnection.ts';

let now: number;
let made: FakeConnection[];
let closed: string[];
let logins: (string | undefined)[];
let pool: SessionPool;
/** Logins that wait for `admit`. */
let gates: { address: string; admit: () => void; signal: AbortSignal }[];

const clock = { now: () => now, sleep: () => Promise.resolve() };

function makePool(options: PoolOptions = {}): SessionPool {
  return new SessionPool({
    clock,
    random: () => 0,
    observer: {
      closed: ({ cause }) => closed.push(cause),
      login: ({ reason }) => logins.push(reason),
    },
    ...options,
  });
}

beforeEach(() => {
  [now, made, closed, logins, gates] = [0, [], [], [], []];
  pool = makePool();
});
afterEach(() => pool.close());

function request(owner: string, key = 'k1', changes: Partial<AcquireRequest> = {}): AcquireRequest {
  return {
    owner,
    key,
    address: `${owner}:22`,
    open: () => {
      const connection = new FakeConnection();
      made.push(connection);
      return Promise.resolve(connection);
    },
    ...changes,
  };
}

/** A login that goes on when the test says so. */
function gated(owner: string, changes: Partial<AcquireRequest> = {}): AcquireRequest {
  const base = request(owner, 'k1', changes);
  return {
    ...base,
    open: async (signal) => {
      await new Promise<void>((resolve, reject) => {
        gates.push({ address: base.address, admit: resolve, signal });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
      return base.open(signal);
    },
  };
}

async function settle(): Promise<void> {
  for (let count = 0; count < 20; count++) await turn();
}

describe('SessionPool', () => {
  it('logs in once for all who ask for the same, also at the same time', async () => {
    const sessions = await Promise.all([pool.acquire(request('a')), pool.acquire(request('a'))]);
    sessions.push(await pool.acquire(request('a')));
    expect(made).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ open: 1, idle: 0 });
    for (const session of sessions) session.release();
    expect(pool.stats()).toMatchObject({ open: 1, idle: 1 });
    expect(made[0]?.alive).toBe(true);
  });

  it('never lends one owner the login of another', async () => {
    await pool.acquire(request('a'));
    await pool.acquire(request('b'));
    expect(made).toHaveLength(2);
  });

  it('drains, not cuts, what a changed key made obsolete', async () => {
    const old = await pool.acquire(request('a', 'k1'));
    const next = await pool.acquire(request('a', 'k2'));
    expect(made).toHaveLength(2);
    expect(pool.stats()).toMatchObject({ open: 2, draining: 1 });
    expect(await old.run({ name: 'x', text: ':' })).toMatchObject({ stdout: 'ran' });
    old.release();
    await settle();
    expect([old.alive, next.alive, closed]).toEqual([false, true, ['Drained']]);
  });

  it('logs in anew after drain, and lets running work finish', async () => {
    const old = await pool.acquire(request('a'));
    pool.drain('a');
    expect(old.alive).toBe(true);
    await pool.acquire(request('a'));
    old.release();
    await settle();
    expect(made.map((connection) => connection.alive)).toEqual([false, true]);
  });

  it('does not give out a dead session', async () => {
    const session = await pool.acquire(request('a'));
    made[0]?.break(new Error('reset'));
    await settle();
    expect(closed).toEqual(['Lost']);
    session.release();
    expect((await pool.acquire(request('a'))).alive).toBe(true);
    expect(made).toHaveLength(2);
  });

  it('does not give out a session older than twelve hours', async () => {
    (await pool.acquire(request('a'))).release();
    now = 12 * 60 * 60_000 - 1;
    (await pool.acquire(request('a'))).release();
    expect(made).toHaveLength(1);
    now += 1;
    (await pool.acquire(request('a'))).release();
    expect([made.length, closed]).toEqual([2, ['Expired']]);
  });

  it('evicts the idle session that was used least recently', async () => {
    pool = makePool({ maxSessions: 2 });
    const a = await pool.acquire(request('a'));
    const b = await pool.acquire(request('b'));
    now = 1;
    b.release();
    now = 2;
    a.release();
    await pool.acquire(request('c'));
    expect([closed, made.map((connection) => connection.alive)]).toEqual([['Evicted'], [true, false, true]]);
  });

  it('does not wait until those that it evicts have closed', async () => {
    pool = makePool({ maxSessions: 2 });
    const slow: FakeConnection[] = [];
    const open = () => {
      const connection = Object.assign(new FakeConnection(), { close: () => undefined });
      slow.push(connection);
      return Promise.resolve(connection);
    };
    for (const owner of ['a', 'b']) (await pool.acquire(request(owner, 'k1', { open }))).release();
    const [c, d] = await Promise.all([pool.acquire(request('c')), pool.acquire(request('d'))]);
    expect([c.alive, d.alive, pool.stats().draining]).toEqual([true, true, 2]);
    for (const connection of slow) connection.break(undefined);
  });

  it('waits for room when all sessions are in use', async () => {
    pool = makePool({ maxSessions: 1 });
    const a = await pool.acquire(request('a'));
    const waiting = pool.acquire(request('b'));
    await settle();
    expect(made).toHaveLength(1);
    a.release();
    expect((await waiting).alive).toBe(true);
  });

  it('gives everybody who waits the same error, and tries again for the next', async () => {
    const failing = request('a', 'k1', {
      open: () => Promise.reject(new TransientError('ConnectionRefused', 'refused')),
    });
    const outcomes = await Promise.allSettled([pool.acquire(failing), pool.acquire(failing)]);
    expect(outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message)).toEqual([
      'refused',
      'refused',
    ]);
    expect(logins).toEqual(['ConnectionRefused']);
    expect((await pool.acquire(request('a'))).alive).toBe(true);
  });

  it('stops waiting at the deadline; the login ends when nobody waits any more', async () => {
    const error: unknown = await pool.acquire(gated('a', { timeoutMs: 20 })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ reason: 'ConnectionTimedOut' });
    await settle();
    expect(gates[0]?.signal.aborted).toBe(true);
    expect(pool.stats()).toMatchObject({ opening: 0, open: 0 });
  });

  it('keeps the login going for the others when one gives up', async () => {
    const abort = new AbortController();
    const first = pool.acquire(gated('a', { signal: abort.signal }));
    const second = pool.acquire(gated('a'));
    await settle();
    abort.abort(new Error('gave up'));
    await expect(first).rejects.toThrow('gave up');
    gates[0]?.admit();
    expect((await second).alive).toBe(true);
    expect(gates).toHaveLength(1);
  });

  it('keeps a session in use while a tunnel through it is open', async () => {
    const hop = await pool.acquire(request('hop'));
    const stream = await hop.tunnel('203.0.113.10', 22);
    hop.release();
    pool.drain('hop');
    await settle();
    expect(made[0]?.alive).toBe(true);
    stream.destroy();
    await settle();
    expect(made[0]?.alive).toBe(false);
  });

  it('refuses to work for somebody who gave the session back', async () => {
    const session = await pool.acquire(request('a'));
    session.release();
    session.release();
    await expect(session.run({ name: 'x', text: ':' })).rejects.toThrow('after its release');
    expect(pool.stats()).toMatchObject({ idle: 1 });
  });

  it('closes everything at its end, logins under way included, and serves nobody after', async () => {
    await pool.acquire(request('a'));
    const opening = pool.acquire(gated('b'));
    const outcome = expect(opening).rejects.toMatchObject({ reason: 'ConnectionLost' });
    await settle();
    await pool.close();
    await outcome;
    expect([made[0]?.alive, closed]).toEqual([false, ['PoolClosed']]);
    await expect(pool.acquire(request('c'))).rejects.toMatchObject({ reason: 'ConnectionLost' });
  });
});

describe('the start limiter', () => {
  it('lets so many log in at a time, and two to the same address', async () => {
    pool = makePool({ maxStarts: 10 });
    const acquired = Array.from({ length: 15 }, (_, index) => pool.acquire(gated(`s${index}`)));
    acquired.push(...['x', 'y', 'z'].map((owner) => pool.acquire(gated(owner, { address: 'same:22' }))));
    await settle();
    expect(gates).toHaveLength(10);
    expect(pool.stats()).toMatchObject({ opening: 18, queued: 8 });
    let admitted = 0;
    let worst = 0;
    while (admitted < 18) {
      const started = gates.slice(admitted);
      worst = Math.max(worst, started.filter(({ address }) => address === 'same:22').length);
      expect(started.length).toBeLessThanOrEqual(10);
      gates[admitted++]?.admit();
      await settle();
    }
    await Promise.all(acquired);
    expect(worst).toBe(2);
  });

  it('lets those go first for whom somebody waits', async () => {
    pool = makePool({ maxStarts: 1 });
    const looks = ['a', 'b', 'c'].map((owner) => pool.acquire(gated(owner)));
    const asked = ['x', 'y'].map((owner) => pool.acquire(gated(owner, { urgent: true })));
    for (let admitted = 0; admitted < 5; admitted++) {
      await settle();
      gates[admitted]?.admit();
    }
    await Promise.all([...looks, ...asked]);
    expect(gates.map(({ address }) => address)).toEqual(['a:22', 'x:22', 'y:22', 'b:22', 'c:22']);
  });

  it('is no dead end for jump hosts: who waits for one gives up the place meanwhile', async () => {
    pool = makePool({ maxStarts: 2 });
    const through = (owner: string): AcquireRequest =>
      request(owner, 'k1', {
        open: async () => {
          const hop = await pool.acquire(request('bastion'));
          await hop.tunnel('203.0.113.10', 22);
          hop.release();
          const connection = new FakeConnection();
          made.push(connection);
          return connection;
        },
      });
    const sessions = await Promise.all(Array.from({ length: 6 }, (_, index) => pool.acquire(through(`s${index}`))));
    expect(sessions.every((session) => session.alive)).toBe(true);
    expect(made).toHaveLength(7);
    expect(pool.stats()).toMatchObject({ opening: 0, queued: 0 });
    // every place was given back
    await Promise.all(Array.from({ length: 6 }, (_, index) => pool.acquire(request(`later${index}`))));
  });

  it('forgets those who gave up in the queue', async () => {
    pool = makePool({ maxStarts: 1 });
    const first = pool.acquire(gated('a'));
    const abort = new AbortController();
    const second = pool.acquire(gated('b', { signal: abort.signal }));
    const third = pool.acquire(gated('c'));
    await settle();
    abort.abort(new Error('gave up'));
    await expect(second).rejects.toThrow('gave up');
    gates[0]?.admit();
    await first;
    await settle();
    expect(gates.map(({ address }) => address)).toEqual(['a:22', 'c:22']);
    gates[1]?.admit();
    await third;
  });
});
