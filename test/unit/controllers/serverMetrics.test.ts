import { beforeEach, describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/conditions.ts';
import type { Server } from '../../../src/api/server.ts';
import type { ServerOperation } from '../../../src/api/serverOperation.ts';
import type { ServerStatus, Step } from '../../../src/api/serverStatus.ts';
import { serverMetrics } from '../../../src/controllers/serverMetrics.ts';
import { PiecewiseRegistry } from '../../../src/lib/piecewiseRegistry.ts';
import type { InformerHandler } from '../../../src/kube/informer.ts';
import { SHARD_COUNT, shardOf } from '../../../src/kube/shards.ts';

const START = '2026-01-01T00:00:00Z';
const END = '2026-01-01T00:00:07Z';

let registry: PiecewiseRegistry;
let all: Server[];
let tellServers: InformerHandler<Server>;
let tellOperations: InformerHandler<ServerOperation>;
/** UID of a Server whose shard another process holds. */
let foreign: string | undefined;

beforeEach(() => {
  registry = new PiecewiseRegistry();
  all = [];
  foreign = undefined;
  serverMetrics(registry, {
    servers: {
      list: () => all,
      addHandler: (handler) => {
        tellServers = handler;
        return () => undefined;
      },
    },
    operations: {
      addHandler: (handler) => {
        tellOperations = handler;
        return () => undefined;
      },
    },
    shards: { holds: (shard) => foreign === undefined || shard !== shardOf(foreign) },
  });
});

const server = (name: string, status: ServerStatus): Server => ({
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'Server',
  metadata: { namespace: 'acme', name, uid: `uid-${name}` },
  spec: { addresses: [], ssh: { user: 'root', auth: {} } },
  status,
});
const condition = (type: string, status: Condition['status'], reason: string): Condition => ({
  type,
  status,
  reason,
  message: 'why',
  lastTransitionTime: START,
});
const step = (name: string, more: Partial<Step> = {}): Step => ({
  name,
  state: 'Succeeded',
  attempts: 1,
  startTime: START,
  completionTime: END,
  ...more,
});
const withSteps = (...steps: Step[]) => server('eu-1', { provisioning: { steps } });

/** The samples of one metric, without its comments. */
async function samples(name: string): Promise<string[]> {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith(name));
}

describe('metrics of Servers', () => {
  it('hold each condition as it is now', async () => {
    all = [
      server('eu-1', {
        conditions: [condition('Ready', 'True', 'Ready'), condition('Qualified', 'False', 'ChecksFailed')],
      }),
    ];
    const of = (type: string, reason: string) =>
      `hostler_server_condition{namespace="acme",name="eu-1",type="${type}",reason="${reason}"}`;
    expect(await samples('hostler_server_condition')).toEqual([
      `${of('Ready', 'Ready')} 1`,
      `${of('Qualified', 'ChecksFailed')} 0`,
    ]);
    all = [server('eu-1', { conditions: [condition('Ready', 'Unknown', 'NotReady')] })];
    expect(await samples('hostler_server_condition')).toEqual([`${of('Ready', 'NotReady')} -1`]);
  });

  it('count pending changes by what they wait for', async () => {
    const change = {
      name: 'a/b',
      area: 'Docker',
      what: 'x',
      why: 'y',
      disruption: 'None',
      expectedGapSeconds: 0,
    } as const;
    all = [
      server('eu-1', {
        pendingChanges: [
          { ...change, waitingFor: 'Approval' },
          { ...change, waitingFor: 'Approval' },
        ],
      }),
    ];
    expect(await samples('hostler_server_pending_changes')).toEqual([
      'hostler_server_pending_changes{namespace="acme",name="eu-1",waiting_for="Approval"} 2',
    ]);
  });

  it('leave out Servers whose shard another process holds', async () => {
    all = [server('eu-1', { conditions: [condition('Ready', 'True', 'Ready')] })];
    foreign = 'uid-eu-1';
    expect(await samples('hostler_server_condition')).toEqual([]);
  });

  it('say how many shards are held', async () => {
    expect(await samples('hostler_shards_held')).toEqual([`hostler_shards_held ${SHARD_COUNT}`]);
    foreign = 'uid-eu-1';
    expect(await samples('hostler_shards_held')).toEqual([`hostler_shards_held ${SHARD_COUNT - 1}`]);
  });

  it('observe each step once, when it ended', async () => {
    const running = withSteps({ name: 'docker-engine/package', state: 'Running', attempts: 1, startTime: START });
    const done = withSteps(step('docker-engine/package'));
    tellServers.updated?.(running, done);
    tellServers.updated?.(done, done);
    const sum = (await samples('hostler_step_duration_seconds')).filter((line) => /_(sum|count)\{/.test(line));
    expect(sum).toEqual([
      'hostler_step_duration_seconds_sum{step="docker-engine/package",state="Succeeded",reason=""} 7',
      'hostler_step_duration_seconds_count{step="docker-engine/package",state="Succeeded",reason=""} 1',
    ]);
  });

  it('name no hook: users choose those names', async () => {
    tellServers.updated?.(withSteps(), withSteps(step('hook/one'), step('hook/two')));
    const lines = (await samples('hostler_step_duration_seconds')).filter((line) => line.includes('_count'));
    expect(lines).toEqual(['hostler_step_duration_seconds_count{step="hook",state="Succeeded",reason=""} 2']);
  });

  it('count operations once, by how they ended', async () => {
    const operation = (status: ServerOperation['status']): ServerOperation => ({
      apiVersion: 'hostler.dev/v1alpha1',
      kind: 'ServerOperation',
      metadata: { namespace: 'acme', name: 'again' },
      spec: { serverRef: { name: 'eu-1' }, type: 'Reboot' },
      ...(status && { status }),
    });
    const ended = operation({ phase: 'Failed', conditions: [condition('Ready', 'False', 'RebootFailed')] });
    tellOperations.updated?.(operation({ phase: 'Running' }), ended);
    tellOperations.updated?.(ended, ended);
    expect(await samples('hostler_operations_total')).toEqual([
      'hostler_operations_total{type="Reboot",phase="Failed",reason="RebootFailed"} 1',
    ]);
  });
});
