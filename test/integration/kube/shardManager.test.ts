import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Client } from '../../../src/kube/client.ts';
import { fixedConnection } from '../../../src/kube/connection.ts';
import type { Lease } from '../../../src/kube/resource.ts';
import { ShardManager } from '../../../src/kube/shardManager.ts';
import { SHARD_COUNT, shardOf } from '../../../src/kube/shards.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { pass, startDouble } from '../../support/kube.ts';

const LEASES = '/apis/coordination.k8s.io/v1/leases';
const ALL = Array.from({ length: SHARD_COUNT }, (_, shard) => shard);
let home: Awaited<ReturnType<typeof startDouble>>;
let clock: FakeClock;
let replicas: Replica[] = [];
beforeEach(async () => {
  home = await startDouble();
  clock = new FakeClock();
  replicas = [];
});
afterEach(async () => {
  for (const one of replicas) one.stop.abort();
  await pass(clock, 1000);
  await home.stop();
});

interface Replica {
  stop: AbortController;
  shards: ShardManager;
  story: string[];
  ended: Promise<void>;
  held(): number[];
  /** SIGKILL: nothing of it reaches the server any more, and nobody asks what it believes. */
  kill(): void;
}

function replica(identity: string, ownClock = clock): Replica {
  const stop = new AbortController();
  const connection = fixedConnection({ server: home.server });
  let isDead = false;
  const client = new Client({
    connection: {
      ...connection,
      credentials: () => (isDead ? Promise.reject(new Error('dead')) : connection.credentials()),
    },
  });
  const shards = new ShardManager({ client, identity, log: silentLogger, clock: ownClock, wallClock: ownClock });
  const story: string[] = [];
  shards.onChange((shard, held) => void story.push(`${held ? '+' : '-'}${shard}`));
  const ended = shards.run(stop.signal);
  const one: Replica = {
    stop,
    shards,
    story,
    ended,
    held: () => ALL.filter((shard) => shards.holds(shard)),
    kill: () => {
      isDead = true;
      client.close();
      replicas.splice(replicas.indexOf(one), 1);
      stop.abort();
    },
  };
  replicas.push(one);
  return one;
}

const leases = () => [...home.api.stored(LEASES).values()] as Lease[];
const shardLease = (shard: number) =>
  leases().find((lease) => lease.metadata.name === `hostler-shard-${String(shard).padStart(2, '0')}`);
/** No shard with two holders, each by its own belief. */
const nobodyTwice = () => ALL.every((shard) => replicas.filter((one) => one.shards.holds(shard)).length <= 1);
const everyServed = () => ALL.every((shard) => replicas.some((one) => one.shards.holds(shard)));

describe('ShardManager', () => {
  it('lets a single process hold all 64 shards, one Lease each', async () => {
    const a = replica('a');
    await pass(clock, 2000);
    expect(a.held()).toEqual(ALL);
    expect(leases().filter((lease) => lease.metadata.name.startsWith('hostler-shard-'))).toHaveLength(SHARD_COUNT);
    const uid = 'f0f0-some-server';
    expect(a.shards.token(uid)).toEqual({ leaseUid: shardLease(shardOf(uid))?.metadata.uid, transitions: 1 });
    expect(a.story).toHaveLength(SHARD_COUNT);
  });

  it('costs at most 500 writes an hour when nothing happens', async () => {
    const a = replica('a');
    await pass(clock, 5000);
    home.api.requests.length = 0;
    await pass(clock, 600_000, 1000);
    const writes = home.api.requests.filter((request) => request.method !== 'GET').length;
    expect(writes * 6).toBeLessThanOrEqual(500);
    expect(a.held()).toEqual(ALL);
  }, 60_000);

  it('shares with a process that joins, handing over only after the runs of a shard have ended', async () => {
    const a = replica('a');
    await pass(clock, 2000);
    let letGo: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (letGo = resolve));
    a.shards.onChange((_shard, held) => (held ? undefined : running));
    const b = replica('b');
    await pass(clock, 3000);
    expect(b.held()).toEqual([]);
    letGo();
    await pass(clock, 5000);
    expect(a.held().length + b.held().length).toBe(SHARD_COUNT);
    expect(Math.min(a.held().length, b.held().length)).toBeGreaterThan(SHARD_COUNT / 5);
    expect(nobodyTwice()).toBe(true);
    const moved = b.held()[0] ?? 0;
    expect(shardLease(moved)?.spec).toMatchObject({ holderIdentity: 'b', leaseTransitions: 2 });
  });

  it('refuses a token for a shard that another process holds', async () => {
    const a = replica('a');
    await pass(clock, 2000);
    const b = replica('b');
    await pass(clock, 8000);
    const uid = Array.from({ length: 200 }, (_, i) => `server-${i}`).find((one) => b.shards.holds(shardOf(one))) ?? '';
    expect(() => a.shards.token(uid)).toThrow('does not hold shard');
    expect(b.shards.token(uid).transitions).toBe(2);
  });

  it('confirms a shard by its Lease, not by what it believes', async () => {
    const a = replica('a');
    await pass(clock, 2000);
    expect(await a.shards.confirm('server-1')).toBe(true);
    const lease = shardLease(shardOf('server-1'));
    // no watch tells it
    Object.assign(lease!.spec!, { leaseTransitions: 2 });
    expect(a.shards.holds(shardOf('server-1'))).toBe(true);
    expect(await a.shards.confirm('server-1')).toBe(false);
    expect(await a.shards.confirm('server-2')).toBe(shardOf('server-2') !== shardOf('server-1'));
    a.kill();
    // could not look is no confirmation either
    await expect(a.shards.confirm('server-2')).rejects.toThrow('dead');
  });

  it('serves everything again within 30 s after one of three processes died, and never twice at once', async () => {
    const [a, b, c] = [replica('a'), replica('b'), replica('c')];
    await pass(clock, 10_000);
    expect(everyServed()).toBe(true);
    const orphans = a.held();
    a.kill();
    const startedAt = clock.now();
    while (!everyServed() && clock.now() - startedAt < 60_000) {
      await pass(clock, 500, 250);
      expect(nobodyTwice()).toBe(true);
    }
    expect(clock.now() - startedAt).toBeLessThanOrEqual(30_000);
    expect(orphans.every((shard) => b.shards.holds(shard) || c.shards.holds(shard))).toBe(true);
  });

  it('lets nobody hold a shard twice while one process is frozen and wakes up again', async () => {
    const frozen = new FakeClock(clock.now());
    const a = replica('a', frozen);
    const b = replica('b');
    for (let i = 0; i < 40; i++) {
      await pass(frozen, 250, 250);
      await pass(clock, 250, 250);
    }
    expect(everyServed()).toBe(true);
    const before = a.held();
    expect(before.length).toBeGreaterThan(0);
    const uid = Array.from({ length: 500 }, (_, i) => `server-${i}`).find((one) => a.shards.holds(shardOf(one))) ?? '';
    const oldToken = a.shards.token(uid);
    // SIGSTOP: time passes for everybody else
    await pass(clock, 30_000);
    expect(b.held()).toEqual(ALL);
    // it wakes up: all its time has passed, and it must not believe anything before it looked
    frozen.jump(30_000);
    expect(a.held()).toEqual([]);
    expect(() => a.shards.token(uid)).toThrow('does not hold shard');
    expect(b.shards.token(uid)).toEqual({ leaseUid: oldToken.leaseUid, transitions: oldToken.transitions + 1 });
    for (let i = 0; i < 40; i++) {
      await pass(frozen, 250, 250);
      await pass(clock, 250, 250);
      expect(nobodyTwice()).toBe(true);
    }
    expect(a.held().length).toBeGreaterThan(0);
    expect(everyServed()).toBe(true);
  });

  it('does not take shards from a living process because its own watch is cut off', async () => {
    const [a, b] = [replica('a'), replica('b')];
    await pass(clock, 10_000);
    const [heldByA, heldByB] = [a.held(), b.held()];
    home.api.fault = (request) =>
      request.query.get('watch') === 'true' || request.query.has('limit') ? { drop: true } : undefined;
    home.api.cutWatches();
    await pass(clock, 60_000, 250);
    expect([a.held(), b.held()]).toEqual([heldByA, heldByB]);
  });

  it('takes everything over at once after kill -9 and a restart with the same identity, with higher tokens', async () => {
    const before = replica('same');
    await pass(clock, 2000);
    const uid = 'server-1';
    const old = before.shards.token(uid);
    before.kill();
    const after = replica('same');
    await pass(clock, 1500);
    expect(after.held()).toEqual(ALL);
    expect(after.shards.token(uid)).toEqual({ leaseUid: old.leaseUid, transitions: old.transitions + 1 });
  });

  it('loses everything for good when a younger process with the same identity takes over', async () => {
    const older = replica('same');
    await pass(clock, 2000);
    const younger = replica('same');
    await pass(clock, 3000);
    expect(younger.held()).toEqual(ALL);
    await pass(clock, 60_000, 250);
    expect(younger.held()).toEqual(ALL);
    expect(younger.story).toHaveLength(SHARD_COUNT);
    expect(older.held()).toEqual([]);
  });

  it('gives everything back when it stops, so that others need not wait', async () => {
    const [a, b] = [replica('a'), replica('b')];
    await pass(clock, 10_000);
    a.stop.abort();
    await pass(clock, 3000);
    await a.ended;
    expect(b.held()).toEqual(ALL);
    expect(a.held()).toEqual([]);
  });

  it('lets go of a shard whose Lease somebody raised, as a restore does, and takes it anew above that', async () => {
    const a = replica('a');
    await pass(clock, 2000);
    const lease = shardLease(7);
    home.api.put(LEASES, { ...lease, spec: { ...lease?.spec, leaseTransitions: 1_000_001 } } as Lease);
    await pass(clock, 4000);
    expect(a.story).toContain('-7');
    expect(a.shards.holds(7)).toBe(true);
    expect(shardLease(7)?.spec?.leaseTransitions).toBe(1_000_002);
  });

  it('spreads UIDs evenly and always to the same shard', () => {
    const counts = new Map<number, number>();
    for (let i = 0; i < 6400; i++) {
      const shard = shardOf(`uid-${i}`);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(counts.size).toBe(SHARD_COUNT);
    expect(Math.max(...counts.values())).toBeLessThan(160);
    // part of the data format: hosts hold tokens of these shards
    expect([shardOf('a'), shardOf('b'), shardOf('c')]).toEqual([18, 22, 3]);
  });
});
