import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import { Client } from '../../src/kube/client.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { namespaces, secrets } from '../../src/kube/resource.ts';
import { shardOf } from '../../src/kube/shards.ts';
import { run } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { hostlerImage } from '../pods/image.ts';
import { StandInNode } from '../pods/node.ts';
import { KubeCluster } from '../support/kubeCluster.ts';
import { helmPath, kubectlPath } from '../support/kubectl.ts';
import { delayNextScript } from '../support/lateScript.ts';
import { fewestShards, shardHolders } from '../support/shardHolders.ts';
import { expectNoJobLeft } from '../support/soundHost.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHART = join(ROOT, 'charts/hostler');
const SYSTEM = 'hostler-system';
/** What a Server whose replica is gone may have to wait until another serves it. */
const SERVED_WITHIN_SECONDS = 30;
const FATES = ['frozen', 'killed', 'partitioned'] as const;
type Fate = (typeof FATES)[number];
/** Those that are not started again. */
const LOST = ['frozen', 'partitioned'] as const;
/** A sentence in the CRD of Servers, and what an older chart said. */
const [SENTENCE, OLD_SENTENCE] = ['Name for people. Example: Production EU 1.', 'What people call it.'];
/** What a host keeps of the commands that ran on it. */
const COMMANDS = '/var/tmp/commands';
const VALUES = {
  replicaCount: 3,
  controller: { healthInterval: '2s', driftInterval: '4s', logLevel: 'debug' },
  networkPolicy: { enabled: true },
  podDisruptionBudget: { enabled: true, maxUnavailable: 1 },
  secretAccess: { mode: 'Namespaces', namespaces: ['acme'] },
};

/** Three replicas that the chart installed on a real Kubernetes control plane, and a real host for each. */
describe.skipIf(process.env['HOSTLER_SKIP_KUBERNETES'] !== undefined)('three replicas of the chart', () => {
  let directory: string;
  let fleet: Fleet;
  let cluster: KubeCluster;
  let node: StandInNode;
  let client: Client;
  const hosts = new Map<Fate, Host>();
  /** The Pods. */
  const replicas = new Map<Fate, string>();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hostler-replicas-'));
    await run(['npm', 'run', '--silent', 'build'], { cwd: ROOT });
    fleet = await Fleet.create();
    [cluster] = await Promise.all([
      KubeCluster.start({ addresses: [fleet.gateway] }),
      ...FATES.map(async (fate) => hosts.set(fate, await fleet.up({ name: fate }))),
    ]);
    client = new Client({ connection: defaultConnection({ kubeconfig: cluster.kubeconfig }) });
    node = await StandInNode.start({ client, fleet, images: { 'hostler/hostler': await hostlerImage(ROOT) } });
    const key = (await readFile(fleet.keyFile)).toString('base64');
    for (const namespace of ['acme', 'other']) {
      await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
      await client.create(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'key', namespace },
        type: 'kubernetes.io/ssh-auth',
        data: { 'ssh-privatekey': key },
      });
    }
    await helm('install', await olderChart());
  });

  afterAll(async () => {
    await node.stop();
    await cluster.stop();
    await fleet.down();
    await rm(directory, { recursive: true, force: true });
  });

  /** The chart as it was before somebody found better words. */
  async function olderChart(): Promise<string> {
    const chart = join(directory, 'older');
    await cp(CHART, chart, { recursive: true });
    const path = join(chart, 'files/crds/servers.yaml');
    const text = await readFile(path, 'utf8');
    expect(text).toContain(SENTENCE);
    await writeFile(path, text.replace(SENTENCE, OLD_SENTENCE));
    return chart;
  }

  async function helm(verb: 'install' | 'upgrade', chart: string, ...more: string[]): Promise<void> {
    const values = join(directory, 'values.json');
    await writeFile(values, JSON.stringify(VALUES));
    const flags = ['--kubeconfig', cluster.kubeconfig, '-f', values, '--wait', '--timeout', '120s'];
    await run([await helmPath(), verb, 'hostler', chart, ...flags, ...more]);
  }

  const kubectl = async (...args: string[]): Promise<string> =>
    run([await kubectlPath(), '--kubeconfig', cluster.kubeconfig, ...args]);

  const keyOf = (fate: Fate) => ({ namespace: 'acme', name: fate });
  const hostOf = (fate: Fate): Host => hosts.get(fate)!;

  /** A Server that a replica serves for which there is none yet: a UID, and so a shard, is a matter of luck. */
  async function createServer(fate: Fate): Promise<void> {
    for (;;) {
      const { metadata } = await client.create(servers, {
        apiVersion: API_VERSION,
        kind: 'Server',
        metadata: keyOf(fate),
        spec: {
          addresses: [{ type: 'IPv4', address: hostOf(fate).address }],
          ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
          requirements: { disk: '1M' },
          hardening: { sshd: { maxAuthTries: 5 } },
          // nothing has to be taken back from the host when it is deleted
          paused: true,
        },
      });
      const holder = (await shardHolders(client)).get(shardOf(metadata.uid ?? '')) ?? '';
      if (![...replicas.values()].includes(holder)) {
        replicas.set(fate, holder);
        await client.patch(servers, keyOf(fate), { spec: { paused: null } });
        return;
      }
      await client.delete(servers, metadata);
      await expect.poll(() => client.find(servers, metadata), { timeout: 60_000, interval: 50 }).toBeUndefined();
    }
  }

  async function waitUntilReady(fate: Fate): Promise<void> {
    const isReady = ({ metadata, status }: Server) =>
      status?.observedGeneration === metadata.generation &&
      findCondition(status?.conditions, 'Ready')?.status === 'True';
    const look = async () => {
      const server = await client.get(servers, keyOf(fate));
      return isReady(server) ? 'ready' : JSON.stringify(server.status?.conditions);
    };
    await expect.poll(look, { timeout: 120_000, interval: 200 }).toBe('ready');
  }

  /** Has a command run on the host, which can be seen to run twice, or beside another. */
  async function command(fate: Fate): Promise<void> {
    // the frozen one's is not to run before others take over, and then does not count against them
    const seconds = fate === 'frozen' ? 0 : 3;
    await client.create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: keyOf(fate),
      spec: {
        serverRef: { name: fate },
        type: 'RunCommand',
        runCommand: { script: `echo begin >>${COMMANDS}; sleep ${seconds}; echo end >>${COMMANDS}` },
      },
    });
  }

  const commandsOn = (fate: Fate) => hostOf(fate).run(`cat ${COMMANDS} 2>/dev/null || true`);

  const commandBegins = (fate: Fate) =>
    expect.poll(() => commandsOn(fate), { timeout: 60_000, interval: 50 }).toBe('begin\n');

  async function commandEnds(fate: Fate): Promise<void> {
    const phase = async () => (await client.get(serverOperations, keyOf(fate))).status?.phase;
    await expect.poll(phase, { timeout: 60_000, interval: 200 }).toBe('Succeeded');
  }

  /** Changes the spec. @returns seconds until a replica has looked at that, counted from `since`. */
  async function secondsUntilServed(fate: Fate, since: number): Promise<number> {
    const spec = { hardening: { sshd: { maxAuthTries: 7 } } };
    const { metadata } = await client.patch(servers, keyOf(fate), { spec });
    const observed = async () => (await client.get(servers, keyOf(fate))).status?.observedGeneration ?? 0;
    const options = { timeout: 2000 * SERVED_WITHIN_SECONDS, interval: 100 };
    await expect.poll(observed, options).toBeGreaterThanOrEqual(metadata.generation ?? Infinity);
    return (performance.now() - since) / 1000;
  }

  /** Everything that the test has Hostler change on a host, and who has the right to. */
  const stateOf = (fate: Fate): Promise<string> =>
    hostOf(fate).run(`stat -c '%n %i %y' /var/lib/hostler/owner /etc/ssh/sshd_config.d/* ${COMMANDS}
      cat /var/lib/hostler/owner ${COMMANDS}; ls /var/lib/hostler/jobs 2>/dev/null || true`);

  const transitionsOn = async (fate: Fate): Promise<number> =>
    Number(await hostOf(fate).run("sed -n 's/^transitions=//p' /var/lib/hostler/owner"));

  it('each has its part, a budget covers them, and so does the network policy', async () => {
    expect(node.names).toHaveLength(3);
    const shares = async () => fewestShards(await shardHolders(client), node.names);
    await expect.poll(shares, { timeout: 60_000, interval: 200 }).toBeGreaterThan(8);
    const budget = async () =>
      kubectl(
        '-n',
        SYSTEM,
        'get',
        'pdb',
        'hostler',
        '-o',
        'jsonpath={.status.expectedPods} {.status.disruptionsAllowed}',
      );
    await expect.poll(budget, { timeout: 30_000, interval: 500 }).toBe('3 1');
    const policy = JSON.parse(await kubectl('-n', SYSTEM, 'get', 'networkpolicy', 'hostler', '-o', 'json')) as {
      spec: { podSelector: { matchLabels: Record<string, string> }; policyTypes: string[] };
    };
    expect(policy.spec.policyTypes).toEqual(['Ingress', 'Egress']);
    const labels = Object.entries(policy.spec.podSelector.matchLabels).map(([name, value]) => `${name}=${value}`);
    const chosen = await kubectl('-n', SYSTEM, 'get', 'pods', '-l', labels.join(','), '-o', 'name');
    expect(chosen.trim().split('\n')).toHaveLength(3);
  });

  it('none reads a Secret of a namespace that was not named, nor lists those of one that was', async () => {
    const account = await cluster.kubeconfigOfServiceAccount({ namespace: SYSTEM, name: 'hostler' });
    const controller = new Client({ connection: defaultConnection({ kubeconfig: account }) });
    expect((await controller.get(secrets, { namespace: 'acme', name: 'key' })).data).toHaveProperty('ssh-privatekey');
    const forbidden = expect.objectContaining({ code: 403, reason: 'Forbidden' }) as Error;
    await expect(controller.get(secrets, { namespace: 'other', name: 'key' })).rejects.toEqual(forbidden);
    await expect(controller.list(secrets, { namespace: 'acme' })).rejects.toEqual(forbidden);
  });

  it('each serves a host', async () => {
    for (const fate of FATES) await createServer(fate);
    expect([...replicas.values()].sort()).toEqual([...node.names].sort());
    await Promise.all(FATES.map(waitUntilReady));
  });

  it('one is killed, one frozen and one cut off: every Server is served within 30 s, and nothing is done twice', async () => {
    await command('killed');
    await commandBegins('killed');
    const killedAt = performance.now();
    node.signal(replicas.get('killed')!, 'SIGKILL');
    const killed = await secondsUntilServed('killed', killedAt);

    const token = await transitionsOn('frozen');
    const late = await delayNextScript(hostOf('frozen'));
    await Promise.all(LOST.map(command));
    await Promise.all([late.caught(), commandBegins('partitioned')]);
    // the one that has just started again is all that is left
    const frozen = replicas.get('frozen')!;
    const lostAt = performance.now();
    node.signal(frozen, 'SIGSTOP');
    await node.cutOff(replicas.get('partitioned')!);
    const others = await Promise.all(LOST.map((fate) => secondsUntilServed(fate, lostAt)));
    console.log(`seconds until served again: ${[killed, ...others].map((one) => one.toFixed(1)).join(', ')}`);
    expect(Math.max(killed, ...others)).toBeLessThan(SERVED_WITHIN_SECONDS);

    // what the frozen one sent arrives after somebody else did it
    await commandEnds('frozen');
    await waitUntilReady('frozen');
    expect(await transitionsOn('frozen'), 'the token of whoever took over').toBeGreaterThan(token);
    const before = await stateOf('frozen');
    await late.released();
    expect(await stateOf('frozen')).toBe(before);
    node.signal(frozen, 'SIGCONT');
    await expect
      .poll(() => node.log(frozen), { timeout: 30_000, interval: 200 })
      .toContain('Another process took over.');
    expect(await stateOf('frozen')).toBe(before);

    for (const fate of FATES) {
      await commandEnds(fate);
      await waitUntilReady(fate);
      expect(await commandsOn(fate)).toBe('begin\nend\n');
      expect(await hostOf(fate).run('sshd -T | grep -i ^maxauthtries')).toBe('maxauthtries 7\n');
      await expectNoJobLeft(hostOf(fate));
    }
  });

  it('one in place of the lost one gets its part', async () => {
    await kubectl('-n', SYSTEM, 'delete', 'pod', replicas.get('partitioned')!, '--force', '--grace-period=0');
    const isReplaced = () => node.names.length === 3 && !node.names.includes(replicas.get('partitioned')!);
    const shares = async () => (isReplaced() ? fewestShards(await shardHolders(client), node.names) : 0);
    await expect.poll(shares, { timeout: 90_000, interval: 200 }).toBeGreaterThan(8);
  });

  it('an upgrade brings the CRDs of the newer chart, and puts them right', async () => {
    const explained = () => kubectl('explain', 'server.spec.displayName');
    expect(await explained()).toContain(OLD_SENTENCE);
    await helm('upgrade', CHART);
    await expect.poll(explained, { timeout: 30_000, interval: 500 }).toContain(SENTENCE);
    // also what somebody took out by hand
    const path = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/displayName/description';
    const removal = JSON.stringify([{ op: 'remove', path }]);
    await kubectl('patch', 'crd', 'servers.hostler.dev', '--type=json', '-p', removal);
    await expect.poll(explained, { timeout: 30_000, interval: 500 }).not.toContain(SENTENCE);
    // Helm by itself does not take from others what they wrote
    await expect(helm('upgrade', CHART)).rejects.toThrow('conflict with "kubectl-patch"');
    await helm('upgrade', CHART, '--force-conflicts');
    await expect.poll(explained, { timeout: 30_000, interval: 500 }).toContain(SENTENCE);
  });
});
