import type { JobRecord } from '../../api/serverStatus.ts';
import { finishJob, type FinishResult } from '../../host/apply.ts';
import type { ReconcileError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { JOB_WAIT_MS, type Attempts } from './attempts.ts';
import { claimOf } from './claim.ts';
import type { ServerDeps } from './deps.ts';
import type { Hooks } from './hooks.ts';
import type { Scope } from './scope.ts';

/** A job that failed has told so, and is off the host. */
type JobEnd = FinishResult | { kind: 'failed'; error: ReconcileError };

/** Takes up the jobs that earlier runs (of any process) started. */
export class Jobs {
  readonly #deps: ServerDeps;
  readonly #attempts: Attempts;
  readonly #hooks: Hooks;

  constructor(deps: ServerDeps, attempts: Attempts, hooks: Hooks) {
    this.#deps = deps;
    this.#attempts = attempts;
    this.#hooks = hooks;
  }

  /** @returns how the first ended that did not end well; `done`: none is left. */
  async finish(scope: Scope, session: PooledSession): Promise<Exclude<JobEnd, { kind: 'gone' }>> {
    for (const job of [...scope.jobs]) {
      const name = job.change;
      const result = await this.#end(scope, session, job);
      if (result.kind === 'running' || result.kind === 'failed') return result;
      this.#attempts.dropJob(scope, name);
      if (result.kind === 'gone') continue;
      this.#attempts.steps(scope).succeed(name);
    }
    return { kind: 'done' };
  }

  async #end(scope: Scope, session: PooledSession, job: JobRecord): Promise<JobEnd> {
    // the step that the job belongs to says what it does, whoever started it
    const what = scope.steps.find((step) => step.name === job.change)?.message ?? job.change;
    const hook = scope.effective.hooks.find((one) => job.change === `hook/${one.name}`);
    const end: { error?: ReconcileError | undefined } = {};
    try {
      return await this.#hooks.forgiving(scope, hook, () =>
        finishJob(
          session,
          { id: job.name, name: job.change, what },
          {
            tasks: this.#deps.tasks,
            claim: claimOf(this.#deps, scope),
            waitMs: JOB_WAIT_MS,
            signal: scope.signal,
            onEnd: async (error) => {
              end.error = error;
              if (hook !== undefined) await this.#hooks.ended(scope, hook, error);
            },
          },
        ),
      );
    } catch (error) {
      // a job that could not be asked still runs, or has its result on the host
      if (end.error === undefined || error !== end.error) throw error;
      this.#attempts.fail(scope, job.change, error);
      return { kind: 'failed', error: end.error };
    }
  }
}
