import { deadlineOf, isFinalPhase, isFor, type ServerOperation } from '../../api/serverOperation.ts';
import type { Reason } from '../../api/reasons.ts';
import { isProvisional } from './approval.ts';
import { actTypeOf, failed, succeeded, type Ending } from './acts/act.ts';
import { concludeFix } from './fixing.ts';
import { judgeConnection } from './judge.ts';
import type { Scope } from './scope.ts';

/** How one operation ended in this run. */
interface OperationOutcome {
  operation: ServerOperation;
  ending: Ending;
  /** What it looked at, in order; with a reason where it is not as it should be. */
  findings: readonly Finding[];
}

interface Finding {
  name: string;
  reason?: Reason;
  message: string;
}

/** Operations that this run has to carry out: not ended, not cancelled or too late before they began; oldest first. */
export function waitingOperations(
  all: readonly ServerOperation[],
  { server, now }: { server: Scope['server']; now: number },
): ServerOperation[] {
  return all
    .filter((operation) => isFor(operation, server.metadata.uid))
    .filter((operation) => !isTooLate(operation, now))
    .filter(({ spec, status }) => !isFinalPhase(status?.phase) && (spec.cancel !== true || status?.phase === 'Running'))
    .filter((operation) => operation.metadata.deletionTimestamp === undefined)
    .sort((a, b) => age(a).localeCompare(age(b)));
}

/** The copy at hand may lag behind the beginning of an act, whose job must stay known: acts.ts asks the API. */
function isTooLate(operation: ServerOperation, now: number): boolean {
  if (operation.status?.phase === 'Running' || actTypeOf(operation) !== undefined) return false;
  return deadlineOf(operation).at <= now;
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
        if (spec.approve !== undefined) scope.offeredApprovals.push(spec.approve.planHash);
        break;
      case 'ApproveHostKey':
        scope.approvedFingerprint = spec.approveHostKey?.fingerprint;
        changed = true;
        break;
      case 'TakeOver':
        scope.takeOver = true;
        changed = true;
        break;
      case 'TestConnection':
        scope.loginForced = true;
        scope.loginAnew = true;
        break;
      case 'Fix':
        scope.loginForced = true;
        scope.fixing = spec.cancel !== true;
        break;
      case 'Preflight':
      case 'Reboot':
      case 'PowerOff':
      case 'Cleanup':
      case 'RunCommand':
        break;
    }
  }
  return changed;
}

/** After the run: what came of each operation that changes nothing on the host itself; the others go on waiting. */
export function concludeOperations(scope: Scope): OperationOutcome[] {
  return scope.operations.flatMap((operation) => {
    const ending = conclude(scope, operation);
    return ending === undefined ? [] : [{ operation, ending, findings: findingsOf(scope, operation) }];
  });
}

function conclude(scope: Scope, operation: ServerOperation): Ending | undefined {
  const { spec } = operation;
  switch (spec.type) {
    case 'Retry':
      return succeeded('the Server is tried again from the start');
    case 'Approve':
      return concludeApprove(scope, spec.approve?.planHash ?? '');
    case 'ApproveHostKey':
      return concludeHostKey(scope, spec.approveHostKey?.fingerprint ?? '');
    case 'TakeOver':
      return concludeTakeOver(scope);
    case 'TestConnection':
      return concludeTest(scope);
    case 'Preflight':
      return concludePreflight(scope);
    case 'Fix':
      return concludeFix(scope, operation);
    case 'Reboot':
    case 'PowerOff':
    case 'Cleanup':
    case 'RunCommand':
      return undefined;
  }
}

function findingsOf(scope: Scope, { spec }: ServerOperation): Finding[] {
  switch (spec.type) {
    case 'TestConnection':
      return Object.entries(judgeConnection(scope)).flatMap(([name, verdict]) =>
        verdict === undefined || verdict.status === 'Unknown'
          ? []
          : [findingOf(name, verdict.status === 'True', verdict)],
      );
    case 'Preflight':
    case 'Fix':
      return scope.preflight?.checks.map((check) => findingOf(check.name, check.result !== 'Fail', check)) ?? [];
    default:
      return [];
  }
}

function findingOf(name: string, well: boolean, { reason, message }: { reason: Reason; message: string }): Finding {
  return { name: name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase(), ...(!well && { reason }), message };
}

function concludeTest({ login, effective }: Scope): Ending | undefined {
  if (login === undefined) return undefined;
  if (login.outcome === 'failed') return failed(login.error.reason, login.error.advice);
  const { session } = login;
  if (session.privilegeFailure !== undefined)
    return failed(session.privilegeFailure.reason, `logged in, but: ${session.privilegeFailure.advice}`);
  return succeeded(`logged in to ${session.peer} as ${effective.ssh.user} (${session.login.method})`);
}

function concludePreflight({ login, preflight, failure }: Scope): Ending | undefined {
  if (login?.outcome === 'failed') return failed(login.error.reason, login.error.advice);
  if (preflight === undefined) return failure && failed(failure.reason, failure.advice);
  const { passed, warnings, result, checks } = preflight;
  if (result === 'Qualified') return succeeded(`${passed} checks passed, ${warnings} warned`);
  const wrong = checks.filter((check) => check.result === 'Fail').map(({ name, message }) => `${name}: ${message}`);
  return failed(result === 'NeedsSetup' ? 'NeedsSetup' : 'ChecksFailed', wrong.join(' '));
}

/** Operations that this run carried on and that go on; nothing begins on a host that is away. */
export function underWay(scope: Scope): ServerOperation[] {
  if (scope.login?.outcome !== 'connected') return [];
  return scope.operations.filter((one) => one.spec.type === 'Fix' && conclude(scope, one) === undefined);
}

/**
 * The hash is judged against the plan of this very run: what was approved is what runs, or nothing does. Where an
 * earlier run took it, the end of the operation could not be told before.
 */
function concludeApprove(scope: Scope, hash: string): Ending | undefined {
  if ([scope.plannedHash, scope.server.status?.approvedPlanHash].includes(hash))
    return succeeded('the plan is approved and runs');
  if (scope.plan === undefined || isProvisional(scope.plan)) return undefined;
  if (scope.plan.changes.length === 0)
    return failed('NothingToApprove', 'no plan waits for approval; the host is as declared');
  return failed(
    'PlanChanged',
    `the plan is now ${scope.plan.hash}; look at it with hostler server plan and approve that one`,
  );
}

function concludeHostKey(scope: Scope, fingerprint: string): Ending | undefined {
  const { login } = scope;
  if (login === undefined) return undefined;
  if (login.hostKeys?.some((key) => key.trusted && key.fingerprint === fingerprint) === true)
    return succeeded('the host key is trusted');
  if (login.outcome === 'failed' && scope.approvalKept && scope.approvedFingerprint === fingerprint)
    return succeeded(`the host key is trusted; the login failed for another reason: ${login.error.reason}`);
  const offered = login.hostKeys?.map((key) => `${key.type} ${key.fingerprint}`).join(', ');
  if (offered === undefined) return undefined;
  return failed(
    'HostKeyMismatch',
    `the host does not offer ${fingerprint} but ${offered}; compare with ssh-keygen -lf on the host`,
  );
}

function concludeTakeOver(scope: Scope): Ending | undefined {
  if (scope.tookOver) return succeeded('the host is now owned by this Server');
  if (scope.failure !== undefined && scope.login?.outcome === 'connected')
    return failed(scope.failure.reason, scope.failure.advice);
  return undefined;
}
