import type { ArtifactBundle } from '../api/artifactBundle.ts';
import type { ServerOperation } from '../api/serverOperation.ts';
import type { AnyTask } from '../host/task.ts';
import { tasks as allTasks } from '../host/tasks/registry.ts';
import type { Client } from '../kube/client.ts';
import { EventRecorder } from '../kube/eventRecorder.ts';
import { ensureInstallation } from '../kube/installation.ts';
import type { Informer } from '../kube/informer.ts';
import { Manager } from '../kube/manager.ts';
import type { KubeMetrics } from '../kube/metrics.ts';
import { keyOf } from '../kube/resource.ts';
import { ShardManager } from '../kube/shardManager.ts';
import { StatusWriter } from '../kube/statusWriter.ts';
import { BundleDirectory } from '../lib/bundleDirectory.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { HealthCheck } from '../lib/httpEndpoint.ts';
import type { Logger } from '../lib/logger.ts';
import type { PiecewiseRegistry } from '../lib/piecewiseRegistry.ts';
import { SessionPool } from '../ssh/pool.ts';
import { artifactBundles, knownHosts, serverOperations, servers } from '../kube/hostlerResources.ts';
import { ArtifactBundleReconciler, type ArtifactBundleDeps } from './artifactBundle/reconciler.ts';
import type { ServerIntervals } from './server/deps.ts';
import { ServerReconciler } from './server/reconciler.ts';
import { indexServerSources, watchServers } from './server/watches.ts';
import { ServerOperationReconciler } from './serverOperation/reconciler.ts';
import { serverMetrics } from './serverMetrics.ts';
import { sshMetrics } from './sshMetrics.ts';

/** What the controllers of one process need, in both homes. */
export interface ControllersOptions {
  client: Client;
  log: Logger;
  registry: PiecewiseRegistry;
  metrics: KubeMetrics;
  /** Name of this process in Leases; kept over restarts, so that its shards come back at once. */
  identity: string;
  intervals: ServerIntervals;
  deniedCidrs: readonly string[];
  /** Most SSH connections kept open. */
  maxConnections: number;
  /** Where the files of ArtifactBundles lie. */
  bundleDirectory: string;
  clock?: Clock;
  /** Default: every task there is. */
  tasks?: readonly AnyTask[];
}

/**
 * Runs wait for their host most of the time. 10,000 Servers are 83 looks a second, and each that cannot be reached takes
 * a worker for 10 s: 50 workers were all taken by six in a hundred. Many more made scripts pass their deadlines where
 * the CPU was scarce.
 */
const SERVER_WORKERS = 100;

/** The controllers, ready to run. */
export interface Controllers {
  /** Runs until `signal` aborts, then stops in good order. */
  run(signal: AbortSignal): Promise<void>;
  readinessChecks(): Record<string, HealthCheck>;
}

/** Wires informers, workqueues and reconcilers; touches nothing but the API until run. */
export async function createControllers(options: ControllersOptions): Promise<Controllers> {
  const { client, log, metrics, identity, clock = systemClock } = options;
  const installationUID = await ensureInstallation(client);
  const shards = new ShardManager({ client, identity, log, metrics });
  const manager = new Manager({ client, log, metrics, shards });
  const observer = sshMetrics(options.registry);
  const pool = new SessionPool({ maxSessions: options.maxConnections, observer });
  observer.follow(pool);
  const events = new EventRecorder({ client, log, component: 'hostler', instance: identity });
  const sources = {
    servers: manager.informer(servers),
    knownHosts: manager.informer(knownHosts),
    operations: manager.informer(serverOperations),
    bundles: manager.informer(artifactBundles),
  };
  indexServerSources(sources);
  serverMetrics(options.registry, { ...sources, shards });
  const operationStatus = new StatusWriter(client, serverOperations, sources.operations);
  const bundleDirectory = new BundleDirectory(options.bundleDirectory);
  const bundleStatus = new StatusWriter(client, artifactBundles, sources.bundles);
  const shared = { ...sources, client, operationStatus, bundleStatus, bundleDirectory, events, clock };
  const reconciler = new ServerReconciler({
    ...shared,
    statusWriter: new StatusWriter(client, servers, sources.servers),
    shards,
    installationUID,
    pool,
    tasks: options.tasks ?? allTasks,
    intervals: options.intervals,
    deniedCidrs: options.deniedCidrs,
  });
  const sharding = { shards, objects: sources.servers };
  const controller = manager.addController({ name: 'server', reconciler, workers: SERVER_WORKERS, sharding });
  watchServers(controller, sources);
  addOperationController(manager, shared, sources.operations);
  addBundleController(manager, shared, sources.bundles);
  return {
    readinessChecks: () => manager.readinessChecks(),
    run: async (signal) => {
      try {
        await manager.run(signal);
      } finally {
        await events.flush();
        await pool.close();
      }
    },
  };
}

type OperationDeps = ConstructorParameters<typeof ServerOperationReconciler>[0];

function addOperationController(manager: Manager, deps: OperationDeps, operations: Informer<ServerOperation>): void {
  const controller = manager.addController({
    name: 'serveroperation',
    reconciler: new ServerOperationReconciler(deps),
  });
  operations.addHandler({
    added: (operation) => controller.enqueue(keyOf(operation)),
    updated: (_before, operation) => controller.enqueue(keyOf(operation)),
  });
}

function addBundleController(manager: Manager, deps: ArtifactBundleDeps, bundles: Informer<ArtifactBundle>): void {
  const controller = manager.addController({ name: 'artifactbundle', reconciler: new ArtifactBundleReconciler(deps) });
  bundles.addHandler({
    added: (bundle) => controller.enqueue(keyOf(bundle)),
    updated: (before, bundle) => {
      if (before.metadata.generation !== bundle.metadata.generation) controller.enqueue(keyOf(bundle));
    },
  });
}
