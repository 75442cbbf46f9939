import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { isConflict } from '../../../src/kube/apiError.ts';
import { Client } from '../../../src/kube/client.ts';
import { EventRecorder } from '../../../src/kube/eventRecorder.ts';
import { addFinalizer, removeFinalizer } from '../../../src/kube/finalizers.ts';
import { SharedInformer } from '../../../src/kube/informer.ts';
import { SYSTEM_NAMESPACE } from '../../../src/api/access.ts';
import { ensureInstallation } from '../../../src/kube/installation.ts';
import { connectionFromKubeconfig } from '../../../src/kube/kubeconfig.ts';
import { configMaps, keyOf, keyText, leases, namespaces, type ConfigMap } from '../../../src/kube/resource.ts';
import { ShardManager } from '../../../src/kube/shardManager.ts';
import { StatusWriter } from '../../../src/kube/statusWriter.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { startTestServer, type TestServer } from '../../support/apiServer.ts';
import { type Thing, things, until } from '../../support/kube.ts';

/** The client layer against our own API server, over TLS with the admin's kubeconfig. */
let server: TestServer;
let client: Client;
const stop = new AbortController();
const server1 = (name: string): Thing =>
  ({
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'Server',
    metadata: { namespace: 'acme', name },
    spec: {
      addresses: [{ type: 'IPv4', address: '203.0.113.10' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    },
  }) as unknown as Thing;

beforeAll(async () => {
  const crds = ['servers'].map((name) => parse(readFileSync(`crds/${name}.yaml`, 'utf8')) as object);
  server = await startTestServer({ crds });
  client = new Client({ connection: connectionFromKubeconfig(server.kubeconfig) });
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'acme' } });
});
afterAll(async () => {
  stop.abort();
  client.close();
  await server.close();
});

describe('the client layer and the API server', () => {
  it('agree on who asks', async () => {
    expect(await client.userName()).toBe('hostler-admin');
  });

  it('agree on writes, conflicts, finalizers and status', async () => {
    const created = await client.create(things, server1('web'));
    const withFinalizer = await addFinalizer(client, things, created, 'hostler.dev/cleanup');
    await expect(addFinalizer(client, things, created, 'other.dev/x')).rejects.toSatisfy(isConflict);

    const writer = new StatusWriter(client, things, { addHandler: () => () => undefined });
    const status = { observedGeneration: 1, summary: 'Pending' };
    const written = await writer.write(withFinalizer, status as never);
    expect(written.status).toEqual(status);
    expect(written.metadata.generation).toBe(1);
    const again = await writer.write(withFinalizer, status as never);
    expect(again.metadata.resourceVersion).toBe(written.metadata.resourceVersion);

    await client.delete(things, keyOf(created));
    const deleting = await client.get(things, keyOf(created));
    expect(deleting.metadata.deletionTimestamp).toBeTruthy();
    expect(await removeFinalizer(client, things, deleting, 'hostler.dev/cleanup')).toBeUndefined();
    expect(await client.find(things, keyOf(created))).toBeUndefined();

    // made again under the same name: a status for the old one must not land on it
    await client.create(things, server1('web'));
    await expect(writer.write(written, { ...status, summary: 'Active' } as never)).rejects.toSatisfy(isConflict);
    await client.delete(things, keyOf(created));
  });

  it('keep an informer equal to the store through a restart of the server and a storm of writes', async () => {
    const informer = new SharedInformer<ConfigMap>({
      client,
      resource: configMaps,
      selection: { namespace: 'acme' },
      log: silentLogger,
      pageSize: 7,
    });
    const believed = new Map<string, string | undefined>();
    const wrong: string[] = [];
    informer.addHandler({
      added: (object) => {
        if (believed.has(object.metadata.name)) wrong.push(`${object.metadata.name} twice`);
        believed.set(object.metadata.name, object.metadata.resourceVersion);
      },
      updated: (previous, object) => {
        if (believed.get(object.metadata.name) !== previous.metadata.resourceVersion)
          wrong.push(`${object.metadata.name} unknown`);
        believed.set(object.metadata.name, object.metadata.resourceVersion);
      },
      deleted: (object) => {
        if (!believed.delete(object.metadata.name)) wrong.push(`${object.metadata.name} gone twice`);
      },
    });
    const running = informer.run(stop.signal);
    await informer.waitForSync();
    const write = async (count: number, seed: number) => {
      for (let i = 0; i < count; i++) {
        const name = `map-${(i * seed) % 23}`;
        const key = { namespace: 'acme', name };
        const found = await client.find(configMaps, key);
        if (found === undefined)
          await client.create(configMaps, {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: key,
            data: { i: String(i) },
          });
        else if (i % 3 === 0) await client.delete(configMaps, key);
        else await client.patch(configMaps, key, { data: { i: `${seed}-${i}` } });
      }
    };
    await Promise.all([write(150, 7), write(150, 11)].map((one) => one.catch(() => undefined)));
    await server.restart();
    await write(100, 5);
    const stored = (await client.list(configMaps, { namespace: 'acme' })).items;
    const want = new Map(stored.map((object) => [object.metadata.name, object.metadata.resourceVersion]));
    await until(
      () => believed.size === want.size && [...want].every(([name, version]) => believed.get(name) === version),
      20_000,
    );
    expect(wrong).toEqual([]);
    expect(new Set(informer.list().map((object) => keyText(keyOf(object)))).size).toBe(want.size);
    void running;
  });

  it('share one installation UID and hold the shards by Leases', async () => {
    const uid = await ensureInstallation(client);
    expect(await ensureInstallation(client)).toBe(uid);
    const shards = new ShardManager({ client, identity: 'test', log: silentLogger });
    const ending = new AbortController();
    const running = shards.run(ending.signal);
    await until(() => Array.from({ length: 64 }, (_, shard) => shard).every((shard) => shards.holds(shard)), 10_000);
    expect((await client.list(leases, { namespace: SYSTEM_NAMESPACE })).items).toHaveLength(65);
    const listed = await server.kubectl('1.35', ['get', 'leases', '-n', SYSTEM_NAMESPACE, '--no-headers']);
    expect(listed.stdout).toMatch(/hostler-shard-63\s+test/);
    ending.abort();
    await running;
    expect((await client.list(leases, { namespace: SYSTEM_NAMESPACE })).items).toHaveLength(64);
  });

  it('show events in kubectl describe', async () => {
    const object = await client.create(things, server1('described'));
    const recorder = new EventRecorder({ client, log: silentLogger, component: 'hostler-test' });
    recorder.record(object, { type: 'Warning', reason: 'ConnectionRefused', message: 'nothing listens on port 22' });
    recorder.record(object, { type: 'Warning', reason: 'ConnectionRefused', message: 'nothing listens on port 22' });
    await recorder.flush();
    const { stdout } = await server.kubectl('1.35', ['describe', 'server', 'described', '-n', 'acme']);
    expect(stdout).toMatch(/Warning\s+ConnectionRefused\s+.*hostler-test\s+nothing listens on port 22/);
  });
});
