import type { ApplyOptions, ChangeResult } from '../../host/apply.ts';
import { toTime } from '../../lib/clock.ts';
import { findCause, ReconcileError } from '../../lib/errors.ts';
import { claimOf } from './claim.ts';
import { isConnectionFailure } from './connectionFailure.ts';
import type { ServerDeps } from './deps.ts';
import { refuseDuplicate } from './duplicates.ts';
import type { Scope } from './scope.ts';
import { StepLog } from './steps.ts';

/** How long a run stays with a job before it gives the worker back; milliseconds. */
export const JOB_WAIT_MS = 5000;

/** What one attempt at a change or a hook gets. */
export type AttemptOptions = Omit<ApplyOptions, 'facts' | 'proof' | 'artifacts'>;

/** Between two stretches of sending a file; in between the host is looked at, and everybody else has a turn. */
const SEND_AGAIN_MS = 100;

/** Keeps the books of what is done to the host: each attempt a step of the status, each job written ahead. */
export class Attempts {
  readonly #deps: ServerDeps;
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(deps: ServerDeps, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#writeAhead = writeAhead;
  }

  /** One attempt as a step: begun, and ended unless a job or a transfer goes on. @returns false while it does. */
  async make(
    scope: Scope,
    { name, message }: { name: string; message: string },
    act: (options: AttemptOptions) => Promise<ChangeResult>,
  ): Promise<boolean> {
    this.steps(scope).start(name, message);
    const attempt = scope.steps.find((step) => step.name === name)?.attempts ?? 1;
    try {
      const result = await act(this.#options(scope, attempt));
      if (result.kind === 'running') return false;
      if (result.kind === 'sending') {
        const [sent, size] = [result.sentBytes, result.sizeBytes].map((bytes) => Math.floor(bytes / 1e6));
        this.steps(scope).note(name, `${message}: ${sent} of ${size} MB are there`);
        scope.lookAgainMs = SEND_AGAIN_MS;
        return false;
      }
      this.dropJob(scope, name);
      this.steps(scope).succeed(name, message);
      return true;
    } catch (error) {
      this.fail(scope, name, error);
      throw error;
    }
  }

  /** What ends a step, unless the link broke: then its job may still run. */
  fail(scope: Scope, name: string, error: unknown): void {
    const known = findCause(error, ReconcileError);
    if (known === undefined || isConnectionFailure(known)) return;
    this.dropJob(scope, name);
    this.steps(scope).fail(name, known.reason, known.advice);
  }

  dropJob(scope: Scope, change: string): void {
    scope.jobs = scope.jobs.filter((job) => job.change !== change);
  }

  steps(scope: Scope): StepLog {
    return new StepLog(scope.steps, () => this.#deps.clock.now());
  }

  #options(scope: Scope, attempt: number): AttemptOptions {
    refuseDuplicate(this.#deps, scope);
    return {
      claim: claimOf(this.#deps, scope),
      attempt,
      waitMs: JOB_WAIT_MS,
      signal: scope.signal,
      writeAhead: async (job) => {
        const bootID = scope.observation?.facts.bootID;
        scope.jobs = [
          ...scope.jobs.filter((one) => one.name !== job.id),
          {
            name: job.id,
            change: job.change,
            attempt: job.attempt,
            startTime: toTime(this.#deps.clock.now()),
            ...(bootID && { bootID }),
          },
        ];
        await this.#writeAhead(scope);
      },
    };
  }
}
