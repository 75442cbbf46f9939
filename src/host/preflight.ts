import type { EffectiveServer } from '../api/effective.ts';
import type { Check as StatusCheck } from '../api/serverStatus.ts';
import type { Reason } from '../api/reasons.ts';
import type { Privilege } from '../ssh/session.ts';
import type { Observation } from './observe.ts';
import type { AnyTask } from './task.ts';

/** One preflight check; `message` says what would put it right. */
export type Check = Omit<StatusCheck, 'lastTransitionTime' | 'reason'> & { reason: Reason };

/** Outcome of all checks. */
export interface Preflight {
  /** NeedsSetup: only fixable Required checks fail. */
  result: 'Qualified' | 'NeedsSetup' | 'Unqualified';
  checks: Check[];
  passed: number;
  failed: number;
  warnings: number;
}

/** Names of the nine checks of features.md 1.5 and Hostler's own. */
export type CheckName =
  | 'ssh'
  | 'privilege'
  | 'os'
  | 'docker-installed'
  | 'docker-running'
  | 'docker-permission'
  | 'disk'
  | 'internet'
  | 'ports'
  | 'cpu'
  | 'memory'
  | 'clock';

/** Judges the host by what was seen. Pure; holds no times. */
export declare function runPreflight(
  effective: EffectiveServer,
  observation: Observation,
  context: { privilege: Privilege; tasks: readonly AnyTask[] },
): Preflight;
