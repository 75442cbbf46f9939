import type { Check, CheckName } from '../preflight.ts';
import type { Difference } from '../task.ts';

/**
 * A Required check of a task: failed, it is fixable unless an obstacle is in the way, and its message says what Hostler
 * would do.
 */
export function verdict(
  name: CheckName,
  { changes, obstacles }: Difference,
  passed: boolean,
  text: { pass: string; fail: string },
): Check {
  const obstacle = obstacles[0];
  const base = { name, severity: 'Required', fixable: obstacle === undefined } as const;
  if (passed) return { ...base, result: 'Pass', reason: 'CheckPassed', message: text.pass };
  if (obstacle !== undefined) return { ...base, result: 'Fail', reason: obstacle.reason, message: obstacle.message };
  const first = changes[0];
  const plan = first === undefined ? '' : ` Hostler would ${first.what}.`;
  return { ...base, result: 'Fail', reason: first?.reason ?? 'CheckFailed', message: `${text.fail}${plan}` };
}
