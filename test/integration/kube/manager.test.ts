import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Manager, type ManagerOptions } from '../../../src/kube/manager.ts';
import { createKubeMetrics } from '../../../src/kube/metrics.ts';
import { keyOf } from '../../../src/kube/resource.ts';
import { ShardManager } from '../../../src/kube/shardManager.ts';
import { SHARD_INDEX, shardIndex } from '../../../src/kube/shards.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { startDouble, thing, things, THINGS, until } from '../../support/kube.ts';

let home: Awaited<ReturnType<typeof startDouble>>;
let stop: AbortController;
beforeEach(async () => {
  home = await startDouble();
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await home.stop();
});

const make = (options: Partial<ManagerOptions> = {}) =>
  new Manager({ client: home.client, log: silentLogger, metrics: createKubeMetrics(new Registry()), ...options });

describe('Manager', () => {
  it('reconciles what exists and what comes, only after its informers have synced', async () => {
    home.api.put(THINGS, thing('old'));
    const manager = make();
    const informer = manager.informer(things);
    expect(manager.informer(things)).toBe(informer);
    expect(manager.informer(things, { namespace: 'acme' })).not.toBe(informer);
    const seen: string[] = [];
    const controller = manager.addController({
      name: 'server',
      reconciler: {
        reconcile: (request) => {
          seen.push(`${request.name} ${informer.hasSynced()}`);
          return Promise.resolve({});
        },
      },
    });
    informer.addHandler({
      added: (object, initial) => controller.enqueue(keyOf(object), { priority: initial ? 'resync' : 'user' }),
    });
    expect(() => manager.readinessChecks()['informer-servers']?.()).toThrow('has not synced yet');
    const running = manager.run(stop.signal);
    await until(() => seen.length === 1);
    expect(() => manager.readinessChecks()['informer-servers']?.()).not.toThrow();
    home.api.put(THINGS, thing('new'));
    await until(() => seen.length === 2);
    expect(seen).toEqual(['old true', 'new true']);
    stop.abort();
    await running;
    await until(() => home.api.watchers === 0);
  });

  it('stops in order: runs end first, then the shards are given back', async () => {
    home.api.put(THINGS, thing('a'));
    const order: string[] = [];
    const shards = new ShardManager({ client: home.newClient(), identity: 'me', log: silentLogger });
    shards.onChange((shard, held) => {
      if (shard === 0) order.push(held ? 'shard 0 taken' : 'shard 0 given back');
    });
    const manager = make({ shards, graceMs: 50 });
    const informer = manager.informer(things);
    informer.addIndex(SHARD_INDEX, shardIndex);
    const controller = manager.addController({
      name: 'server',
      sharding: { shards, objects: informer },
      reconciler: {
        reconcile: async (_request, signal) => {
          order.push('run starts');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          order.push('run ends');
          return {};
        },
      },
    });
    informer.addHandler({ added: (object) => controller.enqueue(keyOf(object)) });
    const running = manager.run(stop.signal);
    await until(() => order.includes('run starts') && order.includes('shard 0 taken'));
    stop.abort();
    await running;
    expect(order.slice(-2)).toEqual(['run ends', 'shard 0 given back']);
    const members = [...home.api.stored('/apis/coordination.k8s.io/v1/leases').values()].filter((lease) =>
      lease.metadata.name.startsWith('hostler-member-'),
    );
    expect(members).toEqual([]);
  });

  it('runs what needs leadership only while this process holds shard 0', async () => {
    const story: string[] = [];
    const shards = new ShardManager({ client: home.newClient(), identity: 'me', log: silentLogger });
    const manager = make({ shards });
    manager.addRunnable({
      name: 'sweeper',
      needsLeadership: true,
      run: async (signal) => {
        story.push(`starts ${shards.holds(0)}`);
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        story.push('ends');
      },
    });
    const running = manager.run(stop.signal);
    await until(() => story.length === 1);
    const leases = '/apis/coordination.k8s.io/v1/leases';
    const lease = home.api.stored(leases).get('hostler-system/hostler-shard-00');
    home.api.put(leases, { ...lease, spec: { holderIdentity: 'thief', leaseTransitions: 9 } } as never);
    await until(() => story.length === 3, 10_000);
    expect(story).toEqual(['starts true', 'ends', 'starts true']);
    stop.abort();
    await running;
    expect(story.at(-1)).toBe('ends');
  });

  it('stops everything and says why when a runnable fails', async () => {
    const manager = make();
    manager.informer(things);
    let isStopped = false;
    manager.addRunnable({
      name: 'fine',
      run: async (signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        isStopped = true;
      },
    });
    manager.addRunnable({ name: 'broken', run: () => Promise.reject(new Error('port in use')) });
    await expect(manager.run(stop.signal)).rejects.toThrow('port in use');
    expect(isStopped).toBe(true);
  });

  it('can be stopped while the API server is away', async () => {
    home.api.fault = () => ({ drop: true });
    const manager = make();
    manager.informer(things);
    const running = manager.run(stop.signal);
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort();
    await running;
  });
});
