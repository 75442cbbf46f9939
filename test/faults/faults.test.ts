import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reason } from '../../src/api/reasons.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { watchApt } from '../support/aptWatch.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectDocker, expectNoJobLeft, expectSoundPackages } from '../support/soundHost.ts';
import { isConverged } from './converged.ts';
import { faultHome } from './faultHome.ts';

const FLAGS = ['--health-interval', '2s', '--drift-interval', '4s'];
/** With a minute of backoff in it. */
const END_MS = 240_000;

let fleet: Fleet;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  plane = await startControlPlane(FLAGS, {}, await faultHome('faults/faults', 0));
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

const specOf = (host: Host, more: Partial<ServerSpec> = {}): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
  docker: { version: '20.10' },
  requirements: { disk: '1M' },
  ...more,
});

/** Waits until some condition has the reason. Returns its message. */
async function messageFor(name: string, reason: Reason): Promise<string> {
  const told = ({ status }: Server) => status?.conditions?.find((one) => one.reason === reason);
  const server = await plane.waitFor(name, (one) => told(one) !== undefined, END_MS);
  return told(server)!.message;
}

const converged = (name: string) => plane.waitFor(name, isConverged, END_MS);

async function expectSound(host: Host, { interruptions }: { interruptions: number }): Promise<void> {
  await expectSoundPackages(host, { interruptions });
  await expectNoJobLeft(host);
  await expectDocker(host, /^20\.10\./);
  await checkInvariants(plane, { hosts: new Map([[host.name, host]]) });
}

/** Until `program` runs on the host. */
const running = (host: Host, program: string) =>
  expect.poll(async () => (await host.exec('pgrep -x "$1"', { args: [program] })).code, { timeout: 60_000 }).toBe(0);

describe('packages', () => {
  it.concurrent('are put right after dpkg was killed in the middle of an installation', async () => {
    const host = await fleet.up({ name: 'dpkg' });
    await watchApt(host);
    await plane.createServer('dpkg', specOf(host));
    // apt calls dpkg for questions too: only one that has begun to unpack is in the middle
    await host.run(
      `until grep -qE ' status (half-installed|unpacked) (runc|containerd|docker.io):' /var/log/dpkg.log && pkill -KILL -x dpkg; do
        sleep 0.02
      done`,
      { timeoutMs: 120_000 },
    );
    await converged('dpkg');
    await expectSound(host, { interruptions: 1 });
  });

  it.concurrent('are put right after dpkg was killed while the engine was in place already', async () => {
    const host = await fleet.up({ name: 'trigger' });
    await watchApt(host);
    // the first trigger to be worked on kills the dpkg that called
    await host.run(`script=/var/lib/dpkg/info/libc-bin.postinst
      { printf '#!/bin/sh\nif [ "$1" = triggered ] && mkdir /var/tmp/killed 2>/dev/null; then kill -9 $PPID; exit 1; fi\n'
        sed 1d "$script"; } >/tmp/postinst
      cat /tmp/postinst >"$script"`);
    await plane.createServer('trigger', specOf(host));
    await converged('trigger');
    await host.run('test -d /var/tmp/killed');
    await expectSound(host, { interruptions: 1 });
  });

  it.concurrent('are put right after somebody else left them half installed', async () => {
    const host = await fleet.up({ name: 'halfway' });
    await watchApt(host);
    await host.run(`
      apt-get -q update >/dev/null
      apt-get -y -q install --no-install-recommends containerd >/dev/null 2>&1 &
      until grep -qE ' status (half-installed|unpacked) (runc|containerd):' /var/log/dpkg.log; do sleep 0.02; done
      pkill -KILL apt-get; pkill -KILL dpkg; wait`);
    expect(await host.run('dpkg --audit; ls /var/lib/dpkg/updates')).not.toBe('');
    await plane.createServer('halfway', specOf(host));
    await converged('halfway');
    await expectSound(host, { interruptions: 0 });
  });

  it.concurrent('that cannot be put right are named, and nothing more is tried than that', async () => {
    const host = await fleet.up({ name: 'broken' });
    await watchApt(host);
    await host.run(`
      mkdir -p /tmp/sick/DEBIAN
      printf 'Package: sick\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@b.c>\\nDescription: fails\\n' >/tmp/sick/DEBIAN/control
      printf '#!/bin/sh\\nexit 1\\n' >/tmp/sick/DEBIAN/postinst
      chmod 755 /tmp/sick/DEBIAN/postinst
      dpkg-deb -b /tmp/sick /tmp/sick.deb >/dev/null
      dpkg -i /tmp/sick.deb >/dev/null 2>&1 || true`);
    await plane.createServer('broken', specOf(host));
    const message = await messageFor('broken', 'PackageManagerBroken');
    expect(message).toContain('sick');
    expect(message).toContain('dpkg --configure -a');
    await host.run('dpkg --purge sick');
    await converged('broken');
    await expectSound(host, { interruptions: 0 });
  });
});

describe('a power cut', () => {
  it.concurrent('in the middle of a job ends with the job done once more', async () => {
    const host = await fleet.up({ name: 'cut' });
    await watchApt(host);
    await plane.createServer('cut', specOf(host));
    await running(host, 'dpkg');
    await host.kill();
    await host.start();
    await converged('cut');
    await expectSound(host, { interruptions: 1 });
  });
});

describe('a full disk', () => {
  it.concurrent('is named with its file system, and the work goes on once there is room', async () => {
    const host = await fleet.up({ name: 'full', diskMegabytes: 900 });
    await watchApt(host);
    const leave = (megabytes: number) =>
      host.run(
        'rm -f /var/fill; free=$(df -P -m / | awk "END { print \\$4 }"); fallocate -l "$((free - $1 - 1))M" /var/fill',
        { args: [String(megabytes)] },
      );
    await leave(120);
    await plane.createServer('full', specOf(host));
    expect(await messageFor('full', 'DiskFull')).toMatch(/\/ has \d+ MB free/);
    // not even a status file fits
    await leave(1);
    await host.exec('cat /dev/zero >/var/fill2');
    await plane.client.patch(servers, { namespace: 'default', name: 'full' }, { spec: { docker: { users: [] } } });
    await plane.waitFor('full', ({ status }) =>
      (status?.conditions ?? []).some(
        ({ reason, message }) => reason === 'DiskFull' && /\/ has 0 [kM]B free/.test(message),
      ),
    );
    await host.run('rm /var/fill /var/fill2');
    await converged('full');
    const script = 'cat /dev/zero >/var/fill3';
    const { conditions, message } = await plane.operate('full', 'RunCommand', { runCommand: { script } });
    expect(conditions?.[0]).toMatchObject({ status: 'False', reason: 'DiskFull' });
    expect(message).toContain('/ has 0 kB free');
    await host.run('rm /var/fill3');
    await expectSound(host, { interruptions: 0 });
  });
});

describe('a name server that is gone', () => {
  it.concurrent('is told as a repository that cannot be reached, and does no harm to what is installed', async () => {
    const host = await fleet.up({ name: 'dns' });
    await watchApt(host);
    const servers = await host.run('cat /etc/resolv.conf');
    const resolve = (text: string) => host.run('cat >/etc/resolv.conf', { input: text });
    await resolve('nameserver 127.0.0.1\n');
    await plane.createServer('dns', specOf(host));
    const message = await messageFor('dns', 'RepositoryUnavailable');
    expect(message).toMatch(/Temporary failure resolving/);
    expect(message).toContain('DNS');
    await resolve(servers);
    await converged('dns');
    await resolve('nameserver 127.0.0.1\n');
    await plane.waitFor(
      'dns',
      ({ status }) =>
        status?.qualification?.checks
          ?.find(({ name }) => name === 'internet')
          ?.message.includes('package repository') === true,
    );
    expect(isConverged(await plane.server('dns'))).toBe(true);
    await resolve(servers);
    await expectSound(host, { interruptions: 0 });
  });
});

describe('a clock that is off by days', () => {
  /** New logins and new units see another time; the machine's own clock stays as it is. */
  async function setClock(host: Host, offset: string): Promise<void> {
    await host.run(
      `library=$(dpkg -L libfaketime | grep -x '.*/libfaketime.so.1')
      printf 'LD_PRELOAD=%s\\nFAKETIME=%s\\n' "$library" "$1" >/etc/environment
      systemctl set-environment "LD_PRELOAD=$library" "FAKETIME=$1"
      pkill -f '^sshd: root' || true`,
      { args: [offset] },
    );
  }
  const clockOf = ({ status }: Server) => status?.qualification?.checks?.find(({ name }) => name === 'clock');

  it.concurrent('is told as it moves, and breaks nothing that does not depend on it', async () => {
    const host = await fleet.up({ name: 'clock' });
    await watchApt(host);
    await host.run('apt-get -q update >/dev/null; apt-get -y -q install libfaketime >/dev/null 2>&1');
    await setClock(host, '-3d');
    await plane.createServer('clock', specOf(host));
    const behind = await plane.waitFor('clock', (one) => clockOf(one)?.result === 'Warn', END_MS);
    expect(clockOf(behind)).toMatchObject({ reason: 'ClockSkew' });
    expect(clockOf(behind)?.message).toMatch(/^The clock is 2\d{5} seconds behind Hostler's\. Turn on time/);
    await converged('clock');
    await setClock(host, '+1d');
    await plane.waitFor('clock', (one) => clockOf(one)?.message.includes('ahead of') === true, END_MS);
    await setClock(host, '+0');
    await plane.waitFor('clock', (one) => clockOf(one)?.result === 'Pass', END_MS);
    expect(isConverged(await plane.server('clock'))).toBe(true);
    await expectSound(host, { interruptions: 0 });
  });
});
