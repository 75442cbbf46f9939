import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { Client } from '../kube/client.ts';
import { createLogger } from '../lib/logger.ts';
import { connectTo } from './cluster.ts';
import type { ControllerCommandOptions } from './controllerCommand.ts';
import { runControllers } from './runControllers.ts';
import { untilAskedToStop } from './stopSignal.ts';

/** The chart mounts a volume here. */
const BUNDLES = '/srv/hostler/bundles';

/** Runs the controllers until the process is asked to stop. */
export async function controller(options: ControllerCommandOptions): Promise<void> {
  const log = createLogger({ level: options.logLevel });
  const client = new Client({ connection: connectTo(options), log });
  const identity = options.identity ?? process.env['POD_NAME'] ?? `${hostname()}-${randomUUID()}`;
  const context = { client, identity, log, alsoDenied: apiServerRange(), bundleDirectory: BUNDLES };
  await untilAskedToStop(log, (signal) => runControllers(options, { ...context, signal }));
}

/** In a Pod: the cluster's own API, which a Server must not be aimed at. */
function apiServerRange(): string[] {
  const host = process.env['KUBERNETES_SERVICE_HOST'];
  if (host === undefined || isIP(host) === 0) return [];
  return [`${host}/${isIP(host) === 4 ? 32 : 128}`];
}
