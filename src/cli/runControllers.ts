import { collectDefaultMetrics } from 'prom-client';
import { createControllers } from '../controllers/controllers.ts';
import type { Client } from '../kube/client.ts';
import { createKubeMetrics } from '../kube/metrics.ts';
import { startHttpEndpoint } from '../lib/httpEndpoint.ts';
import type { Logger } from '../lib/logger.ts';
import { PiecewiseRegistry } from '../lib/piecewiseRegistry.ts';
import { defaultDeniedCidrs } from '../ssh/addresses.ts';
import type { ControllerOptions } from './controllerOptions.ts';

/** What the controllers run with, beside their options. */
export interface ControllersContext {
  /** An ordinary user of the API. */
  client: Client;
  /** Name of this process in Leases. */
  identity: string;
  /** Address ranges that are denied whatever the options say. */
  alsoDenied?: readonly string[];
  /** Where the files of ArtifactBundles lie unless the options say otherwise. */
  bundleDirectory: string;
  log: Logger;
  signal: AbortSignal;
}

/** Runs all controllers, with metrics and probes where asked for, until `signal` aborts. The same in both homes. */
export async function runControllers(options: ControllerOptions, context: ControllersContext): Promise<void> {
  const { client, identity, alsoDenied = [], log, signal } = context;
  const registry = new PiecewiseRegistry();
  collectDefaultMetrics({ register: registry });
  const controllers = await createControllers({
    client,
    log,
    registry,
    metrics: createKubeMetrics(registry),
    identity,
    intervals: {
      healthMs: options.healthInterval,
      driftMs: options.driftInterval,
      requalifyMs: options.requalifyAfter,
    },
    deniedCidrs: [...deniedCidrs(options), ...alsoDenied],
    maxConnections: options.maxConnections,
    bundleDirectory: options.bundleDir ?? context.bundleDirectory,
  });
  const endpoint =
    options.metricsListen &&
    (await startHttpEndpoint({ ...options.metricsListen, registry, ready: controllers.readinessChecks() }));
  try {
    await controllers.run(signal);
  } finally {
    await endpoint?.close();
  }
}

function deniedCidrs(options: ControllerOptions): string[] {
  const ranges = options.deniedCidrs ?? [...defaultDeniedCidrs];
  return options.allowLoopback === true
    ? ranges.filter((range) => range !== '127.0.0.0/8' && range !== '::1/128')
    : ranges;
}
