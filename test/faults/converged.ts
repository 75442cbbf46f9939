import { findCondition, type ConditionType } from '../../src/api/conditions.ts';
import type { Server } from '../../src/api/server.ts';

/** The condition stands, and is True. */
export function isTrue({ status }: Server, type: ConditionType): boolean {
  return findCondition(status?.conditions, type)?.status === 'True';
}

/** Nothing is left to do for the newest generation. */
export function isConverged(server: Server): boolean {
  const isCurrent = server.status?.observedGeneration === server.metadata.generation;
  return isCurrent && isTrue(server, 'Ready') && !isTrue(server, 'Reconciling');
}
