import type { JobRecord } from '../../api/serverStatus.ts';
import { finishJob, type FinishResult } from '../../host/apply.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { JOB_WAIT_MS, type Attempts } from './attempts.ts';
import { claimOf } from './claim.ts';
import type { ServerDeps } from './deps.ts';
import type { Hooks } from './hooks.ts';
import type { Scope } from './scope.ts';

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

  /** @returns false while one still runs. */
  async finish(scope: Scope, session: PooledSession): Promise<boolean> {
    for (const job of [...scope.jobs]) {
      const name = job.change;
      const result = await this.#end(scope, session, job);
      if (result.kind === 'running') return false;
      this.#attempts.dropJob(scope, name);
      if (result.kind === 'gone') continue;
      this.#attempts.steps(scope).succeed(name);
      if (name.startsWith('hook/')) scope.hooksRun.push(name.slice('hook/'.length));
    }
    return true;
  }

  async #end(scope: Scope, session: PooledSession, job: JobRecord): Promise<FinishResult> {
    // the step that the job belongs to says what it does, whoever started it
    const what = scope.steps.find((step) => step.name === job.change)?.message ?? job.change;
    const hook = scope.effective.hooks.find((one) => job.change === `hook/${one.name}`);
    try {
      return await this.#hooks.forgiving(scope, hook, () =>
        finishJob(
          session,
          { id: job.name, name: job.change, what },
          { tasks: this.#deps.tasks, claim: claimOf(this.#deps, scope), waitMs: JOB_WAIT_MS, signal: scope.signal },
        ),
      );
    } catch (error) {
      this.#attempts.fail(scope, job.change, error);
      throw error;
    }
  }
}
