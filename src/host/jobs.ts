import { createHash, randomBytes } from 'node:crypto';
import { digest } from '../lib/canonicalJson.ts';
import { TransientError } from '../lib/errors.ts';
import { redactor } from '../lib/redaction.ts';
import type { ExecOptions, ExecResult, Script, Session } from '../ssh/session.ts';
import { explainFailure } from './failures.ts';
import { cancelScript, consumeBody, outputScript, runnerText, startScript, statusScript } from './jobScript.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { ownedScript } from './ownershipScript.ts';
import { parseRecords } from './records.ts';
import { scriptFile } from './scriptFile.ts';

const ID_DIGITS = 20;
/** What starting, looking and consuming may take beside the waiting that was asked for. */
const ROUND_TRIP_MS = 90_000;
const CANCEL_GRACE_SECONDS = 40;
const JOB_ID = /^[0-9a-f]{1,64}$/;

/** How a job stands. */
export type JobStatus =
  | { state: 'Running' }
  /** `logTail`: redacted, at most 1 KiB. The result stays on the host until {@link consumeJob}. */
  | { state: 'Exited'; exitCode: number; logTail: string }
  /** No exit status, and the host rebooted or the process is gone. */
  | { state: 'Interrupted'; logTail: string }
  /** Of a job that may run only once: it did, and its result was consumed. No `exitCode`: cut off, or unknown. */
  | { state: 'Consumed'; exitCode?: number }
  | { state: 'Absent' };

/** A job found on the host. */
export interface JobOnHost {
  id: string;
  /** Name of the change, as the job's record says. */
  change: string;
  attempt: number;
  /** UID of the Server it belongs to. */
  server: string;
  state: 'Running' | 'Exited' | 'Interrupted';
}

/** What is to run. */
export interface JobSpec {
  id: string;
  change: string;
  attempt: number;
  /** Body; runs as root in its own sh, with `HOSTLER_JOB_DIR` set; secretInput is on descriptor 3. */
  script: Script;
  timeoutSeconds: number;
  /** True: never again, also when its result was consumed; the host knows that for 7 days. Default: false. */
  once?: boolean;
}

/** How a job is started and waited for. */
export interface JobOptions {
  claim: Claim;
  /** Waits this long for the end within the same round trip; milliseconds, default 0. */
  waitMs?: number;
  signal?: AbortSignal;
}

/** Id of a job: 20 hex digits of the hash of Server UID, change (name and params) and attempt. */
export function jobID(serverUID: string, change: { name: string; params: unknown }, attempt: number): string {
  return digest([serverUID, change.name, change.params, attempt]).slice('sha256:'.length).slice(0, ID_DIGITS);
}

/**
 * Starts a job that outlives the connection, or finds it again: the same id never runs twice, not even when two
 * processes start it at the same instant. After a lost link nothing is lost: call it again, or {@link jobStatus}.
 * @throws WaitingError WaitingForJob  when another job lives; and what `claim` throws.
 */
export async function startJob(session: Session, spec: JobSpec, options: JobOptions): Promise<JobStatus> {
  const body = scriptFile(spec.script);
  const nonce = newNonce();
  const result = await runClaimed(
    session,
    (mode) => ({
      name: `start-job ${spec.script.name}`,
      text: startScript,
      args: [
        nonce,
        ...claimArgs(options.claim.owner, mode),
        checkedID(spec.id),
        spec.change,
        String(spec.attempt),
        String(spec.timeoutSeconds),
        createHash('sha256').update(body).digest('hex'),
        spec.script.secretInput === undefined ? '0' : '1',
        tenths(options.waitMs),
        body,
        runnerText,
        spec.once === true ? '1' : '0',
      ],
      ...(spec.script.secretInput === undefined ? {} : { secretInput: spec.script.secretInput }),
    }),
    options.claim,
    limits(options),
  );
  return statusOf(result, nonce);
}

/** Looks at a job, waiting up to `waitMs` for its end. Reads only. */
export async function jobStatus(
  session: Session,
  id: string,
  options: Omit<JobOptions, 'claim'> = {},
): Promise<JobStatus> {
  const nonce = newNonce();
  const script = { name: 'job-status', text: statusScript, args: [nonce, checkedID(id), tenths(options.waitMs)] };
  return statusOf(await session.run(script, limits(options)), nonce);
}

/** The last `maxBytes` of what a job printed, as it is: not redacted. Empty once its result was consumed. */
export async function jobOutput(
  session: Session,
  id: string,
  { maxBytes, signal }: { maxBytes: number; signal?: AbortSignal },
): Promise<string> {
  const script = { name: 'job-output', text: outputScript, args: [checkedID(id), String(maxBytes)] };
  const result = await session.run(script, { ...limits({ ...(signal && { signal }) }), maxOutputBytes: 2 * maxBytes });
  demandSuccess(result, 'Reading the output of a job');
  return result.stdout;
}

/** Removes the record of a job that does not run any more; its log and how it ended stay for a week. Idempotent. */
export async function consumeJob(session: Session, id: string, options: Omit<JobOptions, 'waitMs'>): Promise<void> {
  const text = ownedScript(consumeBody);
  const result = await runClaimed(
    session,
    (mode) => ({ name: 'consume-job', text, args: [...claimArgs(options.claim.owner, mode), checkedID(id)] }),
    options.claim,
    limits(options),
  );
  demandSuccess(result, 'Removing the record of a job');
}

/**
 * Ends a running job with everything it started and removes its record. Idempotent.
 * @param options.graceSeconds  Between TERM and KILL; default 40: a package manager needs time to come to rest.
 */
export async function cancelJob(
  session: Session,
  id: string,
  options: Omit<JobOptions, 'waitMs'> & { graceSeconds?: number },
): Promise<void> {
  const grace = String(options.graceSeconds ?? CANCEL_GRACE_SECONDS);
  const result = await runClaimed(
    session,
    (mode) => ({
      name: 'cancel-job',
      text: cancelScript,
      args: [...claimArgs(options.claim.owner, mode), checkedID(id), grace],
    }),
    options.claim,
    limits(options),
  );
  demandSuccess(result, 'Ending a job');
  await consumeJob(session, id, options);
}

function statusOf(result: ExecResult, nonce: string): JobStatus {
  demandSuccess(result, 'Looking at a job');
  const records = parseRecords(result.stdout, nonce).get(0);
  const logTail = tailOf(records?.text('log') ?? '');
  switch (records?.text('state')) {
    case 'Absent':
      return { state: 'Absent' };
    case 'Running':
      return { state: 'Running' };
    case 'Exited':
      return { state: 'Exited', exitCode: exitCodeOf(records.text('exit')), logTail };
    case 'Consumed': {
      const exit = records.text('exit');
      return { state: 'Consumed', ...(exit !== undefined && exit !== '' && { exitCode: exitCodeOf(exit) }) };
    }
    default:
      return { state: 'Interrupted', logTail };
  }
}

/** A status that cannot be read is no success. */
function exitCodeOf(text: string | undefined): number {
  return /^\d{1,3}$/.test(text ?? '') ? Number(text) : 255;
}

/** The end of a log for a message: redacted, whole lines where possible. */
function tailOf(text: string): string {
  const whole = text.length > 1000 && text.includes('\n') ? text.slice(text.indexOf('\n') + 1) : text;
  return redactor.redact(whole).trim();
}

function demandSuccess(result: ExecResult, doing: string): void {
  if (result.exitCode !== 0) throw explainFailure(doing, result);
}

function checkedID(id: string): string {
  if (!JOB_ID.test(id)) throw new TransientError('InternalError', `"${id}" is no job id.`);
  return id;
}

function newNonce(): string {
  return randomBytes(16).toString('hex');
}

function tenths(waitMs = 0): string {
  return String(Math.max(0, Math.round(waitMs / 100)));
}

function limits({ waitMs = 0, signal }: Omit<JobOptions, 'claim'>): ExecOptions {
  return { timeoutMs: ROUND_TRIP_MS + waitMs, ...(signal === undefined ? {} : { signal }) };
}
