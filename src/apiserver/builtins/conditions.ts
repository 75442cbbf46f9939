import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { toTime } from '../../lib/clock.ts';
import { listAt, objectAt, textAt } from '../registry/object.ts';

/** One condition to be set. */
export interface NewCondition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
}

/**
 * Sets one of `object.status.conditions`; the transition time moves only when the status does.
 * @returns whether anything changed.
 */
export function setCondition(object: JsonObject, condition: NewCondition, now: number = Date.now()): boolean {
  const status = objectAt(object, 'status') ?? {};
  object['status'] = status;
  const conditions = listAt(status, 'conditions').filter((one) => isJsonObject(one));
  const known = conditions.find((one) => one['type'] === condition.type);
  const same = known !== undefined && known['status'] === condition.status;
  if (same && known['reason'] === condition.reason && known['message'] === condition.message) return false;
  const made: JsonObject = {
    ...condition,
    lastTransitionTime: same ? textAt(known, 'lastTransitionTime') : toTime(now),
  };
  status['conditions'] =
    known === undefined ? [...conditions, made] : conditions.map((one) => (one === known ? made : one));
  return true;
}

/** status of the condition `type`; '' when there is none. */
export function conditionStatus(object: JsonObject, type: string): string {
  const found = listAt(objectAt(object, 'status'), 'conditions').find(
    (one) => isJsonObject(one) && one['type'] === type,
  );
  return textAt(found, 'status');
}
