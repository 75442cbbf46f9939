import { z } from 'zod';
import type { Reason } from './reasons.ts';
import { integer, mapList, text, time } from './schema.ts';
import type { Area } from './serverSpec.ts';

export const Condition = z
  .object({
    type: text(316).describe('Condition type, CamelCase, such as Ready.'),
    status: z
      .enum(['True', 'False', 'Unknown'])
      .describe('Unknown means: could not look. False means: looked, and wrong.'),
    observedGeneration: integer(0, Number.MAX_SAFE_INTEGER)
      .optional()
      .describe('metadata.generation this condition was set for.'),
    lastTransitionTime: time.describe('When status last changed.'),
    reason: text(1024).describe('Why, as one CamelCase word that scripts may rely on.'),
    message: text(32768).describe('Why, for a person, with the next step.'),
  })
  .describe('One aspect of the state of the object.');
export type Condition = z.infer<typeof Condition>;

export const conditionList = mapList(Condition, 40, ['type']);

/**
 * Condition types of a Server: the first group is always present, areas only while managed, the last only while True.
 * Add a condition here, its reasons in reasons.ts, and its judgement in controllers/server/status.ts.
 */
export const alwaysPresent = [
  'Ready',
  'Reachable',
  'HostKeyVerified',
  'Authenticated',
  'Privileged',
  'Provisioning',
  'Qualified',
  'InSync',
  'UpdatePending',
  'RebootPending',
] as const;
/** Areas, present only while managed. */
type AreaCondition = `${Area}Ready`;
export const onlyWhileTrue = [
  'Reconciling',
  'Stalled',
  'Deleting',
  'InMaintenance',
  'DiskPressure',
  'CapacityPressure',
] as const;
export type ConditionType = (typeof alwaysPresent)[number] | AreaCondition | (typeof onlyWhileTrue)[number];

/** A judgement before it has a time and a generation. */
export interface Verdict {
  status: Condition['status'];
  reason: Reason;
  message: string;
}

/**
 * Writes one condition into `conditions` (in place). `lastTransitionTime` moves only when `status` changes.
 * @param options.now  RFC 3339 time of this run.
 */
export function setCondition(
  conditions: Condition[],
  type: ConditionType,
  verdict: Verdict,
  options: { now: string; generation: number },
): void {
  const old = conditions.find((condition) => condition.type === type);
  const next: Condition = {
    type,
    status: verdict.status,
    observedGeneration: options.generation,
    lastTransitionTime: old?.status === verdict.status ? old.lastTransitionTime : options.now,
    reason: verdict.reason,
    message: verdict.message,
  };
  if (old === undefined) conditions.push(next);
  else conditions[conditions.indexOf(old)] = next;
}

/** Status of an object that nobody has judged yet: `Ready` is Unknown. */
export function unjudged(reason: Reason): { conditions: Condition[] } {
  const message = 'no controller has seen it yet';
  return {
    conditions: [{ type: 'Ready', status: 'Unknown', reason, message, lastTransitionTime: '1970-01-01T00:00:00Z' }],
  };
}

/** Takes a condition away; for those that are present only while True. */
export function removeCondition(conditions: Condition[], type: ConditionType): void {
  const index = conditions.findIndex((condition) => condition.type === type);
  if (index >= 0) conditions.splice(index, 1);
}

/** The condition of that type, if present. */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: ConditionType,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
