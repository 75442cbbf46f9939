import { randomBytes } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { ApiError } from '../../src/kube/apiError.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import type { ControlPlane } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';

/** A file with this prefix exists, here or on the host, as soon as any hostile text ran. */
const MARK = `hostler-pwned-${randomBytes(6).toString('hex')}`;
const touch = (how: string) => `touch /tmp/${MARK}-${how}`;
/** Without newlines, so that it also fits a Unix password. */
const LINE = `'; ${touch('single')} # "; ${touch('double')}; " $(${touch('subst')}) \`${touch('tick')}\` | ${touch('pipe')} & \${IFS} $((1)) \\ %s%n !! ~ * é漢🦊\u202e\u2028`;
const HOSTILE = `${LINE}\n${touch('newline')}\r\n\tEOF\n${touch('heredoc')}\n`;
const PASSWORD = `pa'ss"$(${touch('pw')})\`${touch('pwtick')}\`;\\é漢`;

let fleet: Fleet;
let host: Host;
let plane: ControlPlane;

const spec = (overrides: Partial<ServerSpec> = {}): ServerSpec => ({
  addresses: [{ type: 'IPv4', address: host.address }],
  ssh: {
    user: 'ops',
    auth: { passwordSecretRef: { name: 'password' } },
    hostKeyPolicy: 'TrustOnFirstUse',
    privilege: { passwordSecretRef: { name: 'password' } },
  },
  requirements: { disk: '1G' },
  ...overrides,
});

beforeAll(async () => {
  fleet = await Fleet.create();
  host = await fleet.up({
    name: 'target',
    docker: true,
    users: [{ name: 'ops', password: PASSWORD, sudo: 'password' }],
  });
  plane = await startControlPlane(['--health-interval', '2s', '--drift-interval', '4s']);
  await plane.createSecret('password', 'kubernetes.io/basic-auth', { password: PASSWORD });
});

afterAll(async () => {
  await plane.remove();
  await fleet.down();
});

/** Files that hostile text would have made, wherever a shell might have stood. */
async function pwned(): Promise<string[]> {
  const onHost = await host.run('find / -xdev -name "$1*" 2>/dev/null; find /tmp /run /dev/shm -name "$1*"', {
    args: [MARK],
  });
  const here = await readdir('/tmp');
  return [...onHost.split('\n'), ...here].filter((name) => name.includes(MARK));
}

/** What the API says to a Server; undefined when it takes it. */
async function refusal(server: Server): Promise<ApiError | undefined> {
  try {
    await plane.client.create(servers, server);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

const object = (overrides: Partial<ServerSpec>, metadata: Partial<Server['metadata']> = {}): Server => ({
  apiVersion: API_VERSION,
  kind: 'Server',
  metadata: { name: 'refused', namespace: 'default', ...metadata },
  spec: spec(overrides),
});

describe('hostile text in a Server', () => {
  it('would be noticed: a shell that runs it leaves its mark', async () => {
    await host.run(touch('control'));
    expect(await pwned()).toEqual([expect.stringContaining(`${MARK}-control`)]);
    await host.run(`rm /tmp/${MARK}-control`);
  });

  it.each<[string, () => Server]>([
    ['spec.ssh.user', () => object({ ssh: { ...spec().ssh, user: `root; ${touch('user')}` } })],
    ['spec.ssh.user', () => object({ ssh: { ...spec().ssh, user: '-oProxyCommand=id' } })],
    [
      'spec.ssh.auth.passwordSecretRef.name',
      () => object({ ssh: { ...spec().ssh, auth: { passwordSecretRef: { name: HOSTILE } } } }),
    ],
    ['spec.addresses[0]', () => object({ addresses: [{ type: 'FQDN', address: `$(${touch('address')})` }] })],
    ['spec.addresses[0]', () => object({ addresses: [{ type: 'IPv4', address: `127.0.0.1;${touch('ip')}` }] })],
    ['spec.docker.version', () => object({ docker: { version: `20.10; ${touch('version')}` } })],
    ['spec.docker.version', () => object({ docker: { version: `20.10\n${touch('version')}` } })],
    ['spec.docker.users[0]', () => object({ docker: { users: [`ops;$(${touch('member')})`] } })],
    ['spec.docker.users[0]', () => object({ docker: { users: [`ops\n`] } })],
    ['spec.hooks[0].name', () => object({ hooks: [{ name: HOSTILE, when: 'PreProvision', script: 'true' }] })],
    ['spec.displayName', () => object({ displayName: HOSTILE.repeat(10) })],
    ['metadata.labels', () => object({}, { labels: { place: HOSTILE } })],
    ['metadata.labels', () => object({}, { labels: { [HOSTILE]: 'x' } })],
    ['metadata.annotations', () => object({}, { annotations: { [HOSTILE]: 'x' } })],
    ['metadata.name', () => object({}, { name: `a; ${touch('name')}` })],
  ])('is refused with 422 where %s cannot hold it', async (field, make) => {
    const error = await refusal(make());
    expect(error?.code).toBe(422);
    const fields = (error?.details.causes ?? []).map((cause) => cause.field ?? '');
    expect(fields).toContainEqual(expect.stringContaining(field));
  });

  // quantities are text without a pattern in the schema, and one that cannot be read counts as none
  it('is refused with 422 where spec.requirements.disk cannot hold it', async () => {
    const server = object({ requirements: { disk: `1G; ${touch('disk')}` } }, { name: 'quantity' });
    const error = await refusal(server);
    if (error === undefined) await plane.client.delete(servers, { namespace: 'default', name: 'quantity' });
    expect(error?.code).toBe(422);
  });

  it('lands byte for byte in daemon.json and in hooks, and logs in with a hostile password', async () => {
    const labels = [`a=${LINE}`, `b=${HOSTILE}`];
    const script = `cp "$0" /root/hook-copy\ncat <<'END OF HOOK' >/root/hook-data\n${HOSTILE}\nEND OF HOOK\nexit 0\n# ${HOSTILE.replaceAll('\n', ' ')}`;
    await plane.client.create(
      servers,
      object(
        {
          displayName: LINE.slice(0, 100),
          description: HOSTILE.slice(0, 500),
          docker: { daemonConfig: { labels, 'log-driver': 'json-file', 'log-opts': { tag: HOSTILE } } },
          disruption: { automatic: 'RestartContainers' },
          hooks: [
            { name: 'before', when: 'PreProvision', script },
            { name: 'after', when: 'PostProvision', script: `printf '%s' "$0" >/dev/null; exit 0 # ${LINE}` },
          ],
        },
        { name: 'target', annotations: { note: HOSTILE } },
      ),
    );
    await plane.waitForCondition('target', 'Privileged', 'True', 'WithPassword');
    await plane.waitForCondition('target', 'Ready', 'True');
    const written = JSON.parse(await readFile(`${host.root}/etc/docker/daemon.json`, 'utf8')) as unknown;
    expect(written).toEqual({ labels, 'log-driver': 'json-file', 'log-opts': { tag: HOSTILE } });
    // dockerd lists them in the random order of a Go map
    const listed = JSON.parse(await host.run(`docker info -f '{{json .Labels}}'`)) as string[];
    expect(listed.sort()).toEqual(labels);
    expect(await host.run('cat /root/hook-copy')).toBe(script);
    expect(await host.run('cat /root/hook-data')).toBe(`${HOSTILE}\n`);
    expect(await pwned()).toEqual([]);
    await checkInvariants(plane);
  });

  it.each<[string, Record<string, unknown>]>([
    ['a key', { [HOSTILE]: true }],
    ['a value', { bip: HOSTILE }],
  ])('ends in a condition and leaves the daemon running when dockerd refuses %s', async (_what, more) => {
    const key = { namespace: 'default', name: 'target' };
    const file = `${host.root}/etc/docker/daemon.json`;
    const before = await readFile(file, 'utf8');
    await plane.client.patch(servers, key, { spec: { docker: { daemonConfig: more } } });
    const condition = await plane.waitForCondition('target', 'Stalled', 'True', 'ConfigRejected');
    expect(condition.message).toContain('spec.docker.daemonConfig');
    expect(await host.run('docker version -f ok')).toBe('ok\n');
    expect(await readFile(file, 'utf8')).toBe(before);
    const undo = Object.fromEntries(Object.keys(more).map((name) => [name, null]));
    await plane.client.patch(servers, key, { spec: { docker: { daemonConfig: undo } } });
    await plane.waitForCondition('target', 'Ready', 'True');
    expect(await pwned()).toEqual([]);
  });

  it('is quoted, not run, when a hook prints it and fails, also on a host that is as declared', async () => {
    await plane.client.patch(
      servers,
      { namespace: 'default', name: 'target' },
      { spec: { deletionPolicy: 'RemoveAgent' } },
    );
    await plane.client.delete(servers, { namespace: 'default', name: 'target' });
    await plane.waitForGone('target');
    const key = { namespace: 'default', name: 'hook' };
    const hook = (script: string) => ({ name: 'say', when: 'PreProvision' as const, script });
    await plane.createServer(key.name, spec({ hooks: [hook(`cat <<'END' >&2\n${HOSTILE}\nEND\nexit 3`)] }));
    const stalled = await plane.waitForCondition(key.name, 'Stalled', 'True', 'OutOfAttempts');
    expect(stalled.message).toContain('Hook say ended with exit code 3');
    const provisioning = await plane.waitForCondition(key.name, 'Provisioning', 'False', 'StepFailed');
    expect(provisioning.message).toContain('Hook say ended with exit code 3');
    const ready = await plane.waitForCondition(key.name, 'Ready', 'False', 'NotReady');
    expect(ready.message).toBe(`Stalled: OutOfAttempts: ${stalled.message}`);
    expect(await pwned()).toEqual([]);
    await plane.client.patch(servers, key, { spec: { hooks: [hook('echo once >>/root/hook-runs')] } });
    await plane.waitForCondition(key.name, 'Ready', 'True');
    expect(await host.run('cat /root/hook-runs')).toBe('once\n');
    await plane.client.patch(servers, key, { spec: { deletionPolicy: 'RemoveAgent' } });
    await plane.client.delete(servers, key);
    await plane.waitForGone(key.name);
  });

  it('is not fed to the shell behind sudo when the password has a second line', async () => {
    const password = `${PASSWORD}\n${touch('line2')}\n`;
    await plane.createSecret('two-lines', 'kubernetes.io/basic-auth', { password });
    const privilege = { passwordSecretRef: { name: 'two-lines' } };
    await plane.createServer('lines', spec({ ssh: { ...spec().ssh, privilege } }));
    await plane.waitForCondition('lines', 'Privileged', 'False', 'PasswordRequired');
    expect(await pwned()).toEqual([]);
  });
});
