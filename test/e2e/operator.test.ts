import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import { Client } from '../../src/kube/client.ts';
import { knownHosts, servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { secrets } from '../../src/kube/resource.ts';
import { run } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { ControllerProcess } from '../support/controllerProcess.ts';
import { KubeCluster } from '../support/kubeCluster.ts';
import { kubectlPath } from '../support/kubectl.ts';

const CRDS = fileURLToPath(new URL('../../crds', import.meta.url));
const KEY = { namespace: 'default', name: 'eu-1' };
const READY_MS = 180_000;

/** The other home: `hostler controller` against a real kube-apiserver instead of `hostler serve`. */
describe.skipIf(process.env['HOSTLER_SKIP_KUBERNETES'] !== undefined)('a Server in a Kubernetes cluster', () => {
  let fleet: Fleet;
  let host: Host;
  let cluster: KubeCluster;
  let client: Client;
  let controller: ControllerProcess;

  beforeAll(async () => {
    fleet = await Fleet.create();
    [cluster, host] = await Promise.all([KubeCluster.start(), fleet.up({ name: 'eu-1', docker: true })]);
    for (const file of await readdir(CRDS)) {
      await run([
        await kubectlPath(),
        '--kubeconfig',
        cluster.kubeconfig,
        'apply',
        '--server-side',
        '-f',
        join(CRDS, file),
      ]);
    }
    await run([
      await kubectlPath(),
      '--kubeconfig',
      cluster.kubeconfig,
      'wait',
      '--for=condition=Established',
      'crd',
      '--all',
    ]);
    client = new Client({ connection: defaultConnection({ kubeconfig: cluster.kubeconfig }) });
    controller = startController();
    const data = { 'ssh-privatekey': (await readFile(fleet.keyFile)).toString('base64') };
    const metadata = { ...KEY, name: 'eu-1-ssh' };
    await client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/ssh-auth', data });
  });

  afterAll(async () => {
    await controller.stop();
    client.close();
    await cluster.stop();
    await fleet.down();
  });

  function startController(): ControllerProcess {
    const log = join(cluster.directory, 'controller.log');
    return new ControllerProcess({ kubeconfig: cluster.kubeconfig, identity: 'operator', log });
  }

  async function untilReady(fits: (server: Server) => boolean = () => true): Promise<Server> {
    const limit = Date.now() + READY_MS;
    for (;;) {
      const server = await client.get(servers, KEY);
      const ready = findCondition(server.status?.conditions, 'Ready');
      const current = server.status?.observedGeneration === server.metadata.generation;
      if (ready?.status === 'True' && current && fits(server)) return server;
      if (Date.now() > limit) throw new Error(`not Ready: ${JSON.stringify(server.status?.conditions, null, 1)}`);
      await sleep(250);
    }
  }

  it('comes to Ready, with its host key stored', async () => {
    await client.create(servers, {
      apiVersion: API_VERSION,
      kind: 'Server',
      metadata: KEY,
      spec: {
        addresses: [{ type: 'IPv4', address: host.address }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'eu-1-ssh' } } },
        docker: { version: '20.10', daemonConfig: { 'live-restore': true } },
        requirements: { disk: '1G' },
      },
    });
    await untilReady();
    expect(JSON.parse(await host.run('cat /etc/docker/daemon.json'))).toEqual({ 'live-restore': true });
    expect((await client.list(knownHosts, { namespace: KEY.namespace })).items).toHaveLength(1);
  });

  it('is not written while nothing changes, also when the controller starts again', async () => {
    // the keys that the host offered beside the first are seen to be trusted by the next look
    const settled = await untilReady(({ status }) => status?.hostKeys?.every(({ trusted }) => trusted) === true);
    const before = settled.metadata.resourceVersion;
    await sleep(6000);
    await controller.kill();
    controller = startController();
    await sleep(15_000);
    expect((await client.get(servers, KEY)).metadata.resourceVersion).toBe(before);
  });

  it('follows its spec', async () => {
    await client.patch(servers, KEY, { spec: { docker: { daemonConfig: { 'log-level': 'warn' } } } });
    await untilReady();
    const written = JSON.parse(await host.run('cat /etc/docker/daemon.json')) as Record<string, unknown>;
    expect(written).toEqual({ 'live-restore': true, 'log-level': 'warn' });
  });

  it('goes when it is deleted, and leaves the host as it is', async () => {
    await client.delete(servers, KEY);
    const limit = Date.now() + 60_000;
    while ((await client.find(servers, KEY)) !== undefined && Date.now() < limit) await sleep(250);
    expect(await client.find(servers, KEY)).toBeUndefined();
    expect(await host.run('cat /etc/docker/daemon.json')).toContain('live-restore');
  });
});
