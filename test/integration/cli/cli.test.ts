import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { serverKind, type Server } from '../../../src/api/server.ts';
import { namespaces, secrets, serviceAccounts } from '../../../src/kube/resource.ts';
import { servers } from '../../../src/kube/hostlerResources.ts';
import { roleBindings, roles, type Role, type RoleBinding, type Subject } from '../../../src/kube/rbacResources.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';
import { runHostler, type CommandOptions } from '../../support/hostlerCommand.ts';
import { freePort } from '../../support/freePort.ts';
import { sshKeygen, startSshd, type Sshd } from '../../support/sshd.ts';

let plane: StandalonePlane;
let sshd: Sshd;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-cli-'));
  [plane, sshd] = await Promise.all([StandalonePlane.start(['--allow-loopback']), startSshd()]);
  const key = async (name: string, text: string) => writeFile(join(directory, name), text, { mode: 0o600 });
  const good = sshKeygen('ed25519');
  await key('good', good.privateKey);
  await key('good.pub', good.publicKey);
  await key('encrypted', sshKeygen('ed25519', { passphrase: 'open sesame' }).privateKey);
  await key('weak', sshKeygen('rsa', { bits: 2048 }).privateKey);
  await key('dsa', dsaKey());
  await key('text', 'no key at all\n');
});

afterAll(async () => {
  await plane.remove();
  await sshd.stop();
  await rm(directory, { recursive: true });
});

/** ssh-keygen makes none any more. */
function dsaKey(): string {
  const { privateKey } = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The command as a person runs it, against the control plane of this file. */
function hostler(args: readonly string[], { input, env, cwd = directory }: Partial<CommandOptions> = {}) {
  const own = { HOME: directory, KUBECONFIG: plane.kubeconfig, ...env };
  return runHostler(args, { cwd, env: own, ...(input === undefined ? {} : { input }) });
}

const server = (name: string): Promise<Server | undefined> =>
  plane.client.find(servers, { namespace: 'default', name });

describe('help', () => {
  it.each([
    '',
    'serve',
    'version',
    'server',
    ...[
      'add',
      'list',
      'show',
      'logs',
      'plan',
      'approve',
      'retry',
      'delete',
      'test',
      'preflight',
      'fix',
      'reboot',
      'power-off',
      'cleanup',
    ].map((name) => `server ${name}`),
  ])('of hostler %s has examples', async (command) => {
    const { code, stdout } = await hostler([...command.split(' ').filter(Boolean), '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}\S/m);
    expect(stdout).not.toMatch(/\[object|default: [{\d]{4}/);
  });

  it('is offered after a wrong command, with exit code 2', async () => {
    for (const args of [['bogus'], ['server', 'bogus'], ['server', 'list', '--bogus']]) {
      const { code, stderr } = await hostler(args);
      expect(code).toBe(2);
      expect(stderr).toContain('bogus');
      expect(stderr).toContain('add --help');
    }
  });

  it('of serve names the times it goes by, and a wrong one is refused', async () => {
    const { stdout } = await hostler(['serve', '--help']);
    expect(stdout).toMatch(/--requalify-after <duration> .*Stale.*\(default: 7d\)/s);
    for (const [value, why] of [
      ['31d', 'longer than 30d'],
      ['week', 'no duration'],
    ] as const) {
      const { code, stderr } = await hostler(['serve', '--requalify-after', value]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
    }
  });

  it('version and --version say the same', async () => {
    const [command, option] = await Promise.all([hostler(['version']), hostler(['--version'])]);
    expect(command.stdout).toMatch(/^hostler \d+\.\d+\.\d+\n$/);
    expect(option).toEqual(command);
  });
});

describe('hostler server add', () => {
  const at = ['--host', 'root@203.0.113.10'];

  it.each([
    { name: 'no credential', args: at, says: 'exactly one of --key-file and --password-stdin' },
    { name: 'a missing key file', args: [...at, '--key-file', 'none'], says: '--key-file none: there is no such file' },
    { name: 'a directory', args: [...at, '--key-file', '.'], says: 'is a directory' },
    { name: 'a public key', args: [...at, '--key-file', 'good.pub'], says: 'It is a public key.' },
    { name: 'a text', args: [...at, '--key-file', 'text'], says: 'does not begin with -----BEGIN' },
    { name: 'an encrypted key', args: [...at, '--key-file', 'encrypted'], says: '--passphrase-stdin' },
    { name: 'RSA of 2048 bits', args: [...at, '--key-file', 'weak'], says: 'RSA key of 2048 bits. Use an Ed25519 key' },
    { name: 'a DSA key', args: [...at, '--key-file', 'dsa'], says: 'is a DSA key' },
    { name: 'a bad port', args: ['--host', '203.0.113.10:99999', '--key-file', 'good'], says: 'port "99999"' },
    { name: 'a bad version', args: [...at, '--key-file', 'good', '--docker', 'new'], says: 'version "new" is none of' },
    { name: 'a password without policy', args: [...at, '--password-stdin'], says: '--host-key-policy TrustOnFirstUse' },
    {
      name: 'an empty password',
      args: [...at, '--password-stdin', '--host-key-policy', 'Strict'],
      says: '--password-stdin: standard input is empty',
    },
  ])('refuses $name, says what to do, and creates nothing', async ({ args, says }) => {
    const { code, stdout, stderr } = await hostler(['server', 'add', 'bad', ...args]);
    expect(stderr).toContain(says);
    expect(stdout).toBe('');
    expect(code).toBe(2);
    expect(await server('bad')).toBeUndefined();
  });

  it('refuses a name that no object can have', async () => {
    const { code, stderr } = await hostler(['server', 'add', 'Eu_1', ...at, '--key-file', 'good']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/NAME "Eu_1": use at most \d+ lower-case letters/);
  });

  it('does not open an encrypted key with a wrong passphrase, and keeps the right one in the Secret', async () => {
    const args = [
      'server',
      'add',
      'locked',
      '--host',
      '[2001:db8::10]:2222',
      '--key-file',
      'encrypted',
      '--passphrase-stdin',
    ];
    const wrong = await hostler(args, { input: 'close sesame\n' });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('does not open with the passphrase');
    expect(wrong.stderr).not.toContain('close sesame');
    const right = await hostler(args, { input: 'open sesame\n' });
    expect(right.code, right.stderr).toBe(0);
    const secret = await plane.client.get(secrets, { namespace: 'default', name: 'locked-ssh' });
    expect(Buffer.from(secret.data?.['passphrase'] ?? '', 'base64').toString()).toBe('open sesame');
    const spec = (await server('locked'))?.spec;
    expect(spec?.addresses).toEqual([{ type: 'IPv6', address: '2001:db8::10' }]);
    expect(spec?.ssh.port).toBe(2222);
  });

  it('creates Server and Secret once; a second time it says so and changes nothing', async () => {
    const args = ['server', 'add', 'twice', ...at, '--key-file', 'good', '--docker', '>=27 <29', '--proxy', 'Nginx'];
    const first = await hostler(args);
    expect(first).toMatchObject({ code: 0, stdout: 'server/twice created\n' });
    const before = await server('twice');
    expect(before?.spec.proxy).toEqual({ type: 'Nginx' });
    const second = await hostler(args);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('Server default/twice exists already');
    expect((await server('twice'))?.metadata.uid).toBe(before?.metadata.uid);
  });

  it('ends a wait with 4 when time is up, having said why it is not Ready', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const args = ['server', 'add', 'nobody', '--host', nobody, '--key-file', 'good', '--wait', '--timeout', '2s'];
    const { code, stderr } = await hostler(args);
    expect(code).toBe(4);
    expect(stderr).toMatch(/Reachable .*refuses the connection/);
    expect(stderr).toContain('hostler server show nobody');
  });

  it('ends a wait with 1 and the remedy once only a person can help', async () => {
    const host = `${sshd.user}@127.0.0.1:${sshd.port}`;
    const args = [
      'server',
      'add',
      'strict',
      '--host',
      host,
      '--key-file',
      'good',
      '--host-key-policy',
      'Strict',
      '--wait',
    ];
    const { code, stderr } = await hostler(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hostler: Stalled: HostKeyUnknown: .*KnownHost/m);
  });
});

describe('hostler server list, show, plan, approve, retry and delete', () => {
  beforeAll(async () => {
    await hostler(['server', 'add', 'one', '--host', `127.0.0.1:${await freePort()}`, '--key-file', 'good']);
    await plane.waitForCondition('one', 'Reachable', 'False');
  });

  it('lists as a table, wide, as JSON and YAML', async () => {
    const table = await hostler(['server', 'list']);
    expect(table.stdout).toMatch(/^NAME +READY +STATUS +ADDRESS +DOCKER +AGE\n/);
    expect(table.stdout).toMatch(/^one +False +Unreachable +127\.0\.0\.1 /m);
    const wide = await hostler(['server', 'list', '-o', 'wide', '-A']);
    expect(wide.stdout).toMatch(/^NAMESPACE .* MESSAGE\n/);
    const json = JSON.parse((await hostler(['server', 'list', '-o', 'json'])).stdout) as { items: Server[] };
    expect(json.items.map((item) => item.metadata.name)).toContain('one');
    const none = await hostler(['server', 'list', '-n', 'empty']);
    expect(none).toEqual({ code: 0, stdout: '', stderr: 'No Servers found in namespace empty.\n' });
  });

  it('shows conditions and steps, or the object', async () => {
    const { stdout } = await hostler(['server', 'show', 'one']);
    expect(stdout).toMatch(/^Server default\/one +Unreachable\n {2}127\.0\.0\.1\n/);
    expect(stdout).toMatch(/^Reachable +False +ConnectionRefused /m);
    const yaml = await hostler(['server', 'show', 'one', '-o', 'yaml']);
    expect(yaml.stdout).toMatch(new RegExp(`^kind: ${serverKind.kind}$`, 'm'));
  });

  it('tells what happened, in order, and goes on when asked', async () => {
    const { code, stdout } = await hostler(['server', 'logs', 'one']);
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.every((line) => /^\d{4}-\d\d-\d\dT\S+Z {2}\S/.test(line))).toBe(true);
    expect(lines).toEqual([...lines].sort((a, b) => a.slice(0, 20).localeCompare(b.slice(0, 20))));
    expect(stdout).toMatch(/ step connect +Failed +.*127\.0\.0\.1/);
    const none = await hostler(['server', 'logs', 'nope', '--follow']);
    expect(none.code).toBe(3);
  });

  it('claims no plan for a host that was not looked at', async () => {
    const { code, stdout, stderr } = await hostler(['server', 'plan', 'one']);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/there is no plan: the host was not looked at\. Reachable: ConnectionRefused/);
    expect(code).toBe(1);
    const approve = await hostler(['server', 'approve', 'one']);
    expect(approve.code).toBe(1);
    expect(approve.stderr).toContain('no plan waits for approval');
  });

  it('ends with 3 where the Server does not exist', async () => {
    for (const command of ['show', 'logs', 'plan', 'approve', 'retry', 'delete', 'test', 'reboot']) {
      const { code, stderr } = await hostler(['server', command, 'nope']);
      expect(code, command).toBe(3);
      expect(stderr).toBe('hostler: Server default/nope does not exist.\n');
    }
  });

  it('retries, deletes, and takes the Secret that stays only with the same credential', async () => {
    expect(await hostler(['server', 'retry', 'one'])).toMatchObject({ code: 0 });
    const deleted = await hostler(['server', 'delete', 'one', '--wait']);
    expect(deleted).toMatchObject({ code: 0, stdout: 'server/one deleted\n' });
    expect(await server('one')).toBeUndefined();
    const add = ['server', 'add', 'one', '--host', '203.0.113.10'];
    const password = [...add, '--password-stdin', '--host-key-policy', 'TrustOnFirstUse'];
    const other = await hostler(password, { input: 'open sesame\n' });
    expect(other.code).toBe(1);
    expect(other.stderr).toContain('kubectl delete secret one-ssh -n default');
    expect(await hostler([...add, '--key-file', 'good'])).toMatchObject({ code: 0 });
  });
});

describe('hostler grant', () => {
  const granted = async () =>
    (await plane.client.get(roles, { namespace: 'default', name: 'hostler-credentials' })).rules;

  it('grants nothing to an account that is not there, and says which there are', async () => {
    const create = (name: string) =>
      plane.client.create(serviceAccounts, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { namespace: 'hostler-system', name },
      });
    await create('prod-hostler');
    const refused = await hostler(['grant', 'first']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('ServiceAccount hostler-system/hostler does not exist.');
    expect(refused.stderr).toContain('In hostler-system there is: prod-hostler.');
    await expect(granted()).rejects.toMatchObject({ code: 404 });
    await create('hostler');
  });

  it('adds to what was granted before, and never makes a rule without names', async () => {
    expect((await hostler(['grant'])).code).toBe(2);
    expect((await hostler(['grant', '--capture-output'])).code).toBe(0);
    const secrets = { apiGroups: [''], resources: ['secrets'] };
    expect(await granted()).toEqual([{ ...secrets, verbs: ['create'] }]);
    expect((await hostler(['grant', 'second', 'first'])).stdout).toContain(
      'may in namespace default read first, second',
    );
    expect(await granted()).toEqual([
      { ...secrets, resourceNames: ['first', 'second'], verbs: ['get'] },
      { ...secrets, verbs: ['create'] },
    ]);
  });

  describe('where somebody was before', () => {
    const namespace = 'taken';
    const RBAC = 'rbac.authorization.k8s.io';
    const mallory = { kind: 'User', name: 'mallory', apiGroup: RBAC };
    const account = (name: string) => ({ kind: 'ServiceAccount', name, namespace: 'hostler-system' });
    const grant = (...args: string[]) => hostler(['grant', 'key', '-n', namespace, ...args]);
    const makeRole = (rules: NonNullable<Role['rules']>) =>
      plane.client.create(roles, {
        apiVersion: `${RBAC}/v1`,
        kind: 'Role',
        metadata: { namespace, name: 'hostler-credentials' },
        rules,
      });
    const bind = (name: string, subjects: Subject[], roleRef: Partial<RoleBinding['roleRef']> = {}) =>
      plane.client.create(roleBindings, {
        apiVersion: `${RBAC}/v1`,
        kind: 'RoleBinding',
        metadata: { namespace, name },
        roleRef: { apiGroup: RBAC, kind: 'Role', name: 'hostler-credentials', ...roleRef },
        subjects,
      });
    const names = async () =>
      (await plane.client.find(roles, { namespace, name: 'hostler-credentials' }))?.rules?.flatMap(
        ({ resourceNames = [] }) => resourceNames,
      );

    beforeAll(async () => {
      await plane.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    });

    afterEach(async () => {
      for (const resource of [roles, roleBindings]) {
        for (const { metadata } of (await plane.client.list<KubeObject>(resource, { namespace })).items)
          await plane.client.delete(resource, { namespace, name: metadata.name });
      }
    });

    it.each(['hostler-credentials', 'any'])(
      'lets nobody at Secrets who bound himself by RoleBinding %s',
      async (name) => {
        await makeRole([]);
        await bind(name, [account('hostler'), mallory]);
        const { code, stderr } = await grant();
        expect([code, stderr]).toEqual([1, expect.stringContaining(`RoleBinding taken/${name} binds others`)]);
        expect(stderr).toContain('User mallory.');
        expect(stderr).toContain(`kubectl edit rolebinding ${name} -n taken`);
        expect(await names()).toEqual([]);
      },
    );

    it('takes a user for no account of the same name', async () => {
      await makeRole([]);
      await bind('hostler-credentials', [{ ...mallory, name: 'hostler' }]);
      expect(await grant()).toMatchObject({ code: 1, stderr: expect.stringContaining('User hostler.') as string });
    });

    it('refuses a binding of another role, which would grant something else', async () => {
      await bind('hostler-credentials', [account('hostler')], { kind: 'ClusterRole', name: 'view' });
      const { code, stderr } = await grant();
      expect([code, stderr]).toEqual([1, expect.stringContaining('is of ClusterRole view')]);
      expect(await names()).toBeUndefined();
    });

    it('makes no rights to Secrets of rules that are none', async () => {
      await makeRole([
        { apiGroups: [''], resources: ['configmaps'], resourceNames: ['root-password'], verbs: ['get'] },
      ]);
      const { code, stderr } = await grant();
      expect([code, stderr]).toEqual([1, expect.stringContaining('"configmaps"')]);
      expect(await names()).toEqual(['root-password']);
    });

    it('adds further controllers once all are named', async () => {
      expect((await grant()).code).toBe(0);
      const second = ['--service-account', 'hostler-system/prod-hostler'];
      const { code, stderr } = await grant(...second);
      expect([code, stderr]).toEqual([1, expect.stringContaining('--service-account hostler-system/hostler ')]);
      const both = await grant(...second, '--service-account', 'hostler-system/hostler');
      expect(both.stdout).toBe('hostler-system/prod-hostler, hostler-system/hostler may in namespace taken read key\n');
      const bound = await plane.client.get(roleBindings, { namespace, name: 'hostler-credentials' });
      expect(bound.subjects).toEqual([account('hostler'), account('prod-hostler')]);
    });
  });
});

describe('the kubeconfig', () => {
  it('is searched in the option, $KUBECONFIG, ./.hostler and ~/.kube, in this order', async () => {
    const home = join(directory, 'home');
    const work = join(directory, 'work');
    await mkdir(join(home, '.kube'), { recursive: true });
    await mkdir(join(work, '.hostler'), { recursive: true });
    const env = { HOME: home, KUBECONFIG: '' };
    const none = await hostler(['server', 'list'], { cwd: work, env });
    expect(none.code).toBe(2);
    expect(none.stderr).toContain('start a control plane with "hostler serve"');
    await copyFile(plane.kubeconfig, join(home, '.kube/config'));
    expect((await hostler(['server', 'list'], { cwd: work, env })).code).toBe(0);
    await writeFile(join(work, '.hostler/kubeconfig'), 'from: hostler');
    expect((await hostler(['server', 'list'], { cwd: work, env })).stderr).toContain('.hostler/kubeconfig');
    // an address of loopback that does not look like one
    const elsewhere = `https://[::ffff:7f00:1]:${await freePort()}`;
    const text = (await readFile(plane.kubeconfig, 'utf8')).replace(/"https:.*"/, JSON.stringify(elsewhere));
    await writeFile(join(work, '.hostler/kubeconfig'), text);
    await chmod(join(work, '.hostler/kubeconfig'), 0o600);
    const told = `Server ${elsewhere}, by .hostler/kubeconfig.`;
    expect((await hostler(['server', 'list'], { cwd: work, env })).stderr).toContain(told);
    const named = { ...env, KUBECONFIG: '/none/env' };
    expect((await hostler(['server', 'list'], { cwd: work, env: named })).stderr).toContain('/none/env');
    const option = ['server', 'list', '--kubeconfig', '/none/option'];
    expect((await hostler(option, { cwd: work, env: named })).stderr).toContain('/none/option');
  });

  it('of a control plane that does not run: the message says how to start it', async () => {
    const gone = join(directory, 'gone');
    const text = await readFile(plane.kubeconfig, 'utf8');
    await writeFile(gone, text.replace(/(127\.0\.0\.1):\d+/, `$1:${await freePort()}`));
    const { code, stderr } = await hostler(['server', 'list', '--kubeconfig', gone]);
    expect(code).toBe(1);
    expect(stderr).toContain('Start the control plane with: hostler serve');
  });
});

describe('hostler serve', () => {
  it('refuses a data directory that another one uses', async () => {
    const { code, stderr } = await hostler(['serve', '--data-dir', plane.directory, '--listen', '127.0.0.1:0']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/is in use by another process \(\d+\)/);
    expect(existsSync(join(plane.directory, 'hostler.pid'))).toBe(true);
  });
});
