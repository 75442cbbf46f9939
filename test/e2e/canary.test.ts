import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { knownHosts, serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { configMaps, leases, secrets, type Resource } from '../../src/kube/resource.ts';
import { parsePrivateKey } from '../../src/ssh/keys.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { Canaries, ProcessWatch } from '../support/canaries.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { freePort } from '../support/freePort.ts';

const events: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', namespaced: true };
const SSH_KEY = 'kubernetes.io/ssh-auth';
const PASSWORD = 'kubernetes.io/basic-auth';

const canaries = new Canaries();
const passphrase = canaries.make('passphrase');
const opsPassword = canaries.make('ssh password');
const sudoPassword = canaries.make('sudo password');
const bootstrapPassword = canaries.make('bootstrap password');
const echoPassword = canaries.make('password that a program of the host prints');
const lockedKey = newKey('encrypted key', passphrase);
const plainKey = newKey('key');
const strangerKey = newKey('key that the host does not know');

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;
let processes: ProcessWatch;
let metricsPort: number;

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({
    name: 'target',
    authorizedKeys: [lockedKey.line, plainKey.line],
    users: [
      { name: 'ops', password: opsPassword, sudo: 'password' },
      { name: 'first', password: bootstrapPassword, sudo: 'NOPASSWD' },
      { name: 'echo', password: echoPassword, sudo: 'password' },
    ],
  });
  // ops needs another password for sudo than for the login
  await host.run(
    "IFS= read -r pw; printf 'root:%s\\n' \"$pw\" | chpasswd; echo 'Defaults:ops rootpw' >/etc/sudoers.d/99-ops",
    {
      input: `${sudoPassword}\n`,
    },
  );
  // for echo, sudo prints the password that it was given, as a broken PAM module might
  await host.run(`cat >/usr/local/bin/sudo <<'SUDO'
#!/bin/sh
[ "$(id -un)" = echo ] || exec /usr/bin/sudo "$@"
while [ $# -gt 0 ] && [ "$1" != -p ]; do shift; done
printf '%s' "$2" >&2
IFS= read -r password
echo "sudo: no such password: $password" >&2
exit 1
SUDO
chmod 755 /usr/local/bin/sudo`);
  metricsPort = await freePort();
  processes = new ProcessWatch(canaries);
  plane = await startControlPlane([
    ...['--health-interval', '2s', '--drift-interval', '4s'],
    ...['--metrics-listen', `127.0.0.1:${metricsPort}`],
  ]);
  await createCredentials();
});

afterAll(async () => {
  await processes.stop();
  await plane.remove();
  await fleet.down();
});

describe('a secret in every credential field', () => {
  it('is looked for by means that find it', async () => {
    const scratch = await mkdtemp(join(tmpdir(), 'hostler-canary-'));
    try {
      await writeFile(join(scratch, 'plain'), `x${passphrase}x`);
      await writeFile(join(scratch, 'base64'), Buffer.from(`{"a":"${opsPassword}"}`).toString('base64'));
      await writeFile(join(scratch, 'key'), plainKey.pem);
      expect((await canaries.inFiles(scratch)).sort()).toEqual([
        `${scratch}/base64: ssh password`,
        `${scratch}/key: key`,
        `${scratch}/plain: passphrase`,
      ]);
    } finally {
      await rm(scratch, { recursive: true });
    }
    const control = new Canaries();
    const word = control.make('control');
    const watch = new ProcessWatch(control);
    await host.run('sleep 5; true', { args: [word] });
    await watch.stop();
    expect(watch.leaks).toContainEqual(expect.stringContaining('cmdline: control'));
    await host.run('cat >/var/log/canary-control', { input: word });
    expect(await leaksOnHost(control)).toContain('/var/log/canary-control');
    await host.run('rm /var/log/canary-control');
    if (plane.home !== 'standalone') return;
    // the store is no black box: what is not encrypted is found there
    const open = new Canaries();
    await plane.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'control', namespace: 'default' },
      data: { word: open.make('config map') },
    });
    expect(await open.inFiles(join(plane.directory, 'store'))).toContainEqual(expect.stringContaining('config map'));
  });

  it('is used to log in, and rejected where it is wrong', async () => {
    const opsLogin = { passwordSecretRef: { name: 'ops' } };
    const logins: Record<string, ServerSpec['ssh']> = {
      locked: { user: 'root', auth: key('locked') },
      plain: { user: 'root', auth: key('plain') },
      ops: { user: 'ops', auth: opsLogin, privilege: { passwordSecretRef: { name: 'sudo' } } },
      first: { user: 'first', auth: { ...key('stranger'), bootstrap: { passwordSecretRef: { name: 'first' } } } },
      'bad-passphrase': { user: 'root', auth: key('bad-passphrase') },
      'bad-pkcs8': { user: 'root', auth: key('bad-pkcs8') },
      'bad-openssh': { user: 'root', auth: key('bad-openssh') },
      'bad-login': { user: 'root', auth: key('stranger') },
      'bad-password': { user: 'ops', auth: { passwordSecretRef: { name: 'bad-password' } } },
      'bad-sudo': { user: 'ops', auth: opsLogin, privilege: { passwordSecretRef: { name: 'bad-sudo' } } },
      echo: {
        user: 'echo',
        auth: { passwordSecretRef: { name: 'echo' } },
        privilege: { passwordSecretRef: { name: 'echo' } },
      },
    };
    for (const [name, ssh] of Object.entries(logins)) {
      await plane.createServer(name, {
        addresses: [{ type: 'IPv4', address: host.address }],
        ssh: { hostKeyPolicy: 'TrustOnFirstUse', ...ssh },
      });
    }
    await plane.waitForCondition('locked', 'Authenticated', 'True', 'KeyAccepted');
    await plane.waitForCondition('plain', 'Authenticated', 'True', 'KeyAccepted');
    await plane.waitForCondition('ops', 'Privileged', 'True', 'WithPassword');
    // the first password got the key onto the host, and only the key counts
    await plane.waitForCondition('first', 'Authenticated', 'True', 'KeyAccepted');
    await plane.waitForCondition('bad-passphrase', 'Authenticated', 'False', 'PassphraseRequired');
    await plane.waitForCondition('bad-pkcs8', 'Authenticated', 'False', 'KeyUnreadable');
    await plane.waitForCondition('bad-openssh', 'Authenticated', 'False');
    await plane.waitForCondition('bad-login', 'Authenticated', 'False', 'CredentialsRejected');
    await plane.waitForCondition('bad-password', 'Authenticated', 'False', 'CredentialsRejected');
    await plane.waitForCondition('bad-sudo', 'Privileged', 'False', 'PasswordRequired');
    const echoed = await plane.waitForCondition('echo', 'Privileged', 'False');
    expect(echoed.message).toContain('no such password: [redacted]');
  });

  it('survives a changed Secret, a retry, a refused Secret and a restart without showing', async () => {
    // the old value must stay out of sight too, although it is no longer current
    const changed = { password: Buffer.from(canaries.make('second wrong password')).toString('base64') };
    await plane.client.patch(secrets, { namespace: 'default', name: 'bad-password' }, { data: changed });
    await plane.operate('bad-password', 'Retry');
    await expect(
      plane.createSecret('Not A Name', PASSWORD, { password: canaries.make('secret that the API refuses') }),
    ).rejects.toThrow();
    await plane.kill();
    await plane.start();
    await plane.waitForCondition('ops', 'Privileged', 'True', 'WithPassword');
    await plane.waitForCondition('bad-password', 'Authenticated', 'False', 'CredentialsRejected');
    await sleep(5000);
  });

  it.each<[string, Resource]>([
    ['Servers', servers],
    ['KnownHosts', knownHosts],
    ['ServerOperations', serverOperations],
    ['Events', events],
    ['ConfigMaps', configMaps],
    ['Leases', leases],
  ])('never shows in %s', async (_what, resource) => {
    const { items } = await plane.client.list<KubeObject>(resource);
    expect(items).not.toHaveLength(0);
    expect(canaries.in(JSON.stringify(items))).toEqual([]);
  });

  it('never shows in the log at debug level', async () => {
    const log = await plane.log();
    expect(log).toContain('"level":"debug"');
    expect(canaries.in(log)).toEqual([]);
  });

  it('never shows in metrics', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
    expect(metrics).toContain('hostler_');
    expect(canaries.in(metrics)).toEqual([]);
  });

  it('never shows in a command line or an environment, here or on the host', () => {
    // sudo itself was seen at work, so the watch was fast enough for what it is about
    expect(processes.saw('sudo -k -S')).toBe(true);
    expect(processes.saw(`src/main.ts ${plane.home === 'operator' ? 'controller' : 'serve'}`)).toBe(true);
    expect(processes.leaks).toEqual([]);
  });

  it('never shows in a file of the control plane: its own store holds it encrypted', async () => {
    expect(await canaries.inFiles(plane.directory)).toEqual([]);
  });

  it('never shows in a file or the journal of the host', async () => {
    expect(await leaksOnHost(canaries)).toBe('');
    expect(canaries.in(await host.run('journalctl -o export'))).toEqual([]);
  });
});

/** Files of the host that hold any of the secrets; they go in by standard input, so as not to be in a command line. */
async function leaksOnHost(secrets: Canaries): Promise<string> {
  const where = ['/var', '/tmp', '/run', '/etc', '/root', '/home', '/dev/shm'];
  const { code, stdout, stderr } = await host.exec('grep -rlaF -f - "$@" 2>/dev/null', {
    args: where,
    input: secrets.patterns,
  });
  if (code > 2) throw new Error(`grep ended with ${code}: ${stderr}`);
  return stdout;
}

function key(name: string) {
  return { privateKeySecretRef: { name } };
}

function newKey(name: string, passphrase?: string): { pem: string; line: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey
    .export({
      type: 'pkcs8',
      format: 'pem',
      ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
    })
    .toString();
  canaries.addKey(name, pem);
  const parsed = parsePrivateKey(pem, passphrase);
  return { pem, line: `${parsed.type} ${parsed.getPublicSSH().toString('base64')}` };
}

async function createCredentials(): Promise<void> {
  await plane.createSecret('locked', SSH_KEY, { 'ssh-privatekey': lockedKey.pem, passphrase });
  await plane.createSecret('plain', SSH_KEY, { 'ssh-privatekey': plainKey.pem });
  await plane.createSecret('stranger', SSH_KEY, { 'ssh-privatekey': strangerKey.pem });
  const wrong = canaries.make('wrong passphrase');
  await plane.createSecret('bad-passphrase', SSH_KEY, { 'ssh-privatekey': lockedKey.pem, passphrase: wrong });
  for (const [name, format] of Object.entries({ 'bad-pkcs8': 'PRIVATE KEY', 'bad-openssh': 'OPENSSH PRIVATE KEY' })) {
    const pem = `-----BEGIN ${format}-----\n${canaries.make(name)}\n-----END ${format}-----\n`;
    await plane.createSecret(name, SSH_KEY, { 'ssh-privatekey': pem });
  }
  const passwords = { ops: opsPassword, sudo: sudoPassword, first: bootstrapPassword, echo: echoPassword };
  for (const [name, password] of Object.entries(passwords)) await plane.createSecret(name, PASSWORD, { password });
  for (const name of ['bad-password', 'bad-sudo'])
    await plane.createSecret(name, PASSWORD, { password: canaries.make(name) });
}
