import { findCondition } from '../../api/conditions.ts';
import { areas } from '../../api/serverSpec.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';

export const columns = ['#', 'CHANGE', 'FROM', 'TO', 'WHY', 'DISRUPTION', 'GAP', 'WAITS FOR'] as const;

/** A plan for people: one row for each change, in order, and what stands in no row. Pure. */
export function describePlan(status: ServerStatus): { rows: string[][]; says: string[] } {
  const { pendingChanges = [] } = status;
  const rows = pendingChanges.map((change, index) => [
    String(index + 1),
    change.what,
    change.from ?? '',
    change.to ?? '',
    change.why,
    change.disruption,
    `${change.expectedGapSeconds} s`,
    change.waitingFor,
  ]);
  return { rows, says: rows.length > 0 ? obstacles(status) : nothing(status) };
}

function nothing({ conditions }: ServerStatus): string[] {
  const inSync = findCondition(conditions, 'InSync');
  if (inSync?.status === 'True') return ['Nothing to change: the host is as declared.'];
  if (inSync?.status !== 'False') return [];
  return [`Nothing that could be changed now: ${inSync.reason}: ${inSync.message}`];
}

/** Areas that are wrong for another reason than the changes of the plan. */
function obstacles({ conditions = [], pendingChanges = [] }: ServerStatus): string[] {
  const wrong = conditions.filter(
    ({ type, status, message }) =>
      status === 'False' &&
      areas.some((area) => type === `${area}Ready`) &&
      !pendingChanges.some(({ what }) => message.includes(what)),
  );
  return wrong.map(({ type, reason, message }) => `Not in the plan: ${type}: ${reason}: ${message}`);
}
