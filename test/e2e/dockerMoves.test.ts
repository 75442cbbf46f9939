import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Change } from '../../src/host/task.ts';
import { ReconcileError } from '../../src/lib/errors.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { HostDriver, type Docker } from '../support/hostDriver.ts';
import { watchRequests, type Watched } from '../support/requestWatch.ts';
import { startWebContainer } from '../support/webContainer.ts';

const PORT = 8080;

let fleet: Fleet;
let host: Host;
let driver: HostDriver;
beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ suite: 'trixie' });
  await host.run(`
    sed -n 's/^deb \\([^ ]*\\) trixie main$/deb \\1 sid main/p' /etc/apt/sources.list >/etc/apt/sources.list.d/sid.list
    printf 'Package: *\\nPin: release n=sid\\nPin-Priority: 100\\n' >/etc/apt/preferences.d/sid
    # the init of newer engines is a package that does not stand beside the older tini
    printf 'Package: tini\\nPin: release n=sid\\nPin-Priority: 990\\n' >/etc/apt/preferences.d/tini
    apt-get update -q -o Acquire::Check-Valid-Until=false
  `);
  driver = await HostDriver.open(host, fleet.keyFile);
});
afterAll(async () => {
  driver.close();
  await fleet.down();
});

async function version(): Promise<string> {
  return (await host.run('docker info -f "{{.ServerVersion}}"')).trim();
}

async function containerPid(): Promise<string> {
  return (await host.run(`docker inspect -f '{{.State.Pid}}' web`)).trim();
}

/** Converges while somebody outside asks for the container; what the plan announced, and what was noticed. */
async function moved(wanted: Docker): Promise<{ change: Change; noticed: Watched }> {
  const { changes, obstacles } = await driver.plan(wanted);
  expect(obstacles).toEqual([]);
  const watch = watchRequests(`http://${host.address}:${PORT}/`);
  try {
    await driver.converge(wanted);
  } finally {
    await host.run('sleep 5');
  }
  const noticed = await watch.stop();
  return { change: changes.find(({ name }) => name === 'docker-engine/package')!, noticed };
}

/** While the daemon restarts, it makes the rules for published ports anew: live-restore keeps the container, not those. */
function expectAnnounced({ expectedGapSeconds }: Change, { longestGapMs }: Watched): void {
  expect(longestGapMs).toBeLessThan(expectedGapSeconds * 1000);
}

describe('an engine that is moved under a container with a published port', () => {
  const live: Docker = { daemonConfig: { 'live-restore': true } };

  beforeAll(async () => {
    await driver.converge({ ...live, version: '26' });
    await startWebContainer(host, PORT);
  });

  it('loses no request by a reload', async () => {
    const wanted: Docker = { version: '26', daemonConfig: { 'live-restore': true, debug: true } };
    const { changes } = await driver.plan(wanted);
    expect(changes).toMatchObject([{ disruption: 'Reload', expectedGapSeconds: 0 }]);
    const { noticed } = await moved(wanted);
    expect(noticed.requests).toBeGreaterThan(50);
    expect(noticed.lost).toEqual([]);
  });

  it('is upgraded across a major version while the container goes on', async () => {
    const before = await containerPid();
    const { change, noticed } = await moved({ ...live, version: '28' });
    expect(change).toMatchObject({ disruption: 'RestartService' });
    expect(await version()).toMatch(/^28\./);
    expect(await containerPid()).toBe(before);
    expect(noticed.requests).toBeGreaterThan(50);
    expectAnnounced(change, noticed);
  });

  it('is not downgraded unless the spec allows it', async () => {
    const { changes, obstacles } = await driver.plan({ ...live, version: '26' });
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([{ reason: 'DowngradeRefused', terminal: true }]);
    expect(obstacles[0]?.message).toContain('set spec.docker.downgrade to Allow');
  });

  it('is downgraded with its client when the spec allows it, the container alive, and held again', async () => {
    const before = await containerPid();
    const { change, noticed } = await moved({ ...live, version: '26', downgrade: 'Allow' });
    expect(change).toMatchObject({
      disruption: 'RestartService',
      what: expect.stringMatching(/^downgrade docker\.io from 28/) as string,
    });
    expect(await version()).toMatch(/^26\./);
    expect(await host.run('docker --version')).toContain(' 26.');
    expect(await containerPid()).toBe(before);
    expect(await host.run('apt-mark showhold')).toBe('docker-cli\ndocker.io\n');
    expectAnnounced(change, noticed);
    expect((await host.exec('test -e /var/lib/hostler/docker-downgrade')).code).toBe(1);
  });

  it('is away no longer than announced where containers are restarted', async () => {
    const stopping: Docker = { daemonConfig: { 'live-restore': false } };
    await driver.converge({ ...stopping, version: '26' });
    for (const wanted of [{ version: '28' }, { version: '26', downgrade: 'Allow' as const }]) {
      const { change, noticed } = await moved({ ...stopping, ...wanted });
      expect(change).toMatchObject({ disruption: 'RestartContainers', expectedGapSeconds: 60 });
      expectAnnounced(change, noticed);
    }
  });

  it('says so when the older engine cannot run with what is there, and comes back with the newer version', async () => {
    await driver.converge({ ...live, version: '28' });
    const before = await containerPid();
    // the newer engine keeps its own file open; the older one finds what it cannot read
    const store = '/var/lib/docker/volumes/metadata.db';
    await host.run(`mv ${store} ${store}.good; head -c 32768 /dev/zero | tr '\\0' x >${store}`);
    const older: Docker = { ...live, version: '26', downgrade: 'Allow' };
    const error = await driver.converge(older).then(
      () => undefined,
      (problem: unknown) => problem,
    );
    expect(error).toBeInstanceOf(ReconcileError);
    expect(error).toMatchObject({ reason: 'DowngradeFailed', retry: { kind: 'never' } });
    expect((error as Error).message).toContain('metadata.db');
    const after = await driver.plan(older);
    expect(after).toMatchObject({ changes: [], obstacles: [{ reason: 'DowngradeFailed', terminal: true }] });
    expect(after.obstacles[0]?.message).toMatch(/downgraded from 28\..* to 26\..*metadata\.db/);
    await host.run(`mv ${store}.good ${store}`);
    await driver.converge({ ...live, version: '28' });
    expect(await version()).toMatch(/^28\./);
    expect(await containerPid()).toBe(before);
    expect((await host.exec('test -e /var/lib/hostler/docker-downgrade')).code).toBe(1);
  });

  it('is not restarted for the sake of its client', async () => {
    // somebody else replaced the engine, which still runs, and removed its client
    await host.run(`
      apt-mark unhold docker.io docker-cli
      apt-get install -y -q --allow-downgrades 'docker.io=26*' 'docker-cli=26*'
      apt-get remove -y -q docker-cli
    `);
    const before = await host.run('cat /run/docker.pid');
    const { changes } = await driver.plan({ ...live, version: '26' });
    expect(changes[0]).toMatchObject({ name: 'docker-engine/client', disruption: 'None' });
    await driver.apply(changes[0]!);
    expect(await host.run('cat /run/docker.pid')).toBe(before);
    expect(await host.run('docker --version')).toContain(' 26.');
    expect(await version()).toMatch(/^28\./);
  });
});
