import { describe, expect, it } from 'vitest';
import { effectiveServer, type BundleArtifact, type EffectiveBundle } from '../../../../../src/api/effective.ts';
import type { HostFacts } from '../../../../../src/host/facts.ts';
import { Records } from '../../../../../src/host/records.ts';
import type { Difference } from '../../../../../src/host/task.ts';
import type { DockerHave } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import { bareHost } from './bareHost.ts';
import { adopted, CE, DEBIAN, reasons, steps } from './engineHosts.ts';

const SHA256 = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

const BOOKWORM: BundleArtifact = {
  name: 'bookworm',
  type: 'Packages',
  file: 'docker/bookworm.tar',
  sha256: SHA256,
  sizeBytes: 90_000_000,
  os: { id: 'debian', versionID: '12' },
  architecture: 'amd64',
};
const TRIXIE: BundleArtifact = { ...BOOKWORM, name: 'trixie', sha256: OTHER, os: { id: 'debian', versionID: '13' } };

/** The bundle is on the host and offers these. */
const offering = (...releases: string[]): Partial<DockerHave> => {
  const versions = releases.map(CE);
  const offer = { candidate: versions[0]!, versions };
  return {
    bundles: [{ name: SHA256, ready: true }],
    offers: new Map([
      ['docker-ce', offer],
      ['docker-ce-cli', offer],
      ['containerd.io', { candidate: '1.7.28-1', versions: ['1.7.28-1'] }],
    ]),
  };
};

interface Declared {
  version?: string;
  downgrade?: 'Allow';
  artifacts?: EffectiveBundle['artifacts'];
  host?: HostFacts;
}

function effectiveOf({ version, downgrade, artifacts = { value: [TRIXIE, BOOKWORM] } }: Declared) {
  const effective = effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      docker: {
        ...(version && { version }),
        ...(downgrade && { downgrade }),
        source: { type: 'Bundle', bundle: { bundleRef: { name: 'docker-28' } } },
      },
    },
  });
  effective.docker!.source.bundle!.artifacts = artifacts;
  return effective;
}

const diff = (have: DockerHave, declared: Declared = {}): Difference =>
  dockerEngine.diff(dockerEngine.want(effectiveOf(declared))!, have, declared.host ?? DEBIAN);

describe('an engine from a bundle', () => {
  it.each<{ name: string; have: DockerHave; declared?: Declared; steps?: string[]; reasons?: string[] }>([
    { name: 'is brought, then installed', have: bareHost(), steps: ['bundle None', 'package None'] },
    {
      name: 'goes on being brought',
      have: bareHost({ bundles: [{ name: `${SHA256}.part`, ready: false }] }),
      steps: ['bundle None', 'package None'],
    },
    {
      name: 'takes the place of another one that was brought',
      have: bareHost({ bundles: [{ name: OTHER, ready: true }] }),
      steps: ['bundle-removal None', 'bundle None', 'package None'],
    },
    { name: 'is installed once it is there', have: bareHost(offering('28.5.2')), steps: ['package None'] },
    { name: 'is adopted as it is, and nothing brought', have: adopted('28.5.1') },
    {
      name: 'leaves nothing of the bundle once it is there',
      have: adopted('28.5.2', offering('28.5.2')),
      steps: ['bundle-removal None'],
    },
    {
      name: 'leaves nothing of a bundle that was on its way, either',
      have: adopted('28.5.2', { bundles: [{ name: `${SHA256}.part`, ready: false }] }),
      steps: ['bundle-removal None'],
    },
    {
      name: 'is upgraded after the bundle was brought, at the cost of any upgrade',
      have: adopted('26.1.5'),
      declared: { version: '28' },
      steps: ['bundle None', 'package RestartContainers'],
    },
    {
      name: 'is downgraded only where that is allowed, and the bundle not brought before',
      have: adopted('28.5.2'),
      declared: { version: '26' },
      reasons: ['DowngradeRefused terminal'],
    },
    {
      name: 'is downgraded from a bundle',
      have: adopted('28.5.2', offering('26.1.5')),
      declared: { version: '26', downgrade: 'Allow' },
      steps: ['package RestartContainers'],
    },
    {
      name: 'is not moved by a version that the bundle does not have, which stays for people to look at',
      have: adopted('26.1.5', offering('27.5.1')),
      declared: { version: '28' },
      reasons: ['VersionNotAvailable terminal'],
    },
    {
      name: 'waits for a bundle that is not there',
      have: bareHost(),
      declared: { artifacts: { problem: { reason: 'BundleMissing', message: 'create it', terminal: false } } },
      reasons: ['BundleMissing'],
    },
    {
      name: 'does not mind a bundle that is gone once it is installed',
      have: adopted('28.5.1'),
      declared: { artifacts: { problem: { reason: 'BundleMissing', message: 'create it', terminal: false } } },
    },
    {
      name: 'waits for a file that is not there',
      have: bareHost(),
      declared: {
        artifacts: { value: [{ ...BOOKWORM, problem: { reason: 'FileMissing', message: 'put it', terminal: false } }] },
      },
      reasons: ['FileMissing'],
    },
    {
      name: 'needs no file any more that was brought already',
      have: bareHost(offering('28.5.2')),
      declared: {
        artifacts: { value: [{ ...BOOKWORM, problem: { reason: 'FileMissing', message: 'put it', terminal: false } }] },
      },
      steps: ['package None'],
    },
    {
      name: 'is not for another architecture',
      have: bareHost(),
      declared: { host: { ...DEBIAN, architecture: 'arm64' } },
      reasons: ['BundleNotForHost terminal'],
    },
    {
      name: 'does not come from what is no archive of packages',
      have: bareHost({ bundles: [{ name: SHA256, ready: false, problem: 'the file is no tar archive' }] }),
      reasons: ['BundleInvalid terminal'],
    },
    {
      name: 'does not come from an incomplete bundle',
      have: bareHost({ ...offering('28.5.2'), unmet: ['docker-ce : Depends: iptables but it is not installable'] }),
      reasons: ['BundleIncomplete terminal'],
    },
  ])('$name', ({ have, declared, steps: expected, reasons: obstacles }) => {
    const difference = diff(have, declared);
    expect(steps(difference)).toEqual(expected ?? []);
    expect(reasons(difference)).toEqual(obstacles ?? []);
  });

  it('is taken from the bundle and from nothing else', () => {
    const [change] = diff(bareHost(offering('28.5.2'))).changes;
    expect(change?.params).toMatchObject({
      bundle: SHA256,
      packages: [`docker-ce=${CE('28.5.2')}`, `docker-ce-cli=${CE('28.5.2')}`, 'containerd.io'],
    });
  });

  it('says what is brought, and asks for room for it and for what is taken out of it', () => {
    const [change] = diff(bareHost()).changes;
    expect(change?.what).toBe('bring 90 MB of packages to the host (artifact bookworm of ArtifactBundle docker-28)');
    expect(dockerEngine.apply(change!, DEBIAN)).toMatchObject({
      kind: 'transfer',
      artifact: { file: BOOKWORM.file, sha256: SHA256, sizeBytes: 90_000_000 },
      neededBytes: 180_000_000,
    });
  });

  it('names what the bundle has and what the host is', () => {
    const [obstacle] = diff(bareHost(), { host: { ...DEBIAN, architecture: 'arm64' } }).obstacles;
    expect(obstacle?.message).toBe(
      'spec.docker.source.bundle.bundleRef: ArtifactBundle docker-28 has packages for debian 13 amd64, debian 12 amd64; this host is debian 12 arm64. Add an artifact for it.',
    );
  });

  it('goes from the host when the engine comes from elsewhere', () => {
    const want = dockerEngine.want(effectiveServer({ spec: { ...serverSpec, docker: {} } }))!;
    const difference = dockerEngine.diff(want, adopted('28.5.1', offering('28.5.2')), DEBIAN);
    expect(steps(difference)).toEqual(['bundle-removal None']);
  });
});

const serverSpec = {
  addresses: [{ type: 'IPv4' as const, address: '192.0.2.1' }],
  ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
};

describe('what docker-engine reads of bundles', () => {
  const parse = (entries: Record<string, string>): Partial<DockerHave> => {
    const records = new Records(new Map(Object.entries(entries).map(([name, text]) => [name, { status: 0, text }])));
    return Object.assign({}, ...dockerEngine.facts.map((fragment) => fragment.parse(records))) as DockerHave;
  };

  it('is what lies in its own directory under a checksum', () => {
    const { bundles } = parse({
      'bundle.1.name': SHA256,
      'bundle.1.ready': '1',
      'bundle.2.name': `${OTHER}.part`,
      'bundle.3.name': OTHER,
      'bundle.3.problem': 'the file is no tar archive\n',
      'bundle.4.name': '../../etc',
    });
    expect(bundles).toEqual([
      { name: SHA256, ready: true },
      { name: `${OTHER}.part`, ready: false },
      { name: OTHER, ready: false, problem: 'the file is no tar archive' },
    ]);
  });

  it('is what apt says is missing', () => {
    const closure = `Reading package lists...
Some packages could not be installed.
The following packages have unmet dependencies:
 docker-ce : Depends: containerd.io (>= 1.7.0) but it is not installable
             Depends: iptables but it is not installable
E: Unable to correct problems, you have held broken packages.
`;
    expect(parse({ closure }).unmet).toEqual([
      'docker-ce : Depends: containerd.io (>= 1.7.0) but it is not installable',
      'Depends: iptables but it is not installable',
    ]);
    expect(parse({ closure: 'Inst docker-ce (5:28 )\n' }).unmet).toBeUndefined();
  });

  it('asks for the engine and every artifact that there is', () => {
    const [, offers] = dockerEngine.facts;
    expect(offers?.args?.(effectiveOf({}))).toEqual(['docker-ce', OTHER, SHA256]);
    expect(offers?.args?.(effectiveServer({ spec: { ...serverSpec, docker: {} } }))).toEqual([]);
  });
});
