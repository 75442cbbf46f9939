import type { OperationPhase, OperationType, ServerOperation } from '../../../api/serverOperation.ts';
import type { Reason } from '../../../api/reasons.ts';
import type { ReconcileError } from '../../../lib/errors.ts';
import type { PooledSession } from '../../../ssh/session.ts';
import type { Scope } from '../scope.ts';
import type { ActLog } from './actLog.ts';

/** After which what may go away by itself ends an operation. */
export const GIVE_UP_MS = 3600_000;

/** How an operation ended. */
export interface Ending {
  phase: Extract<OperationPhase, 'Succeeded' | 'Failed' | 'Cancelled' | 'AlreadyRan'>;
  reason: Reason;
  message: string;
}

/** What one run of the Server reached: the end, or when to look again. */
export type ActResult =
  | { kind: 'running'; afterMs: number }
  /** `settle` runs once the end is acknowledged by the API: what must not be forgotten before. */
  | { kind: 'ended'; ending: Ending; settle?: () => Promise<void> };

/** One operation in one run. */
export interface ActRun {
  readonly scope: Scope;
  readonly session: PooledSession;
  readonly operation: ServerOperation;
  readonly log: ActLog;
}

/**
 * What a type of ServerOperation does to a host. Every method may run again after a crash at any point, so each looks
 * what is already so before it acts; what happens once in the life of an operation, the job's id or the boot id tells.
 */
export interface Act {
  /** Before the operation is noted as begun, while it may still be cancelled. @throws WaitingError to be asked again. */
  prepare?(run: ActRun): Promise<void>;
  /** Carries it on as far as it goes now. What it throws ends the operation, but for lost links and waiting. */
  carryOn(run: ActRun): Promise<ActResult>;
  /** The host does not answer while the operation is under way; absent: that is no part of it. */
  away?(run: Omit<ActRun, 'session'>, error: ReconcileError): AwayResult;
  /** Longest that it may go on by itself on the host, milliseconds; absent: not at all. */
  lastsMs?(operation: ServerOperation): number;
}

/** `expected`: shown as condition Reachable. */
export type AwayResult = Extract<ActResult, { kind: 'ended' }> | { kind: 'expected'; error: ReconcileError };

/** Types that change the host: they run once, and none of their names runs again. */
const actTypes = ['Reboot', 'PowerOff', 'Cleanup', 'RunCommand'] as const satisfies OperationType[];
export type ActType = (typeof actTypes)[number];

/** The type of an operation that changes the host; undefined: it only lets the run do something. */
export function actTypeOf({ spec }: ServerOperation): ActType | undefined {
  return actTypes.find((type) => type === spec.type);
}

export const succeeded = (message: string): Ending => ({ phase: 'Succeeded', reason: 'OperationSucceeded', message });
export const failed = (reason: Reason, message: string): Ending => ({ phase: 'Failed', reason, message });
