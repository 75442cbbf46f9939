import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { CONTROLLER_ACCOUNT } from '../../../src/api/access.ts';
import { knownHostName } from '../../../src/api/knownHost.ts';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { Server } from '../../../src/api/server.ts';
import { knownHosts, servers } from '../../../src/kube/hostlerResources.ts';
import type { Role } from '../../../src/kube/rbacResources.ts';
import { secrets } from '../../../src/kube/resource.ts';
import { attempt, run, type CommandResult } from '../../hosts/command.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';
import { kubectlPath } from '../../support/kubectl.ts';
import { startSshd, type Sshd } from '../../support/sshd.ts';

const EXAMPLES = fileURLToPath(new URL('../../../examples/gitops', import.meta.url));
const KEY = { namespace: 'acme', name: 'eu-1' };
/** The managers as which Flux and Argo CD apply. */
const [FLUX, ARGO] = ['kustomize-controller', 'argocd-controller'];

let plane: StandalonePlane;
let sshd: Sshd;
let directory: string;
let manifests: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-gitops-'));
  const quick = ['--allow-loopback', '--health-interval', '1s', '--drift-interval', '2s'];
  [plane, sshd] = await Promise.all([StandalonePlane.start(quick), startSshd()]);
  const base = await run([await kubectlPath(), 'kustomize', join(EXAMPLES, 'servers')]);
  // the machine of the example is not there: a real sshd on loopback is
  manifests = join(directory, 'servers.yaml');
  const here = base
    .replace('203.0.113.10', sshd.address)
    .replace('port: 22\n', `port: ${sshd.port}\n`)
    .replace('user: root\n', `user: ${sshd.user}\n`);
  await writeFile(manifests, here);
});

afterAll(async () => {
  await plane.remove();
  await sshd.stop();
  await rm(directory, { recursive: true });
});

async function kubectl(args: readonly string[]): Promise<CommandResult> {
  return attempt([await kubectlPath(), '--kubeconfig', plane.kubeconfig, ...args]);
}

const apply = (manager: string, ...flags: string[]) =>
  kubectl(['apply', '--server-side', `--field-manager=${manager}`, ...flags, '-f', manifests]);

const stored = (): Promise<Server> => plane.client.get(servers, KEY);

/** Who owns what of the object, by path of its top levels. */
function ownersOf(object: KubeObject): Record<string, string[]> {
  const owners: Record<string, string[]> = {};
  const entries = (object.metadata.managedFields ?? []) as { manager: string; fieldsV1?: object }[];
  for (const { manager, fieldsV1 } of entries)
    owners[manager] = [...(owners[manager] ?? []), ...Object.keys(fieldsV1 ?? {})].sort();
  return owners;
}

async function reconciled(): Promise<Server> {
  const isSeen = ({ metadata, status }: Server) =>
    status?.observedGeneration === metadata.generation && (status?.conditions ?? []).length > 5;
  await expect.poll(async () => isSeen(await stored()), { timeout: 60_000, interval: 200 }).toBe(true);
  return stored();
}

describe('a server in Git', () => {
  it('is applied before its Secret is there, as in any order, and reconciled', async () => {
    expect(await apply(FLUX, '--force-conflicts')).toMatchObject({ code: 0 });
    await plane.client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'eu-1-ssh', namespace: 'acme' },
      type: 'kubernetes.io/ssh-auth',
      data: { 'ssh-privatekey': Buffer.from(sshd.clientKey).toString('base64') },
    });
    const server = await reconciled();
    expect(ownersOf(server)).toEqual({
      [FLUX]: ['f:metadata', 'f:spec'],
      hostler: ['f:metadata', 'f:status'],
    });
  });

  it('shows no difference to the tool that applied it, however often Hostler looks', async () => {
    await sleep(3000);
    const before = await stored();
    expect(await kubectl(['diff', '--server-side', `--field-manager=${FLUX}`, '-f', manifests])).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(await apply(FLUX)).toMatchObject({ code: 0 });
    const after = await stored();
    expect(after.metadata.generation).toBe(before.metadata.generation);
    expect(after.spec).toEqual(before.spec);
  });

  it('is shared with another tool without conflict, as long as both say the same', async () => {
    expect(await apply(ARGO)).toMatchObject({ code: 0 });
    const { metadata, spec } = await stored();
    expect(metadata.generation).toBe(1);
    const other = stringify(renamed(await readFile(manifests, 'utf8'), spec));
    await writeFile(join(directory, 'other.yaml'), other);
    const conflicting = ['apply', '--server-side', `--field-manager=${ARGO}`, '-f', join(directory, 'other.yaml')];
    const { code, stderr } = await kubectl(conflicting);
    expect(code).toBe(1);
    expect(stderr).toContain(`conflict with "${FLUX}": .spec.displayName`);
  });

  it('is pruned by its label, and leaves the machine alone', async () => {
    await kubectl(['-n', 'acme', 'label', 'server', 'eu-1', 'kustomize.toolkit.fluxcd.io/name=servers']);
    const pruned = ['-n', 'acme', 'delete', 'servers', '-l', 'kustomize.toolkit.fluxcd.io/name=servers'];
    expect(await kubectl(pruned)).toMatchObject({ code: 0 });
    expect(await plane.client.find(servers, KEY)).toBeUndefined();
  });
});

/** The Server of the manifests with another display name. */
function renamed(text: string, spec: Server['spec']): object {
  const server = text
    .split(/^---\n/m)
    .map((part) => parse(part) as Server)
    .find(({ kind }) => kind === 'Server');
  return { ...server, spec: { ...server?.spec, displayName: `not ${spec.displayName}` } };
}

describe('a trusted host key in Git', () => {
  it('stays as it is there under Strict, however often Hostler looks', async () => {
    const key = { namespace: 'acme', name: knownHostName(sshd.address, sshd.port) };
    const [first] = (await plane.client.get(knownHosts, key)).spec.keys;
    await plane.client.delete(knownHosts, key);
    const knownHost = {
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'KnownHost',
      metadata: key,
      spec: { address: sshd.address, port: sshd.port, keys: [first] },
    };
    const strict = (await readFile(manifests, 'utf8')).replace('  ssh:\n', '  ssh:\n    hostKeyPolicy: Strict\n');
    await writeFile(manifests, `${strict}---\n${stringify(knownHost)}`);
    expect(await apply(FLUX)).toMatchObject({ code: 0 });
    await reconciled();
    // a full look has noted which machine it is
    const found = async () => (await plane.client.get(knownHosts, key)).spec;
    await expect.poll(async () => (await found()).machineID, { timeout: 30_000 }).toBeDefined();
    await sleep(3000);
    expect((await found()).keys).toEqual([first]);
    expect(await kubectl(['diff', '--server-side', `--field-manager=${FLUX}`, '-f', manifests])).toMatchObject({
      code: 0,
    });
  });
});

describe('the credentials of servers in Git', () => {
  it('are what the controllers may read, and no others', async () => {
    const text = await run([await kubectlPath(), 'kustomize', join(EXAMPLES, 'servers')]);
    const objects = text.split(/^---\n/m).map((part) => parse(part) as KubeObject);
    const named = (objects as Server[])
      .filter(({ kind }) => kind === 'Server')
      .map(({ spec }) => spec.ssh.auth.privateKeySecretRef?.name);
    const role = objects.find(({ kind }) => kind === 'Role') as Role;
    expect(role.rules).toEqual([{ apiGroups: [''], resources: ['secrets'], resourceNames: named, verbs: ['get'] }]);
    const account = `--as=system:serviceaccount:${CONTROLLER_ACCOUNT.namespace}:${CONTROLLER_ACCOUNT.name}`;
    const mayGet = async (name: string) =>
      (await kubectl(['auth', 'can-i', 'get', `secrets/${name}`, '-n', 'acme', account])).stdout.trim();
    expect([await mayGet('eu-1-ssh'), await mayGet('another')]).toEqual(['yes', 'no']);
  });

  it.each([
    ['../secrets', 'kind: ExternalSecret\n'],
    ['eu-1-ssh.yaml', 'kind: Secret\n'],
  ])('come with %s where the base names it', async (resource, expected) => {
    const copy = join(directory, `copy-${expected.length}`);
    await cp(EXAMPLES, copy, { recursive: true });
    const base = join(copy, 'servers/kustomization.yaml');
    await writeFile(base, (await readFile(base, 'utf8')).replace(`# - ${resource}`, `- ${resource}`));
    const fromFile = [`--from-file=ssh-privatekey=${join(EXAMPLES, 'README.md')}`, '--type=kubernetes.io/ssh-auth'];
    const secret = ['-n', 'acme', 'create', 'secret', 'generic', 'eu-1-ssh', ...fromFile, '--dry-run=client', '-oyaml'];
    await writeFile(join(copy, 'servers/eu-1-ssh.yaml'), (await kubectl(secret)).stdout);
    const built = await run([await kubectlPath(), 'kustomize', join(copy, 'servers')]);
    expect(built).toContain(expected);
  });

  it('are encrypted by SOPS where the README puts them', async () => {
    const { creation_rules: rules } = parse(await readFile(join(EXAMPLES, '.sops.yaml'), 'utf8')) as {
      creation_rules: { path_regex: string }[];
    };
    expect(rules.map((rule) => new RegExp(rule.path_regex).test('servers/eu-1-ssh.yaml'))).toEqual([true]);
    expect(await readFile(join(EXAMPLES, 'README.md'), 'utf8')).toContain('`servers/eu-1-ssh.yaml`');
  });
});

describe('the health script for Argo CD', () => {
  const condition = (type: string, status: string, reason = 'Because', message = `${type} is ${status}`) => ({
    type,
    status,
    reason,
    message,
    observedGeneration: 2,
  });

  /** What Argo CD would show. */
  async function healthOf(object: object): Promise<{ status: string; message: string }> {
    const script = await readFile(join(EXAMPLES, 'argocd/health.lua'), 'utf8');
    const program = `obj = ${toLua(object)}\nlocal function health()\n${script}\nend\nlocal hs = health()\nio.write(hs.status, "\\n", hs.message)`;
    const [status = '', message = ''] = (await run(['lua5.1', '-'], { input: program })).split('\n');
    return { status, message };
  }

  const server = (conditions: object[], more: { observedGeneration?: number } = {}): object => ({
    metadata: { generation: 2 },
    spec: {},
    status: { observedGeneration: 2, conditions, ...more },
  });

  it.each([
    ['nothing known', { metadata: { generation: 1 }, spec: {} }, 'Progressing'],
    ['an older spec', server([condition('Ready', 'True')], { observedGeneration: 1 }), 'Progressing'],
    ['Ready', server([condition('Ready', 'True'), condition('InSync', 'True')]), 'Healthy'],
    ['Ready for an older spec', server([{ ...condition('Ready', 'True'), observedGeneration: 1 }]), 'Progressing'],
    [
      'a plan that waits',
      server([condition('Ready', 'True'), condition('InSync', 'False', 'WaitingForApproval')]),
      'Suspended',
    ],
    ['a first set-up', server([condition('Ready', 'False'), condition('Reconciling', 'True')]), 'Progressing'],
    ['Stalled', server([condition('Ready', 'False'), condition('Stalled', 'True')]), 'Degraded'],
    ['not Ready', server([condition('Ready', 'False')]), 'Degraded'],
    ['paused', { metadata: { generation: 1 }, spec: { paused: true } }, 'Suspended'],
  ])('says of a Server with %s: %3$s', async (_what, object, status) => {
    expect((await healthOf(object)).status).toBe(status);
  });

  it('goes into the ConfigMap of Argo CD whole', async () => {
    const text = await run([await kubectlPath(), 'kustomize', join(EXAMPLES, 'argocd')]);
    const { data } = parse(text) as { data: Record<string, string> };
    const script = await readFile(join(EXAMPLES, 'argocd/health.lua'), 'utf8');
    expect(data['resource.customizations.health.hostler.dev_Server']).toBe(script);
  });
});

/** A JSON value as an expression of Lua. */
function toLua(value: unknown): string {
  if (Array.isArray(value)) return `{ ${value.map(toLua).join(', ')} }`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([key, one]) => `[${JSON.stringify(key)}] = ${toLua(one)}`)
    .join(', ')} }`;
}
