import type { Reason } from '../../api/reasons.ts';
import type { Step } from '../../api/serverStatus.ts';
import { toTime } from '../../lib/clock.ts';
import { clip } from './clip.ts';

/** Steps before the changes' own (named like the change), in the order they run; `verify` ends the set-up. */
export const firstSteps = ['connect', 'detect', 'preflight'] as const;

const MESSAGE_MAX = 2048;

/** Writes the steps of the first set-up; every method changes the list given. */
export class StepLog {
  readonly #steps: Step[];
  readonly #now: () => number;

  /** @param now  Milliseconds since the epoch. */
  constructor(steps: Step[], now: () => number) {
    this.#steps = steps;
    this.#now = now;
  }

  /** Begins a step, or begins it again. A step that already runs (its job outlived a run) goes on. */
  start(name: string, message?: string): void {
    const step = this.#find(name);
    if (step.state === 'Running') return;
    delete step.completionTime;
    delete step.reason;
    const startTime = toTime(this.#now());
    this.#set(step, { state: 'Running', startTime, attempts: step.attempts + 1 }, message ?? step.message);
  }

  /** Begins a step unless it ended well before: looking again is no new attempt. */
  ensure(name: string): void {
    if (this.#find(name).state !== 'Succeeded') this.start(name);
  }

  /** Says how far a step has come. */
  note(name: string, message: string): void {
    this.#set(this.#find(name), {}, message);
  }

  /** Ends a step well, keeping its message unless there is a new one; a step that never began is begun and ended. */
  succeed(name: string, message?: string): void {
    const step = this.#find(name);
    if (step.state === 'Succeeded') {
      if (message !== undefined) step.message = clip(message, MESSAGE_MAX);
      return;
    }
    this.start(name);
    this.#end(name, 'Succeeded', undefined, message ?? step.message);
  }

  /** Ends a step with what went wrong. */
  fail(name: string, reason: Reason, message: string): void {
    this.start(name);
    this.#end(name, 'Failed', reason, message);
  }

  /** The host is as declared: changes that failed, or whose end nobody saw, were made after all. Hooks stay as they are. */
  foundDone(): void {
    for (const { name, state } of this.#steps) {
      if (state !== 'Running' && state !== 'Failed') continue;
      if (!name.startsWith('hook/')) this.succeed(name, 'the host was found as declared');
    }
  }

  /** Makes sure that `names` are listed, in order, so that a watcher sees what is still to come. */
  announce(names: readonly string[]): void {
    for (const name of names) this.#find(name);
  }

  #end(name: string, state: Step['state'], reason: Reason | undefined, message: string | undefined): void {
    const step = this.#find(name);
    this.#set(step, { state, completionTime: toTime(this.#now()), ...(reason && { reason }) }, message);
  }

  #set(step: Step, change: Partial<Step>, message: string | undefined): void {
    Object.assign(step, change);
    if (message === undefined) delete step.message;
    else step.message = clip(message, MESSAGE_MAX);
  }

  #find(name: string): Step {
    const found = this.#steps.find((step) => step.name === name);
    if (found !== undefined) return found;
    const step: Step = { name, state: 'Pending', attempts: 0 };
    this.#steps.push(step);
    return step;
  }
}
