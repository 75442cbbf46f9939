import type { Session } from '../ssh/session.ts';
import type { HostFacts } from './facts.ts';
import type { Observation, ObserveOptions } from './observe.ts';
import type { Claim } from './ownership.ts';
import type { Plan } from './plan.ts';
import type { AnyTask, Change } from './task.ts';

/** A job about to start; to be acknowledged by the API first. */
export interface JobToStart {
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
  /** How long to wait for a job's end before `running` is returned; milliseconds, default 0. */
  waitMs?: number;
  signal?: AbortSignal;
}

export type ApplyResult = { kind: 'done' } | { kind: 'running'; jobID: string };

/**
 * Makes one change. `done` means that its script ended with 0; whether it did what it should, {@link verify} tells.
 * @throws TransientError StepFailed and the reasons of exitCodes.ts; WaitingError PackageManagerBusy, WaitingForJob;
 *   TransientError Interrupted; as claim.
 */
export declare function applyChange(
  session: Session,
  change: Change,
  task: AnyTask,
  options: ApplyOptions,
): Promise<ApplyResult>;

/**
 * Takes up a job that an earlier run started: waits up to `waitMs`, consumes its result once, and tells it as
 * {@link applyChange} does. A job that is not there any more is `done`: look again.
 */
export declare function finishJob(
  session: Session,
  job: { id: string; change: string },
  options: Pick<ApplyOptions, 'claim' | 'waitMs' | 'signal'>,
): Promise<ApplyResult>;

/**
 * Looks again after `applied` changes (waiting for the longest settleMs of their tasks) and compares.
 * @throws TransientError NotConverged  naming the applied changes that are still wanted.
 */
export declare function verify(
  session: Session,
  applied: readonly Change[],
  options: ObserveOptions,
): Promise<{ observation: Observation; plan: Plan }>;
