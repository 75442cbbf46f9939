import { InvalidArgumentError, type Command } from 'commander';
import { findCondition } from '../api/conditions.ts';
import type { Server } from '../api/server.ts';
import type { ServerStatus } from '../api/serverStatus.ts';
import { servers } from '../kube/hostlerResources.ts';
import { systemClock } from '../lib/clock.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import type { Cluster } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print, remark } from './output.ts';

const DEFAULT_TIMEOUT_MS = 600_000;
const POLL_MS = 500;

/** Options of every command that can wait. */
export interface WaitOptions {
  wait?: boolean;
  timeout?: number;
}

/** Adds `--wait` and `--timeout`. */
export function waitOptions(command: Command): Command {
  return command
    .option('--wait', 'wait for the end; progress on standard error')
    .option('--timeout <duration>', 'longest wait, such as 90s or 10m (default: 10m)', duration);
}

/** A duration as an option's value. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError(`"${text}" is no duration; write 90s, 10m, 1h30m or 7d.`);
  return ms;
}

/** Milliseconds to wait. */
export function timeoutOption(options: WaitOptions): number {
  return options.timeout ?? DEFAULT_TIMEOUT_MS;
}

/**
 * Waits until the Server is Ready for its newest generation, telling what moves.
 * @throws CliError failed  once it is Stalled; approvalNeeded; timedOut.
 */
export async function waitForReady(cluster: Cluster, name: string, options: WaitOptions): Promise<void> {
  const seen = new Map<string, string>();
  const end = await poll(cluster, name, timeoutOption(options), (server) => {
    if (server === undefined) throw new CliError(exitCode.notFound, `Server ${name} was deleted.`);
    tellChanges(server, seen);
    return isSettled(server);
  });
  if (!end)
    throw new CliError(
      exitCode.timedOut,
      `server/${name} is not Ready after ${formatDuration(timeoutOption(options))}; it goes on. Look with: hostler server show ${name}`,
    );
  print(`server/${name} is Ready`);
}

/** Waits until the Server is gone. @throws CliError timedOut */
export async function waitForGone(cluster: Cluster, name: string, timeoutMs: number): Promise<void> {
  const gone = await poll(cluster, name, timeoutMs, (server) => server === undefined);
  if (!gone)
    throw new CliError(exitCode.timedOut, `server/${name} is still there; look with: hostler server show ${name}`);
}

async function poll(
  { client, namespace }: Cluster,
  name: string,
  timeoutMs: number,
  check: (server: Server | undefined) => boolean,
): Promise<boolean> {
  const until = systemClock.now() + timeoutMs;
  while (systemClock.now() < until) {
    if (check(await client.find(servers, { namespace, name }))) return true;
    await systemClock.sleep(POLL_MS);
  }
  return false;
}

function isSettled(server: Server): boolean {
  const { conditions, observedGeneration } = server.status ?? {};
  if (observedGeneration !== server.metadata.generation) return false;
  const stalled = findCondition(conditions, 'Stalled');
  if (stalled !== undefined) throw new CliError(exitCode.failed, `${stalled.reason}: ${stalled.message}`);
  const inSync = findCondition(conditions, 'InSync');
  if (inSync?.reason === 'WaitingForApproval') throw new CliError(exitCode.approvalNeeded, inSync.message);
  return findCondition(conditions, 'Ready')?.status === 'True';
}

function tellChanges({ status = {} }: Server, seen: Map<string, string>): void {
  for (const [what, state, message] of [...stepLines(status), ...conditionLines(status)]) {
    if (seen.get(what) === state || state === 'Pending') continue;
    seen.set(what, state);
    const [firstLine = ''] = message.split('\n');
    remark(`  ${what.padEnd(22)} ${state.padEnd(28)} ${firstLine.slice(0, 120)}`);
  }
}

type Line = [what: string, state: string, message: string];

function stepLines({ provisioning }: ServerStatus): Line[] {
  return (provisioning?.steps ?? []).map((step) => [`step ${step.name}`, step.state, step.message ?? '']);
}

function conditionLines({ conditions = [] }: ServerStatus): Line[] {
  return conditions.map((one) => [one.type, `${one.status} ${one.reason}`, one.message]);
}
