import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { secrets } from '../../src/kube/resource.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

const spec = (overrides: Partial<ServerSpec> = {}): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'eu-1-ssh' } } },
  docker: { version: '20.10', daemonConfig: { 'live-restore': true } },
  requirements: { disk: '1G' },
  ...overrides,
});

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'eu-1' });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('eu-1-ssh', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

/** What the host itself remembers of package runs. */
const packageRuns = async () => host.run('grep -c "^Start-Date" /var/log/apt/history.log || true');
/** Content and times of everything Hostler could have written. */
const footprint = async () =>
  host.run(
    'find /etc/docker /etc/apt /etc/group /var/lib/hostler -printf "%p %T@ %s\\n" | sort; docker info -f "{{.ID}}"; systemctl show -p ExecMainStartTimestamp docker',
  );

describe('one Server from declaration to deletion', () => {
  it('brings a fresh host to Ready and shows every step', async () => {
    await plane.createServer('eu-1', spec());
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    // by whom: an ordinary user, who may not even see which Secrets there are
    const controllers = await plane.controllersClient();
    await expect(controllers.list(secrets, { namespace: 'default' })).rejects.toMatchObject({ code: 403 });
    await expect(controllers.delete(servers, { namespace: 'default', name: 'eu-1' })).rejects.toMatchObject({
      code: 403,
    });
    const { status } = await plane.server('eu-1');
    expect(status?.summary).toBe('Active');
    expect(status?.appliedGeneration).toBe(status?.observedGeneration);
    expect(status?.provisioning?.steps?.map((step) => [step.name, step.state])).toEqual(
      expect.arrayContaining([
        ['connect', 'Succeeded'],
        ['detect', 'Succeeded'],
        ['preflight', 'Succeeded'],
        ['docker-engine/package', 'Succeeded'],
        ['verify', 'Succeeded'],
      ]),
    );
    expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^20\.10\./);
    expect(await host.run('apt-mark showhold')).toContain('docker.io');
    expect(JSON.parse(await host.run('cat /etc/docker/daemon.json'))).toEqual({ 'live-restore': true });
    await checkInvariants(plane);
  });

  it('writes nothing while nothing changes', async () => {
    const before = (await plane.server('eu-1')).metadata.resourceVersion;
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    expect((await plane.server('eu-1')).metadata.resourceVersion).toBe(before);
  });

  it('changes nothing on the host when the control plane starts again', async () => {
    const [print, runs] = [await footprint(), await packageRuns()];
    const before = (await plane.server('eu-1')).metadata.resourceVersion;
    await plane.kill();
    await plane.start();
    await new Promise((resolve) => setTimeout(resolve, 15_000));
    expect(await footprint()).toBe(print);
    expect(await packageRuns()).toBe(runs);
    expect((await plane.server('eu-1')).metadata.resourceVersion).toBe(before);
  });

  it('repairs an edited daemon.json and leaves foreign keys alone', async () => {
    await host.run(`printf '{"live-restore": false, "debug": true}' > /etc/docker/daemon.json`);
    await expect
      .poll(async () => JSON.parse(await host.run('cat /etc/docker/daemon.json')) as unknown, { timeout: 60_000 })
      .toEqual({ 'live-restore': true, debug: true });
    await plane.waitForCondition('eu-1', 'InSync', 'True');
  });

  it('installs Docker again after somebody removed it', async () => {
    await host.run('apt-get -y -q --allow-change-held-packages remove docker.io >/dev/null 2>&1');
    await expect
      .poll(async () => (await host.exec('docker version -f "{{.Server.Version}}"')).stdout, { timeout: 120_000 })
      .toMatch(/^20\.10\./);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });

  it('only reports drift under Observe', async () => {
    await plane.client.patch(
      servers,
      { namespace: 'default', name: 'eu-1' },
      { spec: { management: { default: 'Observe' } } },
    );
    await plane.waitForCondition('eu-1', 'InSync', 'True');
    await host.run(`printf '{"live-restore": false}' > /etc/docker/daemon.json`);
    const inSync = await plane.waitForCondition('eu-1', 'InSync', 'False', 'ObserveOnly');
    expect(inSync.message).toContain('live-restore');
    const { status } = await plane.server('eu-1');
    expect(findCondition(status?.conditions, 'Ready')?.status).toBe('True');
    expect(findCondition(status?.conditions, 'DockerReady')?.status).toBe('False');
    expect(status?.pendingChanges?.[0]?.waitingFor).toBe('Management');
    expect(await host.run('cat /etc/docker/daemon.json')).toBe('{"live-restore": false}');
    await plane.client.patch(servers, { namespace: 'default', name: 'eu-1' }, { spec: { management: null } });
    await plane.waitForCondition('eu-1', 'InSync', 'True');
  });

  it('waits for approval of what disrupts, and runs exactly the approved plan', async () => {
    await host.run('tar -C / -c bin/busybox 2>/dev/null | docker import - empty:1 >/dev/null || true');
    await plane.client.patch(
      servers,
      { namespace: 'default', name: 'eu-1' },
      {
        spec: {
          disruption: { automatic: 'None' },
          docker: { daemonConfig: { 'log-opts': { 'max-size': '10m' }, 'log-driver': 'json-file' } },
        },
      },
    );
    await plane.waitForCondition('eu-1', 'InSync', 'False', 'WaitingForApproval');
    const planHash = (await plane.server('eu-1')).status?.planHash;
    expect(planHash).toMatch(/^sha256:/);
    const stale = await plane.operate('eu-1', 'Approve', { approve: { planHash: `sha256:${'0'.repeat(64)}` } });
    expect(stale).toMatchObject({ phase: 'Failed' });
    const approved = await plane.operate('eu-1', 'Approve', { approve: { planHash: planHash! } });
    expect(approved).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(JSON.parse(await host.run('cat /etc/docker/daemon.json'))).toMatchObject({
      'log-opts': { 'max-size': '10m' },
    });
    await checkInvariants(plane);
  });

  it('keeps the host as it is on deletion, and removes its own traces when asked', async () => {
    const key = { namespace: 'default', name: 'eu-1' };
    const version = await host.run('docker version -f "{{.Server.Version}}"');
    await plane.client.patch(servers, key, { spec: { deletionPolicy: 'RemoveAgent' } });
    await plane.client.delete(servers, key);
    await plane.waitForGone('eu-1');
    expect((await host.exec('test -e /var/lib/hostler')).code).toBe(1);
    expect(await host.run('docker version -f "{{.Server.Version}}"')).toBe(version);
    // its trust survives
    expect(
      (
        await plane.client.list({
          group: 'hostler.dev',
          version: 'v1alpha1',
          plural: 'knownhosts',
          kind: 'KnownHost',
          namespaced: true,
        })
      ).items,
    ).toHaveLength(1);
  });

  it('deletes with Retain although the host is away', async () => {
    await plane.createServer('eu-2', spec());
    await plane.waitForCondition('eu-2', 'Ready', 'True');
    await host.linkDown();
    await plane.client.delete(servers, { namespace: 'default', name: 'eu-2' });
    await plane.waitForGone('eu-2', 20_000);
    await host.linkUp();
    expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^20\.10\./);
  });
});
