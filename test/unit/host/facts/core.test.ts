import { describe, expect, it } from 'vitest';
import { accessFacts } from '../../../../src/host/facts/access.ts';
import { hardwareFacts } from '../../../../src/host/facts/hardware.ts';
import { identityFacts } from '../../../../src/host/facts/identity.ts';
import { networkFacts } from '../../../../src/host/facts/network.ts';
import { ownershipFacts } from '../../../../src/host/facts/ownership.ts';
import { systemFacts } from '../../../../src/host/facts/system.ts';
import { Records, type Entry } from '../../../../src/host/records.ts';
import { osReleases } from './osReleases.ts';

/** Records from values; `[status, text]` for what is not simply there. */
function records(values: Record<string, string | [number, string]>): Records {
  const entries = Object.entries(values).map(([name, value]): [string, Entry] => [
    name,
    typeof value === 'string' ? { status: 0, text: value } : { status: value[0], text: value[1] },
  ]);
  return new Records(new Map(entries));
}

describe('systemFacts', () => {
  it.each([
    ['Debian 12', ['apt-get', 'dnf'], 'apt'],
    ['Rocky Linux 9', ['dnf', 'yum'], 'dnf'],
    ['Amazon Linux 2023', ['dnf', 'yum'], 'dnf'],
    ['CentOS Stream 8', ['yum'], 'yum'],
    ['Alpine 3.20', ['apk'], 'apk'],
    ['Arch Linux', ['apt-get', 'pacman'], 'pacman'],
    ['a distribution nobody knows', ['dnf', 'apt-get'], 'apt'],
    ['a distribution nobody knows', [], 'none'],
  ])('on %s with %j uses %s', (name, tools, manager) => {
    const text = osReleases.find((os) => os.name === name)!.text;
    const found = systemFacts.parse(
      records({ 'os-release': text, ...Object.fromEntries(tools.map((tool) => [`tool.${tool}`, '1'])) }),
    );
    expect(found.packageManager).toBe(manager);
  });

  it('says nothing about what it could not see', () => {
    expect(systemFacts.parse(records({}))).toEqual({ packageManager: 'none', initSystem: 'unknown' });
  });

  it.each([
    ['x86_64', 'amd64'],
    ['aarch64', 'arm64'],
    ['riscv64', 'riscv64'],
  ])('writes %s as %s', (machine, architecture) => {
    const found = systemFacts.parse(records({ uname: `web-1 6.1.0-42-amd64 ${machine}` }));
    expect(found).toMatchObject({ hostname: 'web-1', kernel: '6.1.0-42-amd64', architecture });
  });
});

describe('identityFacts', () => {
  const boot = '12bcfe46-4ac8-47e0-8fa1-fabee51a076c';
  const stat = '1 (sys) temd (x)) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9';

  it('uses the boot id of a machine', () => {
    expect(identityFacts.parse(records({ 'boot-id': boot, 'init-stat': stat })).bootID).toBe(boot);
  });

  it('adds the start of PID 1 in a container, which shares the boot id', () => {
    expect(identityFacts.parse(records({ 'boot-id': boot, 'init-stat': stat, 'in-container': '1' })).bootID).toBe(
      `${boot}-4711`,
    );
  });

  it.each(['', 'cat: permission denied', `${boot}x`])('does not take %j for a boot id', (text) => {
    expect(identityFacts.parse(records({ 'boot-id': text, 'init-stat': stat })).bootID).toBe('init-4711');
    expect(identityFacts.parse(records({ 'boot-id': text })).bootID).toBeUndefined();
  });

  it.each(['uninitialized', '', 'A'.repeat(32)])('does not take %j for a machine id', (text) => {
    expect(identityFacts.parse(records({ 'machine-id': text })).machineID).toBeUndefined();
  });
});

describe('hardwareFacts', () => {
  it('counts processors, memory and room', () => {
    const disks = `Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/sda1          1000 400       600      40% /
a very long device name with spaces          5000 1000       4000      20% /var/lib`;
    expect(
      hardwareFacts.parse(records({ cpus: '0-3,6', memory: 'MemTotal:        2048 kB', disks, paths: '/ /var/lib' })),
    ).toEqual({
      cpus: 5,
      memoryBytes: 2048 * 1024,
      fileSystems: [
        { path: '/', totalBytes: 1_024_000, freeBytes: 614_400 },
        { path: '/var/lib', totalBytes: 5_120_000, freeBytes: 4_096_000 },
      ],
    });
  });

  it('pairs no line with the wrong directory when df left one out', () => {
    const disks = 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1000 400 600 40% /';
    expect(hardwareFacts.parse(records({ disks: [1, disks], paths: '/ /var/lib' })).fileSystems).toEqual([]);
  });
});

describe('accessFacts', () => {
  it('reads the user with all groups', () => {
    const found = accessFacts.parse(
      records({ user: 'uid=1000(ubuntu) gid=1000(ubuntu) groups=1000(ubuntu),27(sudo)' }),
    );
    expect(found.user).toEqual({ name: 'ubuntu', uid: 1000, groups: ['ubuntu', 'sudo'], isRoot: false });
  });

  it('names who holds the web ports, once per process', () => {
    const held = `LISTEN 0 511 0.0.0.0:80 0.0.0.0:* users:(("nginx",pid=812,fd=6),("nginx",pid=811,fd=6))
LISTEN 0 511 [::]:80 [::]:* users:(("nginx",pid=812,fd=7))
LISTEN 0 4096 *:443 *:* users:(("docker-proxy",pid=99,fd=4))`;
    expect(accessFacts.parse(records({ ports: 'LISTEN …', holders: held })).ports).toEqual([
      { port: 80, process: 'nginx', pid: 812 },
      { port: 443, process: 'docker-proxy', pid: 99 },
    ]);
  });

  it('tells free ports from ports that could not be looked at', () => {
    expect(accessFacts.parse(records({ ports: '' })).ports).toEqual([]);
    expect(accessFacts.parse(records({ ports: [127, ''] })).ports).toBeUndefined();
    expect(accessFacts.parse(records({})).ports).toBeUndefined();
  });

  it('reads /proc/net/tcp where ss is missing', () => {
    const line = '   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1';
    expect(accessFacts.parse(records({ 'proc-net': line })).ports).toEqual([{ port: 80 }]);
  });
});

describe('networkFacts', () => {
  it.each([
    [
      { internet: [0, ''], registry: [8, ''] },
      { internet: true, registry: true },
    ],
    [
      { internet: [6, ''], registry: [124, ''] },
      { internet: false, registry: false },
    ],
  ] as const)('reads %j as %j', (values, network) => {
    expect(networkFacts.parse(records({ internet: [...values.internet], registry: [...values.registry] }))).toEqual({
      network,
    });
  });

  it('claims nothing when no client is there', () => {
    expect(networkFacts.parse(records({}))).toEqual({});
  });
});

describe('ownershipFacts', () => {
  const owner = 'version=1\ninstallation=i-1\nserver=s-1\nlease=l-1\ntransitions=4';

  it('reads owner and jobs', () => {
    const found = ownershipFacts.parse(
      records({
        owner,
        jobs: '',
        'job.ab12.state': 'Running',
        'job.ab12.record': 'change=docker-engine/package\nattempt=2\nserver=s-1\nboot=x/1',
        'job.cd34.state': 'Interrupted',
        'job.cd34.record': '',
        'job.ef56.state': 'nonsense',
      }),
    );
    expect(found.owner).toEqual({
      state: 'Owned',
      installation: 'i-1',
      server: 's-1',
      token: { lease: 'l-1', transitions: 4 },
    });
    expect(found.jobs).toEqual([
      { id: 'ab12', change: 'docker-engine/package', attempt: 2, server: 's-1', state: 'Running' },
      { id: 'cd34', change: '', attempt: 0, server: '', state: 'Interrupted' },
    ]);
  });

  it('tells a free host from one that may not be read', () => {
    expect(ownershipFacts.parse(records({ owner: [1, ''], jobs: '' }))).toEqual({ owner: { state: 'Free' }, jobs: [] });
    expect(ownershipFacts.parse(records({ owner: [2, ''] }))).toEqual({ owner: { state: 'Unreadable' } });
  });

  it.each([
    '',
    owner.replace('version=1', 'version=2'),
    owner.replace('s-1', 's 1;reboot'),
    owner.replace('transitions=4', 'transitions=-4'),
    owner.replace('lease=l-1\n', ''),
  ])('does not believe the owner file %j', (text) => {
    expect(ownershipFacts.parse(records({ owner: text })).owner).toEqual({ state: 'Invalid' });
  });
});
