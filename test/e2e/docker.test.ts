import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DOCKER_CE_KEY } from '../../src/host/providers/dockerCeKey.ts';
import { ReconcileError } from '../../src/lib/errors.ts';
import type { Plan } from '../../src/host/plan.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { startAptRepository, type AptRepository } from '../support/aptRepository.ts';
import { startTinyContainer } from '../support/tinyContainer.ts';
import { HostDriver, type Docker } from '../support/hostDriver.ts';
import { holdLock } from '../support/holdLock.ts';

/** Values that would run commands or break quoting if they were ever pasted into a script. */
const NASTY = `"; touch /tmp/pwned; '$(touch /tmp/pwned)\`touch /tmp/pwned\` \\ \n\t\u00e4\u{1f433} %s $HOME`;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.create();
});
afterAll(async () => fleet.down());

function names({ changes }: Plan): string[] {
  return changes.map(({ name }) => name.replace('docker-engine/', ''));
}

async function daemonPid(host: Host): Promise<string> {
  return (await host.run('cat /run/docker.pid')).trim();
}

async function containerPid(host: Host): Promise<string> {
  return (await host.run(`docker inspect -f '{{.State.Pid}}' tiny`)).trim();
}

/** Lines for docker.service until {@link withoutOverride}. */
async function override(host: Host, lines: string): Promise<void> {
  const directory = '/run/systemd/system/docker.service.d';
  await host.run(
    `mkdir -p ${directory}; printf '[Service]\\n%s\\n' "$1" >${directory}/test.conf; systemctl daemon-reload`,
    {
      args: [lines],
    },
  );
}

async function withoutOverride(host: Host): Promise<void> {
  await host.run('rm -r /run/systemd/system/docker.service.d; systemctl daemon-reload');
}

async function refusal(work: Promise<unknown>): Promise<ReconcileError> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (problem: unknown) => problem,
  );
  if (error instanceof ReconcileError) return error;
  throw error;
}

describe('the engine of the distribution', () => {
  const docker: Docker = { version: '20.10', users: ['anna'], daemonConfig: { 'live-restore': true } };
  let host: Host;
  let driver: HostDriver;
  beforeAll(async () => {
    host = await fleet.up({ users: [{ name: 'anna' }, { name: 'bert' }] });
    await host.run('rm -rf /var/lib/apt/lists/*');
    driver = await HostDriver.open(host, fleet.keyFile);
  });
  afterAll(() => driver.close());

  it('is planned without disruption on a fresh host, package lists first', async () => {
    const plan = await driver.plan(docker);
    expect(names(plan)).toEqual(['daemon-config', 'package-lists', 'package', 'docker-users/members']);
    expect(plan.changes.map(({ disruption }) => disruption)).toEqual(['None', 'None', 'None', 'None']);
    expect(plan.obstacles).toEqual([]);
  });

  it('is installed, held, started at boot and configured, and then nothing is left to do', async () => {
    const plan = await driver.converge(docker);
    expect(plan.obstacles).toEqual([]);
    expect(await host.run("dpkg-query -W -f '${db:Status-Abbrev}${Version}' docker.io")).toMatch(/^hi +20\.10\./);
    expect((await host.run('systemctl is-active docker; systemctl is-enabled docker')).split('\n')).toEqual(
      expect.arrayContaining(['active', 'enabled']),
    );
    expect(await host.run('docker info -f "{{.LiveRestoreEnabled}}"')).toBe('true\n');
    expect(await host.run('id -nG anna')).toMatch(/\bdocker\b/);
    const { have } = await driver.observe(docker);
    expect(have.get('docker-engine')).toMatchObject({
      info: { version: expect.stringMatching(/^20\.10\./) as string },
    });
  });

  it('is looked at without being changed', async () => {
    // to the nanosecond: what the installation wrote in the same second is not meant
    const state = 'find /etc /var/lib/dpkg /var/lib/hostler /var/lib/apt -newer /tmp/mark | sort';
    await host.run('touch /tmp/mark; systemctl stop docker.service 2>/dev/null');
    await driver.observe(docker, true);
    expect(await host.run(state)).toBe('');
    // the socket would start it
    expect((await host.exec('systemctl is-active docker.service')).stdout).toBe('inactive\n');
    expect(names(await driver.plan(docker))).toEqual(['service']);
    await driver.converge(docker);
  });

  it('comes back after somebody removed it, with its users and configuration', async () => {
    await host.run('apt-get remove -y -q --allow-change-held-packages docker.io');
    const plan = await driver.plan(docker);
    expect(plan.changes).toMatchObject([{ name: 'docker-engine/package', disruption: 'None', reason: 'NotInstalled' }]);
    await driver.converge(docker);
    expect(await host.run('docker info -f "{{.LiveRestoreEnabled}}"')).toBe('true\n');
  });

  it('gets edited keys back by a reload; foreign keys, their order and their formatting stay', async () => {
    const before = await daemonPid(host);
    const edited = '{\n    "max-concurrent-uploads": 3,\n    "live-restore": false,\n    "log-level": "info"\n}\n';
    await host.exec('cat >/etc/docker/daemon.json; systemctl reload docker', { input: edited });
    const plan = await driver.plan(docker);
    expect(plan.changes).toMatchObject([
      { name: 'docker-engine/daemon-config', disruption: 'Reload', expectedGapSeconds: 0 },
    ]);
    await driver.converge(docker);
    expect(await host.run('cat /etc/docker/daemon.json')).toBe(edited.replace('false', 'true'));
    expect(await daemonPid(host)).toBe(before);
    expect(await host.run('docker info -f "{{.LiveRestoreEnabled}}"')).toBe('true\n');
    expect(await host.run('cat /var/lib/hostler/backup/daemon.json.*')).toContain('"live-restore": false');
  });

  it('finds a file that was written while nobody told the daemon', async () => {
    await host.run('echo reload >/var/lib/hostler/docker-activate');
    expect(names(await driver.plan(docker))).toEqual(['daemon-activate']);
    await driver.converge(docker);
    expect((await host.exec('test -e /var/lib/hostler/docker-activate')).code).toBe(1);
  });

  it('does not forget over a reload that a restart is still to do', async () => {
    await host.run('echo restart >/var/lib/hostler/docker-activate');
    const before = driver.applied.length;
    await driver.converge({ ...docker, daemonConfig: { 'live-restore': true, 'max-concurrent-downloads': 4 } });
    expect(driver.applied.slice(before)).toEqual(['docker-engine/daemon-config', 'docker-engine/daemon-activate']);
  });

  it('does not restart what was restarted since the file was written', async () => {
    await host.run('echo restart >/var/lib/hostler/docker-activate; systemctl restart docker');
    const before = await daemonPid(host);
    await driver.converge(docker);
    expect(await daemonPid(host)).toBe(before);
  });

  it('finishes packages that Hostler was cut off in, and leaves those of others alone', async () => {
    await host.run(`mkdir -p /tmp/cut/DEBIAN
      printf 'Package: cut-off\\nVersion: 1\\nArchitecture: all\\nMaintainer: test\\nDescription: test\\n' >/tmp/cut/DEBIAN/control
      dpkg-deb --build /tmp/cut /tmp/cut.deb
      dpkg --unpack /tmp/cut.deb`);
    expect(names(await driver.plan(docker))).toEqual([]);
    await host.run('touch /var/lib/hostler/apt-unfinished');
    const { changes } = await driver.plan(docker);
    expect(changes).toMatchObject([{ name: 'docker-engine/unfinished', disruption: 'None' }]);
    expect(changes[0]?.what).toContain('cut-off');
    await driver.converge(docker);
    expect(await host.run("dpkg-query -W -f '${db:Status-Abbrev}' cut-off")).toBe('ii ');
    expect((await host.exec('test -e /var/lib/hostler/apt-unfinished')).code).toBe(1);
  });

  it('restarts for keys that need it, which with live-restore no container notices', async () => {
    await startTinyContainer(host, 'tiny');
    const [container, daemon] = [await containerPid(host), await daemonPid(host)];
    const wanted = { ...docker, daemonConfig: { 'live-restore': true, 'log-opts': { 'max-size': '10m' } } };
    const plan = await driver.plan(wanted);
    expect(plan.changes).toMatchObject([{ name: 'docker-engine/daemon-config-restart', disruption: 'RestartService' }]);
    await driver.converge(wanted);
    expect(await daemonPid(host)).not.toBe(daemon);
    expect(await containerPid(host)).toBe(container);
  });

  it('would stop containers without live-restore, and says so', async () => {
    const wanted = { ...docker, daemonConfig: { 'live-restore': false, 'log-opts': { 'max-size': '20m' } } };
    const { changes } = await driver.plan(wanted);
    expect(changes.map(({ disruption }) => disruption)).toEqual(['Reload', 'RestartContainers']);
  });

  it('refuses a daemon.json that is no JSON rather than overwrite it', async () => {
    const good = await host.run('cat /etc/docker/daemon.json');
    await host.exec('cat >/etc/docker/daemon.json', { input: '{ "live-restore": tru' });
    const plan = await driver.plan(docker);
    expect(plan).toMatchObject({ changes: [], obstacles: [{ reason: 'ConfigInvalid' }] });
    expect(await host.run('cat /etc/docker/daemon.json')).toBe('{ "live-restore": tru');
    await host.exec('cat >/etc/docker/daemon.json', { input: good });
  });

  it('does not touch a daemon.json that changed after the plan', async () => {
    const plan = await driver.plan({ ...docker, daemonConfig: { debug: true } });
    await host.run(`sed -i 's/"info"/"warn"/' /etc/docker/daemon.json`);
    const error = await refusal(driver.apply(plan.changes[0]!));
    expect(error.reason).toBe('ChangedMeanwhile');
    expect(await host.run('cat /etc/docker/daemon.json')).toContain('"warn"');
  });

  it('puts the previous daemon.json back when the daemon does not start with the new one', async () => {
    const before = await host.run('cat /etc/docker/daemon.json');
    const container = await containerPid(host);
    const plan = await driver.plan({ ...docker, daemonConfig: { 'storage-driver': 'no-such-driver' } });
    // nobody else starts it again; and a file that is older than all that were kept of it
    await override(host, 'Restart=no');
    await host.run(`touch -d 2001-01-01 /etc/docker/daemon.json
      for day in 1 2 3 4 5; do echo >/var/lib/hostler/backup/daemon.json.2020010"$day"T000000Z; done`);
    const error = await refusal(driver.apply(plan.changes[0]!));
    expect(await host.run('systemctl is-active docker.service')).toBe('active\n');
    expect(error).toMatchObject({ reason: 'ConfigRejected', retry: { kind: 'never' } });
    expect(error.message).toContain('Docker runs again, with the previous daemon.json.');
    expect(error.message).toContain('no-such-driver');
    expect(await host.run('cat /etc/docker/daemon.json')).toBe(before);
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^20\.10/);
    expect(await containerPid(host)).toBe(container);
  });

  it('does not take away a daemon.json that it did not put there', async () => {
    const before = await host.run('cat /etc/docker/daemon.json');
    const { changes } = await driver.plan({ ...docker, daemonConfig: { 'storage-driver': 'no-such-driver' } });
    const theirs = changes[0]!.params['content'] as string;
    await host.exec('cat >/etc/docker/daemon.json', { input: theirs });
    expect((await refusal(driver.apply(changes[0]!))).reason).toBe('NotRunning');
    expect(await host.run('cat /etc/docker/daemon.json')).toBe(theirs);
    await host.exec('cat >/etc/docker/daemon.json', { input: before });
    await withoutOverride(host);
    await host.run('systemctl start docker');
  });

  it('restarts nothing for a file that was planned while it did not run, and does not forget the restart', async () => {
    const before = await host.run('cat /etc/docker/daemon.json');
    const wanted = { ...docker, daemonConfig: { 'live-restore': true, 'log-opts': { 'max-size': '30m' } } };
    await host.run('systemctl stop docker.socket docker.service');
    const [change] = (await driver.plan(wanted)).changes;
    expect(change).toMatchObject({ name: 'docker-engine/daemon-config', disruption: 'None' });
    await host.run('systemctl start docker.socket docker.service');
    const daemon = await daemonPid(host);
    expect((await refusal(driver.apply(change!))).reason).toBe('ChangedMeanwhile');
    expect(await host.run('cat /etc/docker/daemon.json')).toBe(before);
    await host.run('docker stop -t 0 tiny');
    await driver.apply(change!);
    expect(await daemonPid(host)).toBe(daemon);
    expect((await driver.plan(wanted)).changes).toMatchObject([
      { name: 'docker-engine/daemon-activate', disruption: 'RestartService' },
    ]);
    await driver.converge(wanted);
    expect(await daemonPid(host)).not.toBe(daemon);
    await host.run('docker start tiny');
  });

  it('waits for a daemon that is starting before it says what a change costs', async () => {
    const wanted = { ...docker, daemonConfig: { 'live-restore': true, 'log-opts': { 'max-size': '40m' } } };
    await override(host, 'ExecStartPre=/bin/sleep 4');
    await host.run(
      'systemctl restart --no-block docker; until systemctl is-active docker | grep -qx activating; do :; done',
    );
    const { changes } = await driver.plan(wanted);
    expect(changes).toMatchObject([{ name: 'docker-engine/settled', disruption: 'None' }]);
    await driver.apply(changes[0]!);
    await withoutOverride(host);
    expect((await driver.plan(wanted)).changes).toMatchObject([
      { name: 'docker-engine/daemon-config-restart', disruption: 'RestartService' },
    ]);
  });

  it('gets values with quotes, substitutions, newlines and unicode byte for byte', async () => {
    const wanted = { ...docker, daemonConfig: { labels: [`nasty=${NASTY}`], 'live-restore': true } };
    await driver.converge(wanted);
    const file = JSON.parse(await host.run('cat /etc/docker/daemon.json')) as Record<string, unknown>;
    expect(file['labels']).toEqual([`nasty=${NASTY}`]);
    expect((await host.exec('ls /tmp/pwned')).code).not.toBe(0);
  });

  it('adds declared users and keeps those that others added', async () => {
    await host.run('gpasswd -d anna docker; gpasswd -a bert docker');
    await driver.converge(docker);
    expect(await host.run('getent group docker')).toMatch(/:.*\banna\b/);
    expect(await host.run('getent group docker')).toMatch(/:.*\bbert\b/);
  });

  it('names a declared user that does not exist', async () => {
    const { obstacles, changes } = await driver.plan({ ...docker, users: ['anna', 'nobody-knows'] });
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([
      { reason: 'UserMissing', message: expect.stringContaining('nobody-knows') as string },
    ]);
  });

  it('is held again after somebody lifted the hold, and released when the spec says so', async () => {
    await host.run('apt-mark unhold docker.io');
    expect(names(await driver.plan(docker))).toEqual(['hold']);
    await driver.converge(docker);
    expect(await host.run('apt-mark showhold')).toContain('docker.io');
    await driver.converge({ ...docker, hold: false });
    expect(await host.run('apt-mark showhold')).toBe('');
  });

  it('leaves a hold alone that somebody else set', async () => {
    await host.run('apt-mark hold docker.io');
    expect(names(await driver.plan({ ...docker, hold: false }))).toEqual([]);
    await host.run('apt-mark unhold docker.io');
    await driver.converge(docker);
  });

  it('names what is offered when no version satisfies, after it fetched the lists', async () => {
    const plan = await driver.converge({ ...docker, version: '99' });
    expect(plan.obstacles).toMatchObject([{ reason: 'VersionNotAvailable', terminal: true }]);
    expect(plan.obstacles[0]?.message).toMatch(/docker\.io: 20\.10\.\d/);
  });

  it('is never downgraded', async () => {
    const plan = await driver.plan({ ...docker, version: '19.03' });
    expect(plan).toMatchObject({ changes: [], obstacles: [{ reason: 'DowngradeRefused', terminal: true }] });
  });

  it('waits for a busy package manager and names who holds it', async () => {
    const lock = await holdLock(host, '/var/lib/dpkg/lock-frontend');
    const { facts } = await driver.observe(docker);
    expect(facts.packageLocks).toMatchObject([{ pid: lock.pid, process: 'perl', path: '/var/lib/dpkg/lock-frontend' }]);
    const plan = await driver.plan({ ...docker, hold: false });
    const error = await refusal(driver.apply(plan.changes[0]!));
    expect(error).toMatchObject({ reason: 'PackageManagerBusy', retry: { kind: 'after' } });
    expect(error.message).toContain(`perl (pid ${lock.pid}) holds /var/lib/dpkg/lock-frontend`);
    await lock.release();
    await driver.apply(plan.changes[0]!);
    await driver.converge(docker);
  });

  it('finishes what an interrupted dpkg left behind', async () => {
    await host.run(`
      cd /tmp
      apt-get download -q docker.io
      apt-get remove -y -q --allow-change-held-packages docker.io
      dpkg --unpack docker.io_*.deb
    `);
    const plan = await driver.plan(docker);
    expect(plan.changes[0]).toMatchObject({
      name: 'docker-engine/package',
      from: expect.stringContaining('half-installed') as string,
    });
    await driver.converge(docker);
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^20\.10/);
  });

  it('says which file system is full, and goes on when there is room', async () => {
    await host.run(`
      apt-get remove -y -q --allow-change-held-packages docker.io
      apt-get clean
      mount -t tmpfs -o size=8m tmpfs /var/cache/apt/archives
      mkdir /var/cache/apt/archives/partial
    `);
    const plan = await driver.plan(docker);
    const error = await refusal(driver.apply(plan.changes.find(({ name }) => name === 'docker-engine/package')!));
    expect(error.reason).toBe('DiskFull');
    expect(error.message).toContain('/var/cache/apt/archives');
    await host.run('umount /var/cache/apt/archives');
    await driver.converge(docker);
  });

  it('never masks or stops the timers of the distribution', async () => {
    const timers = await host.run('systemctl show -p UnitFileState --value apt-daily.timer apt-daily-upgrade.timer');
    expect(timers).not.toContain('masked');
  });
});

describe('Docker CE', () => {
  let host: Host;
  let driver: HostDriver;
  let repository: AptRepository;
  const docker: Docker = { version: '26', source: { type: 'DockerCE' }, daemonConfig: { 'live-restore': true } };
  beforeAll(async () => {
    host = await fleet.up();
    repository = await startAptRepository({ bindAddress: fleet.gateway, suite: 'bookworm' });
    process.env['HOSTLER_DOCKER_CE_URL'] = repository.url.replace(/\/debian$/, '');
    process.env['HOSTLER_DOCKER_CE_KEY'] = repository.keyPath;
    process.env['HOSTLER_DOCKER_CE_FINGERPRINT'] = repository.fingerprint;
    driver = await HostDriver.open(host, fleet.keyFile);
  });
  afterAll(async () => {
    driver.close();
    await repository.stop();
  });

  it('comes from its repository, at the newest release inside the declared prefix', async () => {
    const [older] = repository.versions;
    const plan = await driver.plan(docker);
    expect(names(plan)).toEqual(['repository', 'daemon-config', 'package']);
    await driver.converge(docker);
    expect(await host.run("dpkg-query -W -f '${Version} ' docker-ce docker-ce-cli")).toBe(
      `${older!.packages['docker-ce']!} ${older!.packages['docker-ce-cli']!} `,
    );
    expect((await host.run('apt-mark showhold')).trim().split('\n')).toEqual([
      'containerd.io',
      'docker-ce',
      'docker-ce-cli',
    ]);
    expect(await host.run('docker info -f "{{.ServerVersion}} {{.LiveRestoreEnabled}}"')).toMatch(/^26\..* true\n$/);
    expect(await host.run('docker compose version; docker buildx version')).not.toBe('');
    expect(names(await driver.plan(docker))).toEqual([]);
  });

  it('gets its repository back after somebody removed it', async () => {
    await host.run('rm /etc/apt/sources.list.d/hostler-docker.list');
    expect(names(await driver.plan(docker))).toEqual(['repository']);
    await driver.converge(docker);
  });

  it.each([
    { what: 'does not answer', url: 'http://127.0.0.1:1/debian' },
    { what: 'has another key', url: undefined },
  ])('keeps the repository that works while the one in its place $what', async ({ url }) => {
    const state =
      'cat /etc/apt/sources.list.d/hostler-docker.list /etc/apt/keyrings/hostler-docker.asc; ls /etc/apt/sources.list.d /etc/apt/keyrings /var/lib/hostler';
    await driver.converge(docker);
    const before = await host.run(state);
    driver.signingKey = DOCKER_CE_KEY;
    const mirror = { url: url ?? repository.url, keySecretRef: { name: 'mirror-key' } };
    const { changes } = await driver.plan({ ...docker, source: { type: 'Mirror', mirror } });
    expect((await refusal(driver.apply(changes[0]!))).reason).toBe('RepositoryUnavailable');
    expect(await host.run(state)).toBe(before);
    await host.run('apt-get update -q -o APT::Update::Error-Mode=any');
  });

  it('uses an entry that somebody else made instead of adding one that apt would refuse', async () => {
    await host.run(`
      mv /etc/apt/sources.list.d/hostler-docker.list /etc/apt/sources.list.d/docker.list
      cp /etc/apt/keyrings/hostler-docker.asc /etc/apt/keyrings/docker.asc
      sed -i s/hostler-docker.asc/docker.asc/ /etc/apt/sources.list.d/docker.list
    `);
    expect(names(await driver.plan(docker))).toEqual([]);
  });

  it('is not upgraded without notice where it was planned while it did not run', async () => {
    await startTinyContainer(host, 'tiny');
    await host.run('systemctl stop docker.socket docker.service');
    const { changes } = await driver.plan({ ...docker, version: '28' });
    expect(changes).toMatchObject([{ name: 'docker-engine/package', disruption: 'None' }]);
    await host.run('systemctl start docker.socket docker.service');
    expect((await refusal(driver.apply(changes[0]!))).reason).toBe('ChangedMeanwhile');
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^26\./);
  });

  it('is not upgraded while its daemon.json would keep it from starting again', async () => {
    const good = await host.run('cat /etc/docker/daemon.json');
    await host.exec('cat >/etc/docker/daemon.json', { input: '{"live-restore": true, "no-such-option": 1}' });
    const pid = await daemonPid(host);
    const { changes } = await driver.plan({ ...docker, version: '28' });
    const error = await refusal(driver.apply(changes[0]!));
    expect(await daemonPid(host)).toBe(pid);
    expect(error.reason).toBe('ConfigInvalid');
    expect(error.message).toContain('no-such-option');
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^26\./);
    await host.exec('cat >/etc/docker/daemon.json', { input: good });
  });

  it('runs again where apt stopped it and then did not replace it', async () => {
    const { changes } = await driver.plan({ ...docker, version: '28' });
    await host.exec('cat >/etc/apt/apt.conf.d/99broken', {
      input: 'DPkg::Pre-Install-Pkgs { "systemctl stop docker.socket docker.service; exit 1"; };\n',
    });
    const error = await refusal(driver.apply(changes[0]!));
    await host.run('rm /etc/apt/apt.conf.d/99broken');
    expect(await host.run('systemctl is-active docker.service')).toBe('active\n');
    expect(error.message).toContain('Docker had been stopped for it and runs again.');
    expect(await host.run('apt-mark showhold')).toContain('docker-ce');
  });

  it('is upgraded under running containers, with their live-restore checked first', async () => {
    const container = await containerPid(host);
    const wanted = { ...docker, version: '>=28 <29' };
    const plan = await driver.plan(wanted);
    expect(plan.changes).toMatchObject([
      { name: 'docker-engine/package', disruption: 'RestartService', reason: 'VersionMismatch' },
    ]);
    await driver.converge(wanted);
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^28\./);
    expect(await containerPid(host)).toBe(container);
    expect((await host.run('apt-mark showhold')).trim().split('\n')).toEqual([
      'containerd.io',
      'docker-ce',
      'docker-ce-cli',
    ]);
  });

  it('is adopted as it is when nothing but docker is declared', async () => {
    const adopted = { hold: false };
    expect(await driver.plan({ version: '28' })).toMatchObject({ changes: [], obstacles: [] });
    await host.run('apt-mark unhold docker-ce docker-ce-cli containerd.io; rm /var/lib/hostler/holds');
    expect(await driver.plan(adopted)).toMatchObject({ changes: [], obstacles: [] });
  });

  it('lets the daemon itself refuse a configuration before it is in place', async () => {
    const before = await host.run('cat /etc/docker/daemon.json');
    const pid = await daemonPid(host);
    const plan = await driver.plan({ ...docker, version: '28', daemonConfig: { 'no-such-option': 1 } });
    const error = await refusal(driver.apply(plan.changes.find(({ name }) => name.includes('daemon-config'))!));
    expect(error).toMatchObject({ reason: 'ConfigRejected', retry: { kind: 'never' } });
    expect(error.message).toContain('no-such-option');
    expect(await host.run('cat /etc/docker/daemon.json')).toBe(before);
    expect(await daemonPid(host)).toBe(pid);
  });

  it('does not take a key that is an option of the daemon too, with which it would not start', async () => {
    await override(host, 'ExecStart=\nExecStart=/usr/bin/dockerd -H fd:// --log-level=info');
    await host.run('systemctl restart docker');
    const pid = await daemonPid(host);
    const plan = await driver.plan({ ...docker, version: '28', daemonConfig: { 'log-level': 'warn' } });
    const error = await refusal(driver.apply(plan.changes.find(({ name }) => name.includes('daemon-config'))!));
    expect(error.reason).toBe('ConfigRejected');
    expect(error.message).toContain('log-level');
    expect(await daemonPid(host)).toBe(pid);
    await withoutOverride(host);
    await host.run('systemctl restart docker');
  });

  it('does not move what somebody else holds', async () => {
    await host.run('apt-mark hold docker-ce');
    const { obstacles } = await driver.plan({ ...docker, version: '29' });
    expect(obstacles.map(({ reason }) => reason)).not.toContain('PackageHeld'); // nothing to move to
    await host.run('apt-mark unhold docker-ce');
  });

  it('stands against a declared engine of the distribution only when its version does not fit', async () => {
    expect((await driver.plan({ version: '28' })).obstacles).toEqual([]);
    const { obstacles, changes } = await driver.plan({ version: '20.10' });
    expect(changes).toEqual([]);
    expect(obstacles).toMatchObject([
      { reason: 'DockerConflict', message: expect.stringContaining('docker-ce') as string },
    ]);
  });

  it('takes a repository back that cannot be fetched', async () => {
    await host.run('rm /etc/apt/sources.list.d/docker.list; rm /var/lib/apt/lists/*linux_debian*');
    const plan = await driver.plan(docker);
    await repository.stop();
    const error = await refusal(driver.apply(plan.changes[0]!));
    expect(error.reason).toBe('RepositoryUnavailable');
    expect((await host.exec('ls /etc/apt/sources.list.d/hostler-docker.list')).code).not.toBe(0);
  });
});

describe('a host of Debian 13', () => {
  const docker: Docker = { version: '26', users: ['anna'] };
  let host: Host;
  let driver: HostDriver;
  beforeAll(async () => {
    host = await fleet.up({ suite: 'trixie', users: [{ name: 'anna' }] });
    driver = await HostDriver.open(host, fleet.keyFile);
  });
  afterAll(() => driver.close());

  it('survives a power cut in the middle of the installation', async () => {
    const plan = await driver.plan(docker);
    await driver.start(plan.changes.find(({ name }) => name === 'docker-engine/package')!);
    await host.run('until grep -q "status half-\\|status unpacked" /var/log/dpkg.log; do sleep 0.1; done');
    await host.kill();
    driver.close();
    await host.start();
    await host.waitForSsh();
    driver = await HostDriver.open(host, fleet.keyFile);
    // the record of the job that was cut off is found once, then the host is looked at again
    expect((await refusal(driver.converge(docker))).reason).toBe('Interrupted');
    await driver.converge(docker);
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^26\./);
    expect(await host.run('dpkg --audit')).toBe('');
    expect(await host.run('apt-mark showhold')).toBe('docker-cli\ndocker.io\n');
  });

  it('gets back a client that somebody removed, at the version of the engine', async () => {
    const before = await daemonPid(host);
    await host.run('apt-get remove -y -q --allow-change-held-packages docker-cli');
    const plan = await driver.plan(docker);
    expect(plan).toMatchObject({ changes: [{ name: 'docker-engine/client', disruption: 'None' }], obstacles: [] });
    await driver.converge(docker);
    expect(await host.run('docker info -f "{{.ServerVersion}}"')).toMatch(/^26\./);
    expect(await daemonPid(host)).toBe(before);
  });

  it('makes no claim where an unprivileged login may not look', async () => {
    await host.run('install -d -o anna -g anna -m 700 ~anna/.ssh');
    await host.run(
      'install -o anna -g anna -m 600 ~root/.ssh/authorized_keys ~anna/.ssh/authorized_keys; gpasswd -d anna docker; chmod 700 /etc/docker',
    );
    const anna = await HostDriver.open(host, fleet.keyFile, 'anna');
    const plan = await anna.plan({ version: '26', daemonConfig: { debug: true } });
    expect(plan.changes).toEqual([]);
    expect(plan.obstacles.map(({ reason }) => reason)).toEqual(['NotObserved']);
    anna.close();
    await host.run('chmod 755 /etc/docker');
  });

  it('takes back what it says with a corrected configuration after one that kept the engine from starting', async () => {
    await host.run('apt-get purge -y -q --allow-change-held-packages docker.io docker-cli; rm -rf /etc/docker');
    const refused = await refusal(driver.converge({ ...docker, daemonConfig: { 'no-such-option': 1 } }));
    expect(refused).toMatchObject({ reason: 'ConfigRejected', retry: { kind: 'never' } });
    expect(refused.message).toContain('no-such-option');
    // the key left the spec, so it stays: whoever put it there by spec takes it out by hand
    await host.run('rm /etc/docker/daemon.json');
    await driver.converge({ ...docker, daemonConfig: { debug: true } });
    expect(await host.run('docker info -f "{{.Debug}}"')).toBe('true\n');
  });

  it('shows pending updates, security apart, and who asks for a reboot', async () => {
    expect((await driver.observe(docker, true)).facts.reboot).toEqual({ required: false, packages: [] });
    await host.addSecurityUpdates();
    await host.run('apt-get update -q');
    await host.run('touch /run/reboot-required; echo dbus >/run/reboot-required.pkgs');
    const { facts } = await driver.observe(docker);
    const simulated = await host.run('apt-get -s -q dist-upgrade | grep -c "^Inst [^ ]* \\["');
    expect(facts.updates?.pending).toBe(Number(simulated));
    expect(facts.updates?.security).toBeGreaterThan(0);
    expect(facts.reboot).toEqual({ required: true, packages: ['dbus'] });
    expect(facts.installedKernel).toBeUndefined();
  });
});
