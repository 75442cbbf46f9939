import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { watchApt } from '../support/aptWatch.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectDocker, expectNoJobLeft, expectSoundPackages } from '../support/soundHost.ts';

const KILLS = 10;

let fleet: Fleet;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

describe('kill -9 of the control plane in the middle of the Docker installation', () => {
  it(`converges after ${KILLS} kills at different moments, with apt run once at a time and nothing left locked`, async () => {
    const host = await fleet.up({ name: 'crash' });
    await watchApt(host);
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
    await checkInvariants(plane, { hosts: new Map([['crash', host]]) });
  });

  it('finds the job again when it is killed while apt runs for the second host', async () => {
    const host = await fleet.up({ name: 'crash-apt' });
    await watchApt(host);
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
  await expectSoundPackages(host);
  await expectNoJobLeft(host);
  await expectDocker(host, /^20\.10\./);
}
