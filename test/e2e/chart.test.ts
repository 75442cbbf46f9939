import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import { Client } from '../../src/kube/client.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { namespaces, secrets } from '../../src/kube/resource.ts';
import { attempt, run } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { hostlerImage } from '../pods/image.ts';
import { StandInNode } from '../pods/node.ts';
import { pods } from '../pods/pod.ts';
import { runHostler } from '../support/hostlerCommand.ts';
import { KubeCluster } from '../support/kubeCluster.ts';
import { HELM_VERSIONS, helmPath, kubectlPath, type HelmVersion } from '../support/kubectl.ts';
import { expectDocker } from '../support/soundHost.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHART = join(ROOT, 'charts/hostler');
const SYSTEM = 'hostler-system';
/** Of a release that is not named as usual. */
const ACCOUNT = `${SYSTEM}/fleet-hostler`;

/** The chart on a real Kubernetes control plane; its Pods are really run, by a stand-in for a kubelet. */
describe.skipIf(process.env['HOSTLER_SKIP_KUBERNETES'] !== undefined)('the chart in a cluster', () => {
  let fleet: Fleet;
  let cluster: KubeCluster;
  let node: StandInNode;
  let client: Client;
  let host: Host;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hostler-chart-'));
    await run(['npm', 'run', '--silent', 'build'], { cwd: ROOT });
    fleet = await Fleet.create();
    [cluster, host] = await Promise.all([
      KubeCluster.start({ addresses: [fleet.gateway] }),
      fleet.up({ name: 'chart', docker: false }),
    ]);
    client = new Client({ connection: defaultConnection({ kubeconfig: cluster.kubeconfig }) });
    node = await StandInNode.start({ client, fleet, images: { 'hostler/hostler': await hostlerImage(ROOT) } });
    for (const name of ['acme', 'other'])
      await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    for (const namespace of ['acme', 'other']) await createKey(namespace);
  });

  afterAll(async () => {
    await node.stop();
    await cluster.stop();
    await fleet.down();
    await rm(directory, { recursive: true, force: true });
  });

  async function createKey(namespace: string): Promise<void> {
    const key = await readFile(fleet.keyFile);
    const data = { 'ssh-privatekey': key.toString('base64') };
    const metadata = { name: 'key', namespace };
    await client.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/ssh-auth', data });
  }

  async function helm(version: HelmVersion, args: readonly string[], values: object = {}): Promise<string> {
    const file = join(directory, 'values.json');
    await writeFile(file, JSON.stringify(values));
    const flags = args[0] === 'uninstall' ? [] : ['-f', file, '--wait', '--timeout', '120s'];
    const tool = await helmPath(version);
    return run([tool, ...args, '--kubeconfig', cluster.kubeconfig, ...flags]);
  }

  const kubectl = async (args: readonly string[]) =>
    attempt([await kubectlPath(), '--kubeconfig', cluster.kubeconfig, ...args]);

  const fast = {
    controller: { healthInterval: '2s', driftInterval: '4s', logLevel: 'debug' },
    // two replicas are what other tests are about
    replicaCount: 1,
  };

  async function createServer(name: string, spec: Partial<Server['spec']>): Promise<void> {
    await client.create(servers, {
      apiVersion: API_VERSION,
      kind: 'Server',
      metadata: { name, namespace: 'acme' },
      spec: {
        addresses: [{ type: 'IPv4', address: host.address }],
        ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
        requirements: { disk: '1M' },
        ...spec,
      },
    });
  }

  async function waitFor(check: (server: Server) => boolean, timeoutMs = 120_000): Promise<Server> {
    const find = async () => {
      const server = await client.get(servers, { namespace: 'acme', name: 'eu-1' });
      expect(check(server), JSON.stringify(server.status?.conditions)).toBe(true);
      return server;
    };
    await expect.poll(() => find().then(() => 'ok', String), { timeout: timeoutMs, interval: 500 }).toBe('ok');
    return find();
  }

  const isReady = ({ metadata, status }: Server) =>
    status?.observedGeneration === metadata.generation && findCondition(status?.conditions, 'Ready')?.status === 'True';

  describe.each([...HELM_VERSIONS].reverse())('by helm %s', (version) => {
    it('installs, from a clone, a controller that becomes ready', async () => {
      await helm(version, ['install', 'hostler', CHART], fast);
      const { items } = await client.list(pods, { namespace: SYSTEM });
      expect(items).toHaveLength(1);
      const { code, stdout } = await kubectl([
        '-n',
        SYSTEM,
        'rollout',
        'status',
        'deployment/hostler',
        '--timeout=60s',
      ]);
      expect([code, stdout]).toEqual([0, expect.stringContaining('successfully rolled out')]);
    });

    it('upgrades what it installed', async () => {
      await helm(version, ['upgrade', 'hostler', CHART], {
        ...fast,
        podAnnotations: { 'example.com/changed': version },
      });
      const annotations = async () => {
        const { items } = await client.list(pods, { namespace: SYSTEM });
        return items.map(({ metadata }) => metadata.annotations?.['example.com/changed']);
      };
      // the Pod before it takes its time to end
      await expect.poll(annotations, { timeout: 60_000, interval: 500 }).toEqual([version]);
    });

    it('uninstalls it; CRDs and the namespace stay', async () => {
      await helm(version, ['uninstall', 'hostler']);
      const { stdout } = await kubectl(['get', 'crd,namespace', '-o', 'name']);
      expect(stdout).toContain('customresourcedefinition.apiextensions.k8s.io/servers.hostler.dev');
      expect(stdout).toContain(`namespace/${SYSTEM}`);
      await expect.poll(() => node.names, { timeout: 60_000, interval: 500 }).toEqual([]);
      expect((await kubectl(['-n', SYSTEM, 'get', 'deployment', 'hostler'])).code).not.toBe(0);
    });
  });

  it('is installed beside a namespace that somebody else made, under a name of its own', async () => {
    const foreign = ['meta.helm.sh/release-name-', 'meta.helm.sh/release-namespace-'];
    expect(await kubectl(['annotate', 'namespace', SYSTEM, ...foreign])).toMatchObject({ code: 0 });
    // what an uninstalled release left behind
    await helm('4.1', ['install', 'fleet', CHART, '--take-ownership'], fast);
    const { stdout } = await kubectl(['get', 'namespace', SYSTEM, '-o', 'jsonpath={.metadata.annotations}']);
    expect(stdout).not.toContain('meta.helm.sh');
  });

  it('reads no Secret until its owner grants it, then converges a real host', async () => {
    await createServer('eu-1', { docker: { version: '20.10' } });
    const refused = await waitFor(
      ({ status }) => findCondition(status?.conditions, 'Authenticated')?.reason === 'SecretForbidden',
    );
    const { message } = findCondition(refused.status?.conditions, 'Authenticated')!;
    const command = `hostler grant key --namespace acme --service-account ${ACCOUNT}`;
    expect(message).toContain(command);
    const env = { HOME: directory, KUBECONFIG: cluster.kubeconfig };
    const usual = await runHostler(['grant', 'key', '--namespace', 'acme'], { cwd: directory, env });
    expect(usual).toMatchObject({ code: 3, stderr: expect.stringContaining('there is: fleet-hostler.') as string });
    const granted = await runHostler(command.split(' ').slice(1), { cwd: directory, env });
    expect(granted).toMatchObject({ code: 0, stdout: expect.stringContaining('key') as string });
    await waitFor(isReady, 240_000);
    await expectDocker(host, /^20\.10\./);
  });

  it('may not read a Secret that nobody granted, nor write a spec', async () => {
    const as = ['--as', `system:serviceaccount:${ACCOUNT.replace('/', ':')}`];
    const read = await kubectl(['-n', 'other', 'get', 'secret', 'key', ...as]);
    expect(read).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') as string });
    const list = await kubectl(['-n', 'acme', 'get', 'secrets', ...as]);
    expect(list).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') as string });
    const remove = await kubectl(['-n', 'acme', 'delete', 'server', 'eu-1', ...as]);
    expect(remove).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') as string });
  });

  it('lets people do what their roles say, and nobody use a credential that he may not read', async () => {
    const inAcme = ['-n', 'acme'];
    const bind = (user: string) =>
      kubectl([...inAcme, 'create', 'rolebinding', user, `--clusterrole=hostler-${user}`, `--user=${user}`]);
    for (const user of ['member', 'admin']) expect(await bind(user)).toMatchObject({ code: 0 });
    const reboot = {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: { name: 'reboot' },
      spec: { serverRef: { name: 'eu-1' }, type: 'Reboot' },
    };
    const create = async (user: string) =>
      attempt(
        [
          await kubectlPath(),
          '--kubeconfig',
          cluster.kubeconfig,
          ...inAcme,
          'create',
          '--dry-run=server',
          '--as',
          user,
          '-f',
          '-',
        ],
        { input: JSON.stringify(reboot) },
      );
    expect(await create('member')).toMatchObject({ code: 1, stderr: expect.stringContaining('Forbidden') as string });
    expect(await create('admin')).toMatchObject({ code: 0 });
    const aim = JSON.stringify({ spec: { addresses: [{ type: 'IPv4', address: '203.0.113.66' }] } });
    const redirect = ['patch', 'server', 'eu-1', '--type=merge', '--dry-run=server', '-p', aim];
    const refused = await kubectl([...inAcme, ...redirect, '--as', 'admin']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('may not get the Secret key') as string });
    const role = ['create', 'role', 'reads-key', '--verb=get', '--resource=secrets', '--resource-name=key'];
    await kubectl([...inAcme, ...role]);
    await kubectl([...inAcme, 'create', 'rolebinding', 'reads-key', '--role=reads-key', '--user=admin']);
    expect(await kubectl([...inAcme, ...redirect, '--as', 'admin'])).toMatchObject({ code: 0 });
    const checked = await kubectl(['get', 'validatingadmissionpolicies', '-o', 'json']);
    const { items } = JSON.parse(checked.stdout) as {
      items: { metadata: { name: string }; status: { typeChecking: object } }[];
    };
    for (const { metadata, status } of items) expect(status.typeChecking, metadata.name).toEqual({});
    // nor by way of another Server, or of keys that he trusts himself
    const rights = ['--verb=get,update,patch', '--resource=servers.hostler.dev,knownhosts.hostler.dev'];
    await kubectl([...inAcme, 'create', 'role', 'writer', ...rights]);
    for (const role of ['writer', 'reads-key'])
      await kubectl([...inAcme, 'create', 'rolebinding', `${role}-writer`, `--role=${role}`, '--user=writer']);
    const patch = (what: string[], spec: object, as: string) =>
      kubectl([
        ...inAcme,
        'patch',
        ...what,
        '--type=merge',
        '--dry-run=server',
        '-p',
        JSON.stringify({ spec }),
        '--as',
        as,
      ]);
    const through = { ssh: { jumpHosts: [{ serverRef: { name: 'bastion' } }] } };
    const tunnel = await patch(['server', 'eu-1'], through, 'writer');
    expect(tunnel).toMatchObject({ code: 1, stderr: expect.stringContaining('servers/portforward') as string });
    expect(await patch(['server', 'eu-1'], through, 'admin')).toMatchObject({ code: 0 });
    const { stdout: known } = await kubectl([...inAcme, 'get', 'knownhosts', '-o', 'name']);
    const trust = await patch([known.trim()], { keys: [{ type: 'ssh-ed25519', publicKey: 'AAAA' }] }, 'writer');
    expect(trust).toMatchObject({ code: 1, stderr: expect.stringContaining('servers/approvehostkey') as string });
  });

  it('touches no host when the chart is upgraded and specs are as they were', async () => {
    await host.run('touch /run/before-upgrade; sleep 1.1');
    const [before] = node.names;
    await helm('4.1', ['upgrade', 'fleet', CHART], { ...fast, podAnnotations: { 'example.com/upgrade': 'yes' } });
    await expect.poll(() => node.names, { timeout: 60_000 }).not.toContain(before);
    // the new replica has looked at the host
    const { metadata } = await client.patch(
      servers,
      { namespace: 'acme', name: 'eu-1' },
      { spec: { displayName: 'looked at' } },
    );
    await waitFor(
      (server) => isReady(server) && (server.status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
    );
    await host.run('touch /var/lib/would-be-seen');
    const touched = await host.run(
      'find /etc /usr /opt /var/lib -xdev -newer /run/before-upgrade -type f ! -path "/var/lib/docker/*" ! -path "/var/lib/systemd/*" ! -path "/var/lib/containerd/*"',
    );
    expect(touched.split('\n').filter((path) => path !== '')).toEqual(['/var/lib/would-be-seen']);
  });
});
