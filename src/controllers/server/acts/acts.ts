import { deadlineOf, isFinalPhase, isFor, type ServerOperation } from '../../../api/serverOperation.ts';
import { cancelJob, consumeJob } from '../../../host/jobs.ts';
import { serverOperations } from '../../../kube/hostlerResources.ts';
import { toTime } from '../../../lib/clock.ts';
import { findCause, ReconcileError, WaitingError } from '../../../lib/errors.ts';
import type { PooledSession } from '../../../ssh/session.ts';
import { claimOf, type ClaimDeps } from '../claim.ts';
import { isConnectionFailure } from '../connectionFailure.ts';
import type { ServerDeps } from '../deps.ts';
import { refuseDuplicate } from '../duplicates.ts';
import type { Scope } from '../scope.ts';
import {
  actTypeOf,
  failed,
  GIVE_UP_MS,
  type Act,
  type ActResult,
  type ActRun,
  type ActType,
  type Ending,
} from './act.ts';
import { ActLog, type ActLogDeps } from './actLog.ts';
import { JobAct, OPERATION_JOB } from './jobAct.ts';
import { PowerAct } from './powerAct.ts';

/** How many operations a Server remembers. */
const MAX_RECORDS = 50;
/** Between two tries of what failed for a reason that may go away. */
const RETRY_MS = 5000;

/** What acts work with. */
export type ActsDeps = ClaimDeps & ActLogDeps & Pick<ServerDeps, 'client'>;

/** Carries out the operations that change a host, one after the other, oldest first. */
export class Acts {
  readonly #deps: ActsDeps;
  readonly #writeAhead: (scope: Scope) => Promise<void>;
  readonly #acts: Readonly<Record<ActType, Act>>;

  constructor(deps: ActsDeps, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#writeAhead = writeAhead;
    this.#acts = {
      Reboot: new PowerAct(deps, 'reboot'),
      PowerOff: new PowerAct(deps, 'poweroff'),
      Cleanup: new JobAct(deps),
      RunCommand: new JobAct(deps),
    };
  }

  /**
   * After the host was looked at.
   * @returns `waiting`: one goes on; `done`: the host may be different now; `none`.
   */
  async perform(scope: Scope, session: PooledSession): Promise<'none' | 'waiting' | 'done'> {
    await this.#sweep(scope, session);
    let acted = false;
    for (const known of scope.operations) {
      const act = this.#actOf(known);
      const operation = act && (await this.#current(scope, known));
      if (act === undefined || operation === undefined) continue;
      const run = { scope, session, operation, log: this.#log(scope, operation) };
      const result = await this.#advance(act, run);
      if (result.kind === 'running') {
        scope.lookAgainMs = result.afterMs;
        return 'waiting';
      }
      await run.log.end(result.ending);
      await result.settle?.();
      acted = true;
    }
    return acted ? 'done' : 'none';
  }

  /** Nobody gets in: what an operation under way makes of that. @returns the error to show. */
  async away(scope: Scope, error: ReconcileError): Promise<ReconcileError> {
    const operation = scope.operations.filter(actTypeOf).find(({ status }) => status?.phase === 'Running');
    const act = operation && this.#actOf(operation);
    if (operation === undefined || act === undefined) return error;
    const run = { scope, operation, log: this.#log(scope, operation) };
    const result = isConnectionFailure(error) ? act.away?.(run, error) : undefined;
    if (result?.kind === 'expected') return result.error;
    await this.#end(run, result?.ending ?? givenUp(act, run, error));
    return error;
  }

  async #end({ log }: Pick<ActRun, 'log'>, ending: Ending | undefined): Promise<void> {
    if (ending !== undefined) await log.end(ending);
  }

  /** The copy at hand may lag behind an end that was told already; nothing is done twice for that. */
  async #current(scope: Scope, { metadata }: ServerOperation): Promise<ServerOperation | undefined> {
    const found = await this.#deps.client.find(serverOperations, metadata, { signal: scope.signal });
    if (found === undefined || found.metadata.uid !== metadata.uid || isFinalPhase(found.status?.phase))
      return undefined;
    return isFor(found, scope.server.metadata.uid) ? found : undefined;
  }

  async #advance(act: Act, run: ActRun): Promise<ActResult> {
    const { scope, operation, log } = run;
    try {
      if (operation.status?.phase !== 'Running') {
        const refusal = this.#refusal(run);
        if (refusal !== undefined) return { kind: 'ended', ending: refusal };
        refuseDuplicate(this.#deps, scope);
        await act.prepare?.(run);
        this.#remember(scope, operation);
        await this.#writeAhead(scope);
        await log.begin(scope.server.metadata.uid);
      }
      return await act.carryOn(run);
    } catch (error) {
      return { kind: 'ended', ending: await this.#endingOf(error, run) };
    }
  }

  /**
   * What a failure means. Only what nobody but a person can change ends an operation: a job that could not be asked
   * about still runs, and whoever holds the shard next goes on with it.
   */
  async #endingOf(error: unknown, { session, log }: ActRun): Promise<Ending> {
    const known = findCause(error, ReconcileError);
    const denied = known !== undefined && known === session.privilegeFailure;
    if (known === undefined || denied || isConnectionFailure(known)) throw error;
    if (known.retry.kind === 'never' || log.runningMs >= GIVE_UP_MS) return failed(known.reason, known.advice);
    if (log.status.phase === 'Running') await log.note(`waits: ${known.advice}`);
    if (known.retry.kind === 'after') throw error;
    throw new WaitingError(known.reason, known.advice, { afterMs: RETRY_MS, cause: error });
  }

  #refusal({ scope, session, operation }: ActRun): Ending | undefined {
    const { effective, recentOperations } = scope;
    const { name, uid } = operation.metadata;
    const before = recentOperations.find((one) => one.name === name && one.type === operation.spec.type);
    if (before !== undefined && before.uid !== uid) {
      const message = `an operation ${name} of type ${before.type} ran on this Server at ${before.startTime}; it is not repeated because its manifest was applied again. To repeat it on purpose, use another name, or metadata.generateName with kubectl create`;
      return { phase: 'AlreadyRan', reason: 'AlreadyRan', message };
    }
    // whoever ages operations may have been away as long as this run was
    const { seconds, at } = deadlineOf(operation);
    if (at <= this.#deps.clock.now())
      return failed('OperationExpired', `it could not begin within ${seconds} s of its creation; create another one`);
    if (effective.paused) return failed('Paused', 'spec.paused of the Server is true: nothing is written to the host');
    if (effective.defaultPolicy === 'Observe')
      return failed('ObserveOnly', 'spec.management.default of the Server is Observe: nothing is changed on the host');
    if (session.privilege.kind === 'none')
      return failed('ManualRootStepsRequired', 'it needs root on the host; see condition Privileged of the Server');
    return undefined;
  }

  #remember(scope: Scope, { metadata, spec }: ServerOperation): void {
    const uid = metadata.uid ?? '';
    if (scope.recentOperations.some((one) => one.uid === uid)) return;
    const record = { name: metadata.name, uid, type: spec.type, startTime: toTime(this.#deps.clock.now()) };
    scope.recentOperations = [...scope.recentOperations, record].slice(-MAX_RECORDS);
  }

  /** Jobs of operations that were deleted, or that ended before their record could be removed. */
  async #sweep(scope: Scope, session: PooledSession): Promise<void> {
    const wanted = new Set(scope.operations.map(({ metadata }) => `${OPERATION_JOB}${metadata.name}`));
    const stray = (scope.observation?.facts.jobs ?? []).filter(
      ({ change, server }) =>
        server === scope.server.metadata.uid && change.startsWith(OPERATION_JOB) && !wanted.has(change),
    );
    for (const { id, state } of stray) {
      const options = { claim: claimOf(this.#deps, scope), signal: scope.signal };
      if (state === 'Running') await cancelJob(session, id, options);
      else await consumeJob(session, id, options);
    }
  }

  #actOf(operation: ServerOperation): Act | undefined {
    const type = actTypeOf(operation);
    return type && this.#acts[type];
  }

  #log(scope: Scope, operation: ServerOperation): ActLog {
    return new ActLog(this.#deps, operation, scope.signal);
  }
}

/** Whatever it does on the host is over, and nobody could see what came of it. */
function givenUp(act: Act, { operation, log }: Omit<ActRun, 'session'>, { reason, advice }: ReconcileError) {
  if (log.runningMs < (act.lastsMs?.(operation) ?? 0) + GIVE_UP_MS) return undefined;
  return failed(reason, `what came of it is not known, as nobody can log in to the host: ${advice}`);
}
