import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../../../../src/host/facts.ts';
import { DOCKER_CE_FINGERPRINT, DOCKER_CE_KEY } from '../../../../../src/host/providers/dockerCeKey.ts';
import type { DockerHave } from '../../../../../src/host/tasks/dockerEngine/facts.ts';
import { dockerEngine } from '../../../../../src/host/tasks/dockerEngine/task.ts';
import {
  type Docker,
  DEBIAN,
  DISTRO,
  CE,
  MIRROR,
  MIRRORED,
  spec,
  installed,
  fresh,
  running,
  diff,
  reasons,
  ce,
  mirror,
} from './engineHosts.ts';

describe('what docker-engine plans', () => {
  it('installs a client that somebody removed, and nothing else', () => {
    const packages = new Map([['docker-ce', installed(CE('28.5.1'), { held: true })]]);
    const { changes } = diff(ce(), running('28.5.1', { packages }));
    expect(changes).toMatchObject([
      {
        name: 'docker-engine/client',
        disruption: 'None',
        params: {
          engine: `docker-ce=${CE('28.5.1')}`,
          packages: [`docker-ce-cli=${CE('28.5.1')}`],
          hold: ['docker-ce-cli'],
        },
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
    });
  });

  it('leaves a runtime as it is that was there before the engine', () => {
    const { offers, ownEntry } = running('28.5.1');
    const packages = new Map([['containerd.io', installed('1.7.27-1')]]);
    const [change] = diff(ce({ version: '28.5' }), fresh({ offers: offers!, ownEntry: ownEntry!, packages })).changes;
    expect(change?.params['packages']).toEqual([`docker-ce=${CE('28.5.2')}`, `docker-ce-cli=${CE('28.5.2')}`]);
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
