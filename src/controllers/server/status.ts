import { findCondition, type Condition, type ConditionType } from '../../api/conditions.ts';
import { lastHop } from '../../api/effective.ts';
import { knownHostName } from '../../api/knownHost.ts';
import {
  MAX_PENDING_CHANGES,
  type Check as StatusCheck,
  type PendingChange,
  type ServerStatus,
  type Summary,
  type SystemInfo,
} from '../../api/serverStatus.ts';
import { systemInfoOf } from '../../host/facts.ts';
import type { AnyTask, Change } from '../../host/task.ts';
import { toTime } from '../../lib/clock.ts';
import { canonicalJson } from '../../lib/canonicalJson.ts';
import { redactor } from '../../lib/redaction.ts';
import { clip } from './clip.ts';
import { conditionsOf } from './conditions.ts';
import { capacityOf, componentsOf, taskSystemInfo } from './inventory.ts';
import { rebootReasons } from './judge.ts';
import { persist } from './machine.ts';
import { versionOf, type Scope } from './scope.ts';

const LAST_CHECK_EVERY_MS = 6 * 3600_000;
const MESSAGE_MAX = 2048;
/** The whole status after a run. Pure: the old status and what the run found, nothing else. */
export function statusOf(scope: Scope, tasks: readonly AnyTask[]): ServerStatus {
  const old = scope.server.status ?? {};
  const draft: ServerStatus = {
    ...structuredClone(old),
    observedGeneration: scope.server.metadata.generation,
    observedBundle: versionOf(scope.bundle),
    auth: scope.auth,
    jobs: orUndefined(scope.jobs),
    confirmations: orUndefined(scope.confirmations),
    hooksRun: orUndefined(scope.hooksRun),
    operations: orUndefined(scope.recentOperations),
    approvedPlanHash: scope.approvedPlanHash,
    approvedChanges: orUndefined(scope.approvedChanges),
    machine: persist(scope.snapshot),
    ...(scope.steps.length > 0 && { provisioning: { steps: scope.steps } }),
    ...fromLogin(scope),
    ...fromObservation(scope, tasks),
    ...fromPlan(scope),
  };
  if (converged(scope)) draft.appliedGeneration = scope.server.metadata.generation;
  draft.conditions = conditionsOf(scope, draft);
  draft.summary = summaryOf(scope, draft.conditions);
  draft.health = healthOf(draft.conditions);
  draft.qualification = qualificationOf(scope, old);
  return settle(draft, old, scope.now);
}

function converged(scope: Scope): boolean {
  return (
    scope.plan?.changes.length === 0 && scope.plan.obstacles.length === 0 && scope.snapshot.value.lifecycle === 'Active'
  );
}

function fromLogin({ login, effective }: Scope): Partial<ServerStatus> {
  if (login === undefined) return {};
  return {
    ...(login.hostKeys !== undefined && { hostKeys: login.hostKeys }),
    ...(login.outcome === 'connected' && {
      address: login.session.peer,
      knownHost: knownHostName(login.session.login.address, login.session.login.port, lastHop(effective.ssh)),
    }),
  };
}

function fromObservation(scope: Scope, tasks: readonly AnyTask[]): Partial<ServerStatus> {
  const { observation } = scope;
  if (observation === undefined) return {};
  const { facts } = observation;
  const needsReboot = rebootReasons(facts);
  return {
    systemInfo: {
      ...(scope.full ? {} : taskInfoBefore(scope)),
      ...systemInfoOf(facts),
      ...taskSystemInfo(scope.effective, observation, tasks),
    },
    ...capacityOf(facts, scope.server.spec.capacity),
    ...(scope.full && { components: orUndefined(componentsOf(scope.effective, observation, tasks)) }),
    identity: { ...(facts.machineID && { machineID: facts.machineID }), ...(facts.bootID && { bootID: facts.bootID }) },
    updates: {
      ...facts.updates,
      ...(needsReboot && { needsReboot: needsReboot.length > 0, rebootReasons: needsReboot }),
      state: scope.snapshot.value.maintenance,
      recommendedAction: recommended[scope.snapshot.value.maintenance],
    },
  };
}

/** A health look does not ask the tasks: what they said last stays. */
function taskInfoBefore({ server }: Scope): Partial<SystemInfo> {
  const { dockerVersion, containersRunning } = server.status?.systemInfo ?? {};
  return {
    ...(dockerVersion !== undefined && { dockerVersion }),
    ...(containersRunning !== undefined && { containersRunning }),
  };
}

const recommended: Record<Scope['snapshot']['value']['maintenance'], string> = {
  UpToDate: 'None',
  UpdatePending: 'Update',
  RebootPending: 'Reboot',
  Held: 'None',
};

function fromPlan({ plan, held, runnable }: Scope): Partial<ServerStatus> {
  if (plan === undefined) return {};
  const waiting = new Map(held.map((change) => [change.name, change.waitingFor]));
  const pending = plan.changes
    .slice(0, MAX_PENDING_CHANGES)
    .map((change) => pendingChange(change, waiting.get(change.name) ?? 'Nothing'));
  return {
    pendingChanges: orUndefined(pending),
    planHash: plan.changes.length + runnable.length === 0 ? undefined : plan.hash,
  };
}

function pendingChange(change: Change, waitingFor: PendingChange['waitingFor']): PendingChange {
  const { name, area, what, from, to, why, disruption, expectedGapSeconds } = change;
  return {
    name,
    area,
    what: clip(what, 512),
    ...(from !== undefined && { from: clip(from, 1024) }),
    ...(to !== undefined && { to: clip(to, 1024) }),
    why: clip(why, 1024),
    disruption,
    expectedGapSeconds,
    waitingFor,
  };
}

function summaryOf(scope: Scope, conditions: readonly Condition[]): Summary {
  const { lifecycle } = scope.snapshot.value;
  if (lifecycle === 'Removing') return 'Removing';
  if (findCondition(conditions, 'Reachable')?.status === 'False') return 'Unreachable';
  if (lifecycle === 'Error' || findCondition(conditions, 'Stalled') !== undefined) return 'Error';
  if (lifecycle === 'Active') return findCondition(conditions, 'Ready')?.status === 'True' ? 'Active' : 'Degraded';
  return lifecycle === 'Pending' ? 'Pending' : 'Provisioning';
}

function healthOf(conditions: readonly Condition[]): NonNullable<ServerStatus['health']> {
  const is = (type: ConditionType, status: string) => findCondition(conditions, type)?.status === status;
  if (is('Reachable', 'False')) return { state: 'Unreachable' };
  if (is('Authenticated', 'False')) return { state: 'AuthFailed' };
  if (findCondition(conditions, 'DiskPressure')?.reason === 'Critical') return { state: 'Unhealthy' };
  if (findCondition(conditions, 'DiskPressure') !== undefined || is('Ready', 'False')) return { state: 'Degraded' };
  return { state: is('Ready', 'True') ? 'Healthy' : 'Unknown' };
}

function qualificationOf(scope: Scope, old: ServerStatus): ServerStatus['qualification'] {
  const { preflight } = scope;
  if (preflight === undefined) return old.qualification;
  const before = new Map(old.qualification?.checks?.map((check) => [check.name, check]));
  const checks = preflight.checks.map((check): StatusCheck => {
    const last = before.get(check.name);
    return {
      ...check,
      message: clip(redactor.redact(check.message), MESSAGE_MAX),
      lastTransitionTime: last?.result === check.result ? last.lastTransitionTime : toTime(scope.now),
    };
  });
  const { result, passed, failed, warnings } = preflight;
  return { result, checks, passed, failed, warnings, lastCheckTime: toTime(scope.now) };
}

/** Keeps what moves all the time (times of checks, figures in messages) until something else changes or 6 hours passed. */
function settle(draft: ServerStatus, old: ServerStatus, now: number): ServerStatus {
  const last = old.qualification?.lastCheckTime;
  if (last === undefined || draft.qualification === undefined || now - Date.parse(last) >= LAST_CHECK_EVERY_MS)
    return draft;
  const calm: ServerStatus = {
    ...draft,
    qualification: { ...draft.qualification, checks: calmChecks(draft, old), lastCheckTime: last },
    ...(draft.systemInfo && {
      systemInfo: { ...draft.systemInfo, containersRunning: old.systemInfo?.containersRunning },
    }),
  };
  return canonicalJson(calm) === canonicalJson(old) ? old : draft;
}

/** The checks, where only figures in a message moved with the figures of before. */
function calmChecks({ qualification }: ServerStatus, old: ServerStatus): StatusCheck[] | undefined {
  const before = new Map(old.qualification?.checks?.map(({ name, message }) => [name, message]));
  return qualification?.checks?.map((check) => {
    const last = before.get(check.name);
    const same = last !== undefined && withoutFigures(last) === withoutFigures(check.message);
    return same ? { ...check, message: last } : check;
  });
}

function withoutFigures(text: string): string {
  return text.replace(/\d+/g, '0');
}

function orUndefined<T>(list: T[]): T[] | undefined {
  return list.length === 0 ? undefined : list;
}
