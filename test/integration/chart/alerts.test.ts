import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectDefaultMetrics } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { alwaysPresent, onlyWhileTrue } from '../../../src/api/conditions.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { areas } from '../../../src/api/serverSpec.ts';
import { serverMetrics } from '../../../src/controllers/serverMetrics.ts';
import { sshMetrics } from '../../../src/controllers/sshMetrics.ts';
import { createKubeMetrics } from '../../../src/kube/metrics.ts';
import { SHARD_COUNT } from '../../../src/kube/shards.ts';
import { PiecewiseRegistry } from '../../../src/lib/piecewiseRegistry.ts';
import { go, goVersionOf, missingGo } from '../../support/go.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const TOOL = join(ROOT, 'test/tools/alerts');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const rules = read('charts/hostler/files/alerts.yaml');
const alerts = (parse(rules) as { groups: { rules: { expr: string }[] }[] }).groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('charts/hostler/files/dashboards/hostler.json')) as {
  panels: { targets: { expr: string }[] }[];
};
const panels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const expressions = [...alerts.map(({ expr }) => expr), ...panels];

interface Matcher {
  metric: string;
  label: string;
  values: string[];
}

/** Every condition on a label in `expression`; those by a variable of Grafana have no values. */
function matchersOf(expression: string): Matcher[] {
  return [...expression.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, metric = '', inside = '']) =>
    [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', value = '']) => ({
      metric,
      label,
      values: value.startsWith('$') ? [] : value.split('|'),
    })),
  );
}

/** Names of what the program measures, each with its labels. */
function measured(): Map<string, string[]> {
  const registry = new PiecewiseRegistry();
  collectDefaultMetrics({ register: registry });
  createKubeMetrics(registry);
  sshMetrics(registry);
  const addHandler = () => () => undefined;
  const shards = { holds: () => true };
  serverMetrics(registry, { servers: { list: () => [], addHandler }, operations: { addHandler }, shards });
  const found = registry.getMetricsAsArray() as unknown as { name: string; type: string; labelNames?: string[] }[];
  const labels = new Map(found.map(({ name, labelNames = [] }) => [name, labelNames]));
  for (const { name, labelNames = [] } of found)
    for (const part of ['bucket', 'sum', 'count']) labels.set(`${name}_${part}`, [...labelNames, 'le']);
  // made when it is scraped; test/unit/controllers/serverMetrics.test.ts shows its labels
  return labels.set('hostler_server_condition', ['namespace', 'name', 'type', 'reason']);
}

describe('alerts and dashboard', () => {
  it('speak only of metrics and labels that exist', () => {
    const labels = measured();
    const byTarget = ['job', 'instance', 'pod'];
    for (const expression of expressions) {
      const metrics = expression.match(/\b(hostler|workqueue|controller_runtime|process)_\w+/g) ?? [];
      expect(metrics.length, expression).toBeGreaterThan(0);
      expect(metrics.filter((name) => !labels.has(name))).toEqual([]);
      const known = new Set([...metrics.flatMap((name) => labels.get(name) ?? []), ...byTarget]);
      const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
      const used = [...grouped, ...matchersOf(expression).map(({ label }) => label)];
      expect(used.filter((label) => !known.has(label))).toEqual([]);
    }
  });

  it('speak only of conditions, reasons and controllers that exist', () => {
    const controllers = [...read('src/controllers/controllers.ts').matchAll(/addController\(\{\s*name: '(\w+)'/g)];
    const words: Record<string, readonly string[]> = {
      type: [...alwaysPresent, ...onlyWhileTrue, ...areas.map((area) => `${area}Ready`)],
      reason: Object.keys(reasons),
      controller: controllers.map(([, name = '']) => name),
    };
    expect(words['controller']).toContain('server');
    const used = expressions.flatMap(matchersOf).filter(({ label }) => label in words);
    expect(used.length).toBeGreaterThan(10);
    for (const { label, values } of used) expect(words[label]).toEqual(expect.arrayContaining(values));
    const ofAll = used.filter(({ label }) => label === 'controller');
    for (const { values } of ofAll) expect(values.toSorted()).toEqual(words['controller']?.toSorted());
  });
});

/** Half a minute each. */
const HOUR = 120;
const served = ['hostler_shards_held{pod="a"} 40x120', 'hostler_shards_held{pod="b"} 24x120'];
/** A condition of one Server, as a replica tells it: promqltest's notation. */
const told = (type: string, reason: string, values: string, pod = 'a') =>
  `hostler_server_condition{namespace="acme", name="eu-1", type="${type}", reason="${reason}", pod="${pod}"} ${values}`;
const forAnHour = (value: number) => `${value}x${HOUR}`;
const notReady = told('Ready', 'NotReady', forAnHour(0));

/** What happens within an hour, and what fires at its end. */
const stories: Record<string, { series: string[]; fires: string[] }> = {
  'nothing while all is well': {
    series: [told('Ready', 'Ready', forAnHour(1)), told('Reachable', 'Connected', forAnHour(1))],
    fires: [],
  },
  'that a host is away, alone': {
    series: [notReady, told('Reachable', 'ConnectionTimedOut', forAnHour(0))],
    fires: ['HostlerServerUnreachable: Server acme/eu-1 has not been reachable for 10 minutes'],
  },
  'that a host is away although another replica took it over within the 10 minutes': {
    series: [
      told('Reachable', 'Connected', `1x105 stale`),
      told('Reachable', 'ConnectionTimedOut', `_x105 0x4 stale`),
      // told by nobody for a minute
      told('Reachable', 'ConnectionTimedOut', `_x112 0x23`, 'b'),
    ],
    fires: ['HostlerServerUnreachable: Server acme/eu-1 has not been reachable for 10 minutes'],
  },
  'nothing of a host that is back': {
    series: [
      told('Reachable', 'ConnectionTimedOut', '0x110 stale'),
      told('Reachable', 'Connected', '_x111 1x9'),
      told('Ready', 'NotReady', '0x110 stale'),
      told('Ready', 'Ready', '_x111 1x9'),
    ],
    fires: [],
  },
  'that a Server whose jump host is gone is not Ready': {
    series: [told('Ready', 'NotReady', forAnHour(-1)), told('Reachable', 'DependencyNotReady', forAnHour(-1))],
    fires: ['HostlerServerNotReady: Server acme/eu-1 has not been Ready for 30 minutes'],
  },
  'another host key, alone': {
    series: [
      notReady,
      told('Reachable', 'Connected', forAnHour(1)),
      told('HostKeyVerified', 'HostKeyMismatch', forAnHour(0)),
      told('Stalled', 'HostKeyMismatch', forAnHour(1)),
    ],
    fires: ['HostlerHostKeyMismatch: Server acme/eu-1 answers with another host key'],
  },
  'another machine, alone': {
    series: [
      notReady,
      told('HostKeyVerified', 'MachineReplaced', forAnHour(0)),
      told('Stalled', 'MachineReplaced', forAnHour(1)),
    ],
    fires: ['HostlerMachineReplaced: Another machine answers for Server acme/eu-1 with its host key'],
  },
  'a refused login, alone': {
    series: [
      notReady,
      told('Authenticated', 'CredentialsRejected', forAnHour(0)),
      told('Stalled', 'CredentialsRejected', forAnHour(1)),
    ],
    fires: ['HostlerCredentialsRejected: Server acme/eu-1 refuses the login'],
  },
  'what was given up, alone': {
    series: [notReady, told('Reachable', 'Connected', forAnHour(1)), told('Stalled', 'OutOfAttempts', forAnHour(1))],
    fires: ['HostlerServerStalled: Server acme/eu-1 is stalled'],
  },
  'a disk that fills': {
    series: [told('DiskPressure', 'Warning', forAnHour(1))],
    fires: ['HostlerDiskPressure: A file system of Server acme/eu-1 is more than 80 % full'],
  },
  'a disk that is full': {
    series: [told('DiskPressure', 'Warning', '1x100 stale'), told('DiskPressure', 'Critical', '_x101 1x19')],
    fires: ['HostlerDiskFull: A file system of Server acme/eu-1 is more than 95 % full'],
  },
  'the first unexpected error of a controller': {
    series: ['controller_runtime_reconcile_panics_total{controller="artifactbundle"} 0x110 1x10'],
    fires: ['HostlerBug: The controller artifactbundle met an unexpected error'],
  },
  'a run without end': {
    series: ['workqueue_longest_running_processor_seconds{name="server", controller="server"} 0+60x120'],
    fires: ['HostlerRunHangs: A run of the controller server takes longer than an hour'],
  },
};

const obstacle = await missingGo(TOOL, goVersionOf(read('test/tools/alerts/go.mod')));

describe.skipIf(obstacle !== undefined)("Prometheus' own rules and engine", () => {
  const unserved = [
    // the last replica holds its own shards alone
    ['hostler_shards_held{pod="a"} 40x120', 'hostler_shards_held{pod="b"} 24x60 stale'],
    // there is no replica
    ['up{job="hostler"} 0x120'],
  ];
  let answer: { firing: string[][]; errors: string[] };

  beforeAll(async () => {
    const told = Object.values(stories).map(({ series }) => [...served, ...series]);
    const written = panels.map((expr) => expr.replaceAll('$__rate_interval', '5m'));
    const question = { rules, stories: [...told, ...unserved], expressions: written };
    answer = JSON.parse(await go(TOOL, ['run', '.'], JSON.stringify(question))) as typeof answer;
    // Go compiles them once
  }, 600_000);

  it('can read every expression', () => {
    expect(answer.errors).toEqual([]);
  });

  it.each(Object.entries(stories).map(([what, { fires }], index) => ({ what, fires, index })))(
    'tell $what',
    ({ fires, index }) => {
      expect(answer.firing[index]).toEqual(fires);
    },
  );

  it('tell which part of the Servers nobody looks after', () => {
    expect(answer.firing.slice(-2)).toEqual(
      [40, 0].map((held) => [
        `HostlerServersUnserved: Hostler looks after ${held} of ${SHARD_COUNT} shares of the Servers`,
      ]),
    );
  });
});
