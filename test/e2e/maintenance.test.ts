import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'eu-1' });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
  await plane.createServer('eu-1', {
    addresses: [{ type: 'IPv4', address: host.address }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    requirements: { disk: '1G' },
  });
  await plane.waitForCondition('eu-1', 'Ready', 'True');
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

const bootsSeen = async () => (await plane.server('eu-1')).status?.identity?.bootID;

describe('what waits on a host', () => {
  it('is nothing on a fresh one', async () => {
    await plane.waitForCondition('eu-1', 'UpdatePending', 'False', 'NoUpdates');
    await plane.waitForCondition('eu-1', 'RebootPending', 'False', 'NoReboot');
    const { status } = await plane.server('eu-1');
    expect(status?.updates).toMatchObject({ pending: 0, security: 0, needsReboot: false, state: 'UpToDate' });
  });

  it('is security updates once the package lists know of some', async () => {
    await host.addSecurityUpdates();
    await host.run('apt-get update -q');
    const { message } = await plane.waitForCondition('eu-1', 'UpdatePending', 'True', 'SecurityUpdate');
    expect(message).toMatch(/^\d+ of \d+ pending packages are security updates$/);
    const { status } = await plane.server('eu-1');
    expect(status?.updates).toMatchObject({ state: 'UpdatePending', recommendedAction: 'Update' });
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });

  it('is a reboot once a real upgrade of a library asks for one, until the host was rebooted', async () => {
    await host.run('DEBIAN_FRONTEND=noninteractive apt-get -y -q dist-upgrade >/dev/null 2>&1');
    await host.run('DEBIAN_FRONTEND=noninteractive apt-get -y -q install --reinstall dbus >/dev/null 2>&1');
    await plane.waitForCondition('eu-1', 'UpdatePending', 'False', 'NoUpdates');
    const { message } = await plane.waitForCondition('eu-1', 'RebootPending', 'True', 'LibraryUpdated');
    expect(message).toContain('dbus');
    expect((await plane.server('eu-1')).status?.updates).toMatchObject({
      needsReboot: true,
      state: 'RebootPending',
      recommendedAction: 'Reboot',
    });
    const before = await bootsSeen();
    await host.reboot();
    await plane.waitForCondition('eu-1', 'RebootPending', 'False', 'NoReboot');
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await bootsSeen()).not.toBe(before);
    await checkInvariants(plane);
  });
});
