import type { ServerOperation, ServerOperationStatus, OperationPhase } from '../../api/serverOperation.ts';
import type { Reason } from '../../api/reasons.ts';
import { setCondition } from '../../api/conditions.ts';
import { toTime } from '../../lib/clock.ts';
import type { Scope } from './scope.ts';

/** How one operation ended in this run. */
export interface OperationOutcome {
  operation: ServerOperation;
  phase: Extract<OperationPhase, 'Succeeded' | 'Failed'>;
  reason: Reason;
  message: string;
}

const finalPhases: readonly (OperationPhase | undefined)[] = ['Succeeded', 'Failed', 'Cancelled', 'AlreadyRan'];

/** Operations that this run has to carry out: not ended, not cancelled; oldest first. */
export function waitingOperations(all: readonly ServerOperation[]): ServerOperation[] {
  return all
    .filter((operation) => !finalPhases.includes(operation.status?.phase) && operation.spec.cancel !== true)
    .filter((operation) => operation.metadata.deletionTimestamp === undefined)
    .sort((a, b) => age(a).localeCompare(age(b)));
}

function age({ metadata }: ServerOperation): string {
  return `${metadata.creationTimestamp ?? ''} ${metadata.name}`;
}

/** Before anything else of the run: what the operations allow it to do. Returns whether the request changed. */
export function admitOperations(scope: Scope): boolean {
  let changed = false;
  for (const { spec } of scope.operations) {
    switch (spec.type) {
      case 'Retry':
        scope.loginForced = true;
        changed = true;
        break;
      case 'Approve':
        scope.approvedPlanHash = spec.approve?.planHash;
        break;
      case 'ApproveHostKey':
        scope.approvedFingerprint = spec.approveHostKey?.fingerprint;
        changed = true;
        break;
      case 'TakeOver':
        scope.takeOver = true;
        changed = true;
        break;
    }
  }
  return changed;
}

/** After the run: what came of each operation; undefined = it goes on waiting. */
export function concludeOperations(scope: Scope): OperationOutcome[] {
  return scope.operations.flatMap((operation) => {
    const outcome = conclude(scope, operation);
    return outcome === undefined ? [] : [{ operation, ...outcome }];
  });
}

type Conclusion = Omit<OperationOutcome, 'operation'> | undefined;

const done = (message: string): Conclusion => ({ phase: 'Succeeded', reason: 'OperationSucceeded', message });
const failed = (reason: Reason, message: string): Conclusion => ({ phase: 'Failed', reason, message });

function conclude(scope: Scope, { spec }: ServerOperation): Conclusion {
  switch (spec.type) {
    case 'Retry':
      return done('the Server is tried again from the start');
    case 'Approve':
      return concludeApprove(scope, spec.approve?.planHash ?? '');
    case 'ApproveHostKey':
      return concludeHostKey(scope, spec.approveHostKey?.fingerprint ?? '');
    case 'TakeOver':
      return concludeTakeOver(scope);
  }
}

/** The hash is judged against the plan of this very run: what was approved is what runs, or nothing does. */
function concludeApprove(scope: Scope, hash: string): Conclusion {
  if (scope.plan === undefined) return undefined;
  if (scope.plannedHash === hash) return done('the plan is approved and runs');
  if (scope.plan.changes.length === 0)
    return failed('NothingToApprove', 'no plan waits for approval; the host is as declared');
  return failed(
    'PlanChanged',
    `the plan is now ${scope.plan.hash}; look at it with hostler server plan and approve that one`,
  );
}

function concludeHostKey(scope: Scope, fingerprint: string): Conclusion {
  const { login } = scope;
  if (login === undefined) return undefined;
  if (login.hostKeys?.some((key) => key.trusted && key.fingerprint === fingerprint) === true)
    return done('the host key is trusted');
  const offered = login.hostKeys?.map((key) => `${key.type} ${key.fingerprint}`).join(', ');
  if (offered === undefined) return undefined;
  return failed(
    'HostKeyMismatch',
    `the host does not offer ${fingerprint} but ${offered}; compare with ssh-keygen -lf on the host`,
  );
}

function concludeTakeOver(scope: Scope): Conclusion {
  if (scope.tookOver) return done('the host is now owned by this Server');
  if (scope.failure !== undefined && scope.login?.outcome === 'connected')
    return failed(scope.failure.reason, scope.failure.advice);
  return undefined;
}

/** The operation's status with that outcome. */
export function endedStatus(outcome: OperationOutcome, now: number): ServerOperationStatus {
  const { operation, phase, reason, message } = outcome;
  const time = toTime(now);
  const conditions = structuredClone(operation.status?.conditions ?? []);
  const generation = operation.metadata.generation ?? 1;
  const verdict = { status: phase === 'Succeeded' ? ('True' as const) : ('False' as const), reason, message };
  setCondition(conditions, 'Ready', verdict, { now: time, generation });
  return {
    ...operation.status,
    phase,
    message: message.slice(0, 2048),
    startTime: operation.status?.startTime ?? time,
    completionTime: time,
    conditions,
  };
}
