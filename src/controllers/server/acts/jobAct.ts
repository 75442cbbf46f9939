import { deadlineOf, type ServerOperation } from '../../../api/serverOperation.ts';
import { cleanupAction } from '../../../host/cleanup.ts';
import { explainFailure } from '../../../host/failures.ts';
import { exitCodes } from '../../../host/exitCodes.ts';
import { cancelJob, consumeJob, jobID, jobOutput, jobStatus, startJob, type JobStatus } from '../../../host/jobs.ts';
import type { LastingAction } from '../../../host/task.ts';
import { userScript } from '../../../host/userScript.ts';
import { JOB_WAIT_MS } from '../attempts.ts';
import { claimOf, type ClaimDeps } from '../claim.ts';
import type { ServerDeps } from '../deps.ts';
import { failed, succeeded, type Act, type ActResult, type ActRun, type Ending } from './act.ts';
import { keepOutput, MAX_OUTPUT_BYTES, proveKeepable } from './output.ts';

/** What the changes' names of jobs of operations begin with. */
export const OPERATION_JOB = 'operation/';

/** The change name of an operation's job, and its id: the same however often it is asked for. */
export function operationJob({ metadata }: ServerOperation, serverUID: string): { change: string; id: string } {
  const change = `${OPERATION_JOB}${metadata.name}`;
  return { change, id: jobID(serverUID, { name: change, params: metadata.uid ?? '' }, 1) };
}

/** Whether such an operation leaves anything on the host that could run on. */
export function hasJob({ spec }: ServerOperation): boolean {
  return spec.type === 'RunCommand' || spec.type === 'Cleanup';
}

const DEFAULT_TIMEOUT_SECONDS = 600;
const POLL_MS = 1000;
const STEP = 'run';
/** What the runner of jobs says of file systems; a command's own words are not repeated. */
const FULL = /^hostler: (\/\S* has \d+ kB free(?:, \/\S* has \d+ kB free)*)$/m;

type JobActDeps = ClaimDeps & Pick<ServerDeps, 'client' | 'clock'>;

/** RunCommand and Cleanup: a durable job, found again by its id, which the operation's UID makes. */
export class JobAct implements Act {
  readonly #deps: JobActDeps;

  constructor(deps: JobActDeps) {
    this.#deps = deps;
  }

  async prepare({ scope, operation }: ActRun): Promise<void> {
    if (keepsOutput(operation)) await proveKeepable(this.#deps.client, operation, scope.signal);
  }

  lastsMs(operation: ServerOperation): number {
    return actionOf(operation).timeoutSeconds * 1000;
  }

  async carryOn(run: ActRun): Promise<ActResult> {
    const { scope, session, operation, log } = run;
    const options = { claim: claimOf(this.#deps, scope), signal: scope.signal };
    const { change, id } = operationJob(operation, scope.server.metadata.uid);
    if (operation.spec.cancel === true) {
      await cancelJob(session, id, options);
      const ending: Ending = { phase: 'Cancelled', reason: 'OperationCancelled', message: 'it was ended on the host' };
      return { kind: 'ended', ending };
    }
    const mayStart = !ranBefore(operation) && deadlineOf(operation).at > this.#deps.clock.now();
    const limits = { ...options, waitMs: JOB_WAIT_MS };
    const status = mayStart
      ? await startJob(session, { id, change, attempt: 1, ...actionOf(operation), once: true }, limits)
      : await jobStatus(session, id, limits);
    switch (status.state) {
      case 'Running':
        log.steps.start(STEP);
        await log.note('it runs on the host');
        return { kind: 'running', afterMs: POLL_MS };
      case 'Absent':
        return mayStart
          ? { kind: 'running', afterMs: POLL_MS }
          : { kind: 'ended', ending: endingWithoutJob(operation) };
      case 'Consumed':
        return { kind: 'ended', ending: endingOfConsumed(status) };
      default: {
        log.steps.start(STEP);
        await this.#keepOutput(run, id);
        const ending = endingOf(operation, status, log.runningMs);
        if (ending.phase === 'Succeeded') log.steps.succeed(STEP, ending.message);
        return { kind: 'ended', ending, settle: () => consumeJob(session, id, options) };
      }
    }
  }

  /** Before the end is told, so that whoever waits for it finds the Secret. */
  async #keepOutput({ scope, session, operation, log }: ActRun, id: string): Promise<void> {
    if (!keepsOutput(operation)) return;
    const output = await jobOutput(session, id, { maxBytes: MAX_OUTPUT_BYTES, signal: scope.signal });
    const name = await keepOutput(this.#deps.client, operation, output, scope.signal);
    log.status = { ...log.status, outputSecretRef: { name } };
  }
}

function keepsOutput({ spec }: ServerOperation): boolean {
  return spec.captureOutput === true && spec.type === 'RunCommand';
}

function actionOf({ spec }: ServerOperation): Pick<LastingAction, 'script' | 'timeoutSeconds'> {
  if (spec.runCommand === undefined) return cleanupAction;
  const { script, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = spec.runCommand;
  return { script: userScript('command', script), timeoutSeconds };
}

/** The step is written down only once the host has the job. */
function ranBefore({ status }: ServerOperation): boolean {
  return status?.steps?.some(({ name }) => name === STEP) === true;
}

/** The host has no job, and none is to be started. */
function endingWithoutJob(operation: ServerOperation): Ending {
  if (ranBefore(operation)) return alreadyRan('how it ended is not known any more');
  const { seconds } = deadlineOf(operation);
  return failed(
    'OperationExpired',
    `it could not begin on the host within ${seconds} s of its creation; create another one`,
  );
}

function endingOfConsumed({ exitCode }: Extract<JobStatus, { state: 'Consumed' }>): Ending {
  return alreadyRan(
    exitCode === undefined ? 'it left no exit code, as when it is cut off' : `it ended with exit code ${exitCode}`,
  );
}

/** As when a backup from before its end was restored. */
function alreadyRan(how: string): Ending {
  const message = `it ran on the host before, and is not run again: ${how}. To repeat it on purpose, create another one`;
  return { phase: 'AlreadyRan', reason: 'AlreadyRan', message };
}

function endingOf(operation: ServerOperation, status: Exited | Interrupted, tookMs: number): Ending {
  if (status.state !== 'Exited')
    return failed(
      'Interrupted',
      'it was cut off before its end (reboot, or its process was killed); how far it came is not known, and it is not run again',
    );
  return operation.spec.runCommand === undefined ? endingOfCleanup(status) : endingOfCommand(operation, status, tookMs);
}

type Exited = Extract<JobStatus, { state: 'Exited' }>;
type Interrupted = Extract<JobStatus, { state: 'Interrupted' }>;

function endingOfCleanup({ exitCode, logTail }: Exited): Ending {
  if (exitCode === 0) return succeeded(logTail.split('\n').at(-1) ?? 'cleaned up');
  const error = explainFailure('Cleanup', { exitCode, stdout: '', stderr: logTail });
  return failed(error.reason, error.advice);
}

/** What a command prints may be secret, so its output is in no message. */
function endingOfCommand({ spec }: ServerOperation, { exitCode, logTail }: Exited, tookMs: number): Ending {
  const took = `after ${Math.max(1, Math.round(tookMs / 1000))} s`;
  if (exitCode === 0) return succeeded(`the command ended with 0 ${took}`);
  const full = exitCode === exitCodes.diskFull ? FULL.exec(logTail)?.[1] : undefined;
  if (full !== undefined)
    return failed('DiskFull', `the command failed ${took}, and there is no room on the host: ${full}`);
  const how =
    exitCode === exitCodes.timedOut
      ? `took longer than its timeoutSeconds (${spec.runCommand?.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS}) and was ended`
      : `ended with exit code ${exitCode} ${took}`;
  const where =
    spec.captureOutput === true ? 'see the Secret in outputSecretRef' : 'captureOutput keeps what it prints';
  return failed('CommandFailed', `the command ${how}; ${where}`);
}
