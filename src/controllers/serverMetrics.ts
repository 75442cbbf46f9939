import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Server } from '../api/server.ts';
import { isFinalPhase, type ServerOperation } from '../api/serverOperation.ts';
import type { Step } from '../api/serverStatus.ts';
import type { Informer } from '../kube/informer.ts';
import { SHARD_COUNT, shardOf, type Shards } from '../kube/shards.ts';
import type { PiecewiseRegistry } from '../lib/piecewiseRegistry.ts';

const STEP_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800];
const VALUES = { True: 1, False: 0, Unknown: -1 } as const;

/** Whose objects the metrics tell about. */
export interface ServerMetricsSources {
  servers: Pick<Informer<Server>, 'list' | 'addHandler'>;
  operations: Pick<Informer<ServerOperation>, 'addHandler'>;
  /** Each Server is told by the one process that holds its shard, so that sums over all replicas are true. */
  shards: Pick<Shards, 'holds'>;
}

/**
 * Metrics of Servers, their steps and operations, read from what the API holds. Every label is a name of the API or a
 * word of its vocabulary: per Server as many series as it has conditions, the rest does not grow with the fleet.
 */
export function serverMetrics(
  registry: PiecewiseRegistry,
  { servers, operations, shards }: ServerMetricsSources,
): void {
  const registers = [registry];
  const isOurs = ({ metadata }: Server) => shards.holds(shardOf(metadata.uid ?? ''));
  const ours = () => servers.list().filter(isOurs);
  registry.addLargeGauge({
    name: 'hostler_server_condition',
    help: 'Conditions of Servers: 1 True, 0 False, -1 Unknown.',
    *samples() {
      for (const { metadata, status } of ours())
        for (const { type, reason, status: value } of status?.conditions ?? [])
          yield [{ namespace: metadata.namespace ?? '', name: metadata.name, type, reason }, VALUES[value]] as const;
    },
  });
  new Gauge({
    name: 'hostler_shards_held',
    help: `Shares of all Servers that this process looks after; all processes together: ${String(SHARD_COUNT)}.`,
    registers,
    collect() {
      this.set(Array.from({ length: SHARD_COUNT }, (_, shard) => shards.holds(shard)).filter(Boolean).length);
    },
  });
  new Gauge({
    name: 'hostler_server_pending_changes',
    help: 'Differences between Servers and their hosts, by what they wait for.',
    labelNames: ['namespace', 'name', 'waiting_for'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of ours())
        for (const { waitingFor } of status?.pendingChanges ?? [])
          this.inc({ namespace: metadata.namespace ?? '', name: metadata.name, waiting_for: waitingFor });
    },
  });
  followSteps(servers, isOurs, registers);
  followOperations(operations, registers);
}

function followSteps(
  servers: ServerMetricsSources['servers'],
  isOurs: (server: Server) => boolean,
  registers: Registry[],
): void {
  const seconds = new Histogram({
    name: 'hostler_step_duration_seconds',
    help: 'How long the steps of first set-ups and changes took, by how they ended; all hooks are one step.',
    labelNames: ['step', 'state', 'reason'],
    buckets: STEP_SECONDS,
    registers,
  });
  servers.addHandler({
    updated: (before, after) => {
      if (!isOurs(after)) return;
      for (const step of endedSince(stepsOf(before), stepsOf(after))) {
        const { name, state, reason = '' } = step;
        seconds.observe({ step: name.startsWith('hook/') ? 'hook' : name, state, reason }, secondsOf(step));
      }
    },
  });
}

function stepsOf({ status }: Server): readonly Step[] {
  return status?.provisioning?.steps ?? [];
}

function secondsOf({ startTime = '', completionTime = '' }: Step): number {
  return (Date.parse(completionTime) - Date.parse(startTime)) / 1000;
}

function endedSince(before: readonly Step[], after: readonly Step[]): Step[] {
  const known = new Map(before.map((step) => [step.name, step]));
  return after.filter(
    ({ name, startTime, completionTime }) =>
      startTime !== undefined &&
      completionTime !== undefined &&
      (known.get(name)?.completionTime !== completionTime || known.get(name)?.startTime !== startTime),
  );
}

function followOperations(operations: ServerMetricsSources['operations'], registers: Registry[]): void {
  const ended = new Counter({
    name: 'hostler_operations_total',
    help: 'ServerOperations that ended, by type and how.',
    labelNames: ['type', 'phase', 'reason'],
    registers,
  });
  operations.addHandler({
    updated: ({ status: before }, { spec, status }) => {
      if (isFinalPhase(before?.phase) || status?.phase === undefined || !isFinalPhase(status.phase)) return;
      const reason = status.conditions?.find((one) => one.type === 'Ready')?.reason ?? '';
      ended.inc({ type: spec.type, phase: status.phase, reason });
    },
  });
}
