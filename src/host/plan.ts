import type { EffectiveServer } from '../api/effective.ts';
import { disruptions, type Area, type Disruption, type Policy } from '../api/serverSpec.ts';
import type { PendingChange } from '../api/serverStatus.ts';
import { digest } from '../lib/canonicalJson.ts';
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
export function planHost(effective: EffectiveServer, observation: Observation, tasks: readonly AnyTask[]): Plan {
  const differences = tasks.map((task) => {
    const want = task.want(effective);
    if (want === undefined) return { changes: [], obstacles: [] };
    const failure = observation.failed.get(task.name);
    if (failure !== undefined || !observation.have.has(task.name)) {
      return { changes: [], obstacles: [notObserved(task, failure ?? 'nothing was asked')] };
    }
    return task.diff(want, observation.have.get(task.name), observation.facts);
  });
  const wanted = differences.flatMap((difference) => difference.changes);
  const { changes, vetoes } = withoutVetoed(wanted, (change) => vetoOf(change, effective, observation, tasks));
  const obstacles = [...differences.flatMap((difference) => difference.obstacles), ...vetoes];
  return { changes, obstacles, hash: digest(changes) };
}

/** An objection, and the task that makes it. */
interface Veto {
  by: string;
  obstacle: Obstacle;
}

/**
 * What follows a vetoed change in its task may build on it, so it goes too; so does what the objecting task itself
 * wants when the two can never be had together.
 */
function withoutVetoed(
  wanted: readonly Change[],
  vetoOf: (change: Change) => Veto | undefined,
): { changes: Change[]; vetoes: Obstacle[] } {
  const vetoes = new Map<string, Veto>();
  const passed = wanted.filter((change) => {
    const task = taskName(change);
    const veto = vetoes.has(task) ? undefined : vetoOf(change);
    if (veto !== undefined) vetoes.set(task, veto);
    return !vetoes.has(task);
  });
  const given = [...vetoes.values()];
  const hopeless = new Set(given.filter(({ obstacle }) => obstacle.terminal).map(({ by }) => by));
  return {
    changes: passed.filter((change) => !hopeless.has(taskName(change))),
    vetoes: given.map(({ obstacle }) => obstacle),
  };
}

/** The first task that objects to a change of another one. */
function vetoOf(
  change: Change,
  effective: EffectiveServer,
  { have }: Observation,
  tasks: readonly AnyTask[],
): Veto | undefined {
  for (const task of tasks) {
    const want = task.want(effective);
    if (want === undefined || !have.has(task.name) || task.name === taskName(change)) continue;
    const obstacle = task.veto?.(want, have.get(task.name), change);
    if (obstacle !== undefined) return { by: task.name, obstacle };
  }
  return undefined;
}

/** Could not look is no difference: nothing is changed on a guess. */
function notObserved(task: AnyTask, why: string): Obstacle {
  return {
    area: task.area,
    reason: 'ObservationFailed',
    message: `${task.name} could not be looked at: ${why}. Hostler looks again.`,
    terminal: false,
  };
}

/** What decides which changes may run now. */
export interface GateInput {
  /** disruption.automatic as stated; undefined = Reload, or RestartContainers while no container runs. */
  automatic: Disruption | undefined;
  /** undefined = not known, counts as running. */
  containersRunning: number | undefined;
  /** Whether a person has approved exactly this change; default: none. */
  isApproved?: (change: Change) => boolean;
  policyOf: (area: Area) => Policy;
  paused: boolean;
}

/** A change that does not run now, with what holds it back. */
export type HeldChange = Change & { waitingFor: PendingChange['waitingFor'] };

/**
 * Splits a plan into what runs now and what waits. Pure.
 * A change that waits holds back the later changes of the same task, since they may build on it.
 */
export function gate(plan: Plan, input: GateInput): { run: Change[]; pending: HeldChange[] } {
  const limit = input.automatic ?? (input.containersRunning === 0 ? 'RestartContainers' : 'Reload');
  const run: Change[] = [];
  const pending: HeldChange[] = [];
  const heldTasks = new Map<string, HeldChange['waitingFor']>();
  for (const change of plan.changes) {
    const task = taskName(change);
    const waitingFor = heldTasks.get(task) ?? obstacleTo(change, input, limit);
    if (waitingFor === undefined) run.push(change);
    else {
      heldTasks.set(task, waitingFor);
      pending.push({ ...change, waitingFor });
    }
  }
  return { run, pending };
}

function obstacleTo(change: Change, input: GateInput, limit: Disruption): HeldChange['waitingFor'] | undefined {
  if (input.paused || input.policyOf(change.area) === 'Observe') return 'Management';
  if (disruptions.indexOf(change.disruption) <= disruptions.indexOf(limit)) return undefined;
  return input.isApproved?.(change) === true ? undefined : 'Approval';
}

/** The task that made `change`. @throws Error  when it is in no task's name: a bug. */
export function taskOf(change: Change, tasks: readonly AnyTask[]): AnyTask {
  const task = tasks.find(({ name }) => name === taskName(change));
  if (task === undefined) throw new Error(`no task made the change ${change.name}`);
  return task;
}

function taskName(change: Change): string {
  return change.name.split('/', 1)[0] ?? change.name;
}
