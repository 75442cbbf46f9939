import { TransientError, type ReconcileError } from '../lib/errors.ts';
import type { ExecOptions, Session } from '../ssh/session.ts';
import { makeProvisional, type ProofMeans } from './confirm.ts';
import { explainFailure, explainHook } from './failures.ts';
import type { HostFacts } from './facts.ts';
import { consumeJob, jobID, jobStatus, startJob, type JobOptions, type JobSpec, type JobStatus } from './jobs.ts';
import { observe, type Observation, type ObserveOptions } from './observe.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { ownedScript } from './ownershipScript.ts';
import { arrivedScript, arrivingPath, sendFile, type ArtifactSource } from './transfer.ts';
import { planHost, taskOf, type Plan } from './plan.ts';
import type { AnyTask, Change, FailedRun, LastingAction, NamedChange, TransferAction } from './task.ts';

/** A job about to start; to be acknowledged by the API first. */
interface JobToStart {
  id: string;
  change: string;
  attempt: number;
}

/** See {@link applyChange}. */
export interface ApplyOptions {
  claim: Claim;
  /** Number of this try of this change; with the Server UID and the change it makes the job id. */
  attempt: number;
  facts: HostFacts;
  /** Awaited before a job starts: write it to status. Not called for scripts that end within the connection. */
  writeAhead: (job: JobToStart) => Promise<void>;
  /** For changes that could lock us out. */
  proof: Pick<ProofMeans, 'prove' | 'clock'> & {
    /** Awaited before the host is touched: write the try to status. @returns its id, a new one. */
    begin: (change: NamedChange) => Promise<string>;
  };
  /** For what is brought to the host. */
  artifacts: ArtifactSource;
  onEnd?: OnEnd;
  /** How long to wait for a job's end before `running` is returned; milliseconds, default 0. */
  waitMs?: number;
  signal?: AbortSignal;
}

/**
 * Awaited when a job's end is known, before its record leaves the host: what must not be done twice is written down
 * here. May be called again for the same end. Undefined: it ended well.
 */
export type OnEnd = (error: ReconcileError | undefined) => Promise<void>;

export type ApplyResult = { kind: 'done' } | { kind: 'running'; jobID: string };

/** `sending`: a file is on its way; the next run goes on. */
export type ChangeResult = ApplyResult | { kind: 'sending'; sentBytes: number; sizeBytes: number };

/** `gone`: no record of the job; it never started, or its result was consumed. Only looking at the host tells which. */
export type FinishResult = ApplyResult | { kind: 'gone' };

/** Turns a failed run into the error that the caller sees. */
type Explain = (run: FailedRun) => ReconcileError;

/**
 * Makes one change. `done` means that its script ended with 0; whether it did what it should, {@link verify} tells.
 * A job whose id ran before (its status was lost, or another replica started it) is found again, not started twice.
 * @throws the task's own explanation, or by exit code (exitCodes.ts): WaitingError PackageManagerBusy, TransientError
 *   DiskFull, StepFailed …; TransientError Interrupted; WaitingError WaitingForJob; what `claim` throws; for a
 *   provisional change also TransientError ConfigRolledBack, for a transfer ChecksumMismatch and FileMissing.
 */
export async function applyChange(
  session: Session,
  change: Change,
  task: AnyTask,
  options: ApplyOptions,
): Promise<ChangeResult> {
  const explain = explainer(change, task);
  const action = task.apply(change, options.facts);
  if (action.kind === 'transfer') return transfer(session, action, { ...options, explain });
  if (action.kind !== 'provisional') return runAction(session, { ...change, action, explain }, options);
  const { claim, proof, signal } = options;
  const id = await proof.begin(change);
  const means = { ...proof, claim, ...(signal && { signal }) };
  await makeProvisional(session, { id, what: change.what, action, explain }, means);
  return { kind: 'done' };
}

/** Something named that is to be carried out: a task's change or a hook. */
export interface Act {
  name: string;
  params: unknown;
  action: LastingAction;
  explain: Explain;
  /** See {@link JobSpec.once}. */
  once?: boolean;
}

/** Carries out an action with the engine's guarantees; {@link applyChange} and hooks stand on it. */
export async function runAction(
  session: Session,
  act: Act,
  options: Omit<ApplyOptions, 'facts' | 'proof' | 'artifacts'>,
): Promise<ApplyResult> {
  const { action, name: change } = act;
  if (action.kind === 'script') {
    await runScript(session, action, { explain: act.explain, ...options });
    return { kind: 'done' };
  }
  const { attempt } = options;
  const id = jobID(options.claim.owner.server, act, attempt);
  const { script, timeoutSeconds } = action;
  const spec: JobSpec = { id, change, attempt, script, timeoutSeconds, once: act.once === true };
  await options.writeAhead({ id, change, attempt });
  const status = await startJob(session, spec, options);
  const end: { error?: ReconcileError | undefined } = {};
  const onEnd: OnEnd = async (error) => {
    end.error = error;
    await options.onEnd?.(error);
  };
  try {
    return await settle(session, id, status, { ...options, explain: act.explain, onEnd });
  } catch (error) {
    if (error === end.error) throw error;
    // its result could not be taken off the host: the next run finds the job again
    return { kind: 'running', jobID: id };
  }
}

/**
 * Takes up a job that an earlier run started: waits up to `waitMs`, consumes its result once, and tells it as
 * {@link applyChange} does. What is thrown and was not given to `onEnd` says nothing about the job.
 */
export async function finishJob(
  session: Session,
  job: NamedChange & { id: string },
  options: JobOptions & { tasks: readonly AnyTask[]; onEnd?: OnEnd },
): Promise<FinishResult> {
  const [kind, name = ''] = job.name.split('/', 2);
  const task = options.tasks.find((one) => one.name === kind);
  const explain: Explain = kind === 'hook' ? (run) => explainHook(name, run) : explainer(job, task);
  const status = await jobStatus(session, job.id, options);
  return status.state === 'Absent' ? { kind: 'gone' } : settle(session, job.id, status, { ...options, explain });
}

/**
 * Looks again after `applied` changes (waiting for the longest settleMs of their tasks) and compares.
 * @throws TransientError NotConverged  naming the applied changes that are still wanted.
 */
export async function verify(
  session: Session,
  applied: readonly Change[],
  options: ObserveOptions,
): Promise<{ observation: Observation; plan: Plan }> {
  const settleMs = Math.max(0, ...applied.map((change) => taskOf(change, options.tasks).settleMs ?? 0));
  if (settleMs > 0) await options.clock.sleep(settleMs, options.signal);
  const observation = await observe(session, options);
  const plan = planHost(options.effective, observation, options.tasks);
  const left = plan.changes.filter((change) => applied.some(({ name }) => name === change.name));
  if (left.length === 0) return { observation, plan };
  const names = left.map(
    ({ name, what, from, to }) => `${name} (${what}: found ${from ?? 'none'}, wanted ${to ?? 'set'})`,
  );
  throw new TransientError('NotConverged', `The host still differs after the change: ${names.join('; ')}.`, {
    remedy: 'Something on the host takes the change back, or it needs longer; Hostler tries again.',
  });
}

async function transfer(
  session: Session,
  action: TransferAction,
  options: { claim: Claim; artifacts: ArtifactSource; explain: Explain; signal?: AbortSignal },
): Promise<ChangeResult> {
  const { sha256, sizeBytes } = action.artifact;
  const result = await sendFile(session, action, { ...options, source: options.artifacts });
  if (result.kind === 'sending') return { ...result, sizeBytes };
  const { args = [], ...script } = action.script;
  const arrived = { ...script, args: [arrivingPath(sha256), sha256, ...args] };
  await runScript(session, { ...action, script: arrived }, { ...options, wrap: arrivedScript });
  return { kind: 'done' };
}

async function runScript(
  session: Session,
  { script, timeoutSeconds }: Pick<LastingAction, 'script' | 'timeoutSeconds'>,
  options: { claim: Claim; explain: Explain; signal?: AbortSignal; wrap?: (body: string) => string },
): Promise<void> {
  const { args = [], ...rest } = script;
  const text = (options.wrap ?? ownedScript)(script.text);
  const limits: ExecOptions = {
    timeoutMs: timeoutSeconds * 1000,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const result = await runClaimed(
    session,
    (mode) => ({ ...rest, text, args: [...claimArgs(options.claim.owner, mode), ...args] }),
    options.claim,
    limits,
  );
  if (result.exitCode !== 0) throw options.explain(result);
}

/** The task knows its own exit codes; the engine those that all share. */
function explainer(change: NamedChange, task: AnyTask | undefined): Explain {
  return (run) => task?.explain?.(change, run) ?? explainFailure(change.what, run);
}

/** A job's state as result; a result that is known is taken off the host before it is told. */
async function settle(
  session: Session,
  id: string,
  status: JobStatus,
  options: JobOptions & { explain: Explain; onEnd?: OnEnd },
): Promise<ApplyResult> {
  if (status.state === 'Running') return { kind: 'running', jobID: id };
  const error = failureOf(status, options.explain);
  await options.onEnd?.(error);
  if (status.state !== 'Absent' && status.state !== 'Consumed') await consumeJob(session, id, options);
  if (error !== undefined) throw error;
  return { kind: 'done' };
}

function failureOf(status: JobStatus, explain: Explain): ReconcileError | undefined {
  const logTail = status.state === 'Exited' ? status.logTail : '';
  if (!('exitCode' in status)) {
    return new TransientError(
      'Interrupted',
      'The job was cut off before its end (reboot, or its process was killed).',
      { remedy: 'Hostler looks at the host again and goes on from what it finds.' },
    );
  }
  if (status.exitCode === 0) return undefined;
  return explain({ exitCode: status.exitCode, stdout: '', stderr: logTail });
}
