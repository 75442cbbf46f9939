import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { quickLook, ServerBench } from '../../support/serverBench.ts';
import { sshKeygen, startSshd, type Sshd } from '../../support/sshd.ts';
import { SshServer } from '../../support/sshServer.ts';

const HOUR = 3_600_000;

let bench: ServerBench;
/** The jump host: a real OpenSSH. */
let bastion: Sshd;
/** The host behind it. */
let inner: SshServer;

beforeEach(async () => {
  const environment = Object.entries({ SHLVL: '5', ...quickLook }).map(([name, value]) => `${name}=${value}`);
  bastion = await startSshd({ config: [`SetEnv ${environment.join(' ')}`], hostKeyTypes: ['ed25519'] });
  inner = await SshServer.start();
  inner.users.set('tester', { env: quickLook });
  bench = await ServerBench.start();
  bench.putSecret('bastion', { 'ssh-privatekey': bastion.clientKey });
  bench.putSecret('inner', { 'ssh-privatekey': inner.clientKey });
});
afterEach(async () => {
  await bench.stop();
  await inner.stop();
  await bastion.stop();
});

function spec(target: { port: number; user: string; secret: string }, ...jumpHosts: string[]): ServerSpec {
  return {
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    ssh: {
      port: target.port,
      user: target.user,
      auth: { privateKeySecretRef: { name: target.secret } },
      privilege: { mode: 'None' },
      ...(jumpHosts.length > 0 && { jumpHosts: jumpHosts.map((name) => ({ serverRef: { name } })) }),
    },
    management: { default: 'Observe' },
  };
}
const bastionSpec = (...jumpHosts: string[]) =>
  spec({ port: bastion.port, user: bastion.user, secret: 'bastion' }, ...jumpHosts);
const innerSpec = (...jumpHosts: string[]) => spec({ port: inner.port, user: 'tester', secret: 'inner' }, ...jumpHosts);
const logins = () => bastion.log().match(/Accepted publickey/g)?.length ?? 0;
const refusals = () => bastion.log().match(/Failed publickey|maximum authentication attempts/g)?.length ?? 0;

/** Bastion and inner host, both logged into. */
async function reached(): Promise<void> {
  bench.putServer('bastion', bastionSpec());
  bench.putServer('inner', innerSpec('bastion'));
  await bench.reconcile('bastion');
  await bench.reconcile('inner');
  expect(bench.condition('inner', 'Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
}

/** Two looks, as one failure of a host that answered before proves nothing. */
async function twice(name: string): Promise<void> {
  await bench.reconcile(name);
  await bench.reconcile(name);
}

describe('a Server behind a jump host', () => {
  it('waits for the jump host to exist and to be logged into, and names it', async () => {
    bench.putServer('inner', innerSpec('bastion'));
    expect(await bench.reconcile('inner')).toEqual({ requeueAfterMs: 15_000 });
    const reachable = () => bench.condition('inner', 'Reachable');
    expect(reachable()).toMatchObject({ status: 'Unknown', reason: 'DependencyNotReady' });
    expect(reachable()?.message).toContain('Jump host bastion does not exist.');
    expect(bench.condition('inner', 'Stalled')).toBeUndefined();
    bench.putServer('bastion', bastionSpec());
    await bench.reconcile('inner');
    expect(reachable()?.message).toContain('Jump host bastion is not logged into yet.');
    expect(reachable()?.message).toContain('kubectl describe server bastion');
    expect(inner.front.connections).toBe(0);
    await bench.reconcile('bastion');
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'True' });
    // the bastion's own session leads there
    expect([logins(), inner.front.connections]).toEqual([1, 1]);
  });

  it('is another machine than one that has the same address elsewhere', async () => {
    bench.putServer('elsewhere', innerSpec());
    await bench.reconcile('elsewhere');
    const [type = '', publicKey = ''] = sshKeygen('ed25519').publicKey.split(' ');
    bench.trustAnotherKey({ type, publicKey });
    await reached();
    const behind = bench.knownHostAt('127.0.0.1', inner.port, 'bastion');
    expect(behind?.spec).toMatchObject({ address: '127.0.0.1', port: inner.port, via: 'bastion' });
    expect(bench.knownHostAt('127.0.0.1', inner.port)?.spec.keys).toEqual([{ type, publicKey }]);
    await bench.reconcile('elsewhere');
    await bench.restart();
    await twice('elsewhere');
    expect(bench.condition('elsewhere', 'HostKeyVerified')).toMatchObject({ reason: 'HostKeyMismatch' });
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'HostKeyVerified')).toMatchObject({ status: 'True' });
  });

  it('is known by its keys when it moves behind a jump host', async () => {
    bench.putServer('inner', innerSpec());
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Ready')?.status).toBe('True');
    await reached();
    expect(bench.knownHostAt('127.0.0.1', inner.port, 'bastion')?.spec.keys).toEqual(
      bench.knownHostAt('127.0.0.1', inner.port)?.spec.keys,
    );
  });

  it('says so when the jump host has another host key, and takes nothing of it for its own', async () => {
    await reached();
    await bastion.restart({ newHostKeys: true });
    await expect.poll(() => inner.front.open).toBe(0);
    await twice('inner');
    const reachable = bench.condition('inner', 'Reachable');
    expect(reachable).toMatchObject({ status: 'Unknown', reason: 'DependencyNotReady' });
    expect(reachable?.message).toContain('Jump host bastion cannot be used: HostKeyMismatch: 127.0.0.1');
    expect(bench.condition('inner', 'HostKeyVerified')?.status).not.toBe('False');
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'Unknown' });
    expect(logins()).toBe(1);
    const offered = [...bench.api.stored('/apis/hostler.dev/v1alpha1/knownhosts').values()].map(
      (one) => (one as { status?: { offeredKeys?: object[] } }).status?.offeredKeys,
    );
    expect(offered).toEqual([undefined, undefined]);
    // its own Server finds the same, and then nobody knocks any more
    await bench.reconcile('bastion');
    expect(bench.condition('bastion', 'HostKeyVerified')).toMatchObject({ reason: 'HostKeyMismatch' });
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Reachable')?.message).toContain('HostKeyMismatch');
  });

  it('is not reached through another machine that has the host key of the jump host', async () => {
    await reached();
    bench.trustAnotherMachine('0123456789abcdef0123456789abcdef', bench.knownHostAt('127.0.0.1', bastion.port));
    await bench.restart();
    const before = inner.front.connections;
    await twice('inner');
    const reachable = bench.condition('inner', 'Reachable');
    expect(reachable).toMatchObject({ status: 'Unknown', reason: 'DependencyNotReady' });
    expect(reachable?.message).toContain('Jump host bastion cannot be used: MachineReplaced: ');
    expect(inner.front.connections).toBe(before);
  });

  it('is reached anew, by the new credentials, when those of the jump host change', async () => {
    await reached();
    const pair = sshKeygen('ed25519');
    appendFileSync(join(bastion.directory, 'authorized_keys'), `${pair.publicKey}\n`);
    bench.putSecret('bastion', { 'ssh-privatekey': pair.privateKey });
    await bench.clock.advance(HOUR);
    // not proven by their own Server yet: the kept session serves on
    await bench.reconcile('inner');
    expect([logins(), inner.front.connections]).toEqual([1, 1]);
    await bench.reconcile('bastion');
    expect(logins()).toBe(2);
    await bench.reconcile('inner');
    expect([logins(), inner.front.connections]).toEqual([2, 2]);
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'True' });
    await expect.poll(() => inner.front.open).toBe(1);
  });

  it('never tries credentials that the jump host was not logged into with', async () => {
    await reached();
    bench.putSecret('bastion', { 'ssh-privatekey': sshKeygen('ed25519').privateKey });
    await bench.restart();
    await twice('inner');
    expect(bench.condition('inner', 'Reachable')?.message).toContain(
      'not logged into yet with its present credentials',
    );
    expect([logins(), refusals()]).toEqual([1, 0]);
  });

  it('tries a jump host that takes the proven key no more once, and leaves the rest to its own Server', async () => {
    await reached();
    writeFileSync(join(bastion.directory, 'authorized_keys'), '');
    await bench.restart();
    for (let count = 0; count < 4; count++) await bench.reconcile('inner');
    expect(bench.condition('inner', 'Reachable')).toMatchObject({ status: 'Unknown', reason: 'DependencyNotReady' });
    expect(bench.server('inner').status?.auth?.failures).toBeUndefined();
    await expect.poll(refusals).toBe(1);
    await bench.reconcile('bastion');
    await expect.poll(refusals).toBe(2);
    for (let count = 0; count < 4; count++) await bench.reconcile('inner');
    expect(bench.condition('inner', 'Reachable')?.message).toContain('CredentialsRejected');
    expect(refusals()).toBe(2);
    // put right: both come back
    writeFileSync(join(bastion.directory, 'authorized_keys'), readFileSync(`${bastion.clientKeyFile}.pub`));
    await bench.clock.advance(HOUR);
    await bench.reconcile('bastion');
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'True' });
  });

  it.each<[string, () => Promise<void> | void]>([
    ['once a quarter of an hour has passed', () => bench.clock.advance(HOUR / 4)],
    [
      'because somebody asks for it',
      () => {
        bench.putOperation('again', { serverRef: { name: 'inner' }, type: 'Retry' });
      },
    ],
  ])('tries a jump host that refused for a moment again %s', async (_when, untilThen) => {
    await reached();
    const keys = join(bastion.directory, 'authorized_keys');
    writeFileSync(keys, '');
    await bench.restart();
    await twice('inner');
    await expect.poll(refusals).toBe(1);
    // its own Server has a session still, and never hears of it
    writeFileSync(keys, readFileSync(`${bastion.clientKeyFile}.pub`));
    await bench.clock.advance(HOUR / 4 - 1000);
    await twice('inner');
    expect(bench.condition('inner', 'Reachable')?.message).toContain('Jump host bastion refused the last login.');
    await untilThen();
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'True' });
    expect([refusals(), logins()]).toEqual([1, 2]);
  });

  it('tries one that goes on refusing once a quarter of an hour, also while a Fix waits for it', async () => {
    await reached();
    bench.putOperation('fix', { serverRef: { name: 'inner' }, type: 'Fix' });
    writeFileSync(join(bastion.directory, 'authorized_keys'), '');
    await bench.restart();
    for (let quarters = 1; quarters <= 3; quarters++) {
      await twice('inner');
      await twice('inner');
      await expect.poll(refusals).toBe(quarters);
      await bench.clock.advance(HOUR / 4);
    }
  });

  it('says so when the jump host is deleted, although the way is still open', async () => {
    await reached();
    bench.api.remove('/apis/hostler.dev/v1alpha1/servers', 'acme/bastion');
    await twice('inner');
    expect(bench.condition('inner', 'Reachable')?.message).toContain('Jump host bastion does not exist.');
  });

  it('follows the way that the jump host itself needs', async () => {
    bench.putServer('first', bastionSpec());
    bench.putServer('second', innerSpec('first'));
    bench.putServer('third', innerSpec('second'));
    await bench.reconcile('first');
    await bench.reconcile('second');
    await bench.reconcile('third');
    expect(bench.condition('third', 'Ready')).toMatchObject({ status: 'True' });
    rmSync(join(bastion.directory, 'authorized_keys'));
    bench.api.remove('/apis/hostler.dev/v1alpha1/servers', 'acme/first');
    await twice('third');
    expect(bench.condition('third', 'Reachable')?.message).toContain('Jump host first does not exist.');
  });

  it.each([
    ['itself', { inner: ['inner'] }, 'inner → inner'],
    ['each other', { inner: ['bastion'], bastion: ['inner'] }, 'inner → bastion → inner'],
    ['a third', { inner: ['bastion'], bastion: ['other'], other: ['inner'] }, 'inner → other → bastion → inner'],
    ['one of them twice', { inner: ['bastion', 'other', 'bastion'], other: [] }, 'bastion → other → bastion → inner'],
  ])('refuses a circle through %s', async (_what, paths, circle) => {
    for (const [name, hops] of Object.entries({ bastion: [], ...paths })) bench.putServer(name, innerSpec(...hops));
    await bench.reconcile('inner');
    expect(bench.condition('inner', 'Reachable')).toMatchObject({ status: 'Unknown', reason: 'InvalidSpec' });
    expect(bench.condition('inner', 'Stalled')).toMatchObject({ status: 'True', reason: 'InvalidSpec' });
    expect(bench.condition('inner', 'Ready')).toMatchObject({ status: 'False' });
    expect(bench.condition('inner', 'Stalled')?.message).toContain(`in a circle: ${circle}.`);
    expect(inner.front.connections).toBe(0);
  });
});
