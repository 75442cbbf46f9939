import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { knownHosts, servers } from '../../src/kube/hostlerResources.ts';
import { secrets } from '../../src/kube/resource.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { UserOptions } from '../hosts/rootfs.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { holdLock } from '../support/holdLock.ts';
import { checkInvariants } from '../support/invariants.ts';

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
  await checkInvariants(plane);
  await plane.remove();
  await fleet.down();
});

const at = (host: Host) => [{ type: 'IPv4' as const, address: host.address }];
const byKey = { privateKeySecretRef: { name: 'key' } };
const operator = async (sudo: UserOptions['sudo']): Promise<UserOptions> => {
  const key = (await readFile(`${fleet.keyFile}.pub`, 'utf8')).trim();
  return { name: 'ops', password: 'right-horse-battery', authorizedKeys: [key], sudo: sudo ?? 'none' };
};
const rejected = async (host: Host) =>
  Number((await host.run('journalctl -u ssh -o cat | grep -c "^Failed password" || true')).trim());

describe('failures end in a condition that says what to do', () => {
  it('stops after three wrong passwords, at least a minute apart, and goes on at once when the Secret changes', async () => {
    const host = await fleet.up({
      name: 'pw',
      users: [{ name: 'ops', password: 'right-horse-battery', sudo: 'password' }],
    });
    await plane.createSecret('pw', 'kubernetes.io/basic-auth', { password: 'wrong-horse-battery' });
    await plane.createServer('pw', {
      addresses: at(host),
      ssh: {
        user: 'ops',
        auth: { passwordSecretRef: { name: 'pw' } },
        hostKeyPolicy: 'TrustOnFirstUse',
        privilege: { passwordSecretRef: { name: 'pw' } },
      },
    });
    const condition = await plane.waitForCondition('pw', 'Authenticated', 'False', 'CredentialsRejected');
    expect(condition.message).toMatch(/refused the login of ops/);
    expect(condition.message).toMatch(/changed Secret/);
    expect(findCondition((await plane.server('pw')).status?.conditions, 'Reachable')?.status).toBe('True');
    // restarts do not try again: no ban
    await plane.kill();
    await plane.start();
    await sleep(8000);
    expect(await rejected(host)).toBe(1);
    const right = { data: { password: Buffer.from('right-horse-battery').toString('base64') } };
    await plane.client.patch(secrets, { namespace: 'default', name: 'pw' }, right);
    await plane.waitForCondition('pw', 'Authenticated', 'True', 'PasswordAccepted');
    await plane.waitForCondition('pw', 'Privileged', 'True', 'WithPassword');
    await plane.waitForCondition('pw', 'Ready', 'True');
  });

  it('stalls while sudo asks for a password that nobody gave, and goes on by itself when it asks no more', async () => {
    const host = await fleet.up({ name: 'asks', users: [await operator('password')] });
    await plane.createServer('asks', { addresses: at(host), ssh: { user: 'ops', auth: byKey } });
    await plane.waitForCondition('asks', 'Privileged', 'False', 'PasswordRequired');
    await plane.waitForCondition('asks', 'Stalled', 'True', 'PasswordRequired');
    await host.addUser({ name: 'ops', sudo: 'NOPASSWD' });
    await plane.waitForCondition('asks', 'Privileged', 'True', 'Passwordless');
    await plane.waitForCondition('asks', 'Ready', 'True');
  });

  it('loses no job and gives nothing up when sudo suddenly asks for a password', async () => {
    const host = await fleet.up({ name: 'suddenly', users: [await operator('NOPASSWD')] });
    const ask = "echo 'ops ALL=(ALL:ALL) ALL' >/etc/sudoers.d/90-ops";
    await plane.createServer('suddenly', {
      addresses: at(host),
      ssh: { user: 'ops', auth: byKey },
      docker: { version: '20.10' },
      requirements: { disk: '1G' },
      hooks: [{ name: 'ask', when: 'PreProvision', script: `${ask}; sleep 9; echo ran >>/var/tmp/hook` }],
    });
    await plane.waitForCondition('suddenly', 'Stalled', 'True', 'PasswordRequired');
    await sleep(12_000);
    const { status } = await plane.server('suddenly');
    expect(findCondition(status?.conditions, 'Privileged')).toMatchObject({ status: 'False' });
    expect(status?.jobs).toMatchObject([{ change: 'hook/ask', attempt: 1 }]);
    await host.addUser({ name: 'ops', sudo: 'NOPASSWD' });
    await plane.waitForCondition('suddenly', 'Ready', 'True');
    expect(await host.run('cat /var/tmp/hook')).toBe('ran\n');
    expect(await host.run('ls -A /var/lib/hostler/jobs')).toBe('');
  });

  it('does not count it against a change that sudo asks for a password before it', async () => {
    const host = await fleet.up({ name: 'before', users: [await operator('NOPASSWD')] });
    // as soon as the hook's result was taken off the host
    const ask = `systemd-run --quiet --path-property='PathExistsGlob=/var/lib/hostler/logs/*.log' \\
      sh -c "echo 'ops ALL=(ALL:ALL) ALL' >/etc/sudoers.d/90-ops"`;
    await plane.createServer('before', {
      addresses: at(host),
      ssh: { user: 'ops', auth: byKey },
      docker: { version: '20.10' },
      requirements: { disk: '1G' },
      hooks: [{ name: 'ask', when: 'PreProvision', script: `${ask}; echo asked` }],
    });
    await plane.waitForCondition('before', 'Stalled', 'True', 'PasswordRequired');
    await sleep(6000);
    expect((await plane.server('before')).status?.machine).toMatchObject({ attempts: 0 });
    await plane.waitForCondition('before', 'Stalled', 'True', 'PasswordRequired');
    await host.addUser({ name: 'ops', sudo: 'NOPASSWD' });
    await plane.waitForCondition('before', 'Ready', 'True');
  });

  it('offers no credential to a host with another key, until the new key is approved', async () => {
    const host = await fleet.up({ name: 'rekey' });
    await plane.createServer('rekey', { addresses: at(host), ssh: { user: 'root', auth: byKey } });
    await plane.waitForCondition('rekey', 'Ready', 'True');
    await host.run(
      'rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh; pkill -f "[s]shd: root" || true',
    );
    const logins = Number(await host.run('journalctl -u ssh -o cat | grep -c "^Accepted" || true'));
    const condition = await plane.waitForCondition('rekey', 'HostKeyVerified', 'False', 'HostKeyMismatch');
    const offered = (await plane.server('rekey')).status?.hostKeys?.find((key) => !key.trusted)?.fingerprint;
    expect(condition.message).toContain(offered);
    expect(await host.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).toContain(offered);
    expect(Number(await host.run('journalctl -u ssh -o cat | grep -c "^Accepted" || true'))).toBe(logins);
    const key = { namespace: 'default', name: `${host.address}-22` };
    expect((await plane.client.get(knownHosts, key)).status?.offeredKeys).toHaveLength(1);
    const wrong = { approveHostKey: { fingerprint: `SHA256:${'A'.repeat(43)}` } };
    expect(await plane.operate('rekey', 'ApproveHostKey', wrong)).toMatchObject({ phase: 'Failed' });
    const right = { approveHostKey: { fingerprint: offered! } };
    expect(await plane.operate('rekey', 'ApproveHostKey', right)).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('rekey', 'Ready', 'True');
  });

  it('changes nothing on another machine with the trusted key, until that is approved', async () => {
    const host = await fleet.up({ name: 'clone' });
    const spec = { addresses: at(host), ssh: { user: 'root', auth: byKey }, requirements: { disk: '1G' } };
    const key = { namespace: 'default', name: 'clone' };
    await plane.createServer('clone', spec);
    await plane.waitForCondition('clone', 'Ready', 'True');
    const machineID = (await host.run('cat /etc/machine-id')).trim();
    const clone = 'c'.repeat(32);
    await host.run(`echo ${clone} > /etc/machine-id; pkill -f "[s]shd: root" || true`);
    const condition = await plane.waitForCondition('clone', 'HostKeyVerified', 'False', 'MachineReplaced');
    expect(condition.message).toContain(`its machine id is ${clone}, that of the trusted one ${machineID}`);
    await plane.client.patch(servers, key, { spec: { docker: {} } });
    await plane.waitForCondition('clone', 'Stalled', 'True', 'MachineReplaced');
    await sleep(5000);
    expect((await host.exec('test -e /var/lib/hostler')).code).toBe(1);
    await plane.client.patch(servers, key, { spec: { docker: null } });
    const print = (await host.run('ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub')).split(' ')[1]!;
    const approval = await plane.operate('clone', 'ApproveHostKey', { approveHostKey: { fingerprint: print } });
    expect(approval).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('clone', 'Ready', 'True');
    const known = await plane.client.get(knownHosts, { namespace: 'default', name: `${host.address}-22` });
    expect(known.spec.machineID).toBe(clone);
  });

  it('demands a KnownHost under Strict', async () => {
    const host = await fleet.up({ name: 'strict' });
    await plane.createServer('strict', {
      addresses: at(host),
      ssh: { user: 'root', auth: byKey, hostKeyPolicy: 'Strict' },
    });
    await plane.waitForCondition('strict', 'HostKeyVerified', 'False', 'HostKeyUnknown');
    expect(await host.run('journalctl -u ssh -o cat | grep -c "^Accepted" || true')).toMatch(/^0/);
    const line = (await host.run('cat /etc/ssh/ssh_host_ed25519_key.pub')).split(' ');
    await plane.client.create(knownHosts, {
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'KnownHost',
      metadata: { name: `${host.address}-22`, namespace: 'default' },
      spec: { address: host.address, port: 22, keys: [{ type: line[0]!, publicKey: line[1]! }] },
    });
    await plane.waitForCondition('strict', 'Ready', 'True');
  });

  it('waits while another process holds the package manager, and names it', async () => {
    const host = await fleet.up({ name: 'busy' });
    await host.run('apt-get -q update >/dev/null');
    const lock = await holdLock(host, '/var/lib/dpkg/lock-frontend');
    await plane.createServer('busy', {
      addresses: at(host),
      ssh: { user: 'root', auth: byKey },
      docker: {},
      requirements: { disk: '1G' },
    });
    const server = await plane.waitFor('busy', (one) => reasonsOf(one).includes('PackageManagerBusy'), 180_000);
    const message = server.status?.conditions?.find((one) => one.reason === 'PackageManagerBusy')?.message;
    // whichever run saw the job's end, it says what waits
    expect(message).toMatch(new RegExp(`^install docker.io .* waits: .*perl \\(pid ${lock.pid}\\)`));
    expect(findCondition(server.status?.conditions, 'Stalled')).toBeUndefined();
    await lock.release();
    await plane.waitForCondition('busy', 'Ready', 'True');
  });

  it('says unreachable after two failures, and comes back by itself', async () => {
    const host = await fleet.up({ name: 'away' });
    await plane.createServer('away', { addresses: at(host), ssh: { user: 'root', auth: byKey } });
    await plane.waitForCondition('away', 'Ready', 'True');
    await host.stop();
    const server = await plane.waitFor(
      'away',
      (one) => findCondition(one.status?.conditions, 'Reachable')?.status === 'False',
    );
    expect(server.status?.summary).toBe('Unreachable');
    expect(findCondition(server.status?.conditions, 'Reachable')?.message).toContain(host.address);
    expect(findCondition(server.status?.conditions, 'InSync')?.status).toBe('Unknown');
    await host.start();
    await plane.waitForCondition('away', 'Ready', 'True');
  });

  it('names a missing Secret and goes on when it is there', async () => {
    const host = await fleet.up({ name: 'nosecret' });
    // without a grant nobody says whether it is there
    await plane.grant(['later']);
    await plane.createServer('nosecret', {
      addresses: at(host),
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'later' } } },
    });
    const condition = await plane.waitForCondition('nosecret', 'Authenticated', 'False', 'SecretMissing');
    expect(condition.message).toContain('default/later');
    await plane.createSecret('later', 'kubernetes.io/ssh-auth', {
      'ssh-privatekey': await readFile(fleet.keyFile, 'utf8'),
    });
    await plane.waitForCondition('nosecret', 'Ready', 'True');
  });

  it('does not touch a host that another Server owns, until TakeOver', async () => {
    const host = await fleet.up({ name: 'owned' });
    await host.run(
      'mkdir -p /var/lib/hostler; printf "version=1\\ninstallation=other\\nserver=other\\nlease=other\\ntransitions=3\\n" > /var/lib/hostler/owner',
    );
    await plane.createServer('owned', {
      addresses: at(host),
      ssh: { user: 'root', auth: byKey },
      docker: {},
      requirements: { disk: '1G' },
    });
    const stalled = await plane.waitForCondition('owned', 'Stalled', 'True', 'OwnedByAnother');
    expect(stalled.message).toContain('TakeOver');
    // later looks, which change nothing, do not make another story of it
    await sleep(6000);
    const { status } = await plane.server('owned');
    expect(findCondition(status?.conditions, 'Stalled')).toEqual(stalled);
    expect(findCondition(status?.conditions, 'InSync')).toMatchObject({ status: 'False', reason: 'ApplyFailed' });
    expect(status?.provisioning?.steps).toContainEqual(
      expect.objectContaining({
        name: 'docker-engine/package',
        state: 'Failed',
        reason: 'OwnedByAnother',
        attempts: 1,
      }),
    );
    expect(status?.jobs).toBeUndefined();
    expect((await host.exec('command -v docker')).code).not.toBe(0);
    expect(await plane.operate('owned', 'TakeOver')).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('owned', 'Ready', 'True');
    const spec = (daemonConfig: Record<string, unknown>): ServerSpec => ({
      addresses: at(host),
      ssh: { user: 'root', auth: byKey },
      docker: { daemonConfig },
      requirements: { disk: '1G' },
    });
    await plane.createServer('twin', spec({ debug: true }));
    const twin = await plane.waitForCondition('twin', 'Stalled', 'True', 'DuplicateMachine');
    expect(twin.message).toContain('the machine of Server owned: both have machine id');
    await plane.client.delete(servers, { namespace: 'default', name: 'owned' });
    await plane.waitForGone('owned');
    await plane.operate('twin', 'Retry');
    await plane.waitFor('twin', (one) =>
      (one.status?.conditions ?? []).some(({ type, message }) => type === 'Stalled' && message.includes('was deleted')),
    );
    expect((await host.exec('cat /etc/docker/daemon.json')).stdout).not.toContain('debug');
    await plane.client.delete(servers, { namespace: 'default', name: 'twin' });
    await plane.waitForGone('twin');
  });
});

function reasonsOf(server: Server): string[] {
  return server.status?.conditions?.map((one) => one.reason) ?? [];
}
