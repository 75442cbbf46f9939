import { describe, expect, it } from 'vitest';
import { type Referred } from '../../../../../src/api/effective.ts';
import { DOCKER_CE_KEY } from '../../../../../src/host/providers/dockerCeKey.ts';
import type { DockerHave } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import {
  type Docker,
  DEBIAN,
  DISTRO,
  CE,
  MIRROR,
  MIRRORED,
  REPOSITORY,
  spec,
  installed,
  fresh,
  running,
  diff,
  steps,
  reasons,
  ce,
  mirror,
} from './engineHosts.ts';

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
    ...[
      { file: true, daemon: false },
      { file: false, daemon: true },
    ].map(({ file, daemon }) => ({
      name: `does not count on live-restore that is ${file} in the file and ${daemon} in the daemon`,
      docker: ce({ version: '28.5.2', ...(file ? { daemonConfig: { 'live-restore': true } } : {}) }),
      have: running('28.5.1', {
        file: { state: 'present' as const, text: `{"live-restore": ${file}}`, digest: 'a'.repeat(64) },
        info: { version: '28.5.1', containersRunning: 3, liveRestore: daemon, swarm: false, effective: {} },
      }),
      steps: ['package RestartContainers'],
    })),
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
    ...(['starting', 'stopping'] as const).map((state) => ({
      name: `waits for an engine that is ${state} before it says what a change would cost`,
      docker: ce({ version: '28.5.2', daemonConfig: { 'data-root': '/data' } }),
      have: { ...stopped('28.5.1'), service: { startup: 'enabled' as const, state } },
      steps: ['settled None'],
    })),
    {
      name: 'says at once that a downgraded engine does not start, also while its service tries again',
      docker: ce({ version: '27', downgrade: 'Allow' }),
      have: {
        ...stopped('27.5.1'),
        service: { startup: 'enabled', state: 'starting' },
        downgrade: { from: CE('28.5.2'), to: CE('27.5.1'), problem: 'unknown version' },
      },
      reasons: ['DowngradeFailed terminal'],
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
      name: 'moves nothing under an engine that runs, but may not be started again',
      docker: ce({ version: '28.5.2', daemonConfig: { 'data-root': '/data' } }),
      have: running('28.5.1', { service: { startup: 'masked', state: 'active' } }),
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
      name: 'does not install over an engine of nobody that runs',
      docker: { version: '28' },
      have: fresh({
        daemonPath: '/usr/local/bin/dockerd',
        service: { startup: 'enabled', state: 'active' },
        mayAsk: true,
        info: { version: '25.0.3', containersRunning: 2, liveRestore: false, swarm: false, effective: {} },
      }),
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
    ...[
      { reported: ['b=2', 'a=1'], steps: [] },
      { reported: ['b=2', 'a=3'], steps: ['daemon-activate Reload'] },
    ].map(({ reported, steps }) => ({
      name: `takes labels in any order for what they are: ${reported.join(' ')}`,
      docker: ce({ daemonConfig: { labels: ['a=1', 'b=2', 'a=1'] } }),
      have: running('28.5.1', {
        file: { state: 'present', text: '{"labels": ["a=1", "b=2", "a=1"]}', digest: 'a'.repeat(64) },
        info: {
          version: '28.5.1',
          containersRunning: 1,
          liveRestore: false,
          swarm: false,
          effective: { labels: reported },
        },
      }),
      steps,
    })),
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
