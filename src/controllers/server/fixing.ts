import { findCondition } from '../../api/conditions.ts';
import type { ServerOperation } from '../../api/serverOperation.ts';
import type { Area, Policy } from '../../api/serverSpec.ts';
import type { Check } from '../../host/preflight.ts';
import { allowSudo } from '../../host/sudoRule.ts';
import type { AnyTask } from '../../host/task.ts';
import type { ReconcileError } from '../../lib/errors.ts';
import type { SessionPool } from '../../ssh/pool.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { failed, GIVE_UP_MS, succeeded, type Ending } from './acts/act.ts';
import { claimOf, type ClaimDeps } from './claim.ts';
import type { Scope } from './scope.ts';

/** Hostler could put it right; under Observe a check that fails only warns. */
function isToFix({ fixable, result }: Pick<Check, 'fixable' | 'result'>): boolean {
  return fixable && result !== 'Pass';
}

/**
 * Who may be changed in this run: what management says, and, while a Fix is carried out, the areas whose checks fail.
 * A person asked for exactly that, so Observe does not hold it back; spec.paused does.
 */
export function policyOf(scope: Scope, tasks: readonly AnyTask[]): (area: Area) => Policy {
  const { effective, fixing, preflight } = scope;
  if (!fixing) return effective.policyOf;
  const broken = new Set(preflight?.checks.filter(isToFix).map(({ name }) => name));
  const areas = new Set(
    tasks.filter(({ checks }) => checks?.names.some((name) => broken.has(name))).map(({ area }) => area),
  );
  return (area) => (areas.has(area) ? 'Manage' : effective.policyOf(area));
}

/**
 * Operation Fix where sudo asks for a password: a rule for the login user.
 * @returns true: it is written, and the login is to be made anew, which shows whether it helped.
 * @throws what allowSudo throws.
 */
export async function fixSudo(
  deps: ClaimDeps & { pool: SessionPool },
  scope: Scope,
  session: PooledSession,
): Promise<boolean> {
  const { privilege } = session;
  if (!scope.fixing || scope.effective.paused || privilege.kind !== 'sudo' || !privilege.withPassword) return false;
  await allowSudo(session, scope.effective.ssh.user, { claim: claimOf(deps, scope), signal: scope.signal });
  session.release();
  deps.pool.drain(scope.server.metadata.uid);
  scope.login = undefined;
  return true;
}

/**
 * What came of a Fix; undefined: it goes on, over as many runs as its jobs need. The first failure ends it, and so does
 * an hour in which it could not go on.
 */
export function concludeFix(scope: Scope, { spec, status }: ServerOperation): Ending | undefined {
  if (spec.cancel === true) {
    const message = 'nothing more is fixed; a job that runs on the host is let finish';
    return { phase: 'Cancelled', reason: 'OperationCancelled', message };
  }
  const { login, now } = scope;
  const began = status?.startTime === undefined ? now : Date.parse(status.startTime);
  if (login?.outcome === 'failed') return concludeAway(login.error, now - Math.max(began, barredSince(scope)));
  return scope.jobs.length > 0 ? undefined : concludeFound(scope, now - began);
}

/** By what this run found on the host. */
function concludeFound(scope: Scope, runningMs: number): Ending | undefined {
  const broken = scope.preflight?.checks.filter(isToFix);
  if (broken?.length === 0) return succeeded('every check that Hostler can fix passes');
  if (scope.failure !== undefined) return concludeFailure(scope.failure, runningMs);
  return broken && concludeBroken(scope, broken.map(({ name }) => name).join(', '));
}

function concludeAway({ retry, reason, advice }: ReconcileError, awayMs: number): Ending | undefined {
  if (retry.kind === 'never') return failed(reason, advice);
  if (awayMs < GIVE_UP_MS) return undefined;
  const message = `nobody could log in to the host for ${GIVE_UP_MS / 60_000} minutes: ${advice} Once the host is back, create another one`;
  return failed(reason, message);
}

/** Since when nobody has got in, as the conditions of the way to the host say; milliseconds since the epoch. */
function barredSince({ stored, now }: Scope): number {
  const way = (['Reachable', 'HostKeyVerified', 'Authenticated'] as const).map((type) =>
    findCondition(stored.status?.conditions, type),
  );
  const barred = way.find((one) => one !== undefined && one.status !== 'True');
  return barred === undefined ? now : Date.parse(barred.lastTransitionTime);
}

function concludeFailure({ retry, reason, advice }: ReconcileError, runningMs: number): Ending | undefined {
  return retry.kind === 'after' && runningMs < GIVE_UP_MS ? undefined : failed(reason, advice);
}

/** Some checks still fail: still to be tried, or not to be tried. */
function concludeBroken(scope: Scope, names: string): Ending | undefined {
  const { preflight, runnable, snapshot, server } = scope;
  if (runnable.length === 0 || preflight?.result === 'Unqualified') return whyNot(scope, names);
  if (!snapshot.hasTag('stalled')) return undefined;
  const { name, namespace } = server.metadata;
  const message = `${names}: changes failed too often, so that none is made before it is retried. See condition Stalled of the Server, and retry with: hostler server retry ${name} -n ${namespace}`;
  return failed('OutOfAttempts', message);
}

/** What holds back a fix that could be made. */
function whyNot({ preflight, held, effective }: Scope, names: string): Ending {
  if (effective.paused)
    return failed('Paused', `${names}: spec.paused of the Server is true, so nothing is written to the host`);
  if (held.some(({ waitingFor }) => waitingFor === 'Approval')) {
    const message = `${names}: that disrupts more than disruption.automatic allows; see hostler server plan, and approve it`;
    return failed('WaitingForApproval', message);
  }
  const others = preflight?.checks.filter(({ result, fixable }) => result === 'Fail' && !fixable) ?? [];
  const why = others.map(({ message }) => message).join(' ') || 'Hostler may not become root on the host.';
  return failed('ChecksFailed', `${names} cannot be fixed: ${why}`);
}
