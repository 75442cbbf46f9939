import type { Plan } from '../../host/plan.ts';
import type { Scope } from './scope.ts';

/**
 * Which approval holds for `plan`. It is that of one plan, once: it is kept while that plan is what there is to do, over
 * as many runs as its jobs need, and goes with it. The same drift in a year asks again.
 */
export function settleApproval(scope: Scope, plan: Plan): void {
  scope.plannedHash ??= plan.hash;
  if (plan.hash === scope.plannedHash && scope.offeredApprovals.includes(plan.hash)) {
    scope.approvedPlanHash = plan.hash;
    return;
  }
  // a look that did not see everything says nothing about what there is to do
  const unseen = plan.obstacles.some(({ reason }) => reason === 'ObservationFailed');
  if (!unseen && plan.hash !== scope.approvedPlanHash) scope.approvedPlanHash = undefined;
}
