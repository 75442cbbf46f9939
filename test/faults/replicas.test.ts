import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { shardOf } from '../../src/kube/shards.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { watchApt } from '../support/aptWatch.ts';
import { StandalonePlane } from '../support/standalonePlane.ts';
import { CuttingProxy } from '../support/cuttingProxy.ts';
import { HostlerProcess } from '../support/hostlerProcess.ts';
import { checkInvariants } from '../support/invariants.ts';
import { delayNextScript } from '../support/lateScript.ts';
import { fewestShards, shardHolders } from '../support/shardHolders.ts';
import { expectDocker, expectNoJobLeft, expectSoundPackages } from '../support/soundHost.ts';
import { isConverged } from './converged.ts';

const END_MS = 240_000;
/** What a Server whose replica is gone may have to wait until another serves it. */
const SERVED_WITHIN_MS = 30_000;
const FLAGS = ['--health-interval', '2s', '--drift-interval', '4s', '--log-level', 'debug'];
const NAMES = ['frozen', 'killed', 'partitioned'] as const;
type Name = (typeof NAMES)[number];

/**
 * Three replicas of the controllers, one host for each. The three meet their fate one after the other, each in the
 * middle of an installation on its host. Beside a real kube-apiserver: test/e2e/chartReplicas.test.ts.
 */
describe('of three replicas', () => {
  let fleet: Fleet;
  let api: StandalonePlane;
  let link: CuttingProxy;
  const replicas = new Map<Name, HostlerProcess>();
  const hosts = new Map<Name, Host>();

  const start = (name: Name, kubeconfig = api.kubeconfig): void => {
    const log = join(api.directory, `${name}.log`);
    const args = ['controller', '--kubeconfig', kubeconfig, '--identity', name, ...FLAGS];
    replicas.set(name, new HostlerProcess(args, { log }));
  };

  beforeAll(async () => {
    fleet = await Fleet.create();
    api = await StandalonePlane.start(['--no-controllers']);
    const key = await readFile(fleet.keyFile, 'utf8');
    await api.createSecret('key', 'kubernetes.io/ssh-auth', { 'ssh-privatekey': key });
    const { port } = api.client.server;
    link = await CuttingProxy.start({ host: '127.0.0.1', port: Number(port) });
    start('frozen');
    start('killed');
    start('partitioned', await api.kubeconfigThrough(link.port));
    // who joins last takes its part over from the others
    const fewest = async () => fewestShards(await shardHolders(api.client), NAMES);
    await vi.waitFor(async () => expect(await fewest()).toBeGreaterThan(8), { timeout: 90_000, interval: 500 });
    await Promise.all(NAMES.map(async (name) => hosts.set(name, await serverFor(name))));
  });

  afterAll(async () => {
    for (const replica of replicas.values()) await replica.end('SIGKILL');
    await link.stop();
    await api.remove();
    await fleet.down();
  });

  const holderOf = async ({ metadata }: Server): Promise<string | undefined> =>
    (await shardHolders(api.client)).get(shardOf(metadata.uid ?? ''));

  /** A host with a Server that this replica serves: a UID, and so a shard, is a matter of luck. */
  async function serverFor(replica: Name): Promise<Host> {
    const host = await fleet.up({ name: `of-${replica}` });
    await watchApt(host);
    for (;;) {
      const server = await api.createServer(host.name, specOf(host));
      if ((await holderOf(server)) === replica) break;
      await api.client.delete(servers, server.metadata);
      await api.waitForGone(host.name);
    }
    await api.waitFor(host.name, isConverged);
    return host;
  }

  const specOf = (host: Host): ServerSpec => ({
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    requirements: { disk: '1M' },
  });

  /** Declares Docker on the replica's host and waits until apt works on it. */
  async function beginInstallation(name: Name): Promise<void> {
    const host = hosts.get(name)!;
    await api.client.patch(servers, keyOf(host), { spec: { docker: { version: '20.10' } } });
    const unpacks = "grep -qE ' status (half-installed|unpacked) ' /var/log/dpkg.log && pgrep -x apt-get";
    await expect.poll(async () => (await host.exec(unpacks)).code, { timeout: 90_000, interval: 200 }).toBe(0);
  }

  /** Seconds until the replica's Server was looked at for a change made now. */
  async function secondsUntilServed(name: Name): Promise<number> {
    const started = performance.now();
    const host = hosts.get(name)!;
    const displayName = `served without ${name}`;
    const { metadata } = await api.client.patch(servers, keyOf(host), { spec: { displayName } });
    const isServed = ({ status }: Server) => (status?.observedGeneration ?? 0) >= (metadata.generation ?? Infinity);
    await api.waitFor(host.name, isServed, 2 * SERVED_WITHIN_MS);
    return (performance.now() - started) / 1000;
  }

  async function expectWhole(name: Name): Promise<void> {
    const host = hosts.get(name)!;
    await api.waitFor(host.name, isConverged, END_MS);
    await expectSoundPackages(host);
    await expectNoJobLeft(host);
    await expectDocker(host, /^20\.10\./);
    await checkInvariants(api, { hosts: new Map([[host.name, host]]) });
  }

  it('one is frozen: others serve its Servers within 30 s, and it changes nothing when it wakes', async () => {
    await beginInstallation('frozen');
    replicas.get('frozen')!.freeze();
    expect(await secondsUntilServed('frozen')).toBeLessThan(SERVED_WITHIN_MS / 1000);
    replicas.get('frozen')!.thaw();
    await expectWhole('frozen');
  });

  it('one is killed: others serve its Servers within 30 s', async () => {
    await beginInstallation('killed');
    await replicas.get('killed')!.end('SIGKILL');
    expect(await secondsUntilServed('killed')).toBeLessThan(SERVED_WITHIN_MS / 1000);
    await expectWhole('killed');
  });

  it('one loses the API but not the hosts: others serve its Servers within 30 s, and it stops by itself', async () => {
    await beginInstallation('partitioned');
    link.freeze();
    expect(await secondsUntilServed('partitioned')).toBeLessThan(SERVED_WITHIN_MS / 1000);
    expect(replicas.get('partitioned')!.isRunning, 'the process waits for the API').toBe(true);
    link.thaw();
    await expectWhole('partitioned');
    // it has its part of the shards again
    const fewest = async () => fewestShards(await shardHolders(api.client), ['frozen', 'partitioned']);
    await expect.poll(fewest, { timeout: 60_000 }).toBeGreaterThan(8);
  });

  it('a host refuses what a frozen one sent, once others took over', async () => {
    const host = hosts.get('killed')!;
    const metadata = { name: 'late', namespace: 'default' };
    const ran = () => host.run('cat /var/tmp/late 2>/dev/null || true');
    const late = await delayNextScript(host);
    await api.client.create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata,
      spec: { serverRef: { name: host.name }, type: 'RunCommand', runCommand: { script: 'echo ran >>/var/tmp/late' } },
    });
    await late.caught();
    const sender = replicas.get((await holderOf(await api.server(host.name))) as Name)!;
    sender.freeze();
    const phase = async () => (await api.client.get(serverOperations, metadata)).status?.phase;
    await expect.poll(phase, { timeout: 60_000, interval: 200 }).toBe('Succeeded');
    expect(await ran()).toBe('ran\n');
    await late.released();
    expect(await ran(), 'only the token of the owner file tells that it is late').toBe('ran\n');
    sender.thaw();
    await expectWhole('killed');
    expect(await ran()).toBe('ran\n');
  });
});

const keyOf = (host: Host) => ({ namespace: 'default', name: host.name });
