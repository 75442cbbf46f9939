import { afterAll, describe, expect, inject, it } from 'vitest';
import { Client } from '../../src/kube/client.ts';
import { EventRecorder } from '../../src/kube/eventRecorder.ts';
import { addFinalizer, removeFinalizer } from '../../src/kube/finalizers.ts';
import { SharedInformer } from '../../src/kube/informer.ts';
import { ensureInstallation } from '../../src/kube/installation.ts';
import { connectionFromKubeconfig } from '../../src/kube/kubeconfig.ts';
import { configMaps, keyOf, leases, namespaces, type ConfigMap } from '../../src/kube/resource.ts';
import { ShardManager } from '../../src/kube/shardManager.ts';
import { SYSTEM_NAMESPACE } from '../../src/api/access.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { thing, things, until } from '../support/kube.ts';

const SHARDS = 64;
const clients = [inject('hostler'), inject('kubernetes')].map(
  ({ kubeconfig }) => new Client({ connection: connectionFromKubeconfig(kubeconfig) }),
);
afterAll(() => {
  for (const client of clients) client.close();
});

/** Does the same with both servers; what comes of it must be equal. */
async function both<T>(work: (client: Client) => Promise<T>): Promise<void> {
  const [hostler, kubernetes] = await Promise.all(clients.map(work));
  expect(hostler).toEqual(kubernetes);
  expect(kubernetes).toBeDefined();
}

async function namespace(client: Client, name: string): Promise<string> {
  const full = `${name}-${inject('run')}`;
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: full } });
  return full;
}

const map = (at: string, name: string, i = '0'): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: at, name, labels: { t: 'informer' } },
  data: { i },
});

/** What an error says, or that there was none. */
const said = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => String(error).replaceAll(/[0-9a-f-]{36}/g, '<uid>'),
  );

describe("Hostler's own client against both servers", () => {
  it('sees the same session through an informer', async () => {
    await both(async (client) => {
      const at = await namespace(client, 'informer');
      for (const name of ['a', 'b', 'c', 'd', 'e']) await client.create(configMaps, map(at, name));
      const selection = { namespace: at, labelSelector: 't=informer' };
      const informer = new SharedInformer<ConfigMap>({
        client,
        resource: configMaps,
        selection,
        log: silentLogger,
        pageSize: 2,
      });
      const seen: string[] = [];
      informer.addHandler({
        added: ({ metadata, data }) => seen.push(`added ${metadata.name} ${data?.['i'] ?? ''}`),
        updated: (_, { metadata, data }) => seen.push(`updated ${metadata.name} ${data?.['i'] ?? ''}`),
        deleted: ({ metadata }) => seen.push(`deleted ${metadata.name}`),
      });
      const stop = new AbortController();
      const running = informer.run(stop.signal);
      await informer.waitForSync();
      await client.create(configMaps, map(at, 'f'));
      await client.patch(configMaps, { namespace: at, name: 'a' }, { data: { i: '1' } });
      await client.patch(configMaps, { namespace: at, name: 'a' }, { data: { i: '1' } });
      await client.patch(configMaps, { namespace: at, name: 'b' }, { metadata: { labels: { t: 'other' } } });
      await client.delete(configMaps, { namespace: at, name: 'c' });
      await client.patch(configMaps, { namespace: at, name: 'b' }, { metadata: { labels: { t: 'informer' } } });
      await until(() => seen.at(-1) === 'added b 0', 20_000);
      stop.abort();
      await running;
      return {
        seen,
        kept: informer
          .list()
          .map((object) => object.metadata.name)
          .sort(),
      };
    });
  });

  it('meets the same conflicts, finalizers and errors', async () => {
    await both(async (client) => {
      const at = await namespace(client, 'writers');
      const spec = {
        addresses: [{ type: 'IPv4', address: '203.0.113.10' }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      };
      const created = await client.create(things, thing('web', spec as never, { namespace: at }));
      const held = await addFinalizer(client, things, created, 'hostler.dev/cleanup');
      const steps = [
        await said(client.create(things, thing('web', spec as never, { namespace: at }))),
        await said(addFinalizer(client, things, created, 'other.dev/x')),
        await said(client.create(things, thing('bad', { size: 'x' } as never, { namespace: at }))),
        await said(client.get(things, { namespace: at, name: 'none' })),
        await said(client.delete(things, keyOf(created))),
      ];
      const deleting = await client.get(things, keyOf(created));
      steps.push(String(deleting.metadata.deletionTimestamp !== undefined), String(held.metadata.finalizers));
      const left = await removeFinalizer(client, things, deleting, 'hostler.dev/cleanup');
      return { steps, left: left ?? 'gone', found: (await client.find(things, keyOf(created))) ?? 'gone' };
    });
  });

  it('holds every shard by Leases, and tells events', async () => {
    await both(async (client) => {
      const uid = await ensureInstallation(client);
      const shards = new ShardManager({ client, identity: 'conformance', log: silentLogger });
      const stop = new AbortController();
      const running = shards.run(stop.signal);
      const all = Array.from({ length: SHARDS }, (_, shard) => shard);
      await until(() => all.every((shard) => shards.holds(shard)), 30_000);
      const at = await namespace(client, 'events');
      const recorder = new EventRecorder({ client, log: silentLogger, component: 'conformance' });
      const about = await client.create(configMaps, map(at, 'a'));
      for (let i = 0; i < 2; i++)
        recorder.record(about, { type: 'Warning', reason: 'Tested', message: 'it was tested' });
      await recorder.flush();
      stop.abort();
      await running;
      const held = (await client.list(leases, { namespace: SYSTEM_NAMESPACE })).items;
      return [(await ensureInstallation(client)) === uid, held.map(({ metadata }) => metadata.name).sort()];
    });
  });
});
