import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectNothingToTakeBack } from '../support/unproven.ts';

type Sshd = NonNullable<NonNullable<ServerSpec['hardening']>['sshd']>;

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

const spec = (sshd: Sshd, port = 22): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: { user: 'root', port, auth: { privateKeySecretRef: { name: 'key' } } },
  requirements: { disk: '1G' },
  hardening: { sshd },
});

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'eu-1' });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
  });
  await plane.createServer('eu-1', spec({}));
  await plane.waitForCondition('eu-1', 'Ready', 'True');
});

afterAll(async () => {
  await checkInvariants(plane, { hosts: new Map([['eu-1', host]]) });
  await plane.remove();
  await fleet.down();
});

const declare = async (sshd: Sshd, port = 22): Promise<void> => {
  // a merge patch would leave the members that are not declared any more
  await plane.client.patch(servers, { namespace: 'default', name: 'eu-1' }, { spec: { hardening: null } });
  await plane.client.patch(servers, { namespace: 'default', name: 'eu-1' }, { spec: spec(sshd, port) });
};
const inForce = async (...keywords: string[]): Promise<string[]> =>
  (await host.run('sshd -T')).split('\n').filter((line) => keywords.includes(line.split(' ')[0] ?? ''));
const listening = async (): Promise<string[]> =>
  (await host.run(`ss -H -l -t -n | awk '{ print $4 }' | grep -o '[0-9]*$' | sort -nu`)).trim().split('\n');
const DROP_IN = '/etc/ssh/sshd_config.d/00-hostler.conf';

describe('spec.hardening.sshd', () => {
  it('declared without a setting touches nothing', async () => {
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True', 'HardeningReady');
    expect((await host.exec(`test -e ${DROP_IN}`)).code).toBe(1);
  });

  it('puts every setting in force, in a file of its own, and leaves the others alone', async () => {
    const before = await host.run('md5sum /etc/ssh/sshd_config');
    await declare({
      passwordAuthentication: 'Disabled',
      permitRootLogin: 'KeyOnly',
      maxAuthTries: 3,
      clientAlive: { intervalSeconds: 300, countMax: 2 },
    });
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(
      await inForce('passwordauthentication', 'kbdinteractiveauthentication', 'maxauthtries', 'clientaliveinterval'),
    ).toEqual([
      'maxauthtries 3',
      'clientaliveinterval 300',
      'passwordauthentication no',
      'kbdinteractiveauthentication no',
    ]);
    expect(await host.run('md5sum /etc/ssh/sshd_config')).toBe(before);
    await expectNothingToTakeBack(host);
    expect((await plane.server('eu-1')).status?.confirmations).toBeUndefined();
  });

  it('takes back what somebody changes by hand', async () => {
    await host.run(`sed -i 's/MaxAuthTries 3/MaxAuthTries 9/' ${DROP_IN}; systemctl reload ssh`);
    await expect.poll(() => inForce('maxauthtries'), { timeout: 60_000 }).toEqual(['maxauthtries 3']);
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
  });

  it('leaves as it is what is not declared any more', async () => {
    await declare({ maxAuthTries: 4 });
    await expect.poll(() => inForce('maxauthtries'), { timeout: 60_000 }).toEqual(['maxauthtries 4']);
    expect(await inForce('passwordauthentication', 'clientalivecountmax')).toEqual([
      'clientalivecountmax 2',
      'passwordauthentication no',
    ]);
  });

  it('moves to another port in three steps, without ever being locked out', async () => {
    await declare({ ports: [22, 2222] });
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    expect(await listening()).toEqual(['22', '2222']);
    await declare({ ports: [22, 2222] }, 2222);
    await plane.waitFor('eu-1', (one) => one.status?.address === `${host.address}:2222`);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    await declare({ ports: [2222] }, 2222);
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await listening()).toEqual(['2222']);
    await expectNothingToTakeBack(host);
  });

  it('refuses ports without the one that Hostler uses', async () => {
    await expect(declare({ ports: [22] }, 2222)).rejects.toThrow('must contain ssh.port');
    await declare({ ports: [2222] }, 2222);
  });

  it('names who holds a declared port, and changes nothing', async () => {
    await host.run('systemd-run -q --unit=holder systemd-socket-activate -l 2300 cat');
    await declare({ ports: [2222, 2300] }, 2222);
    const condition = await plane.waitForCondition('eu-1', 'HardeningReady', 'False', 'PortConflict');
    expect(condition.message).toMatch(/2300, but systemd-socket- \(pid \d+\) holds that port/);
    await host.run('systemctl stop holder');
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    expect(await listening()).toEqual(['2222', '2300']);
  });

  it('names the line of somebody else that decides, and goes on once it is gone', async () => {
    await host.run(
      `echo 'MaxAuthTries 9' >/etc/ssh/sshd_config.d/00-a.conf; echo 'Port 2400' >>/etc/ssh/sshd_config; systemctl reload ssh`,
    );
    await declare({ ports: [2222], maxAuthTries: 5 }, 2222);
    const condition = await plane.waitForCondition('eu-1', 'HardeningReady', 'False', 'ForeignConfig');
    expect(condition.message).toMatch(/ports asks for Port 2222, but sshd has 2222, 2400: .*sshd_config:\d+ \(2400\)/);
    await host.run(`sed -i '/Port 2400/d' /etc/ssh/sshd_config; systemctl reload ssh`);
    await expect
      .poll(
        async () =>
          (await plane.server('eu-1')).status?.conditions?.find((one) => one.type === 'HardeningReady')?.message,
        {
          timeout: 60_000,
        },
      )
      .toContain('00-a.conf:1 (9)');
    await host.run('rm /etc/ssh/sshd_config.d/00-a.conf');
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
  });

  it('does not reload what somebody else wrote and nobody tried', async () => {
    await host.run(`sleep 1; echo 'AllowUsers nobody' >/etc/ssh/sshd_config.d/99-b.conf`);
    await declare({ ports: [2222], maxAuthTries: 6 }, 2222);
    const condition = await plane.waitForCondition('eu-1', 'HardeningReady', 'False', 'ForeignConfig');
    expect(condition.message).toContain('Somebody changed /etc/ssh/sshd_config.d/99-b.conf after sshd last read');
    await host.run('rm /etc/ssh/sshd_config.d/99-b.conf');
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    expect(await inForce('maxauthtries')).toEqual(['maxauthtries 6']);
  });

  it('refuses what would shut out its own login, naming both fields, before anything is sent', async () => {
    const before = await host.run(`md5sum ${DROP_IN}`);
    await declare({ ports: [2222], permitRootLogin: 'Denied' }, 2222);
    const condition = await plane.waitForCondition('eu-1', 'Stalled', 'True', 'InvalidSpec');
    expect(condition.message).toContain('spec.hardening.sshd.permitRootLogin is Denied, but spec.ssh.user says');
    expect(await host.run(`md5sum ${DROP_IN}`)).toBe(before);
    await declare({ ports: [2222] }, 2222);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });
});

describe('a host whose main file reads no drop-ins', () => {
  it('gets one line on top of it', async () => {
    await host.run(
      `sed -i '/^Include/d' /etc/ssh/sshd_config; rm ${DROP_IN}; echo 'Port 2222' >>/etc/ssh/sshd_config; systemctl reload ssh`,
    );
    await declare({ ports: [2222], maxAuthTries: 3 }, 2222);
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    expect(await host.run('head -n 1 /etc/ssh/sshd_config')).toBe(`Include ${DROP_IN}\n`);
    expect(await inForce('maxauthtries', 'port')).toEqual(['port 2222', 'maxauthtries 3']);
    await expectNothingToTakeBack(host);
  });
});

describe('a host where systemd listens for sshd', () => {
  it('gets the ports into the socket unit', async () => {
    await host.run(
      `sed -i '/^Port/d' /etc/ssh/sshd_config ${DROP_IN}; mkdir /etc/systemd/system/ssh.socket.d; printf '[Socket]\\nListenStream=\\nListenStream=2222\\n' >/etc/systemd/system/ssh.socket.d/ports.conf; systemctl disable -q --now ssh.service; systemctl enable -q --now ssh.socket; systemctl start ssh.service`,
    );
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    await declare({ ports: [22, 2222], maxAuthTries: 2 }, 2222);
    await plane.waitForCondition('eu-1', 'HardeningReady', 'True');
    expect(await listening()).toEqual(['22', '2222']);
    expect((await host.ssh('true')).code).toBe(0);
    await declare({ ports: [22] }, 22);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await listening()).toEqual(['22']);
    await expectNothingToTakeBack(host);
  });
});

describe('a Server that is deleted with RemoveAgent', () => {
  it('leaves the file: without Hostler nobody could prove that taking it away locks nobody out', async () => {
    const patch = { spec: { deletionPolicy: 'RemoveAgent' } };
    await plane.client.patch(servers, { namespace: 'default', name: 'eu-1' }, patch);
    await plane.client.delete(servers, { namespace: 'default', name: 'eu-1' });
    await plane.waitForGone('eu-1');
    expect((await host.exec('test -e /var/lib/hostler')).code).toBe(1);
    expect(await inForce('maxauthtries')).toEqual(['maxauthtries 2']);
  });
});
