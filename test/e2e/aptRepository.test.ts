import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SUITES } from '../hosts/aptSources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { type AptRepository, startAptRepository } from '../support/aptRepository.ts';

/** A container out of the host's own shell, because no registry is needed for that. */
const RUN_CONTAINER = `tar -C / -ch bin/sh lib/x86_64-linux-gnu/libc.so.6 lib64/ld-linux-x86-64.so.2 | docker import - tiny
docker run --rm --init tiny sh -c 'echo from a container'`;

describe.each(SUITES)('the Docker repository for %s', (suite) => {
  let fleet: Fleet;
  let host: Host;
  let repository: AptRepository;

  beforeAll(async () => {
    fleet = await Fleet.create();
    repository = await startAptRepository({ bindAddress: fleet.gateway, suite });
    host = await fleet.up({ suite });
    await copyFile(repository.keyPath, join(host.root, 'etc/apt/docker.asc'));
    await host.run('echo "deb [signed-by=/etc/apt/docker.asc] $1 $2 stable" >/etc/apt/sources.list.d/docker.list', {
      args: [repository.url, suite],
    });
  });

  afterAll(async () => {
    await repository.stop();
    await fleet.down();
  });

  it('is accepted by apt with its key', async () => {
    await host.run('apt-get update -q -o APT::Update::Error-Mode=any');
    const offered = await host.run('apt-cache madison docker-ce');
    for (const { packages } of repository.versions) expect(offered).toContain(packages['docker-ce']);
    expect(repository.requests).toContain(`/linux/debian/dists/${suite}/InRelease`);
  });

  it('offers two engines that really run, and an upgrade between them', async () => {
    expect(repository.versions.length).toBeGreaterThanOrEqual(2);
    for (const { engine, packages } of repository.versions) {
      const exact = Object.entries(packages).map(([name, version]) => `${name}=${version}`);
      await host.run('DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@"', { args: exact });
      const server = await host.run(`docker version --format '{{.Server.Version}} {{.Client.Version}}'`);
      expect(server).toMatch(new RegExp(`^${engine}\\S* ${engine}\\S*$`, 'm'));
      expect(await host.run(RUN_CONTAINER)).toContain('from a container');
      expect(await host.run('docker compose version --short && docker buildx version')).toContain('buildx');
    }
  });

  it('is refused by apt with another key', async () => {
    await host.run(
      'rm -rf /var/lib/apt/lists/* && cp /usr/share/keyrings/debian-archive-keyring.gpg /etc/apt/other.gpg',
    );
    await host.run('sed -i s,docker.asc,other.gpg, /etc/apt/sources.list.d/docker.list');
    expect((await host.exec('apt-get update -q -o APT::Update::Error-Mode=any')).code).not.toBe(0);
  });
});
