import {
  findCondition,
  removeCondition,
  setCondition,
  type Condition,
  type ConditionType,
  type Verdict,
} from '../../api/conditions.ts';
import { reasons, type Reason } from '../../api/reasons.ts';
import { areas, type Area } from '../../api/serverSpec.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { toTime } from '../../lib/clock.ts';
import { redactor } from '../../lib/redaction.ts';
import type { ReconcileError } from '../../lib/errors.ts';
import { clip } from './clip.ts';
import { judgeArea, judgeConnection, judgeDisk, judgeInSync, judgeMaintenance } from './judge.ts';
import { judgeQualified } from './qualified.ts';
import type { Scope } from './scope.ts';

const MESSAGE_MAX = 2048;
const PLANNING: Verdict = {
  status: 'True',
  reason: 'Progressing',
  message: 'the newest spec is still to be held against the host',
};
/** Each area has a condition of its own while it is managed. */
const areaConditions = areas.map((area) => [area, `${area}Ready`] as const);

/** What a plan tells: until there is one of the newest spec, these say nothing of it. */
const planned: ReadonlySet<ConditionType> = new Set<ConditionType>([
  'InSync',
  ...areaConditions.map(([, type]) => type),
]);

function isManaged({ effective }: Scope, area: Area): boolean {
  const { docker, proxy, hardening } = effective;
  return { Docker: docker, Proxy: proxy, Hardening: hardening }[area] !== undefined;
}

/** The conditions being written: what is not judged in this run stays as it was. */
class Board {
  readonly list: Condition[];
  readonly #options: { now: string; generation: number };

  constructor(scope: Scope) {
    this.list = structuredClone(scope.server.status?.conditions ?? []);
    this.#options = { now: toTime(scope.now), generation: scope.server.metadata.generation };
  }

  /**
   * Always present: undefined leaves it, or starts it as Unknown.
   * @param isOfThisSpec  Whether it is about the newest spec; else about the one that it was about before.
   */
  set(
    type: ConditionType,
    verdict: Verdict | undefined,
    isOfThisSpec = verdict !== undefined || !planned.has(type),
  ): void {
    const { generation } = this.#options;
    const found = this.get(type);
    const next = verdict ?? (found === undefined ? untouched(type) : undefined);
    const before = found?.observedGeneration ?? generation;
    if (next !== undefined) {
      const message = clip(redactor.redact(next.message), MESSAGE_MAX);
      setCondition(this.list, type, { ...next, message }, this.#options);
    }
    const entry = this.get(type);
    if (entry !== undefined) entry.observedGeneration = isOfThisSpec ? generation : before;
  }

  /** Present only while there is a verdict. */
  toggle(type: ConditionType, verdict: Verdict | undefined): void {
    if (verdict === undefined) removeCondition(this.list, type);
    else this.set(type, verdict);
  }

  get(type: ConditionType): Condition | undefined {
    return findCondition(this.list, type);
  }

  is(type: ConditionType, status: Condition['status']): boolean {
    return this.get(type)?.status === status;
  }

  /** Whether it was judged by the newest spec, now or before. */
  isOfThisSpec(type: ConditionType): boolean {
    return this.get(type)?.observedGeneration === this.#options.generation;
  }
}

/**
 * Every condition after a run; always-present ones are always there.
 * @param draft  The status around them, as far as it is made.
 */
export function conditionsOf(scope: Scope, draft: ServerStatus): Condition[] {
  const board = new Board(scope);
  const lost = notLooked(scope);
  const { Reachable, HostKeyVerified, Authenticated, Privileged } = judgeConnection(scope);
  board.set('Reachable', Reachable);
  board.set('HostKeyVerified', HostKeyVerified);
  board.set('Authenticated', Authenticated);
  board.set('Privileged', Privileged);
  board.set('Provisioning', judgeProvisioning(scope));
  board.set('Qualified', judgeQualified(scope));
  board.set('InSync', lost ?? judgeInSync(scope));
  setMaintenance(board, scope, draft, lost);
  for (const [area, type] of areaConditions) {
    if (isManaged(scope, area)) board.set(type, lost ?? judgeArea(scope, area));
    else board.toggle(type, undefined);
  }
  setSummary(board, scope);
  return board.list;
}

function setMaintenance(board: Board, scope: Scope, draft: ServerStatus, lost: Verdict | undefined): void {
  const { observation } = scope;
  if (observation === undefined) {
    board.set('UpdatePending', lost);
    board.set('RebootPending', lost);
    return;
  }
  const found = judgeMaintenance(observation.facts, draft.components ?? []);
  board.set('UpdatePending', found.UpdatePending);
  board.set('RebootPending', found.RebootPending);
  const pressure = judgeDisk(observation.facts);
  // the percentage moves all the time; it is worth no write of its own
  if (pressure?.reason !== board.get('DiskPressure')?.reason) board.toggle('DiskPressure', pressure);
}

/** Ready, and the kstatus conditions beside it: never Ready and Stalled, never Stalled and Reconciling. */
function setSummary(board: Board, scope: Scope): void {
  const ready = judgeReady(board, scope);
  const stalled = ready.status === 'True' ? undefined : judgeStalled(scope);
  board.toggle('Stalled', stalled);
  board.toggle('Deleting', judgeDeleting(scope));
  // a host that was Ready says nothing yet of a spec that came since
  const isUnplanned = ready.status === 'True' && !board.isOfThisSpec('InSync');
  const reconciling = judgeReconciling(scope) ?? (isUnplanned ? PLANNING : undefined);
  board.toggle('Reconciling', stalled === undefined ? reconciling : undefined);
  board.set(
    'Ready',
    stalled === undefined ? ready : { ...ready, status: 'False', message: whyStalled(scope, ready, stalled) },
    !isUnplanned,
  );
}

/** A failed login says best where it got stuck; what was given up on a host that we are on is the cause of all the rest. */
function whyStalled(scope: Scope, ready: Verdict, { reason, message }: Verdict): string {
  return scope.login?.outcome === 'failed' ? ready.message : `Stalled: ${reason}: ${message}`;
}

/** What could not be looked at is Unknown, once it is sure that it cannot be. */
function notLooked(scope: Scope): Verdict | undefined {
  if (scope.login?.outcome !== 'failed' || judgeConnection(scope).Reachable === undefined) return undefined;
  if (judgeConnection(scope).Reachable?.reason === 'UnreachableOnce') return undefined;
  return {
    status: 'Unknown',
    reason: 'NotObserved',
    message: `the host could not be looked at: ${scope.login.error.message}`,
  };
}

const untouchedReasons: Partial<Record<ConditionType, Reason>> = {
  Ready: 'NotReady',
  Reachable: 'NeverProbed',
  HostKeyVerified: 'NotProbed',
  Authenticated: 'NotAuthenticated',
  Privileged: 'PrivilegeUnknown',
  Provisioning: 'NotStarted',
  Qualified: 'NeverChecked',
};

function untouched(type: ConditionType): Verdict {
  const reason = untouchedReasons[type] ?? 'NotObserved';
  return { status: 'Unknown', reason, message: type === 'Ready' ? 'the host was not looked at yet' : reasons[reason] };
}

function judgeProvisioning(scope: Scope): Verdict {
  const { lifecycle } = scope.snapshot.value;
  if (lifecycle === 'Active' || scope.server.status?.appliedGeneration !== undefined) {
    return { status: 'False', reason: 'Complete', message: reasons.Complete };
  }
  const step = scope.steps.find((one) => one.state === 'Running' || one.state === 'Failed');
  switch (lifecycle) {
    case 'Error':
      return { status: 'False', reason: 'StepFailed', message: step?.message ?? reasons.StepFailed };
    case 'NeedsSetup':
      return {
        status: 'False',
        reason: 'NotStarted',
        message: `waits: ${judgeInSync(scope)?.message ?? 'see Qualified'}`,
      };
    default:
      return {
        status: 'True',
        reason: 'Running',
        message: step === undefined ? 'looking at the host' : `step ${step.name}`,
      };
  }
}

/** First cause that keeps the Server from being Ready, in the order in which a person would look. */
function judgeReady(board: Board, scope: Scope): Verdict {
  if (scope.server.metadata.deletionTimestamp !== undefined) {
    return { status: 'False', reason: 'NotReady', message: 'the Server is being deleted' };
  }
  const blocked = firstBlocker(board, scope);
  if (blocked !== undefined) {
    const { status, reason, message } = blocked;
    return {
      status: status === 'False' ? 'False' : 'Unknown',
      reason: 'NotReady',
      message: `${blocked.type}: ${reason}: ${message}`,
    };
  }
  const everFull = scope.plan !== undefined || scope.server.status?.appliedGeneration !== undefined;
  if (!everFull) return untouched('Ready');
  if (!isSettingUp(scope)) return { status: 'True', reason: 'Ready', message: reasons.Ready };
  const found = board.get('Provisioning');
  return { status: 'False', reason: 'NotReady', message: `the first set-up has not ended: ${found?.message ?? ''}` };
}

/** Hooks and changes are still to come, or were given up. */
function isSettingUp(scope: Scope): boolean {
  const { snapshot, server, effective } = scope;
  if (server.status?.appliedGeneration !== undefined || effective.defaultPolicy === 'Observe') return false;
  return snapshot.hasTag('progressing') || snapshot.hasTag('stalled');
}

function firstBlocker(board: Board, scope: Scope): Condition | undefined {
  const privileged: ConditionType[] = scope.effective.defaultPolicy === 'Observe' ? [] : ['Privileged'];
  const managed = areaConditions
    .filter(([area]) => isManaged(scope, area) && scope.effective.policyOf(area) === 'Manage')
    .map(([, type]) => type);
  const way: ConditionType[] = ['Reachable', 'HostKeyVerified', 'Authenticated', ...privileged];
  const type =
    way.find((one) => !board.is(one, 'True')) ??
    (board.is('Qualified', 'False') ? 'Qualified' : managed.find((one) => !board.is(one, 'True')));
  return type && board.get(type);
}

/** Only a person can help: kstatus calls it Failed. */
function judgeStalled(scope: Scope): Verdict | undefined {
  if (scope.server.metadata.deletionTimestamp !== undefined) return undefined;
  const error = scope.login?.outcome === 'failed' ? scope.login.error : (scope.failure ?? rootDenied(scope));
  if (error?.retry.kind === 'never') return { status: 'True', reason: error.reason, message: error.advice };
  if (scope.snapshot.hasTag('stalled')) return givenUp(scope);
  const obstacle = scope.plan?.obstacles.find((one) => one.terminal && scope.effective.policyOf(one.area) === 'Manage');
  return obstacle && { status: 'True', reason: obstacle.reason, message: obstacle.message };
}

/** Where nothing is to be changed, root is not needed. */
function rootDenied({ login, effective }: Scope): ReconcileError | undefined {
  if (login?.outcome !== 'connected' || effective.defaultPolicy === 'Observe') return undefined;
  return login.session.privilegeFailure;
}

/** Later looks find no failure of their own: why it was given up stays. */
function givenUp(scope: Scope): Verdict {
  const last = findCondition(scope.stored.status?.conditions, 'Stalled');
  if (scope.failure === undefined && last !== undefined) {
    return { status: 'True', reason: last.reason as Reason, message: last.message };
  }
  const { name, namespace } = scope.server.metadata;
  const cause = scope.failure?.advice ?? reasons.OutOfAttempts;
  const message = `${cause} Put it right and retry with: hostler server retry ${name} -n ${namespace}`;
  return { status: 'True', reason: 'OutOfAttempts', message };
}

function judgeReconciling(scope: Scope): Verdict | undefined {
  const error = scope.failure ?? (scope.login?.outcome === 'failed' ? scope.login.error : undefined);
  if (error !== undefined) return { status: 'True', reason: error.reason, message: error.advice };
  if (scope.jobs.length > 0) {
    const changes = scope.jobs.map((job) => job.change).join(', ');
    return { status: 'True', reason: 'WaitingForJob', message: `running on the host: ${changes}` };
  }
  const working = scope.snapshot.hasTag('progressing') || scope.runnable.length > scope.applied.length;
  return working ? { status: 'True', reason: 'Progressing', message: reasons.Progressing } : undefined;
}

function judgeDeleting(scope: Scope): Verdict | undefined {
  if (scope.server.metadata.deletionTimestamp === undefined) return undefined;
  if (scope.failure !== undefined)
    return { status: 'True', reason: scope.failure.reason, message: scope.failure.advice };
  if (scope.jobs.length > 0) return { status: 'True', reason: 'WaitingForJob', message: reasons.WaitingForJob };
  const reason: Reason = scope.effective.deletionPolicy === 'RemoveAgent' ? 'RemovingAgent' : 'Deleted';
  return { status: 'True', reason, message: reasons[reason] };
}
