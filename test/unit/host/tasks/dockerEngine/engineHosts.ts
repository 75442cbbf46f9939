import { effectiveServer, type EffectiveServer, type Referred } from '../../../../../src/api/effective.ts';
import type { ServerSpec } from '../../../../../src/api/serverSpec.ts';
import type { HostFacts } from '../../../../../src/host/facts.ts';
import { ownSource, sourceLine } from '../../../../../src/host/providers/apt.ts';
import { dockerCeSource, repositoryFor } from '../../../../../src/host/providers/dockerCe.ts';
import { DOCKER_CE_KEY } from '../../../../../src/host/providers/dockerCeKey.ts';
import type { Difference } from '../../../../../src/host/task.ts';
import type { DockerHave, InstalledPackage } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import { bareHost } from './bareHost.ts';

export type Docker = NonNullable<ServerSpec['docker']>;

export const DEBIAN: HostFacts = {
  packageManager: 'apt',
  initSystem: 'systemd',
  fileSystems: [],
  owner: { state: 'Free' },
  architecture: 'amd64',
  os: { id: 'debian', idLike: [], name: 'Debian GNU/Linux 12 (bookworm)', versionID: '12', codename: 'bookworm' },
};
export const DISTRO = '20.10.24+dfsg1-1+deb12u1+b6';
export const CE = (release: string): string => `5:${release}-1~debian.12~bookworm`;
export const MIRROR = { url: 'https://mirror.example.com/docker', keySecretRef: { name: 'mirror-key' } };
/** Hostler's entry for {@link MIRROR}. */
export const MIRRORED = {
  line: `deb [arch=amd64 signed-by=${ownSource.key}] ${MIRROR.url} bookworm stable`,
  key: DOCKER_CE_KEY.trim(),
};
export const REPOSITORY = repositoryFor(DEBIAN.os, dockerCeSource({}))!;

export function spec(docker: Docker | undefined): EffectiveServer {
  return effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      ...(docker === undefined ? {} : { docker }),
    },
  });
}

export function installed(version: string, more: Partial<InstalledPackage> = {}): InstalledPackage {
  return { version, complete: true, held: false, ...more };
}

/** A fresh Debian 12 with package lists. */
export function fresh(more: Partial<DockerHave> = {}): DockerHave {
  return bareHost({ offers: new Map([['docker.io', { candidate: DISTRO, versions: [DISTRO] }]]), ...more });
}

/** docker-ce, from wherever, running with containers, held by Hostler. */
export function adopted(release: string, more: Partial<DockerHave> = {}): DockerHave {
  return bareHost({
    packages: new Map([
      ['docker-ce', installed(CE(release), { held: true })],
      ['docker-ce-cli', installed(CE(release), { held: true })],
      ['containerd.io', installed('1.7.28-1', { held: true })],
    ]),
    ownHolds: ['docker-ce', 'docker-ce-cli', 'containerd.io'],
    daemonPath: '/usr/bin/dockerd',
    service: { startup: 'enabled', state: 'active' },
    mayAsk: true,
    info: { version: release, containersRunning: 3, liveRestore: false, swarm: false, effective: {} },
    ...more,
  });
}

/** The same, from its repository. */
export function running(release: string, more: Partial<DockerHave> = {}): DockerHave {
  const offered = ['28.5.2', '28.5.1', '28.4.0', '27.5.1', '26.1.4'].map(CE);
  return adopted(release, {
    ownEntry: { line: sourceLine(REPOSITORY, 'amd64'), key: REPOSITORY.key.trim() },
    offers: new Map([
      ['docker-ce', { candidate: CE('28.5.2'), versions: offered }],
      ['docker-ce-cli', { candidate: CE('28.5.2'), versions: offered }],
    ]),
    ...more,
  });
}

export function diff(
  docker: Docker,
  have: DockerHave,
  host: HostFacts = DEBIAN,
  signingKey: Referred<string> = { value: DOCKER_CE_KEY },
): Difference {
  const effective = spec(docker);
  if (effective.docker?.source.mirror !== undefined) effective.docker.source.mirror.signingKey = signingKey;
  return dockerEngine.diff(dockerEngine.want(effective)!, have, host);
}

export function steps(difference: Difference): string[] {
  return difference.changes.map(({ name, disruption }) => `${name.replace('docker-engine/', '')} ${disruption}`);
}

export function reasons({ obstacles }: Difference): string[] {
  return obstacles.map(({ reason, terminal }) => `${reason}${terminal ? ' terminal' : ''}`);
}

export const ce = (more: Partial<Docker> = {}): Docker => ({ source: { type: 'DockerCE' }, ...more });
export const mirror = (more: Partial<typeof MIRROR> & { packages?: 'Distro' } = {}): Docker => ({
  source: { type: 'Mirror', mirror: { ...MIRROR, ...more } },
});
