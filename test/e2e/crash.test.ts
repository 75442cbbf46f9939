import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { ControlPlane } from '../support/controlPlane.ts';
import { checkInvariants } from '../support/invariants.ts';

const KILLS = 10;

let fleet: Fleet;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  plane = await ControlPlane.start(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

/** Notes how many apt-get processes ran at once, until the host says stop. */
const WATCH_APT = `
set -eu
: > /run/apt-watch
( while [ ! -e /run/apt-watch-stop ]; do
    # a child that apt-get forked, and that has not yet become dpkg, is no second run
    n=$(ps -C apt-get -o pid=,ppid= | awk '{ of[$1] = $2 } END { n = 0; for (p in of) if (!(of[p] in of)) n++; print n }')
    [ "$n" -le 1 ] || echo "$n" >> /run/apt-watch
    sleep 0.05
  done ) > /dev/null 2>&1 &
`;

describe('kill -9 of the control plane in the middle of the Docker installation', () => {
  it(`converges after ${KILLS} kills at different moments, with apt run once at a time and nothing left locked`, async () => {
    const host = await fleet.up({ name: 'crash' });
    await host.run(WATCH_APT);
    await plane.createServer('crash', {
      addresses: [{ type: 'IPv4', address: host.address }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      docker: { version: '20.10', daemonConfig: { 'live-restore': true } },
      requirements: { disk: '1G' },
    });
    for (let kill = 0; kill < KILLS; kill++) {
      // from before the login to the end of the installation
      await sleep(300 + 450 * kill);
      await plane.kill();
      await plane.start();
    }
    await plane.waitForCondition('crash', 'Ready', 'True');
    await expectSound(host);
    await checkInvariants(plane);
  });

  it('finds the job again when it is killed while apt runs for the second host', async () => {
    const host = await fleet.up({ name: 'crash-apt' });
    await host.run(WATCH_APT);
    await plane.createServer('crash-apt', {
      addresses: [{ type: 'IPv4', address: host.address }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      docker: { version: '20.10' },
      requirements: { disk: '1G' },
    });
    await expect.poll(async () => (await host.exec('pgrep -x dpkg')).code, { timeout: 60_000 }).toBe(0);
    await plane.kill();
    await plane.start();
    await plane.waitForCondition('crash-apt', 'Ready', 'True');
    await expectSound(host);
    await plane.client.delete(servers, { namespace: 'default', name: 'crash-apt' });
    await plane.waitForGone('crash-apt');
  });
});

async function expectSound(host: Host): Promise<void> {
  await host.run('touch /run/apt-watch-stop');
  expect(await host.run('cat /run/apt-watch'), 'two apt-get at once').toBe('');
  const installs = await host.run('grep -c "^Install:.* docker.io:" /var/log/apt/history.log');
  expect(installs.trim(), 'Docker was installed once').toBe('1');
  expect(await host.run('dpkg --audit')).toBe('');
  expect(await host.run('ls -A /var/lib/hostler/jobs')).toBe('');
  expect(await host.run('systemctl list-units --all --plain --no-legend "hostler-*" | wc -l')).toMatch(/^0/);
  expect((await host.exec('flock -n /var/lib/hostler/lock true')).code, 'the lock is free').toBe(0);
  expect((await host.exec('apt-get check')).code).toBe(0);
  expect(await host.run('docker version -f "{{.Server.Version}}"')).toMatch(/^20\.10\./);
}
