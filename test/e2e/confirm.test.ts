import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectNothingToTakeBack } from '../support/unproven.ts';

const DROP_IN = '/etc/ssh/sshd_config.d/00-hostler.conf';
/** The value with which the trap on the host lets nobody in. */
const LOCKING = 7;

/** Stands for all that a change may do to logins: with the LOCKING value nobody gets in, until it is gone again. */
const TRAP = `#!/bin/sh
if [ -e /root/slow ]; then sleep 3; fi
if grep -qs 'MaxAuthTries ${LOCKING}' ${DROP_IN}; then
  echo 'AllowUsers nobody' >/etc/ssh/sshd_config.d/99-lock.conf
  if [ -e /root/readonly ]; then
    mount --bind /etc/ssh/sshd_config.d /etc/ssh/sshd_config.d
    mount -o remount,bind,ro /etc/ssh/sshd_config.d
  fi
  if [ -e /root/cut ]; then pkill -KILL -f '^sshd: root'; fi
else
  rm -f /etc/ssh/sshd_config.d/99-lock.conf
fi
exit 0
`;
const TRAP_UNIT = `[Service]
ExecReload=
ExecReload=/usr/local/sbin/trap
ExecReload=/bin/kill -HUP $MAINPID
`;

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

beforeEach(async () => {
  await host.run('rm -f /root/slow /root/cut /root/readonly; mkdir -p /etc/systemd/system/ssh.service.d');
  await host.run('cat >/usr/local/sbin/trap; chmod 755 /usr/local/sbin/trap', { input: TRAP });
  await host.run('cat >/etc/systemd/system/ssh.service.d/trap.conf; systemctl daemon-reload', { input: TRAP_UNIT });
});

afterAll(async () => {
  await checkInvariants(plane, { hosts: new Map([['eu-1', host]]) });
  await plane.remove();
  await fleet.down();
});

const declare = async (maxAuthTries: number): Promise<void> => {
  const patch = { spec: { hardening: { sshd: { maxAuthTries } } } };
  await plane.client.patch(servers, { namespace: 'default', name: 'eu-1' }, patch);
};
const disarmTrap = async (): Promise<string> => host.run('echo "#!/bin/sh" >/usr/local/sbin/trap');
const inForce = async (): Promise<string> => (await host.run('sshd -T | grep ^maxauthtries')).trim();
const confirmations = async () => (await plane.server('eu-1')).status?.confirmations;
/** How often a change was begun on the host, over all boots. */
const begun = async (): Promise<number> =>
  Number(await host.run('journalctl -o cat | grep -c "^Started hostler-confirm-.*timer" || true'));
const marker = async (name: string): Promise<void> => {
  await host.run(
    `i=0; until ls /var/lib/hostler/confirm/*/${name} >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 20000 ] || exit 1; sleep 0.01; done`,
  );
};
/** Once the trap is gone the same change is made again and proven; the next test begins as this one did. */
const expectProvenAfterAll = async (): Promise<void> => {
  await plane.waitForCondition('eu-1', 'Ready', 'True');
  expect(await inForce()).toBe(`maxauthtries ${LOCKING}`);
  expect(await confirmations()).toBeUndefined();
  await expectNothingToTakeBack(host);
  await declare(5);
  await plane.waitForCondition('eu-1', 'Ready', 'True');
};
const letsUsIn = async (): Promise<boolean> => (await host.ssh('true')).code === 0;

describe('a change with which nobody can log in any more', () => {
  it('is taken back at once, and after the second time not tried again', async () => {
    const before = await begun();
    await declare(LOCKING);
    const condition = await plane.waitForCondition('eu-1', 'Stalled', 'True', 'ConfigRolledBack');
    expect(condition.message).toMatch(
      /^The host took this back, because no new login was possible with it: set MaxAuthTries/,
    );
    expect(condition.message).toContain('The login said: ');
    expect(condition.message).toContain('This happened 2 times, so it is not tried again.');
    await plane.waitForCondition('eu-1', 'HardeningReady', 'False', 'ConfigRolledBack');
    expect(await letsUsIn()).toBe(true);
    expect(await inForce()).toBe('maxauthtries 6');
    expect((await host.exec(`test -e ${DROP_IN}`)).code).toBe(1);
    await expectNothingToTakeBack(host);
    await sleep(10_000);
    expect((await begun()) - before).toBe(2);
    // that the host refused the proof says nothing against the credential
    await plane.waitForCondition('eu-1', 'Authenticated', 'True');
    expect((await plane.server('eu-1')).status?.auth?.failures).toBeUndefined();
    await checkInvariants(plane, { hosts: new Map([['eu-1', host]]) });
  });

  it('is forgotten as soon as the spec asks for something else', async () => {
    await declare(5);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe('maxauthtries 5');
    expect(await confirmations()).toBeUndefined();
    await expectNothingToTakeBack(host);
  });

  it('is tried again by Retry, once the host was put right', async () => {
    await declare(LOCKING);
    await plane.waitForCondition('eu-1', 'Stalled', 'True', 'ConfigRolledBack');
    expect(await inForce()).toBe('maxauthtries 5');
    await disarmTrap();
    expect(await plane.operate('eu-1', 'Retry')).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe(`maxauthtries ${LOCKING}`);
    await declare(5);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });

  it('is taken back by the host itself when it cuts the session too, and then Hostler gets in again', async () => {
    await host.run('touch /root/cut');
    await declare(LOCKING);
    await marker('armed');
    await expect.poll(letsUsIn, { timeout: 20_000 }).toBe(false);
    await marker('rolledback');
    await disarmTrap();
    expect(await letsUsIn()).toBe(true);
    expect(await inForce()).toBe('maxauthtries 5');
    await plane.waitFor('eu-1', ({ status }) => status?.confirmations?.[0]?.state === 'RolledBack', 180_000);
    await expectProvenAfterAll();
  }, 400_000);
});

describe('a change that cannot be taken back, since the host cannot write', () => {
  it('is taken back as soon as it can', async () => {
    await host.run('touch /root/readonly');
    await declare(LOCKING);
    await marker('rolling');
    // the timer has come, and what it started waits
    await expect
      .poll(() => host.run('systemctl is-active hostler-confirm-*.service || true'), { timeout: 90_000 })
      .toBe('active\n');
    await sleep(2000);
    expect(await host.run('systemctl is-active hostler-confirm-*.service hostler-confirm-*.timer')).toBe(
      'active\nactive\n',
    );
    expect(await letsUsIn()).toBe(false);
    await disarmTrap();
    await host.run('umount /etc/ssh/sshd_config.d; rm -f /etc/ssh/sshd_config.d/99-lock.conf');
    await marker('rolledback');
    expect(await letsUsIn()).toBe(true);
    expect(await inForce()).toBe('maxauthtries 5');
    await expectProvenAfterAll();
  }, 400_000);
});

describe('a control plane that is killed between the change and its proof', () => {
  it('proves it when it is back in time', async () => {
    const before = await begun();
    await host.run('touch /root/slow');
    await declare(4);
    await marker('armed');
    await plane.kill();
    await plane.start();
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe('maxauthtries 4');
    expect((await begun()) - before).toBe(1);
    expect(await confirmations()).toBeUndefined();
    await expectNothingToTakeBack(host);
  });

  it('does not take a login for a proof of what was cut off before it was in force', async () => {
    const before = await begun();
    await host.run('touch /root/slow');
    await declare(8);
    await marker('armed');
    await plane.kill();
    // the script's own shells, while they wait for the reload
    await host.run('pkill -KILL -f "^/bin/sh -s"');
    await plane.start();
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe('maxauthtries 8');
    expect((await begun()) - before).toBe(2);
    expect(await confirmations()).toBeUndefined();
    await expectNothingToTakeBack(host);
    await declare(4);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });

  it('finds it taken back when the host was rebooted meanwhile, and makes it anew', async () => {
    await host.run('touch /root/slow');
    await declare(LOCKING);
    await marker('armed');
    await plane.kill();
    await expect.poll(letsUsIn, { timeout: 20_000 }).toBe(false);
    const before = await host.bootId();
    await host.exec('systemctl reboot');
    await host.waitForReboot(before);
    await expect.poll(letsUsIn, { timeout: 20_000 }).toBe(true);
    expect(await inForce()).toBe('maxauthtries 4');
    await disarmTrap();
    await plane.start();
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe(`maxauthtries ${LOCKING}`);
    expect(await confirmations()).toBeUndefined();
    await expectNothingToTakeBack(host);
    await declare(4);
    await plane.waitForCondition('eu-1', 'Ready', 'True');
  });

  it('finds the change taken back after a power cut too', async () => {
    await host.run('touch /root/slow');
    await declare(3);
    await marker('armed');
    await plane.kill();
    await host.kill();
    await host.start();
    await expect.poll(inForce, { timeout: 20_000 }).toBe('maxauthtries 4');
    await plane.start();
    await plane.waitForCondition('eu-1', 'Ready', 'True');
    expect(await inForce()).toBe('maxauthtries 3');
    await expectNothingToTakeBack(host);
  });

  it('converges whenever it is killed', async () => {
    for (const [index, delay] of [100, 250, 400, 550, 700, 900].entries()) {
      await declare(10 + index);
      await sleep(delay);
      await plane.kill();
      await plane.start();
      await plane.waitForCondition('eu-1', 'Ready', 'True');
      expect(await inForce()).toBe(`maxauthtries ${10 + index}`);
    }
    expect(await confirmations()).toBeUndefined();
    await expectNothingToTakeBack(host);
  }, 400_000);
});
