import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../../src/api/meta.ts';
import { version } from '../../../src/lib/version.ts';
import { attempt, run } from '../../hosts/command.ts';
import { HELM_VERSIONS, helmPath } from '../../support/kubectl.ts';

const CHART = fileURLToPath(new URL('../../../charts/hostler', import.meta.url));
const GOLDEN = fileURLToPath(new URL('golden', import.meta.url));

/** Everything that is optional. */
const FULL = {
  replicaCount: 3,
  image: { digest: `sha256:${'0'.repeat(64)}`, pullPolicy: 'Always' },
  imagePullSecrets: [{ name: 'pull' }],
  secretAccess: { mode: 'Namespaces', namespaces: ['acme', 'shop'] },
  controller: {
    deniedCIDRs: ['10.96.0.0/12'],
    extraArgs: ['--allow-loopback'],
    extraEnv: [{ name: 'TZ', value: 'UTC' }],
  },
  bundles: { volume: { persistentVolumeClaim: { claimName: 'bundles' } } },
  serviceAccount: { annotations: { 'example.com/role': 'hostler' } },
  podAnnotations: { 'example.com/note': 'pod' },
  podLabels: { team: 'platform' },
  nodeSelector: { 'kubernetes.io/os': 'linux' },
  tolerations: [{ key: 'infra', operator: 'Exists' }],
  affinity: { nodeAffinity: {} },
  priorityClassName: 'system-cluster-critical',
  metrics: {
    service: { annotations: { 'example.com/scrape': 'yes' } },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true },
  },
  networkPolicy: {
    enabled: true,
    sshPorts: [22, 2222],
    dnsPorts: [53, 5353],
    extraEgress: [{ to: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: [{ port: 3128, protocol: 'TCP' }] }],
    metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
  },
};

/** A ClusterRole that consists of others. */
interface Collecting extends KubeObject {
  aggregationRule?: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] };
}

interface Deployment {
  spec: { template: { spec: { securityContext: object } } };
}

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-chart-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function valuesFile(values: object): Promise<string> {
  const path = join(directory, `${Math.random().toString(36).slice(2)}.json`);
  await writeFile(path, JSON.stringify(values));
  return path;
}

async function render(helm: string, values: object, flags: readonly string[] = []): Promise<string> {
  return run([helm, 'template', 'hostler', CHART, '-f', await valuesFile(values), ...flags]);
}

/** What is generated from src/api stands in crds/ already. */
const withoutCrds = (text: string): string =>
  text
    .split(/^---\n/m)
    .filter((part) => !/^kind: CustomResourceDefinition$/m.test(part))
    .join('---\n');

const objectsOf = (text: string): KubeObject[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);

describe.each(HELM_VERSIONS)('the chart with helm %s', (helmVersion) => {
  let helm: string;
  beforeAll(async () => {
    helm = await helmPath(helmVersion);
  });

  it('passes lint', async () => {
    await run([helm, 'lint', '--strict', CHART, '-f', await valuesFile(FULL)]);
  });

  it('gives the heap its part of the memory, or leaves that to Node.js', async () => {
    expect(await render(helm, { heapMiB: 512 })).toContain('value: --max-old-space-size=512\n');
    const none = { heapMiB: null, resources: { limits: { memory: '256Mi' } } };
    expect(await render(helm, none)).not.toContain('NODE_OPTIONS');
    const own = { heapMiB: null, controller: { extraEnv: [{ name: 'NODE_OPTIONS', value: '--inspect' }] } };
    expect(await render(helm, own)).toContain('value: --inspect\n');
    expect(await render(helm, { resources: { limits: { memory: '1.2G', cpu: null } }, heapMiB: 1100 })).toContain(
      '=1100',
    );
  });

  it.each([
    ['defaults', {}],
    ['full', FULL],
  ])('renders %s as recorded', async (name, values) => {
    await expect(withoutCrds(await render(helm, values))).toMatchFileSnapshot(join(GOLDEN, `${name}.yaml`));
  });

  it('takes CRDs, roles and policies along, each once', async () => {
    const objects = objectsOf(await render(helm, {}));
    const ids = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);
    expect(new Set(ids).size).toBe(ids.length);
    const crds = objects.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds.map(({ metadata }) => metadata.name)).toContain('servers.hostler.dev');
    for (const { metadata } of crds) expect(metadata.annotations).toMatchObject({ 'helm.sh/resource-policy': 'keep' });
  });

  it('grants nothing by wildcard, and no Secret unless told', async () => {
    const text = await render(helm, {});
    const rules = objectsOf(text).flatMap((object) => (object as { rules?: { resources?: string[] }[] }).rules ?? []);
    expect(rules.length).toBeGreaterThan(5);
    expect(JSON.stringify(rules)).not.toContain('*');
    expect(rules.filter(({ resources }) => resources?.includes('secrets'))).toEqual([]);
  });

  it.each([true, false])(
    'fills the roles for people, and those of Kubernetes only when told: %s',
    async (aggregate) => {
      const roles = objectsOf(await render(helm, { roles: { aggregate } })).filter(
        ({ kind }) => kind === 'ClusterRole',
      );
      const labels = roles.map(({ metadata }) => Object.keys(metadata.labels ?? {}));
      const partOf = (label: string) => labels.filter((one) => one.includes(label)).length;
      const collecting = roles.flatMap((role) => (role as Collecting).aggregationRule?.clusterRoleSelectors ?? []);
      const selected = collecting.flatMap(({ matchLabels }) => Object.keys(matchLabels));
      expect(selected.map((label) => [label, partOf(label)])).toEqual([
        ['hostler.dev/aggregate-to-admin', 3],
        ['hostler.dev/aggregate-to-member', 2],
        ['hostler.dev/aggregate-to-owner', 4],
        ['hostler.dev/aggregate-to-project-viewer', 1],
      ]);
      const kubernetes = ['view', 'edit', 'admin'].map((who) =>
        partOf(`rbac.authorization.k8s.io/aggregate-to-${who}`),
      );
      expect(kubernetes).toEqual(aggregate ? [2, 1, 1] : [0, 0, 0]);
    },
  );

  it('leaves the choice of users to the cluster when told', async () => {
    const securityContext = async (podSecurityContext: object) => {
      const objects = objectsOf(await render(helm, { podSecurityContext }));
      const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as Deployment;
      return deployment.spec.template.spec.securityContext;
    };
    const always = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
    const own = { runAsUser: 10001, runAsGroup: 10001, fsGroup: 10001 };
    expect(await securityContext({})).toEqual({ ...always, ...own });
    expect(await securityContext({ runAsUser: null, runAsGroup: null, fsGroup: null })).toEqual(always);
    const added = { fsGroup: 2000, supplementalGroups: [3000] };
    expect(await securityContext(added)).toEqual({ ...always, ...own, ...added });
  });

  it.each([
    [{}, 'hostler', 'hostler'],
    [{ nameOverride: 'servers' }, 'hostler-servers', 'servers'],
    [{ fullnameOverride: 'fleet' }, 'fleet', 'hostler'],
  ])('names what it makes as told: %j', async (values, fullName, name) => {
    const objects = objectsOf(await render(helm, values));
    const found = objects.find(({ kind }) => kind === 'Deployment')?.metadata;
    expect([found?.name, found?.labels?.['app.kubernetes.io/name']]).toEqual([fullName, name]);
    expect(objects.find(({ kind }) => kind === 'ServiceAccount')?.metadata.name).toBe(fullName);
  });

  it.each([true, false])('is a part of another chart where that has it enabled: %s', async (enabled) => {
    const parent = join(directory, `parent-${helmVersion}-${enabled}`);
    await mkdir(join(parent, 'charts'), { recursive: true });
    await symlink(CHART, join(parent, 'charts/hostler'));
    const dependencies = [{ name: 'hostler', version, condition: 'hostler.enabled' }];
    const chart = { apiVersion: 'v2', name: 'parent', version: '1.0.0', dependencies };
    await writeFile(join(parent, 'Chart.yaml'), JSON.stringify(chart));
    const values = { global: { cluster: 'eu' }, hostler: { enabled } };
    const text = await run([helm, 'template', 'platform', parent, '-f', await valuesFile(values)]);
    const names = objectsOf(text).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(names.includes('Deployment platform-hostler')).toBe(enabled);
  });

  it('makes the namespace of its own only where the release is elsewhere', async () => {
    const namespaces = (text: string) => objectsOf(text).filter(({ kind }) => kind === 'Namespace').length;
    expect(namespaces(await render(helm, {}))).toBe(1);
    expect(namespaces(await render(helm, {}, ['--namespace', 'hostler-system']))).toBe(0);
  });

  it.each([
    ['an unknown value', { replicas: 2 }, 'replicas'],
    ['a number that is none', { replicaCount: 'two' }, 'replicaCount'],
    ['Namespaces without any', { secretAccess: { mode: 'Namespaces' } }, 'namespaces'],
    ['a range that is none', { controller: { deniedCIDRs: ['everything'] } }, 'deniedCIDRs'],
    ['a duration without unit', { controller: { healthInterval: '120' } }, 'healthInterval'],
    ['an age that the program refuses', { controller: { requalifyAfter: '721h' } }, 'requalifyAfter: 721h is longer'],
    ['a heap beyond the memory', { resources: { limits: { memory: '1Gi' } } }, 'heapMiB: 1152 leaves nothing'],
    ['a heap of all the memory', { resources: { limits: { memory: 1207959552 } } }, 'heapMiB: 1152 leaves nothing'],
    ['two words about the heap', { controller: { extraEnv: [{ name: 'NODE_OPTIONS' }] } }, 'set by heapMiB'],
    [
      'a ServiceMonitor without Service',
      { metrics: { service: { enabled: false }, serviceMonitor: { enabled: true } } },
      'metrics.service.enabled',
    ],
  ])('refuses %s and names it', async (_what, values, named) => {
    const { code, stderr } = await attempt([helm, 'template', 'hostler', CHART, '-f', await valuesFile(values)]);
    expect(code).not.toBe(0);
    expect(stderr).toContain(named);
  });
});

/** What helm 4 says after an install; helm 3 says it beside a cluster alone. */
async function notes(values: object): Promise<string> {
  const dryRun = ['install', 'hostler', CHART, '--dry-run=client', '-f', await valuesFile(values)];
  const text = await run([await helmPath('4.1'), ...dryRun, '--kubeconfig', '/dev/null']);
  return text.slice(text.indexOf('\nNOTES:'));
}

it('the notes name the ports that a policy lets through', async () => {
  expect(await notes({ networkPolicy: { enabled: true, sshPorts: [22, 2222] } })).toContain(
    'at these ports alone: 22, 2222.',
  );
  expect(await notes({})).not.toContain('NetworkPolicy');
});

it('the chart has the version of the program', async () => {
  const chart = parse(await readFile(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string };
  expect([chart.version, chart.appVersion]).toEqual([version, version]);
});
