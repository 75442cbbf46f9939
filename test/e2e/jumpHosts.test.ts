import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { secrets } from '../../src/kube/resource.ts';
import { parseHostKey, fingerprint } from '../../src/ssh/knownHostKey.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { sshKeygen } from '../support/sshd.ts';

let fleet: Fleet;
let bastion: Host;
let inner: Host;
let plane: ControlPlane;

const spec = (host: Host, secret: string, ...jumpHosts: string[]): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: {
    user: 'root',
    auth: { privateKeySecretRef: { name: secret } },
    ...(jumpHosts.length > 0 && { jumpHosts: jumpHosts.map((name) => ({ serverRef: { name } })) }),
  },
});

beforeAll(async () => {
  fleet = await Fleet.create();
  [bastion, inner] = await Promise.all([fleet.up({ name: 'bastion' }), fleet.up({ name: 'inner' })]);
  // only the bastion may come in
  await inner.run('apt-get -q update && apt-get install -qy --no-install-recommends nftables', { timeoutMs: 120_000 });
  await inner.run('nft -f -', {
    input: `table inet only {
      chain input {
        type filter hook input priority 0; policy accept;
        ip saddr != ${bastion.address} tcp dport 22 drop
      }
    }\n`,
  });
  const privateKey = await readFile(fleet.keyFile, 'utf8');
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  for (const name of ['bastion', 'inner'])
    await plane.createSecret(name, 'kubernetes.io/ssh-auth', { 'ssh-privatekey': privateKey });
});

afterAll(async () => {
  await checkInvariants(plane);
  await plane.remove();
  await fleet.down();
});

const server = (name: string) => ({ namespace: 'default', name });
/** Where the logins to the inner host came from, oldest first. */
const origins = async () =>
  (await inner.run('journalctl -u ssh -o cat | sed -n "s/^Accepted publickey for root from \\([^ ]*\\) .*/\\1/p"'))
    .trim()
    .split('\n');

describe('a host that only its bastion can reach', () => {
  it('is not reachable from here', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect({ host: inner.address, port: 22, timeout: 2000 });
      socket.once('timeout', () => resolve('silence')).once('connect', () => resolve('open'));
      socket.once('error', ({ message }) => resolve(message)).once('close', () => socket.destroy());
      setTimeout(() => socket.destroy(), 3000);
    });
    expect(answer).toBe('silence');
  });

  it('waits for the bastion to exist, names it, and becomes Ready through it', async () => {
    await plane.createServer('inner', spec(inner, 'inner', 'bastion'));
    const waiting = await plane.waitForCondition('inner', 'Reachable', 'Unknown', 'DependencyNotReady');
    expect(waiting.message).toContain('Jump host bastion does not exist.');
    expect(waiting.message).toContain('kubectl describe server bastion');
    await plane.grant(['later']);
    await plane.createServer('bastion', { ...spec(bastion, 'later') });
    await plane.waitForCondition('bastion', 'Authenticated', 'False', 'SecretMissing');
    await plane.waitFor(
      'inner',
      (one) => one.status?.conditions?.some(({ message }) => message.includes('bastion is not logged into')) === true,
    );
    await plane.client.patch(servers, server('bastion'), { spec: spec(bastion, 'bastion') });
    await plane.waitForCondition('bastion', 'Ready', 'True');
    await plane.waitForCondition('inner', 'Ready', 'True');
    expect(await origins()).toEqual([bastion.address]);
    expect((await plane.server('inner')).status?.address).toBe(`${inner.address}:22`);
  });

  it('is reached anew, by the new credentials, when those of the bastion change', async () => {
    const pair = sshKeygen('ed25519');
    await bastion.run('cat >>/root/.ssh/authorized_keys', { input: `${pair.publicKey}\n` });
    const data = { 'ssh-privatekey': Buffer.from(pair.privateKey).toString('base64') };
    await plane.client.patch(secrets, server('bastion'), { data });
    await expect.poll(origins, { timeout: 60_000 }).toEqual([bastion.address, bastion.address]);
    const print = fingerprint(parseHostKey(pair.publicKey));
    expect(await bastion.run('journalctl -u ssh -o cat | grep "^Accepted publickey" | tail -n 1')).toContain(print);
    // the old ones are gone: one session here and there
    for (const host of [bastion, inner])
      await expect.poll(() => host.run('pgrep -c -f "^sshd: root@notty"'), { timeout: 30_000 }).toBe('1\n');
    await plane.waitForCondition('inner', 'Ready', 'True');
  });

  it('says so when the bastion has another host key, until that is approved', async () => {
    await bastion.run(
      'rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh; pkill -f "[s]shd: root" || true',
    );
    const waiting = await plane.waitForCondition('inner', 'Reachable', 'Unknown', 'DependencyNotReady');
    expect(waiting.message).toContain('Jump host bastion cannot be used: HostKeyMismatch');
    await plane.waitForCondition('bastion', 'HostKeyVerified', 'False', 'HostKeyMismatch');
    const { status } = await plane.server('inner');
    expect(status?.conditions?.find(({ type }) => type === 'HostKeyVerified')?.status).toBe('Unknown');
    const logins = (await origins()).length;
    const print = fingerprint(parseHostKey(await bastion.run('cat /etc/ssh/ssh_host_ed25519_key.pub')));
    expect(await plane.operate('bastion', 'ApproveHostKey', { approveHostKey: { fingerprint: print } })).toMatchObject({
      phase: 'Succeeded',
    });
    await plane.waitForCondition('bastion', 'Ready', 'True');
    await plane.waitForCondition('inner', 'Ready', 'True');
    expect((await origins()).length).toBe(logins + 1);
  });

  it('says so when the bastion is away, and comes back with it', async () => {
    await bastion.stop();
    const waiting = await plane.waitForCondition('inner', 'Reachable', 'Unknown', 'DependencyNotReady');
    expect(waiting.message).toMatch(/Jump host bastion cannot be used: (ConnectionTimedOut|NoRoute|ConnectionRefused)/);
    await bastion.start();
    await plane.waitForCondition('bastion', 'Ready', 'True');
    await plane.waitForCondition('inner', 'Ready', 'True');
  });

  it('refuses a bastion that is reached through the host itself', async () => {
    await plane.client.patch(servers, server('bastion'), { spec: spec(bastion, 'bastion', 'inner') });
    for (const [name, circle] of [
      ['bastion', 'bastion → inner → bastion'],
      ['inner', 'inner → bastion → inner'],
    ] as const) {
      const stalled = await plane.waitForCondition(name, 'Stalled', 'True', 'InvalidSpec');
      expect(stalled.message).toContain(`in a circle: ${circle}.`);
      await plane.waitForCondition(name, 'Ready', 'False');
    }
    await plane.client.patch(servers, server('bastion'), { spec: { ssh: { jumpHosts: null } } });
    await plane.waitForCondition('bastion', 'Ready', 'True');
    await plane.waitForCondition('inner', 'Ready', 'True');
  });
});
