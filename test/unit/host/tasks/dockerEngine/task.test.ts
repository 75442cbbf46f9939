import { describe, expect, it } from 'vitest';
import { effectiveServer, type EffectiveServer, type Referred } from '../../../../../src/api/effective.ts';
import type { ServerSpec } from '../../../../../src/api/serverSpec.ts';
import type { HostFacts } from '../../../../../src/host/facts.ts';
import { ownSource, sourceLine } from '../../../../../src/host/providers/apt.ts';
import { dockerCeSource, repositoryFor } from '../../../../../src/host/providers/dockerCe.ts';
import { DOCKER_CE_FINGERPRINT, DOCKER_CE_KEY } from '../../../../../src/host/providers/dockerCeKey.ts';
import { Records } from '../../../../../src/host/records.ts';
import type { Difference } from '../../../../../src/host/task.ts';
import type { DockerHave, InstalledPackage } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import { bareHost } from './bareHost.ts';

type Docker = NonNullable<ServerSpec['docker']>;

const DEBIAN: HostFacts = {
  packageManager: 'apt',
  initSystem: 'systemd',
  fileSystems: [],
  owner: { state: 'Free' },
  architecture: 'amd64',
  os: { id: 'debian', idLike: [], name: 'Debian GNU/Linux 12 (bookworm)', versionID: '12', codename: 'bookworm' },
};
const DISTRO = '20.10.24+dfsg1-1+deb12u1+b6';
const CE = (release: string): string => `5:${release}-1~debian.12~bookworm`;
const MIRROR = { url: 'https://mirror.example.com/docker', keySecretRef: { name: 'mirror-key' } };
/** Hostler's entry for {@link MIRROR}. */
const MIRRORED = {
  line: `deb [arch=amd64 signed-by=${ownSource.key}] ${MIRROR.url} bookworm stable`,
  key: DOCKER_CE_KEY.trim(),
};
const REPOSITORY = repositoryFor(DEBIAN.os, dockerCeSource({}))!;

function spec(docker: Docker | undefined): EffectiveServer {
  return effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      ...(docker === undefined ? {} : { docker }),
    },
  });
}

function installed(version: string, more: Partial<InstalledPackage> = {}): InstalledPackage {
  return { version, complete: true, held: false, ...more };
}

/** A fresh Debian 12 with package lists. */
function fresh(more: Partial<DockerHave> = {}): DockerHave {
  return bareHost({ offers: new Map([['docker.io', { candidate: DISTRO, versions: [DISTRO] }]]), ...more });
}

/** docker-ce from its repository, running, held by Hostler. */
function running(release: string, more: Partial<DockerHave> = {}): DockerHave {
  const version = CE(release);
  const offered = ['28.5.2', '28.5.1', '28.4.0', '27.5.1', '26.1.4'].map(CE);
  return fresh({
    packages: new Map([
      ['docker-ce', installed(version, { held: true })],
      ['docker-ce-cli', installed(version, { held: true })],
      ['containerd.io', installed('1.7.28-1', { held: true })],
    ]),
    ownHolds: ['docker-ce', 'docker-ce-cli', 'containerd.io'],
    daemonPath: '/usr/bin/dockerd',
    service: { startup: 'enabled', state: 'active' },
    mayAsk: true,
    info: { version: release, containersRunning: 3, liveRestore: false, swarm: false, effective: {} },
    ownEntry: { line: sourceLine(REPOSITORY, 'amd64'), key: REPOSITORY.key.trim() },
    offers: new Map([
      ['docker-ce', { candidate: CE('28.5.2'), versions: offered }],
      ['docker-ce-cli', { candidate: CE('28.5.2'), versions: offered }],
    ]),
    ...more,
  });
}

function diff(
  docker: Docker,
  have: DockerHave,
  host: HostFacts = DEBIAN,
  signingKey: Referred<string> = { value: DOCKER_CE_KEY },
): Difference {
  const effective = spec(docker);
  if (effective.docker?.source.mirror !== undefined) effective.docker.source.mirror.signingKey = signingKey;
  return dockerEngine.diff(dockerEngine.want(effective)!, have, host);
}

function steps(difference: Difference): string[] {
  return difference.changes.map(({ name, disruption }) => `${name.replace('docker-engine/', '')} ${disruption}`);
}

function reasons({ obstacles }: Difference): string[] {
  return obstacles.map(({ reason, terminal }) => `${reason}${terminal ? ' terminal' : ''}`);
}

const ce = (more: Partial<Docker> = {}): Docker => ({ source: { type: 'DockerCE' }, ...more });
const mirror = (more: Partial<typeof MIRROR> & { packages?: 'Distro' } = {}): Docker => ({
  source: { type: 'Mirror', mirror: { ...MIRROR, ...more } },
});

describe('docker-engine', () => {
  it('is unmanaged while the spec has no docker', () => {
    expect(dockerEngine.want(spec(undefined))).toBeUndefined();
  });

  it.each<{
    name: string;
    docker: Docker;
    have: DockerHave;
    key?: Referred<string>;
    steps?: string[];
    reasons?: string[];
  }>([
    { name: 'installs on a fresh host', docker: {}, have: fresh(), steps: ['package None'] },
    {
      name: 'writes the configuration before the first start',
      docker: { daemonConfig: { debug: true, 'data-root': '/data' } },
      have: fresh(),
      steps: ['daemon-config None', 'package None'],
    },
    {
      name: 'fetches lists that were never fetched',
      docker: { version: '20.10' },
      have: fresh({ offers: new Map() }),
      steps: ['package-lists None', 'package None'],
    },
    {
      name: 'says what is offered after the lists were fetched in vain',
      docker: { version: '99' },
      have: fresh({ listsFresh: true }),
      reasons: ['VersionNotAvailable terminal'],
    },
    {
      name: 'tries older lists once more before it gives up',
      docker: { version: '99' },
      have: fresh(),
      steps: ['package-lists None', 'package None'],
    },
    {
      name: 'waits when the offers could not be read',
      docker: {},
      have: { ...fresh(), offers: undefined } as unknown as DockerHave,
      reasons: ['NotObserved'],
    },
    {
      name: 'adds the repository first',
      docker: ce({ version: '28' }),
      have: fresh({ offers: new Map() }),
      steps: ['repository None', 'package None'],
    },
    { name: 'adopts what satisfies', docker: ce({ version: '28' }), have: running('28.5.1') },
    { name: 'adopts any version when none is declared', docker: ce(), have: running('26.1.4') },
    {
      name: 'adopts Docker CE also when the source is not stated',
      docker: { version: '28.5' },
      have: running('28.5.1'),
    },
    {
      name: 'upgrades when a newer version is declared',
      docker: ce({ version: '28.5.2' }),
      have: running('28.5.1'),
      steps: ['package RestartContainers'],
    },
    {
      name: 'upgrades under live-restore without stopping containers',
      docker: ce({ version: '28.5.2' }),
      have: running('28.5.1', {
        info: { version: '28.5.1', containersRunning: 3, liveRestore: true, swarm: false, effective: {} },
      }),
      steps: ['package RestartService'],
    },
    {
      name: 'turns live-restore on before the upgrade that needs it',
      docker: ce({ version: '28.5.2', daemonConfig: { 'live-restore': true, 'log-driver': 'local' } }),
      have: running('28.5.1'),
      steps: ['daemon-config Reload', 'package RestartService', 'daemon-config-restart RestartService'],
    },
    {
      name: 'refuses a downgrade that the spec does not allow',
      docker: ce({ version: '>=26 <28' }),
      have: running('28.5.1'),
      reasons: ['DowngradeRefused terminal'],
    },
    {
      name: 'downgrades when the spec allows it, at the cost of a restart',
      docker: ce({ version: '>=26 <28', downgrade: 'Allow' }),
      have: running('28.5.1'),
      steps: ['package RestartContainers'],
    },
    {
      name: 'names what is offered when there is nothing to go back to',
      docker: ce({ version: '25', downgrade: 'Allow' }),
      have: running('28.5.1', { listsFresh: true }),
      reasons: ['VersionNotAvailable terminal'],
    },
    {
      name: 'does not go back under a hold that somebody else set',
      docker: ce({ version: '27', downgrade: 'Allow' }),
      have: running('28.5.1', { ownHolds: [] }),
      reasons: ['PackageHeld'],
    },
    {
      name: 'does not start an engine again that does not run with what the newer one wrote',
      docker: ce({ version: '27', downgrade: 'Allow' }),
      have: { ...stopped('27.5.1'), downgrade: { from: CE('28.5.2'), to: CE('27.5.1'), problem: 'unknown version' } },
      reasons: ['DowngradeFailed terminal'],
    },
    {
      name: 'starts an engine whose downgrade was cut off before it was tried',
      docker: ce({ version: '27', downgrade: 'Allow' }),
      have: { ...stopped('27.5.1'), downgrade: { from: CE('28.5.2'), to: CE('27.5.1') } },
      steps: ['service None'],
    },
    {
      name: 'brings the newer engine back after a downgrade that failed',
      docker: ce({ version: '28' }),
      have: { ...stopped('27.5.1'), downgrade: { from: CE('28.5.2'), to: CE('27.5.1'), problem: 'unknown version' } },
      steps: ['package None'],
    },
    {
      name: 'explains a hold that somebody else set',
      docker: ce({ version: '28.5.2' }),
      have: running('28.5.1', { ownHolds: [] }),
      reasons: ['PackageHeld'],
    },
    {
      name: 'is content with a hold that somebody else set on the right version',
      docker: ce({ version: '28.5.1' }),
      have: running('28.5.1', { ownHolds: [] }),
    },
    {
      name: 'does not lift a hold that somebody else set',
      docker: ce({ hold: false }),
      have: running('28.5.1', { ownHolds: [] }),
    },
    {
      name: 'lifts its own hold when the spec says so',
      docker: ce({ hold: false }),
      have: running('28.5.1'),
      steps: ['hold None'],
    },
    {
      name: 'finishes an interrupted installation at the same version',
      docker: ce({ version: '28' }),
      have: running('28.5.1', { packages: new Map([['docker-ce', installed(CE('28.5.1'), { complete: false })]]) }),
      steps: ['package RestartContainers'],
    },
    {
      name: 'restarts a daemon that is older than its package',
      docker: ce(),
      have: running('28.5.2', {
        info: { version: '28.5.1', containersRunning: 1, liveRestore: false, swarm: false, effective: {} },
      }),
      steps: ['restart RestartContainers'],
    },
    {
      name: 'starts a stopped engine, which disturbs nobody',
      docker: ce({ daemonConfig: { 'data-root': '/data' } }),
      have: stopped('28.5.1'),
      steps: ['daemon-config None', 'service None'],
    },
    {
      name: 'enables a running engine',
      docker: ce(),
      have: running('28.5.1', { service: { startup: 'disabled', state: 'active' } }),
      steps: ['service None'],
    },
    {
      name: 'respects a masked unit',
      docker: ce(),
      have: { ...stopped('28.5.1'), service: { startup: 'masked', state: 'inactive' } },
      reasons: ['NotRunning'],
    },
    {
      name: 'says so when the daemon hangs',
      docker: ce(),
      have: withoutInfo(running('28.5.1')),
      reasons: ['NotRunning'],
    },
    {
      name: 'makes no claim when it may not ask the daemon',
      docker: ce(),
      have: { ...withoutInfo(running('28.5.1')), mayAsk: false },
    },
    {
      name: 'stands back from a snap',
      docker: {},
      have: fresh({ snap: true }),
      reasons: ['DockerConflict'],
    },
    {
      name: 'stands back from podman-docker',
      docker: {},
      have: fresh({ packages: new Map([['podman-docker', installed('4.3.1')]]) }),
      reasons: ['DockerConflict'],
    },
    {
      name: 'stands back from a daemon of nobody',
      docker: {},
      have: fresh({ daemonPath: '/usr/local/bin/dockerd' }),
      reasons: ['DockerConflict'],
    },
    {
      name: "does not replace the distribution's engine by Docker CE",
      docker: ce(),
      have: fresh({ packages: new Map([['docker.io', installed(DISTRO)]]), daemonPath: '/usr/sbin/dockerd' }),
      reasons: ['DockerConflict'],
    },
    {
      name: "does not replace the distribution's containerd by Docker CE's",
      docker: ce(),
      have: fresh({ packages: new Map([['containerd', installed('1.6.20')]]) }),
      reasons: ['DockerConflict'],
    },
    {
      name: 'does not take Docker CE for the distribution when its version does not fit',
      docker: { version: '20.10' },
      have: running('28.5.1'),
      reasons: ['DockerConflict'],
    },
    {
      name: 'restarts nothing while daemon.json would keep the daemon from starting',
      docker: ce({ version: '28.5.2' }),
      have: running('28.5.1', { file: { state: 'present', text: '{ "debug": ', digest: 'a'.repeat(64) } }),
      reasons: ['ConfigInvalid'],
    },
    {
      name: 'refuses live-restore in a swarm',
      docker: ce({ daemonConfig: { 'live-restore': true } }),
      have: running('28.5.1', {
        info: { version: '28.5.1', containersRunning: 1, liveRestore: false, swarm: true, effective: {} },
      }),
      reasons: ['ConfigRejected'],
    },
    {
      name: 'leaves a key in the file that left the spec',
      docker: ce({ daemonConfig: {} }),
      have: running('28.5.1', { file: { state: 'present', text: '{"debug": true}', digest: 'a'.repeat(64) } }),
    },
    {
      name: 'tells a daemon that acts otherwise than its file says',
      docker: ce({ daemonConfig: { debug: true } }),
      have: running('28.5.1', {
        file: { state: 'present', text: '{"debug": true}', digest: 'a'.repeat(64) },
        info: {
          version: '28.5.1',
          containersRunning: 1,
          liveRestore: false,
          swarm: false,
          effective: { debug: false },
        },
      }),
      steps: ['daemon-activate Reload'],
    },
    {
      name: 'finishes packages beside the engine that a cut left half-installed',
      docker: ce(),
      have: running('28.5.1', { unfinished: ['libc-bin', 'man-db'] }),
      steps: ['unfinished None'],
    },
    {
      name: 'takes what comes along with the engine for as disruptive as the engine',
      docker: ce(),
      have: running('28.5.1', { unfinished: ['containerd.io'] }),
      steps: ['unfinished RestartContainers'],
    },
    {
      name: 'leaves finishing to an installation that is to do anyway',
      docker: {},
      have: fresh({ unfinished: ['libc-bin'] }),
      steps: ['package None'],
    },
    {
      name: 'ends what a run began that was cut off before the restart',
      docker: ce(),
      have: running('28.5.1', { pendingActivation: 'restart' }),
      steps: ['daemon-activate RestartContainers'],
    },
    {
      name: 'adds a mirror with its key before its packages',
      docker: mirror(),
      have: fresh({ offers: new Map() }),
      steps: ['repository None', 'package None'],
    },
    {
      name: "is content with a mirror's entry that is as declared",
      docker: mirror(),
      have: running('28.5.1', { ownEntry: MIRRORED }),
    },
    {
      name: "replaces Hostler's entry for Docker's repository by one for the mirror",
      docker: mirror(),
      have: running('28.5.1'),
      steps: ['repository None'],
    },
    {
      name: 'uses an entry for the mirror that somebody else made',
      docker: mirror(),
      have: withoutEntry(
        running('28.5.1', {
          sources: [{ path: '/etc/apt/sources.list.d/mirror.list', uri: MIRROR.url, suites: ['bookworm'] }],
        }),
      ),
    },
    {
      name: 'does not install from a mirror whose key is not there',
      docker: mirror(),
      key: { problem: { reason: 'SecretMissing', message: 'create it', terminal: false } },
      have: fresh(),
      reasons: ['SecretMissing'],
    },
    {
      name: 'takes nothing but a public key for a key',
      docker: mirror(),
      key: { value: DOCKER_CE_KEY.replaceAll('PUBLIC', 'PRIVATE') },
      have: running('28.5.1', { ownEntry: MIRRORED }),
      reasons: ['SigningKeyInvalid terminal'],
    },
    {
      name: "does not replace the distribution's engine by the one of a mirror",
      docker: mirror(),
      have: fresh({ packages: new Map([['docker.io', installed(DISTRO)]]), daemonPath: '/usr/sbin/dockerd' }),
      reasons: ['DockerConflict'],
    },
    {
      name: 'does not replace Docker CE by a mirror of the distribution',
      docker: mirror({ packages: 'Distro' }),
      have: running('28.5.1'),
      reasons: ['DockerConflict'],
    },
    {
      name: 'restores its own repository entry',
      docker: ce(),
      have: running('28.5.1', { ownEntry: { line: 'deb http://elsewhere bookworm stable', key: '' } }),
      steps: ['repository None'],
    },
    {
      name: "drops its entry when somebody else's has the same repository",
      docker: ce(),
      have: running('28.5.1', {
        sources: [{ path: '/etc/apt/sources.list.d/docker.list', uri: REPOSITORY.uri, suites: ['bookworm'] }],
      }),
      steps: ['repository None'],
    },
  ])('$name', ({ docker, have, key, steps: expected, reasons: obstacles }) => {
    const difference = diff(docker, have, DEBIAN, key);
    expect(steps(difference)).toEqual(expected ?? []);
    expect(reasons(difference)).toEqual(obstacles ?? []);
  });

  it('installs a client that somebody removed, and nothing else', () => {
    const packages = new Map([['docker-ce', installed(CE('28.5.1'), { held: true })]]);
    const { changes } = diff(ce(), running('28.5.1', { packages }));
    expect(changes).toMatchObject([
      {
        name: 'docker-engine/client',
        disruption: 'None',
        params: { packages: [`docker-ce-cli=${CE('28.5.1')}`], hold: ['docker-ce-cli'] },
      },
    ]);
  });

  it("resolves to apt's candidate when it satisfies, since it knows the administrator's pins, else to the newest", () => {
    const offers = new Map([['docker.io', { candidate: DISTRO, versions: ['26.1.5+dfsg1-9+b9', DISTRO] }]]);
    const target = (version: string): unknown => diff({ version }, fresh({ offers })).changes[0]?.to;
    expect(target('>=20')).toBe(DISTRO);
    expect(target('26')).toBe('26.1.5+dfsg1-9+b9');
  });

  it('names what is offered and the other source', () => {
    const [obstacle] = diff({ version: '28' }, fresh({ listsFresh: true })).obstacles;
    expect(obstacle?.message).toBe(
      `spec.docker.version is 28; the host's repositories offer of docker.io: ${DISTRO}. Declare one of these, or set spec.docker.source.type to DockerCE for Docker's own repository.`,
    );
  });

  it('installs engine and client at one version, holds them with their runtime', () => {
    const have = running('28.5.1', { packages: new Map(), ownHolds: [] });
    const { daemonPath, info, ...absent } = have;
    expect([daemonPath, info]).toBeDefined();
    const [change] = diff(ce({ version: '28.5' }), {
      ...absent,
      service: { startup: 'unknown', state: 'absent' },
    }).changes;
    expect(change?.params).toEqual({
      packages: [`docker-ce=${CE('28.5.2')}`, `docker-ce-cli=${CE('28.5.2')}`, 'containerd.io'],
      hold: ['docker-ce', 'docker-ce-cli', 'containerd.io'],
      liveRestore: false,
    });
  });

  it('shows a changed key by its fingerprint, and says what the mirror must offer', () => {
    const ownEntry = { ...MIRRORED, key: 'another' };
    const [change] = diff(mirror({ packages: 'Distro' }), fresh({ ownEntry })).changes;
    expect(change?.from).toBe(`${MIRRORED.line} (key unreadable)`);
    expect(change?.to).toBe(`${MIRRORED.line} (key ${DOCKER_CE_FINGERPRINT})`);
    expect(change?.params).toEqual({
      line: MIRRORED.line,
      key: DOCKER_CE_KEY,
      uri: MIRROR.url,
      suite: 'bookworm',
      package: 'docker.io',
    });
  });

  it('shows no update where the declared version is older than the installed one', () => {
    const effective = spec(ce({ version: '27' }));
    const [component] = dockerEngine.components!(dockerEngine.want(effective)!, running('28.5.1'));
    expect(component).toEqual({ name: 'docker-engine', desired: '27', current: '28.5.1', held: true });
  });

  it('names the field that allows a downgrade', () => {
    const [obstacle] = diff(ce({ version: '27' }), running('28.5.1')).obstacles;
    expect(obstacle?.message).toMatch(/includes 28\.5\.1, or set spec\.docker\.downgrade to Allow\.$/);
  });

  it('goes back with the client and without the runtime, and says from what', () => {
    const [change] = diff(ce({ version: '27', downgrade: 'Allow' }), running('28.5.1')).changes;
    expect(change?.what).toBe(`downgrade docker-ce from ${CE('28.5.1')} to ${CE('27.5.1')}`);
    expect(change?.params).toEqual({
      packages: [`docker-ce=${CE('27.5.1')}`, `docker-ce-cli=${CE('27.5.1')}`],
      hold: ['docker-ce', 'docker-ce-cli'],
      liveRestore: false,
      downgradeFrom: CE('28.5.1'),
    });
  });

  it('computes the second step of a configuration from the file that the first leaves', () => {
    const file = { state: 'present', text: '{"a": 1}', digest: 'd'.repeat(64) } as const;
    const { changes } = diff(ce({ daemonConfig: { debug: true, 'log-driver': 'local' } }), running('28.5.1', { file }));
    const [first, second] = changes;
    expect(first?.params).toMatchObject({
      from: 'd'.repeat(64),
      content: '{"a": 1, "debug": true}\n',
      activation: 'reload',
    });
    expect(second?.params).toMatchObject({
      from: first?.params['to'],
      content: '{"a": 1, "debug": true, "log-driver": "local"}\n',
      activation: 'restart',
    });
  });

  it('keeps foreign members and credentials out of what people see', () => {
    const text = '{"proxies": {"http-proxy": "http://anna:foreign@proxy"}, "debug": false}';
    const have = running('28.5.1', { file: { state: 'present', text, digest: 'd'.repeat(64) } });
    const docker = ce({ daemonConfig: { debug: true, 'log-opts': { 'splunk-token': 'ours-0815' } } });
    const shown = diff(docker, have).changes.map(({ what, from, to, why }) => [what, from, to, why]);
    expect(JSON.stringify(shown)).not.toMatch(/foreign|ours-0815/);
  });

  it('says clearly that it cannot install without apt, and adopts what is there', () => {
    const rocky: HostFacts = { ...DEBIAN, packageManager: 'dnf' };
    expect(reasons(diff({ version: '28' }, fresh({ offers: new Map() }), rocky))).toEqual([
      'PackageManagerUnsupported terminal',
    ]);
    const info = { version: '28.5.2', containersRunning: 0, liveRestore: false, swarm: false, effective: {} };
    const have = fresh({
      info,
      daemonPath: '/usr/bin/dockerd',
      mayAsk: true,
      service: { startup: 'enabled', state: 'active' },
    });
    expect(diff({ version: '28' }, have, rocky)).toEqual({ changes: [], obstacles: [] });
  });

  it('has no Docker repository for a derivative', () => {
    const mint: HostFacts = {
      ...DEBIAN,
      os: { id: 'linuxmint', idLike: ['ubuntu'], name: 'Linux Mint 22', codename: 'wilma' },
    };
    expect(reasons(diff(ce(), running('28.5.1'), mint))).toContain('Unsupported terminal');
  });

  it('shows the component with what could be had inside the declared range', () => {
    const want = dockerEngine.want(spec(ce({ version: '28' })))!;
    expect(dockerEngine.components?.(want, running('28.5.1'))).toEqual([
      { name: 'docker-engine', desired: '28', current: '28.5.1', held: true, available: '28.5.2' },
    ]);
    expect(dockerEngine.systemInfo?.(running('28.5.1'))).toEqual({ dockerVersion: '28.5.1', containersRunning: 3 });
  });

  it('passes its preflight checks exactly when the engine is there and runs', () => {
    const judge = (docker: Docker, have: DockerHave): string[] =>
      dockerEngine
        .checks!.judge(dockerEngine.want(spec(docker))!, have, DEBIAN)
        .map(({ name, result, fixable }) => `${name} ${result}${fixable ? ' fixable' : ''}`);
    expect(judge(ce(), running('28.5.1'))).toEqual(['docker-installed Pass fixable', 'docker-running Pass fixable']);
    expect(judge({}, fresh())).toEqual(['docker-installed Fail fixable', 'docker-running Fail fixable']);
    expect(judge({}, fresh({ snap: true }))).toEqual(['docker-installed Fail', 'docker-running Fail']);
  });
});

describe('what docker-engine reads', () => {
  const parse = (entries: Record<string, string | { status: number; text: string }>): DockerHave => {
    const records = new Records(
      new Map(
        Object.entries(entries).map(([name, entry]) => [
          name,
          typeof entry === 'string' ? { status: 0, text: entry } : entry,
        ]),
      ),
    );
    return Object.assign({}, ...dockerEngine.facts.map((fragment) => fragment.parse(records))) as DockerHave;
  };

  it('tells installed, held, half-installed and removed packages apart', () => {
    const { packages } = parse({
      packages: {
        status: 1,
        text: [
          `docker.io\t${DISTRO}\thold\tinstalled`,
          'docker-cli\t26.1.5\tinstall\tunpacked',
          'docker-ce\t5:28.5.2\tdeinstall\tconfig-files',
          'containerd.io\t\tunknown\tnot-installed',
          'runc\t\thold\tnot-installed',
        ].join('\n'),
      },
    });
    expect(Object.fromEntries(packages)).toEqual({
      'docker.io': { version: DISTRO, complete: true, held: true },
      'docker-cli': { version: '26.1.5', complete: false, held: false },
      runc: { version: '', complete: true, held: true },
    });
  });

  it.each([
    {
      unit: 'LoadState=loaded\nActiveState=active\nUnitFileState=enabled',
      service: { startup: 'enabled', state: 'active' },
    },
    {
      unit: 'LoadState=loaded\nActiveState=failed\nUnitFileState=disabled',
      service: { startup: 'disabled', state: 'failed' },
    },
    {
      unit: 'LoadState=masked\nActiveState=inactive\nUnitFileState=masked',
      service: { startup: 'masked', state: 'inactive' },
    },
    {
      unit: 'LoadState=not-found\nActiveState=inactive\nUnitFileState=',
      service: { startup: 'unknown', state: 'absent' },
    },
  ])('reads the unit: $service.state', ({ unit, service }) => {
    expect(parse({ unit }).service).toEqual(service);
  });

  it('does not take a missing file for an empty one, nor an unreadable one for a missing one', () => {
    expect(parse({ config: { status: 1, text: '' } }).file).toEqual({ state: 'absent', text: '' });
    expect(parse({ config: { status: 2, text: '' } }).file.state).toBe('unreadable');
    expect(parse({ config: '{}' }).file.state).toBe('unreadable'); // it came after its digest was asked for
    expect(parse({ config: '{}', digest: `${'a'.repeat(64)}  /etc/docker/daemon.json` }).file).toEqual({
      state: 'present',
      text: '{}',
      digest: 'a'.repeat(64),
    });
  });

  it.each(['', 'null', '[]', '{"ServerVersion": 7}', '{"ServerVersion": ""}', '<html>', '{"ServerVersion": "28'])(
    'takes %j for no answer of a daemon',
    (info) => {
      expect(parse({ info }).info).toBeUndefined();
    },
  );

  it('finds the entry that somebody made for the repository', () => {
    const found = parse({
      'source.1.path': '/etc/apt/sources.list.d/docker.list',
      'source.1.text': 'deb [signed-by=/k] https://download.docker.com/linux/debian bookworm stable',
      'source.2.path': ownSource.list,
    });
    expect(found.sources).toEqual([
      {
        path: '/etc/apt/sources.list.d/docker.list',
        uri: 'https://download.docker.com/linux/debian',
        suites: ['bookworm'],
      },
    ]);
  });
});

function stopped(release: string): DockerHave {
  return { ...withoutInfo(running(release)), service: { startup: 'enabled', state: 'inactive' } };
}

function withoutEntry(have: DockerHave): DockerHave {
  const copy = { ...have };
  delete copy.ownEntry;
  return copy;
}

function withoutInfo(have: DockerHave): DockerHave {
  const copy = { ...have };
  delete copy.info;
  return copy;
}
