import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { startAptRepository, type AptRepository } from '../support/aptRepository.ts';
import { HostDriver, type Docker } from '../support/hostDriver.ts';

let fleet: Fleet;
let host: Host;
let driver: HostDriver;
let mirror: AptRepository;
beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up();
  mirror = await startAptRepository({ bindAddress: fleet.gateway, suite: 'bookworm' });
  driver = await HostDriver.open(host, fleet.keyFile);
  driver.signingKey = await readFile(mirror.keyPath, 'utf8');
  await host.run('apt-get update -q');
});
afterAll(async () => {
  driver.close();
  await mirror.stop();
  await fleet.down();
});

const ce = (version: string): Docker => ({
  version,
  daemonConfig: { 'live-restore': true },
  source: { type: 'Mirror', mirror: { url: mirror.url, keySecretRef: { name: 'mirror-key' } } },
});

/** Nothing is planned, and why. */
async function refusal(wanted: Docker): Promise<string> {
  const { changes, obstacles } = await driver.plan(wanted);
  expect(changes).toEqual([]);
  expect(obstacles).toHaveLength(1);
  return `${obstacles[0]?.reason ?? ''}: ${obstacles[0]?.message ?? ''}`;
}

async function versionOf(name: string): Promise<string> {
  return host.run('dpkg-query -W -f "\\${Version}" "$1"', { args: [name] });
}

describe('another Docker in the way is named and left alone:', () => {
  it('podman-docker', async () => {
    await host.run('DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends podman-docker');
    for (const wanted of [{}, ce('28')]) {
      expect(await refusal(wanted)).toBe(
        'DockerConflict: podman-docker answers in the place of Docker. Remove it: apt-get remove podman-docker.',
      );
    }
    // the remedy is one: what it brought along does not count
    await host.run('apt-get remove -y -q podman-docker && apt-get autoremove -y -q');
    expect((await driver.plan({})).obstacles).toEqual([]);
  });

  it('the snap', async () => {
    await host.run('mkdir -p /snap/docker/2915 && ln -s 2915 /snap/docker/current');
    expect(await refusal({})).toMatch(/^DockerConflict: Docker is installed as a snap.*snap remove docker\.$/);
    await host.run('rm -r /snap');
    expect((await driver.plan({})).obstacles).toEqual([]);
  });

  it('a dockerd of nobody', async () => {
    await host.run('install -m 755 /bin/true /usr/local/bin/dockerd');
    expect(await refusal({})).toMatch(/^DockerConflict: \/usr\/local\/bin\/dockerd belongs to no package/);
    await host.run('rm /usr/local/bin/dockerd');
  });

  it('the containerd of the distribution, where Docker CE is declared', async () => {
    await host.run('DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends containerd');
    expect(await refusal(ce('28'))).toMatch(
      /^DockerConflict: containerd and runc from the distribution are installed.*apt-get remove containerd runc/,
    );
    await host.run('apt-get remove -y -q containerd runc');
  });

  it('docker.io where docker-ce is declared, and the other way round', async () => {
    await driver.converge({});
    const pid = await host.run('cat /run/docker.pid');
    expect(await refusal(ce('28'))).toMatch(
      /^DockerConflict: docker\.io 20\.10\S* is installed, but spec\.docker\.source\.mirror\.packages is DockerCE\./,
    );
    expect(await host.run('cat /run/docker.pid')).toBe(pid);
    await host.run('apt-get remove -y -q --allow-change-held-packages docker.io containerd runc');
    await driver.converge(ce('26'));
    expect(await refusal({ version: '20.10' })).toMatch(/^DockerConflict: docker-ce 5:26\S* is installed, which/);
    expect(await versionOf('docker-ce')).toMatch(/^5:26/);
  });
});

describe('a hold that somebody else set', () => {
  it('keeps the engine where it is until it is lifted', async () => {
    await host.run('sed -i /^docker-ce$/d /var/lib/hostler/holds');
    expect(await refusal(ce('28'))).toMatch(
      /^PackageHeld: somebody else put docker-ce 5:26\S* on hold \(apt-mark hold\).*apt-mark unhold docker-ce\.$/,
    );
    expect(await host.run('apt-mark showhold')).toContain('docker-ce\n');
    await host.run('apt-mark unhold docker-ce');
  });

  it('on the runtime stays, while the engine moves', async () => {
    const before = await versionOf('containerd.io');
    await host.run('sed -i /^containerd.io$/d /var/lib/hostler/holds');
    await driver.converge(ce('28'));
    expect(await versionOf('docker-ce')).toMatch(/^5:28/);
    expect(await versionOf('containerd.io')).toBe(before);
    await driver.converge({ ...ce('28'), hold: false });
    expect(await host.run('apt-mark showhold')).toBe('containerd.io\n');
  });
});
