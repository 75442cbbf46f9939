import type { Condition, ConditionType } from '../../api/conditions.ts';
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

/** One Event for each condition that changed its status or its reason between two stored states. */
export function recordTransitions(events: EventRecorder, before: Server, after: Server): void {
  const old = new Map(before.status?.conditions?.map((condition) => [condition.type, condition]));
  for (const condition of after.status?.conditions ?? []) {
    if (!isNews(old.get(condition.type), condition)) continue;
    const harmless = condition.type === 'Provisioning' || condition.reason === 'Applying' || isGood(condition);
    events.record(after, {
      type: harmless ? 'Normal' : 'Warning',
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

function isGood({ type, status }: Condition): boolean {
  return status === (goodWhenFalse.has(type) ? 'False' : 'True');
}
