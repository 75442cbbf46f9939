import { cancelJob } from '../../host/jobs.ts';
import { removeAgent } from '../../host/ownership.ts';
import { isInvalid } from '../../kube/apiError.ts';
import { findCause, messageOf, ReconcileError, WaitingError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import type { ServerDeps } from './deps.ts';
import type { LoginDesk } from './login.ts';
import { hasJob, operationJob } from './acts/jobAct.ts';
import { claimOf } from './claim.ts';
import type { ServerEvent } from './machine.ts';
import type { Scope } from './scope.ts';

/** After which RemoveAgent, and waiting for a job, is given up; milliseconds since deletion was asked for. */
const GIVE_UP_MS = 600_000;
const POLL_MS = 5000;

/** Leaves the host as deletionPolicy says. Never touches Docker, containers, data or OS configuration. */
export class Remover {
  readonly #deps: ServerDeps;
  readonly #desk: LoginDesk;
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(deps: ServerDeps, desk: LoginDesk, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#desk = desk;
    this.#writeAhead = writeAhead;
  }

  /** Sets `scope.removed` once the Server may go. Retain never needs SSH, unless a job still runs. */
  async remove(scope: Scope): Promise<ServerEvent> {
    await this.#writeAhead(scope);
    const needsHost = scope.effective.deletionPolicy === 'RemoveAgent' || jobsOf(scope).length > 0;
    if (needsHost && !(await this.#onHost(scope))) return { type: 'waiting' };
    scope.removed = true;
    return { type: 'removed' };
  }

  /** @returns whether nothing is left to wait for. */
  async #onHost(scope: Scope): Promise<boolean> {
    try {
      scope.login = await this.#desk.logIn(scope, { full: true });
      if (scope.login.outcome === 'failed') return this.#failed(scope, scope.login.error);
      await this.#clean(scope, scope.login.session);
      return true;
    } catch (error) {
      const known = isInvalid(error) ? uncounted(error) : findCause(error, ReconcileError);
      if (known === undefined) throw error;
      return this.#failed(scope, known);
    }
  }

  async #clean(scope: Scope, session: PooledSession): Promise<void> {
    const claim = claimOf(this.#deps, scope);
    for (const id of jobsOf(scope)) {
      await cancelJob(session, id, { claim, signal: scope.signal });
      scope.jobs = scope.jobs.filter((one) => one.name !== id);
    }
    if (scope.effective.deletionPolicy === 'RemoveAgent') await removeAgent(session, claim, scope.signal);
  }

  #failed(scope: Scope, error: ReconcileError): boolean {
    const since = scope.now - Date.parse(scope.server.metadata.deletionTimestamp ?? '');
    const hopeless = error.reason === 'SecretMissing' || error.reason === 'OwnedByAnother' || since >= GIVE_UP_MS;
    if (hopeless) {
      const message = `given up: ${error.message} What Hostler put on the host (/var/lib/hostler) may still be there.`;
      this.#deps.events.record(scope.server, { type: 'Warning', reason: 'CleanupFailed', message });
      scope.log.warn({ reason: error.reason }, 'removing the Server without cleaning the host');
      return true;
    }
    scope.failure = new WaitingError('CleanupFailed', error.message, {
      afterMs: POLL_MS,
      remedy: 'It is tried for 10 minutes; with deletionPolicy Retain the Server goes at once.',
      cause: error,
    });
    return false;
  }
}

/** No login without a record of the try: it could be repeated for ever. */
function uncounted(cause: unknown): ReconcileError {
  return new WaitingError('CleanupFailed', `The API refuses the Server's status: ${messageOf(cause)}.`, {
    afterMs: POLL_MS,
    remedy: 'Install the definitions (CRDs) of the version of Hostler that runs.',
    cause,
  });
}

/** Ids of the jobs that may run on the host: of changes, and of operations that began one. */
function jobsOf({ jobs, operations, server }: Scope): string[] {
  const begun = operations.filter((one) => one.status?.phase === 'Running' && hasJob(one));
  return [...jobs.map((job) => job.name), ...begun.map((one) => operationJob(one, server.metadata.uid).id)];
}
