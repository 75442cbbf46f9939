import type { EffectiveServer } from '../api/effective.ts';
import type { PendingChange } from '../api/serverStatus.ts';
import type { Area, Disruption, Policy } from '../api/serverSpec.ts';
import type { Observation } from './observe.ts';
import type { AnyTask, Change, Obstacle } from './task.ts';

/** Everything that separates the host from its spec. Plain data: printed, hashed, carried out. */
export interface Plan {
  /** In the order they would run. */
  changes: readonly Change[];
  obstacles: readonly Obstacle[];
  /** `sha256:…` over the canonical JSON of `changes`. */
  hash: string;
}

/** Compares, for every managed task. Pure. */
export declare function planHost(effective: EffectiveServer, observation: Observation, tasks: readonly AnyTask[]): Plan;

/** What decides which changes may run now. */
export interface GateInput {
  /** disruption.automatic as stated; undefined = Reload, or RestartContainers while no container runs. */
  automatic: Disruption | undefined;
  /** undefined = not known, counts as running. */
  containersRunning: number | undefined;
  /** Plan hash that was approved; approves everything in that plan. */
  approvedHash?: string | undefined;
  policyOf: (area: Area) => Policy;
  paused: boolean;
}

/** A change that does not run now, with what holds it back. */
export type HeldChange = Change & { waitingFor: PendingChange['waitingFor'] };

/**
 * Splits a plan into what runs now and what waits. Pure.
 * A change that waits holds back the later changes of the same task, since they may build on it.
 */
export declare function gate(plan: Plan, input: GateInput): { run: Change[]; pending: HeldChange[] };

/** The task that made `change`. */
export declare function taskOf(change: Change, tasks: readonly AnyTask[]): AnyTask;
