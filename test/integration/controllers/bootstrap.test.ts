import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { publicKeyOf } from '../../../src/ssh/keys.ts';
import { fingerprint } from '../../../src/ssh/knownHostKey.ts';
import { quickLook, ServerBench } from '../../support/serverBench.ts';
import { sshKeygen } from '../../support/sshd.ts';
import { SshServer } from '../../support/sshServer.ts';

const PASSWORD = "canary-first'pw $(id)";
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const pair = sshKeygen('ed25519', { passphrase: 'geheim' });
const key = publicKeyOf(pair.privateKey, 'geheim');
const print = fingerprint(key);

let bench: ServerBench;
let host: SshServer;
let home: string;

const user = () => ({ authorizedKeys: [], password: PASSWORD, home, env: quickLook });
const file = () => join(home, '.ssh', 'authorized_keys');
const passwords = () => host.attempts.filter((method) => method === 'password').length;
const logins = () => host.attempts.filter((method) => method !== 'none').length;
const conditionOf = (type: 'Ready' | 'Authenticated' | 'Stalled') => bench.condition('eu-1', type);

const spec = (overrides: Partial<ServerSpec> = {}): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
  ssh: {
    port: host.port,
    user: 'ops',
    auth: { privateKeySecretRef: { name: 'key' }, bootstrap: { passwordSecretRef: { name: 'first' } } },
    hostKeyPolicy: 'TrustOnFirstUse',
    privilege: { mode: 'None' },
  },
  ...overrides,
});

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'hostler-home-'));
  host = await SshServer.start();
  host.users.set('ops', user());
  bench = await ServerBench.start();
  bench.putSecret('key', { 'ssh-privatekey': pair.privateKey, passphrase: 'geheim' });
  bench.putSecret('first', { password: PASSWORD });
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
  rmSync(home, { recursive: true, force: true });
});

describe('the bootstrap password', () => {
  it('puts the key into authorized_keys, and what counts is a new login by the key alone', async () => {
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    expect(readFileSync(file(), 'utf8')).toBe(`${key.type} ${key.publicKey} hostler acme/eu-1\n`);
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
    const { auth } = bench.server('eu-1').status ?? {};
    expect(auth).toEqual({ current: 'PrivateKey', acceptedVersion: expect.any(String) as unknown });
    expect(passwords()).toBe(1);
    expect(host.attempts.at(-1)).toBe('publickey');
    const told = bench.events.filter((event) => event.startsWith('KeyInstalled'));
    expect(told).toEqual([expect.stringContaining(`${print} (ssh-ed25519) of ops added to ${file()}`)]);
    expect(JSON.stringify([...bench.api.stored('/api/v1/events').values(), bench.server('eu-1')])).not.toContain(
      'canary',
    );
  });

  it('is stored as trusted before the password, and counted before each login', async () => {
    bench.putServer('eu-1', spec());
    const seen: { path: string; failures: number | undefined; passwords: number }[] = [];
    bench.api.fault = ({ method, path, body }) => {
      const failures = (body as { status?: { auth?: { failures?: number } } } | undefined)?.status?.auth?.failures;
      if (method === 'POST' && path.endsWith('knownhosts'))
        seen.push({ path: 'trust', failures, passwords: passwords() });
      if (typeof failures === 'number') seen.push({ path: 'count', failures, passwords: passwords() });
      return undefined;
    };
    await bench.reconcile('eu-1');
    expect(seen).toEqual([
      { path: 'trust', failures: undefined, passwords: 0 },
      { path: 'count', failures: 1, passwords: 0 },
      { path: 'count', failures: 2, passwords: 0 },
      // accepted: what stays counted is that the key was refused
      { path: 'count', failures: 1, passwords: 1 },
      { path: 'count', failures: 2, passwords: 1 },
    ]);
  });

  it('is not needed, and the host not written to, by a second process', async () => {
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    await bench.reconcile('eu-1');
    const [written, writes] = [statSync(file()), bench.writes];
    await bench.restart();
    await bench.reconcile('eu-1');
    expect(statSync(file())).toMatchObject({ ino: written.ino, ctimeMs: written.ctimeMs });
    expect(bench.writes).toBe(writes);
    expect(passwords()).toBe(1);
  });

  it('is never sent where the key is accepted from the start', async () => {
    mkdirSync(join(home, '.ssh'));
    writeFileSync(file(), `${pair.publicKey}\n`);
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
    expect(passwords()).toBe(0);
    expect(readFileSync(file(), 'utf8')).toBe(`${pair.publicKey}\n`);
  });

  it('is never sent again once the key was proven, not even when the key is refused later', async () => {
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    rmSync(file());
    for (let hours = 0; hours < 4; hours++) {
      await bench.restart();
      await bench.reconcile('eu-1');
      await bench.clock.advance(HOUR);
    }
    // another key of the same Secret changes nothing about that
    bench.putSecret('key', { 'ssh-privatekey': sshKeygen('ed25519').privateKey });
    await bench.restart();
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'False', reason: 'CredentialsRejected' });
    expect(passwords()).toBe(1);
  });

  it('replaces a password that was the main credential before', async () => {
    const { ssh } = spec();
    bench.putServer('eu-1', spec({ ssh: { ...ssh, auth: { passwordSecretRef: { name: 'first' } } } }));
    await bench.reconcile('eu-1');
    expect(bench.server('eu-1').status?.auth?.current).toBe('Password');
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    expect(bench.server('eu-1').status?.auth?.current).toBe('PrivateKey');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
  });

  it.each([
    ['spec.paused is true', { paused: true }],
    ['spec.management.default is Observe', { management: { default: 'Observe' } }],
  ] as const)('logs in and writes nothing while %s, and says so; then the key is installed', async (why, hands) => {
    bench.putServer('eu-1', spec(hands));
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'PasswordAccepted' });
    expect(conditionOf('Authenticated')?.message).toContain(`the key is not installed, as ${why}`);
    expect(bench.server('eu-1').status?.auth).toEqual({ current: 'Bootstrap' });
    expect(() => statSync(join(home, '.ssh'))).toThrow('ENOENT');
    // the kept session serves
    await bench.reconcile('eu-1');
    expect(passwords()).toBe(1);
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
  });

  it('that is wrong ends as any rejected login, within its bounds', async () => {
    bench.putSecret('first', { password: 'canary-wrong' });
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    const { message = '', ...condition } = conditionOf('Authenticated') ?? {};
    expect(condition).toMatchObject({ status: 'False', reason: 'CredentialsRejected' });
    expect(message).toContain('with the private key and with the bootstrap password');
    expect(message).not.toContain('canary');
    for (let minutes = 0; minutes < 60; minutes++) {
      await bench.clock.advance(MINUTE);
      await bench.restart();
      await bench.reconcile('eu-1');
    }
    // two refusals at once, two more a minute later, then slow probes
    expect([logins(), passwords()]).toEqual([4, 2]);
    expect(conditionOf('Stalled')).toMatchObject({ reason: 'CredentialsRejected' });
  });
});

describe('a host that does not take the key', () => {
  it('although it is in authorized_keys: says where it is, what is loose, and what to look at', async () => {
    host.users.set('ops', { ...user(), refuseKeys: true });
    mkdirSync(join(home, '.ssh'));
    chmodSync(join(home, '.ssh'), 0o775);
    bench.putServer('eu-1', spec());
    await bench.reconcile('eu-1');
    const condition = conditionOf('Authenticated');
    expect(condition).toMatchObject({ status: 'False', reason: 'CredentialsRejected' });
    expect(condition?.message).toContain(`The public key ${print} is in ${file()}, but the host refuses`);
    expect(condition?.message).toContain(`others may write to ${home}/.ssh`);
    expect(condition?.message).toContain('PubkeyAuthentication');
    expect(condition?.message).toContain('sshd -T -C user=ops');
    expect(conditionOf('Ready')?.status).toBe('False');
    for (let minutes = 0; minutes < 60; minutes++) {
      await bench.clock.advance(MINUTE);
      await bench.reconcile('eu-1');
      expect(conditionOf('Authenticated')?.message).toContain(print);
    }
    // key, password, key; then key and password, as nothing changed since; then slow probes
    expect([logins(), passwords()]).toEqual([5, 2]);
    expect(conditionOf('Stalled')).toMatchObject({ reason: 'CredentialsRejected' });
    expect(readFileSync(file(), 'utf8').trim().split('\n')).toHaveLength(1);
    host.users.set('ops', user());
    await bench.clock.advance(24 * HOUR);
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
    expect(passwords()).toBe(2);
  });

  it('because it cannot be written down: names the cause and keeps on saying so', async () => {
    mkdirSync(join(home, 'elsewhere'));
    symlinkSync('elsewhere', join(home, '.ssh'));
    bench.putServer('eu-1', spec());
    for (let minutes = 0; minutes < 30; minutes++) {
      await bench.reconcile('eu-1');
      expect(conditionOf('Authenticated')).toMatchObject({ status: 'False', reason: 'KeyNotInstalled' });
      expect(conditionOf('Authenticated')?.message).toContain(`${home}/.ssh is a symbolic link`);
      expect(conditionOf('Stalled')).toMatchObject({ reason: 'KeyNotInstalled' });
      await bench.clock.advance(MINUTE);
    }
    expect(passwords()).toBe(3);
    rmSync(join(home, '.ssh'));
    await bench.clock.advance(24 * HOUR);
    await bench.reconcile('eu-1');
    expect(conditionOf('Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
  });
});

describe('a process that is killed', () => {
  it('at any write to the API converges, with one line in the file, and forgets no acceptance', async () => {
    for (let heard = 0, accepted = false; !accepted; heard++) {
      forgetEverything();
      await bench.restart();
      bench.putServer('eu-1', spec());
      const start = bench.writes;
      // from that moment on nothing it says is heard
      bench.api.fault = ({ method }) =>
        method !== 'GET' && bench.writes > start + heard ? { status: 403, reason: 'Forbidden' } : undefined;
      await bench.reconcile('eu-1').catch(() => undefined);
      bench.api.fault = () => undefined;
      accepted = bench.server('eu-1').status?.auth?.current === 'PrivateKey';
      const before = passwords();
      await bench.restart();
      await bench.clock.advance(MINUTE);
      await bench.reconcile('eu-1');
      expect(conditionOf('Authenticated'), `after ${heard} writes`).toMatchObject({ reason: 'KeyAccepted' });
      expect(readFileSync(file(), 'utf8')).toBe(`${key.type} ${key.publicKey} hostler acme/eu-1\n`);
      if (accepted) expect(passwords()).toBe(before);
      else expect(heard).toBeLessThan(20);
    }
  }, 120_000);

  /** Of the API and of the host. */
  function forgetEverything(): void {
    for (const plural of ['servers', 'knownhosts']) {
      const collection = `/apis/hostler.dev/v1alpha1/${plural}`;
      for (const name of bench.api.stored(collection).keys()) bench.api.remove(collection, name);
    }
    rmSync(join(home, '.ssh'), { recursive: true, force: true });
  }
});
