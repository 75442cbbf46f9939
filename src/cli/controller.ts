import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Client } from '../kube/client.ts';
import { createLogger } from '../lib/logger.ts';
import { connectTo } from './cluster.ts';
import type { ControllerCommandOptions } from './controllerCommand.ts';
import { runControllers } from './runControllers.ts';
import { untilAskedToStop } from './stopSignal.ts';

/** Runs the controllers until the process is asked to stop. */
export async function controller(options: ControllerCommandOptions): Promise<void> {
  const log = createLogger({ level: options.logLevel });
  const client = new Client({ connection: connectTo(options), log });
  const identity = options.identity ?? process.env['POD_NAME'] ?? `${hostname()}-${randomUUID()}`;
  await untilAskedToStop(log, (signal) => runControllers(options, { client, identity, log, signal }));
}
