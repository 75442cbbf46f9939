import { InvalidArgumentError, type Command } from 'commander';
import { findCondition, type Condition, type ConditionType } from '../api/conditions.ts';
import type { Server } from '../api/server.ts';
import type { ServerStatus } from '../api/serverStatus.ts';
import { servers } from '../kube/hostlerResources.ts';
import { systemClock } from '../lib/clock.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import type { Cluster } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print, remark } from './output.ts';
import { poll } from './poll.ts';

const DEFAULT_TIMEOUT_MS = 600_000;
/** A wrong address is no reason to wait for minutes. */
const DEFAULT_PATIENCE_MS = 30_000;
const POLL_MS = 500;
/** Of the longest step there is: `step docker-engine/daemon-config`. */
const WHAT_WIDTH = 32;
/** After this long without news a line says that it still waits. */
const STILL_MS = 10_000;

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

/** Milliseconds for which an API that is away is asked again before there is anything to wait for. */
export function patienceOption({ timeout, wait }: WaitOptions): number {
  return timeout ?? (wait === true ? DEFAULT_TIMEOUT_MS : DEFAULT_PATIENCE_MS);
}

/**
 * Waits until the Server is Ready for its newest generation, telling what moves, and that it still waits.
 * @param options.tell  Takes the lines of progress; default: standard error.
 * @param options.patienceMs  How long an unreachable host, an untrusted host key or a rejected login is waited for;
 *   default: as long as `timeout`, for a host that is only just being set up.
 * @throws CliError failed  once only a person can help; approvalNeeded; timedOut.
 */
export async function waitForReady(
  cluster: Cluster,
  name: string,
  options: WaitOptions & { patienceMs?: number; tell?: (line: string) => void },
): Promise<void> {
  const progress = new Progress(options.tell ?? remark);
  const end = await sees(cluster, name, timeoutOption(options), (server) => {
    if (server === undefined) throw new CliError(exitCode.notFound, `Server ${name} was deleted.`);
    progress.tell(server);
    return isSettled(server, options.patienceMs ?? Infinity);
  });
  if (!end)
    throw new CliError(
      exitCode.timedOut,
      `server/${name} is not Ready after ${formatDuration(timeoutOption(options))}; it goes on. Look with: hostler server show ${name} -n ${cluster.namespace}`,
    );
  print(`server/${name} is Ready`);
}

/** Waits until the Server is gone. @throws CliError timedOut */
export async function waitForGone(cluster: Cluster, name: string, timeoutMs: number): Promise<void> {
  const gone = await sees(cluster, name, timeoutMs, (server) => server === undefined);
  if (!gone)
    throw new CliError(exitCode.timedOut, `server/${name} is still there; look with: hostler server show ${name}`);
}

/** Looks at the Server until `check` holds. @returns whether it did in time. */
async function sees(
  { client, namespace }: Cluster,
  name: string,
  timeoutMs: number,
  check: (server: Server | undefined) => boolean,
): Promise<boolean> {
  const look = async () => (check(await client.find(servers, { namespace, name })) ? {} : undefined);
  return (await poll(look, { everyMs: POLL_MS, timeoutMs })) !== undefined;
}

function isSettled(server: Server, patienceMs: number): boolean {
  const { conditions, observedGeneration } = server.status ?? {};
  if (observedGeneration !== server.metadata.generation) return false;
  const ready = findCondition(conditions, 'Ready');
  if (ready?.status === 'True' && ready.observedGeneration === observedGeneration) return true;
  const inSync = findCondition(conditions, 'InSync');
  if (inSync?.reason === 'WaitingForApproval') throw new CliError(exitCode.approvalNeeded, inSync.message);
  const blocker = findBlocker(server, patienceMs);
  if (blocker !== undefined)
    throw new CliError(exitCode.failed, `${blocker.type}: ${blocker.reason}: ${blocker.message}`);
  return false;
}

/** The condition that only a person can change, in the order in which a person would look. */
function findBlocker({ status, spec }: Server, patienceMs: number): Condition | undefined {
  const { conditions } = status ?? {};
  const blocking = (type: ConditionType): boolean => {
    const found = findCondition(conditions, type);
    if (found?.status !== 'False') return false;
    if (type === 'Privileged') return spec.management?.default !== 'Observe';
    // the other reason, NeedsSetup, is what Hostler itself puts right
    if (type === 'Qualified') return found.reason === 'ChecksFailed';
    return systemClock.now() - Date.parse(found.lastTransitionTime) >= patienceMs;
  };
  const way: ConditionType[] = ['Reachable', 'HostKeyVerified', 'Authenticated', 'Privileged', 'Qualified'];
  const blocker = way.find(blocking);
  return findCondition(conditions, 'Stalled') ?? (blocker && findCondition(conditions, blocker));
}

/** Tells what changed, each line with the time since the wait began. */
class Progress {
  readonly #seen = new Map<string, string>();
  readonly #began = systemClock.now();
  readonly #tell: (line: string) => void;
  #lastLine = systemClock.now();

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  tell({ status = {} }: Server): void {
    for (const [what, state, message] of [...stepLines(status), ...conditionLines(status)]) {
      if (this.#seen.get(what) === state || state === 'Pending') continue;
      this.#seen.set(what, state);
      this.#say(`${what.padEnd(WHAT_WIDTH)} ${state.padEnd(28)} ${message.split('\n')[0] ?? ''}`.trimEnd());
    }
    if (systemClock.now() - this.#lastLine >= STILL_MS) this.#say(`… ${stillDoing(status)}`);
  }

  #say(line: string): void {
    this.#lastLine = systemClock.now();
    this.#tell(`${formatDuration(this.#lastLine - this.#began).padStart(6)}  ${line}`);
  }
}

/** What a person who sees nothing move should know. */
function stillDoing({ provisioning, conditions }: ServerStatus): string {
  const step = provisioning?.steps?.find(({ state }) => state === 'Running');
  if (step !== undefined) return `step ${step.name} is still running`;
  const ready = findCondition(conditions, 'Ready');
  return ready === undefined ? 'the control plane has not looked at the Server yet' : `still waiting: ${ready.message}`;
}

type Line = [what: string, state: string, message: string];

function stepLines({ provisioning }: ServerStatus): Line[] {
  return (provisioning?.steps ?? []).map((step) => [`step ${step.name}`, step.state, step.message ?? '']);
}

function conditionLines({ conditions = [] }: ServerStatus): Line[] {
  return conditions.map((one) => [one.type, `${one.status} ${one.reason}`, one.message]);
}
