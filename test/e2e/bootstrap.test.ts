import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { publicKeyOf } from '../../src/ssh/keys.ts';
import { fingerprint } from '../../src/ssh/knownHostKey.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { sshKeygen } from '../support/sshd.ts';

const PASSWORD = 'canary-first\'pw $(id) "ü';
const pair = sshKeygen('ed25519', { passphrase: 'geheim' });
const key = publicKeyOf(pair.privateKey, 'geheim');

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

const spec = (user: string, overrides: Partial<ServerSpec> = {}): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: {
    user,
    auth: { privateKeySecretRef: { name: 'key' }, bootstrap: { passwordSecretRef: { name: 'first' } } },
    hostKeyPolicy: 'TrustOnFirstUse',
    privilege: { passwordSecretRef: { name: 'first' } },
  },
  ...overrides,
});

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({ name: 'eu-1' });
  await configureSshd('PermitRootLogin yes');
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('key', 'kubernetes.io/ssh-auth', {
    'ssh-privatekey': pair.privateKey,
    passphrase: 'geheim',
  });
  await plane.createSecret('first', 'kubernetes.io/basic-auth', { username: 'any', password: PASSWORD });
});

afterAll(async () => {
  await checkInvariants(plane);
  await plane.remove();
  await fleet.down();
});

async function configureSshd(...lines: string[]): Promise<void> {
  const text = `printf '%s\\n' "$@" >/etc/ssh/sshd_config.d/00-test.conf; sshd -t; systemctl restart ssh`;
  await host.run(text, { args: lines });
  await host.waitForSsh();
}

const ops = async (name: string): Promise<void> => host.addUser({ name, password: PASSWORD, sudo: 'password' });
/** Lines of sshd's log of that user. */
const logged = async (what: string, user: string): Promise<number> =>
  Number(await host.run('journalctl -u ssh -o cat | grep -c "^$1 for $2 " || true', { args: [what, user] }));
/** Content, times, modes and owners of what the user has in ~/.ssh. */
const footprint = async (home: string): Promise<string> =>
  host.run('cd "$1"; find .ssh -printf "%p %m %u:%g %i %T@ %C@\\n" | sort; cat .ssh/authorized_keys', { args: [home] });

describe.each([
  { user: 'root', home: '/root' },
  { user: 'ops', home: '/home/ops' },
])('a host that lets $user in by password', ({ user, home }) => {
  const name = `by-${user}`;

  it('gets the key, and is Ready by the key alone', async () => {
    await ops(user);
    await host.run(
      'install -d -m 750 -o "$1" -g "$1" "$2/.ssh"; printf "# mine\\nssh-ed25519 AAAAforeign me" >"$2/.ssh/authorized_keys"; chown "$1:" "$2/.ssh/authorized_keys"; chmod 640 "$2/.ssh/authorized_keys"',
      { args: [user, home] },
    );
    await plane.createServer(name, spec(user));
    await plane.waitForCondition(name, 'Ready', 'True');
    await plane.waitForCondition(name, 'Authenticated', 'True', 'KeyAccepted');
    expect((await plane.server(name)).status?.auth).toMatchObject({ current: 'PrivateKey' });
    const print = await footprint(home);
    expect(print).toMatch(
      new RegExp(`^\\.ssh 750 ${user}:${user} .*\\n\\.ssh/authorized_keys 640 ${user}:${user} .*\\n#`),
    );
    expect(print).toMatch(/# mine\nssh-ed25519 AAAAforeign me\nssh-ed25519 \S+ hostler default\/by-\S+\n$/);
    expect(print).toContain(key.publicKey);
    expect([await logged('Accepted password', user), await logged('Failed password', user)]).toEqual([1, 0]);
    const told = (await events()).filter((one) => one.reason === 'KeyInstalled' && one.message.includes(home));
    expect(told.map(({ message }) => message)).toEqual([expect.stringContaining(fingerprint(key))]);
  });

  it('is not written to again, and not asked for a password, by another process', async () => {
    const before = await footprint(home);
    await plane.kill();
    await plane.start();
    await sleep(6000);
    await plane.waitForCondition(name, 'Ready', 'True');
    expect(await footprint(home)).toBe(before);
    expect(await logged('Accepted password', user)).toBe(1);
  });

  it('stays Ready when passwords are turned off', async () => {
    await configureSshd('PermitRootLogin yes', 'PasswordAuthentication no');
    await host.run('pkill -KILL -f "[s]shd: $1" || true', { args: [user] });
    await plane.kill();
    await plane.start();
    await sleep(4000);
    await plane.waitForCondition(name, 'Ready', 'True');
    await configureSshd('PermitRootLogin yes');
    // whose key is taken away later is told so, and never gets the password again
    await host.run('rm "$2/.ssh/authorized_keys"; pkill -KILL -f "[s]shd: $1" || true', { args: [user, home] });
    await plane.waitForCondition(name, 'Authenticated', 'False', 'CredentialsRejected');
    expect(await logged('Accepted password', user)).toBe(1);
    await plane.client.delete(servers, { namespace: 'default', name });
    await plane.waitForGone(name);
  });
});

describe('a control plane that is killed', () => {
  it('between the password, the key and its proof converges, with one line in the file', async () => {
    const users = ['kill-a', 'kill-b', 'kill-c', 'kill-d'];
    for (const user of users) await ops(user);
    const moments = [
      'journalctl -u ssh -o cat | grep -q "^Accepted password for kill-a "',
      'test -e /home/kill-b/.ssh',
      'grep -q hostler /home/kill-c/.ssh/authorized_keys',
      'journalctl -u ssh -o cat | grep -q "^Accepted publickey for kill-d "',
    ];
    for (const [index, user] of users.entries()) {
      await plane.createServer(user, spec(user));
      const wait = `i=0; until ${moments[index]!}; do i=$((i+1)); [ $i -lt 2000 ] || exit 1; sleep 0.01; done 2>/dev/null`;
      await host.run(wait);
      await plane.kill();
      await plane.start();
    }
    for (const user of users) {
      await plane.waitForCondition(user, 'Authenticated', 'True', 'KeyAccepted');
      const file = await host.run('cat "/home/$1/.ssh/authorized_keys"; ls -A "/home/$1/.ssh"', { args: [user] });
      expect(file).toBe(`ssh-ed25519 ${key.publicKey} hostler default/${user}\nauthorized_keys\n`);
    }
  });
});

describe('a host where the key cannot be had', () => {
  it('because sshd reads another file: says where the key is and what to look at, and goes on by Retry', async () => {
    await ops('stray');
    await configureSshd('PermitRootLogin yes', 'Match User stray', 'AuthorizedKeysFile /etc/ssh/keys/%u');
    await plane.createServer('stray', spec('stray'));
    const condition = await plane.waitForCondition('stray', 'Authenticated', 'False', 'CredentialsRejected');
    expect(condition.message).toContain(`The public key ${fingerprint(key)} is in /home/stray/.ssh/authorized_keys`);
    expect(condition.message).toContain('AuthorizedKeysFile');
    await sleep(8000);
    expect([await logged('Accepted password', 'stray'), await logged('Failed password', 'stray')]).toEqual([1, 0]);
    await configureSshd('PermitRootLogin yes');
    expect(await plane.operate('stray', 'Retry')).toMatchObject({ phase: 'Succeeded' });
    await plane.waitForCondition('stray', 'Authenticated', 'True', 'KeyAccepted');
  });

  it('because sshd takes none: the same', async () => {
    await ops('nokeys');
    await configureSshd('PermitRootLogin yes', 'Match User nokeys', 'PubkeyAuthentication no');
    await plane.createServer('nokeys', spec('nokeys'));
    const condition = await plane.waitForCondition('nokeys', 'Authenticated', 'False', 'CredentialsRejected');
    expect(condition.message).toContain('PubkeyAuthentication');
    await configureSshd('PermitRootLogin yes');
  });

  it('because somebody else owns the file: touches nothing and says so', async () => {
    await ops('managed');
    const before = await host.run(
      'cd /home/managed; install -d -m 700 -o managed .ssh; echo "# by root" >.ssh/authorized_keys; ls -ln --time-style=full-iso .ssh',
    );
    await plane.createServer('managed', spec('managed'));
    const condition = await plane.waitForCondition('managed', 'Authenticated', 'False', 'KeyNotInstalled');
    expect(condition.message).toContain('/home/managed/.ssh/authorized_keys is not a file that the user owns');
    expect(await host.run('ls -ln --time-style=full-iso /home/managed/.ssh')).toBe(before);
  });

  it('because the disk is full: touches nothing and says so', async () => {
    await ops('full');
    await host.run(
      'mount -t tmpfs -o "size=16k,mode=700,uid=$(id -u full),gid=$(id -g full)" tmpfs /home/full; cd /home/full; mkdir -m 700 .ssh; echo "# mine" >.ssh/authorized_keys; chown -R full: .ssh; cat /dev/zero >filler 2>/dev/null || true',
    );
    await plane.createServer('full', spec('full'));
    const condition = await plane.waitForCondition('full', 'Authenticated', 'False', 'KeyNotInstalled');
    expect(condition.message).toContain('No space left on device');
    expect(await host.run('cat /home/full/.ssh/authorized_keys; ls -A /home/full/.ssh')).toBe(
      '# mine\nauthorized_keys\n',
    );
  });

  it('because management is Observe: logs in by the password, writes nothing, and says so', async () => {
    await ops('watched');
    await plane.createServer('watched', spec('watched', { management: { default: 'Observe' } }));
    const condition = await plane.waitForCondition('watched', 'Authenticated', 'True', 'PasswordAccepted');
    expect(condition.message).toContain('spec.management.default is Observe');
    await plane.waitForCondition('watched', 'Privileged', 'True', 'WithPassword');
    await plane.waitForCondition('watched', 'Ready', 'True');
    expect((await host.exec('test -e /home/watched/.ssh')).code).toBe(1);
  });
});

async function events(): Promise<{ reason: string; message: string }[]> {
  const resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
  const { items } = await plane.client.list<KubeObject & { reason: string; message: string }>(resource);
  return items;
}
