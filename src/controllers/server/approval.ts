import { MAX_PENDING_CHANGES, type ApprovedChange } from '../../api/serverStatus.ts';
import type { Plan } from '../../host/plan.ts';
import type { Change } from '../../host/task.ts';
import { digest } from '../../lib/canonicalJson.ts';
import type { Scope } from './scope.ts';

/**
 * Which approval holds for `plan`. It is that of the changes of one plan, each of them once: a change keeps it while it
 * is still to be made, over as many runs as its jobs need, and what is new asks. The same drift in a year asks again.
 */
export function settleApproval(scope: Scope, plan: Plan): void {
  if (isProvisional(plan)) return;
  const isFirst = scope.plannedHash === undefined;
  scope.plannedHash ??= plan.hash;
  if (isFirst && scope.offeredApprovals.includes(plan.hash)) {
    scope.approvedPlanHash = plan.hash;
    scope.approvedChanges = plan.changes.slice(0, MAX_PENDING_CHANGES).map(approved);
    return;
  }
  // a look that did not see everything says nothing about what there is to do
  if (plan.obstacles.some(({ reason }) => reason === 'ObservationFailed')) return;
  scope.approvedChanges = scope.approvedChanges.filter((one) => plan.changes.some(isThe(one)));
  if (scope.approvedChanges.length === 0) scope.approvedPlanHash = undefined;
}

/** Whether what there is to do will be known in a moment only. */
export function isProvisional(plan: Plan): boolean {
  return plan.changes.some(({ provisional }) => provisional === true);
}

/** Whether a person has seen exactly this change in a plan, and approved that. */
export function isApproved({ approvedChanges }: Pick<Scope, 'approvedChanges'>, change: Change): boolean {
  return approvedChanges.some((one) => isThe(one)(change));
}

function approved(change: Change): ApprovedChange {
  return { name: change.name, digest: digest(change) };
}

function isThe(one: ApprovedChange): (change: Change) => boolean {
  return (change) => change.name === one.name && digest(change) === one.digest;
}
