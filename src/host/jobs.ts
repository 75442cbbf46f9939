import type { Script, Session } from '../ssh/session.ts';
import type { Claim } from './ownership.ts';

/** How a job stands. */
export type JobStatus =
  | { state: 'Running' }
  /** `logTail`: redacted, at most 1 KiB. The result stays on the host until {@link consumeJob}. */
  | { state: 'Exited'; exitCode: number; logTail: string }
  /** No exit status, and the host rebooted or the process is gone. */
  | { state: 'Interrupted'; logTail: string }
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
}

/** Id of a job: hash of Server UID, change (name and params) and attempt; 20 hex digits. */
export declare function jobID(serverUID: string, change: { name: string; params: unknown }, attempt: number): string;

/**
 * Starts a job that outlives the connection, or finds it again: the same id never runs twice.
 * @param options.waitMs  Waits this long for its end within the same round trip; default 0.
 * @throws as claim; WaitingError WaitingForJob  when another job lives.
 */
export declare function startJob(
  session: Session,
  spec: JobSpec,
  options: { claim: Claim; waitMs?: number; signal?: AbortSignal },
): Promise<JobStatus>;
/** Looks at a job, waiting up to `waitMs` for its end. Reads only. */
export declare function jobStatus(
  session: Session,
  id: string,
  options?: { waitMs?: number; signal?: AbortSignal },
): Promise<JobStatus>;
/** Removes the record of a job that does not run any more. Idempotent. */
export declare function consumeJob(
  session: Session,
  id: string,
  options: { claim: Claim; signal?: AbortSignal },
): Promise<void>;
/** Ends a running job (TERM, then KILL) and removes its record. Idempotent. */
export declare function cancelJob(
  session: Session,
  id: string,
  options: { claim: Claim; signal?: AbortSignal },
): Promise<void>;
