import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { existingCgroups } from '../hosts/cgroup.ts';
import { fleetNames } from '../hosts/cleanup.ts';
import { attempt, run, until } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { mounts } from '../hosts/machine.ts';
import { REPOSITORY } from '../hosts/paths.ts';

/** All that a fleet of this name could leave on the machine. */
async function traces(fleet: string, bridge: string): Promise<string[]> {
  const links = await run(['ip', '-o', 'link']);
  const rules = await run(['iptables-save']);
  const processes = await run(['ps', '-eo', 'args']);
  const lines = `${links}\n${rules}\n${processes}`.split('\n');
  return [
    ...lines.filter((line) => line.includes(`${bridge} `) || line.includes(`hostler-${fleet}-`)),
    ...mounts()
      .map(({ path }) => path)
      .filter((path) => path.includes(`/${fleet}/`)),
    ...(await existingCgroups()).filter((name) => name.startsWith(`hostler-${fleet}-`)),
    ...(await fleetNames()).filter((name) => name === fleet),
  ];
}

describe('a test host', () => {
  let fleet: Fleet;
  let host: Host;

  beforeAll(async () => {
    fleet = await Fleet.create();
    host = await fleet.up();
  });

  afterAll(() => fleet.down());

  it('is a Debian booted by systemd that answers SSH', async () => {
    const shown = await host.ssh('cat /proc/1/comm /etc/debian_version; hostname');
    expect(shown.stdout).toMatch(/^systemd\n12\.\d+\nhost1\n$/);
  });

  it('reaches the package mirror', async () => {
    await host.run('apt-get update -q -o APT::Update::Error-Mode=any');
  });

  it('comes back from a reboot with a new boot id and the same files', async () => {
    const before = await host.bootId();
    await host.run('echo kept >/etc/kept');
    await host.reboot();
    expect(await host.bootId()).not.toBe(before);
    expect((await host.ssh('cat /etc/kept')).stdout).toBe('kept\n');
  });

  it('comes back from a power cut', async () => {
    const before = await host.bootId();
    await host.kill();
    expect(await host.isRunning()).toBe(false);
    await host.start();
    expect(await host.bootId()).not.toBe(before);
  });

  it('shuts down orderly and starts again', async () => {
    await host.stop();
    expect(await host.isRunning()).toBe(false);
    await host.start();
    expect((await host.ssh('true')).code).toBe(0);
  });

  it('is unreachable while its link is down, but can still be looked at', async () => {
    await host.linkDown();
    expect((await host.ssh('true')).code).toBe(255);
    expect((await host.exec('true')).code).toBe(0);
    await host.linkUp();
    await host.waitForSsh();
    expect((await host.ssh('true')).code).toBe(0);
  });

  it('hangs while paused and goes on when resumed', async () => {
    await host.pause();
    const hanging = host.ssh('echo alive');
    const first = await Promise.race([hanging, new Promise((resolve) => setTimeout(resolve, 1500, 'hangs'))]);
    expect(first).toBe('hangs');
    await host.resume();
    expect((await hanging).stdout).toBe('alive\n');
  });

  it('knows its own host keys', async () => {
    const offered = await run(['ssh-keyscan', '-t', 'ed25519', host.address]);
    const [own = ''] = await host.hostKeys();
    expect(offered).toContain(own);
  });

  it.each([
    { sudo: 'NOPASSWD', command: 'sudo -n id -u', expected: '0\n' },
    { sudo: 'password', command: 'echo s3cret | sudo -k -S -p "" id -u', expected: '0\n' },
    { sudo: 'none', command: 'echo s3cret | sudo -k -S -p "" id -u', expected: '' },
  ] as const)('has accounts whose sudo is $sudo', async ({ sudo, command, expected }) => {
    const key = await run(['ssh-keygen', '-y', '-f', fleet.keyFile]);
    const name = `user-${sudo.toLowerCase()}`;
    await host.addUser({ name, password: 's3cret', sudo, authorizedKeys: [key.trim()] });
    expect((await host.ssh(command, { user: name })).stdout).toBe(expected);
  });

  it('keeps the machine’s clock out of its hands', async () => {
    expect((await host.exec('date -s @0')).code).not.toBe(0);
  });
});

describe('a fleet', () => {
  it('runs hosts of several suites beside other fleets, each on its own network', async () => {
    const fleets = await Promise.all([Fleet.create(), Fleet.create()]);
    try {
      const [one, two] = fleets;
      const [bookworm, trixie, other] = await Promise.all([one.up(), one.up({ suite: 'trixie' }), two.up()]);
      expect((await trixie.ssh('cat /etc/debian_version')).stdout).toMatch(/^13\./);
      expect((await bookworm.exec(`ping -c 1 -W 2 ${trixie.address}`)).code).toBe(0);
      expect(other.address.split('.').slice(0, 3)).not.toEqual(bookworm.address.split('.').slice(0, 3));
      expect((await bookworm.run('cat /etc/machine-id')).trim()).not.toBe(
        (await other.run('cat /etc/machine-id')).trim(),
      );
    } finally {
      await Promise.all(fleets.map((fleet) => fleet.down()));
    }
  });

  it('leaves nothing on the machine', async () => {
    const fleet = await Fleet.create();
    const { bridge } = fleet.record.network;
    await fleet.up();
    expect((await traces(fleet.name, bridge)).length).toBeGreaterThan(5);
    await fleet.down();
    expect(await traces(fleet.name, bridge)).toEqual([]);
  });

  it('goes with the process that made it, also when that is killed', async () => {
    const program = `import { Fleet } from './test/hosts/fleet.ts';
      const fleet = await Fleet.create();
      const host = await fleet.up();
      console.log(JSON.stringify({ name: fleet.name, bridge: host.record.bridge }));
      await new Promise(() => setInterval(() => {}, 1000));`;
    const argv = ['--import', 'tsx', '--input-type=module', '-e', program];
    const child = spawn(process.execPath, argv, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { name, bridge } = JSON.parse(line.toString()) as { name: string; bridge: string };
    expect((await traces(name, bridge)).length).toBeGreaterThan(5);
    child.kill('SIGKILL');
    await until('the end of the orphaned fleet', 30_000, async () =>
      (await traces(name, bridge)).length === 0 ? true : undefined,
    );
  });

  it('started by the command outlives it, and the command removes it', async () => {
    const name = `cli-${process.pid}`;
    const hosts = (...args: string[]) => attempt(['npm', 'run', '-s', 'hosts', '--', ...args], { cwd: REPOSITORY });
    try {
      expect(await hosts('up', '1', '--fleet', name)).toMatchObject({ code: 0 });
      const fleet = await Fleet.open(name);
      const [host] = (await fleet?.hosts()) ?? [];
      expect((await host!.ssh('true')).code).toBe(0);
      expect((await hosts('list')).stdout).toContain(`hostler-${name}-host1  bookworm  ${host!.address}  running`);
      await hosts('down', '--fleet', name);
      expect(await traces(name, fleet!.record.network.bridge)).toEqual([]);
    } finally {
      await hosts('down', '--fleet', name);
    }
  });
});
