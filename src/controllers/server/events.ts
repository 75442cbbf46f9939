import { findCondition, type Condition, type ConditionType } from '../../api/conditions.ts';
import type { Reason } from '../../api/reasons.ts';
import type { Server } from '../../api/server.ts';
import type { EventRecorder } from '../../kube/eventRecorder.ts';

/** Conditions whose good state is False or absent. */
const goodWhenFalse: ReadonlySet<string> = new Set<ConditionType>([
  'Provisioning',
  'UpdatePending',
  'RebootPending',
  'Stalled',
  'DiskPressure',
  'CapacityPressure',
]);
/** Conditions that come and go all the time or are summed up elsewhere. */
const silent: ReadonlySet<string> = new Set<ConditionType>(['Reconciling', 'Deleting', 'InMaintenance']);

/** What a first set-up finds because it has not made it yet: nothing to warn of while it runs. */
const expectedInSetUp: ReadonlySet<string> = new Set<Reason>([
  'NotReady',
  'NeedsSetup',
  'NotInstalled',
  'NotRunning',
  'VersionMismatch',
  'Drifted',
]);

/** One Event for each condition that changed its status or its reason between two stored states. */
export function recordTransitions(events: Pick<EventRecorder, 'record'>, before: Server, after: Server): void {
  const old = new Map(before.status?.conditions?.map((condition) => [condition.type, condition]));
  const conditions = after.status?.conditions ?? [];
  const settingUp = findCondition(conditions, 'Provisioning')?.status === 'True';
  for (const condition of conditions) {
    if (!isNews(old.get(condition.type), condition)) continue;
    events.record(after, {
      type: isGood(condition) || isUnderWay(condition, settingUp) ? 'Normal' : 'Warning',
      reason: condition.reason,
      message: `${condition.type}=${condition.status}: ${condition.message}`,
    });
  }
}

function isNews(last: Condition | undefined, now: Condition): boolean {
  if (silent.has(now.type) || now.status === 'Unknown') return false;
  // the first False of something that is normally False is no news
  if (last === undefined) return !(goodWhenFalse.has(now.type) && now.status === 'False');
  return last.status !== now.status || last.reason !== now.reason;
}

function isUnderWay({ reason }: Condition, settingUp: boolean): boolean {
  return reason === 'Running' || reason === 'Applying' || (settingUp && expectedInSetUp.has(reason));
}

function isGood({ type, status, reason }: Condition): boolean {
  if (reason === 'StepFailed') return false;
  return status === (goodWhenFalse.has(type) ? 'False' : 'True');
}
