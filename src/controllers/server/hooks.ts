import { runHook, type Hook } from '../../host/hooks.ts';
import { findCause, ReconcileError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import type { Attempts } from './attempts.ts';
import type { ServerDeps } from './deps.ts';
import type { Scope } from './scope.ts';

/** Runs the user's hooks: each once, around the first set-up. */
export class Hooks {
  readonly #deps: Pick<ServerDeps, 'events'>;
  readonly #attempts: Attempts;
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(deps: Pick<ServerDeps, 'events'>, attempts: Attempts, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#attempts = attempts;
    this.#writeAhead = writeAhead;
  }

  /** Those that are still to come, also where the first set-up finds nothing to change. */
  pending(scope: Scope): Hook[] {
    if (scope.server.status?.appliedGeneration !== undefined || scope.effective.paused) return [];
    if (scope.effective.defaultPolicy === 'Observe') return [];
    return scope.effective.hooks.filter((hook) => !scope.hooksRun.includes(hook.name));
  }

  /** @returns false while the job of one still runs. */
  async run(scope: Scope, session: PooledSession, when: Hook['when']): Promise<boolean> {
    for (const hook of this.pending(scope).filter((one) => one.when === when)) {
      const step = { name: stepOf(hook), message: `hook ${hook.name}` };
      const ended = await this.#attempts.make(scope, step, (options) =>
        this.forgiving(scope, hook, () =>
          runHook(session, hook, { ...options, onEnd: (error) => this.ended(scope, hook, error) }),
        ),
      );
      if (!ended) return false;
    }
    return true;
  }

  /** Writes down that a hook ran before its record leaves the host: a crash in between must not run it again. */
  async ended(scope: Scope, hook: Hook, error: ReconcileError | undefined): Promise<void> {
    if (scope.hooksRun.includes(hook.name) || (error !== undefined && !isForgiven(hook, error))) return;
    scope.hooksRun.push(hook.name);
    // a run that dies before the next write leaves no job behind by which the step could be ended
    this.#attempts.steps(scope).succeed(stepOf(hook));
    await this.#writeAhead(scope);
  }

  /** A hook whose failure is to be ignored ended well as far as the set-up is concerned. */
  async forgiving<T>(scope: Scope, hook: Hook | undefined, act: () => Promise<T>): Promise<T | { kind: 'done' }> {
    try {
      return await act();
    } catch (error) {
      const known = findCause(error, ReconcileError);
      if (hook === undefined || known === undefined || !isForgiven(hook, known)) throw error;
      const message = `hook ${hook.name} failed and is ignored (failurePolicy Ignore)`;
      this.#deps.events.record(scope.server, { type: 'Warning', reason: 'HookFailed', message });
      return { kind: 'done' };
    }
  }
}

function stepOf({ name }: Hook): string {
  return `hook/${name}`;
}

function isForgiven({ failurePolicy }: Hook, { reason }: ReconcileError): boolean {
  return failurePolicy === 'Ignore' && reason === 'HookFailed';
}
