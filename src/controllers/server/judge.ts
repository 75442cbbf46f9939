import { findCondition, type Verdict } from '../../api/conditions.ts';
import type { Area } from '../../api/serverSpec.ts';
import { reasons, type Reason } from '../../api/reasons.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import type { HostFacts } from '../../host/facts.ts';
import type { ReconcileError } from '../../lib/errors.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { whyNoKey } from './bootstrap.ts';
import { rolledBack } from './confirmations.ts';
import type { Scope } from './scope.ts';

const ok = (reason: Reason, message: string): Verdict => ({ status: 'True', reason, message });
const no = (reason: Reason, message: string): Verdict => ({ status: 'False', reason, message });
const unknown = (reason: Reason, message: string): Verdict => ({ status: 'Unknown', reason, message });
const failed = (error: ReconcileError): Verdict => no(error.reason, error.advice);

/** Where a failed login got stuck; what lies before that point went well, what lies behind was not looked at. */
type Stage = 'reach' | 'hostKey' | 'authenticate';

const stageOf: Partial<Record<Reason, Stage>> = {
  HostKeyMismatch: 'hostKey',
  HostKeyUnknown: 'hostKey',
  KeyTypeUnavailable: 'hostKey',
  TrustNotStored: 'hostKey',
  MachineReplaced: 'hostKey',
  CredentialsRejected: 'authenticate',
  AttemptsPaused: 'authenticate',
  SecretMissing: 'authenticate',
  SecretForbidden: 'authenticate',
  SecretTooLarge: 'authenticate',
  KeyUnreadable: 'authenticate',
  KeyTooWeak: 'authenticate',
  PassphraseRequired: 'authenticate',
  KeyNotInstalled: 'authenticate',
};

/** Reasons for which nothing was sent to the host, so that nothing is known about the stages before. */
const beforeContact: ReadonlySet<Reason> = new Set<Reason>([
  'AttemptsPaused',
  'SecretMissing',
  'SecretForbidden',
  'SecretTooLarge',
  'KeyUnreadable',
  'KeyTooWeak',
]);

/** Reasons for which not even the way to the host was found: that says nothing about the host. */
const beforeTheWay: ReadonlySet<Reason> = new Set<Reason>(['DependencyNotReady', 'InvalidSpec']);

const stages: readonly Stage[] = ['reach', 'hostKey', 'authenticate'];

/** Failed connections in a row before a Server counts as unreachable. */
const UNREACHABLE_AFTER = 2;

/** The verdicts on the way to the host: undefined = leave the condition as it is. */
export function judgeConnection(
  scope: Scope,
): Record<'Reachable' | 'HostKeyVerified' | 'Authenticated' | 'Privileged', Verdict | undefined> {
  const login = scope.login;
  if (login === undefined)
    return { Reachable: undefined, HostKeyVerified: undefined, Authenticated: undefined, Privileged: undefined };
  if (login.outcome === 'connected') {
    return {
      Reachable: ok('Connected', `connected to ${login.session.peer}`),
      HostKeyVerified: trusted(scope, login.session.login.trust),
      Authenticated: authenticated(scope, login.credential),
      Privileged: privileged(login.session),
    };
  }
  return judgeFailure(scope, login.error);
}

function judgeFailure(scope: Scope, error: ReconcileError): ReturnType<typeof judgeConnection> {
  const stuck = stageOf[error.reason] ?? 'reach';
  const at = (stage: Stage, well: Verdict, notLooked: Verdict): Verdict | undefined => {
    if (stage === stuck)
      return error.reason === 'SecretForbidden' || beforeTheWay.has(error.reason)
        ? unknown(error.reason, error.advice)
        : failed(error);
    if (stages.indexOf(stage) > stages.indexOf(stuck)) return notLooked;
    return beforeContact.has(error.reason) ? undefined : well;
  };
  if (stuck === 'reach' && error.reason !== 'InvalidSpec' && scope.memory.connectFailures < UNREACHABLE_AFTER) {
    return {
      Reachable: firstFailure(scope, error),
      HostKeyVerified: undefined,
      Authenticated: undefined,
      Privileged: undefined,
    };
  }
  return {
    Reachable: at('reach', ok('Connected', 'the host answers'), unknown('NeverProbed', reasons.NeverProbed)),
    HostKeyVerified: at('hostKey', ok('Known', reasons.Known), unknown('NotProbed', reasons.NotProbed)),
    Authenticated: at(
      'authenticate',
      ok('KeyAccepted', 'the login was accepted'),
      unknown('NotAuthenticated', reasons.NotAuthenticated),
    ),
    Privileged: unknown('PrivilegeUnknown', reasons.PrivilegeUnknown),
  };
}

/** One failure proves nothing about a host that answered before. */
function firstFailure(scope: Scope, error: ReconcileError): Verdict | undefined {
  const before = findCondition(scope.server.status?.conditions, 'Reachable');
  if (before !== undefined && before.status !== 'Unknown') return undefined;
  return unknown(beforeTheWay.has(error.reason) ? error.reason : 'UnreachableOnce', error.advice);
}

/** That a key was trusted unseen stays worth knowing, however often it is recognised later. */
function trusted(scope: Scope, trust: 'Known' | 'FirstUse'): Verdict {
  const before = findCondition(scope.server.status?.conditions, 'HostKeyVerified');
  const reason = before?.status === 'True' && before.reason === 'FirstUse' ? 'FirstUse' : trust;
  return ok(reason, reasons[reason]);
}

function authenticated(scope: Scope, credential: string): Verdict {
  switch (credential) {
    case 'Bootstrap':
      return ok(
        'PasswordAccepted',
        `logged in with the bootstrap password; the key is not installed, as ${whyNoKey(scope) ?? 'it was refused'}`,
      );
    case 'Password':
      return ok('PasswordAccepted', reasons.PasswordAccepted);
    default:
      return ok('KeyAccepted', reasons.KeyAccepted);
  }
}

function privileged({ privilege, privilegeFailure }: PooledSession): Verdict {
  switch (privilege.kind) {
    case 'root':
      return ok('Root', reasons.Root);
    case 'sudo':
      return privilege.withPassword
        ? ok('WithPassword', reasons.WithPassword)
        : ok('Passwordless', 'sudo works without a password');
    case 'doas':
      return ok('Passwordless', 'doas works without a password');
    case 'none':
      return privilegeFailure === undefined
        ? no('ManualRootStepsRequired', reasons.ManualRootStepsRequired)
        : failed(privilegeFailure);
  }
}

/** InSync, from this run's plan, or the end of a job that comes before any. */
export function judgeInSync(scope: Scope): Verdict | undefined {
  if (scope.plan === undefined) return scope.jobFailed ? judgeApplying(scope) : undefined;
  const unfinished = judgeApplying(scope);
  if (unfinished !== undefined) return unfinished;
  const held = scope.held[0];
  const obstacle = scope.plan.obstacles[0];
  if (held !== undefined) return heldVerdict(scope, held.waitingFor);
  if (obstacle !== undefined) return no(obstacle.reason, obstacle.message);
  if (scope.plan.changes.length > 0) return no('Drifted', list(scope.plan.changes.map((change) => change.what)));
  return ok('InSync', reasons.InSync);
}

/** Changes that failed, now or for good, or that still run. */
function judgeApplying({ failure, jobs, snapshot, stored }: Scope): Verdict | undefined {
  if (failure !== undefined) return no(failure.retry.kind === 'after' ? failure.reason : 'ApplyFailed', failure.advice);
  if (jobs.length > 0) return no('Applying', `running on the host: ${jobs.map((job) => job.change).join(', ')}`);
  const last = findCondition(stored.status?.conditions, 'InSync');
  return snapshot.hasTag('stalled') && last?.reason === 'ApplyFailed' ? no('ApplyFailed', last.message) : undefined;
}

function heldVerdict(scope: Scope, waitingFor: string): Verdict {
  const whats = list(scope.held.map((change) => `${change.what} (${change.disruption})`));
  switch (waitingFor) {
    case 'Approval':
      return no(
        'WaitingForApproval',
        `${whats}. Approve with: hostler server approve ${scope.server.metadata.name} -n ${scope.server.metadata.namespace}, or raise spec.disruption.automatic.`,
      );
    case 'Window':
      return no('WaitingForWindow', whats);
    case 'Management':
      return scope.effective.paused
        ? no('Paused', `spec.paused is true; left alone: ${whats}`)
        : no('ObserveOnly', `management is Observe; left alone: ${whats}`);
    default:
      return no('Drifted', whats);
  }
}

/** One managed area, from this run's plan and the facts; undefined = nothing new is known. */
export function judgeArea(scope: Scope, area: Area): Verdict | undefined {
  if (scope.plan === undefined) return undefined;
  const obstacle = scope.plan.obstacles.find(inArea(area));
  if (obstacle !== undefined) return no(obstacle.reason, obstacle.message);
  const changes = scope.plan.changes.filter(inArea(area));
  if (changes.length === 0) return ok(`${area}Ready`, reasons[`${area}Ready`]);
  const [back] = rolledBack(scope, changes);
  if (back !== undefined) return no('ConfigRolledBack', whyBack(scope, back.name));
  return no(tellingReason(changes), list(changes.map((change) => change.what)));
}

/** The step tells what stood in the way. */
function whyBack({ steps }: Scope, change: string): string {
  return steps.find(({ name }) => name === change)?.message ?? reasons.ConfigRolledBack;
}

/** What is not there at all says more than what differs. */
function tellingReason(changes: readonly { reason?: Reason }[]): Reason {
  const given = changes.map((change) => change.reason);
  return given.find((reason) => reason === 'NotInstalled') ?? given.find((reason) => reason !== undefined) ?? 'Drifted';
}

function inArea(area: string): (entry: { area: string }) => boolean {
  return (entry) => entry.area === area;
}

/** UpdatePending and RebootPending, from real facts; Unknown while they could not be read. */
export function judgeMaintenance(
  facts: HostFacts,
  components: NonNullable<ServerStatus['components']>,
): Record<'UpdatePending' | 'RebootPending', Verdict> {
  return { UpdatePending: judgeUpdates(facts, components), RebootPending: judgeReboot(facts) };
}

function judgeUpdates(facts: HostFacts, components: NonNullable<ServerStatus['components']>): Verdict {
  const newer = components.filter(
    (one) => one.available !== undefined && one.current !== undefined && one.available !== one.current,
  );
  const { updates } = facts;
  if (updates !== undefined && updates.security > 0)
    return ok('SecurityUpdate', `${updates.security} of ${updates.pending} pending packages are security updates`);
  if (newer.length > 0)
    return ok('ComponentUpdate', list(newer.map((one) => `${one.name} ${one.current ?? ''} → ${one.available ?? ''}`)));
  if (updates === undefined) return unknown('NotObserved', 'the package manager could not be asked');
  return updates.pending > 0
    ? ok('OSUpdate', `${updates.pending} packages are pending`)
    : no('NoUpdates', reasons.NoUpdates);
}

/** Why the host asks for a reboot, as short names; [] = it does not; undefined = could not look. */
export function rebootReasons(facts: HostFacts): string[] | undefined {
  const kernels = newerKernel(facts);
  if (facts.reboot === undefined && kernels.length === 0) return undefined;
  const flag = facts.reboot?.required === true ? facts.reboot.packages : [];
  const unnamed = facts.reboot?.required === true && flag.length === 0 ? ['reboot-required'] : [];
  return [...new Set([...kernels, ...flag, ...unnamed])].slice(0, 20);
}

function newerKernel({ installedKernel, kernel }: HostFacts): string[] {
  return installedKernel === undefined || kernel === undefined || installedKernel === kernel
    ? []
    : [`kernel ${installedKernel}`];
}

function judgeReboot(facts: HostFacts): Verdict {
  const why = rebootReasons(facts);
  if (why === undefined) return unknown('NotObserved', 'whether the host asks for a reboot could not be read');
  if (why.length === 0) return no('NoReboot', reasons.NoReboot);
  const message = `the host asks for a reboot: ${list(why)}`;
  if (why.some((name) => /^(kernel |linux-(image|base)|kernel)/.test(name))) return ok('KernelUpdated', message);
  if (why.some((name) => /^(libc|libssl|openssl|dbus|systemd|glibc)/.test(name))) return ok('LibraryUpdated', message);
  return ok('RebootRequired', message);
}

/** Fullest file system: DiskPressure from 80 % used, Critical from 95 %. Undefined = no pressure. */
export function judgeDisk(facts: HostFacts): Verdict | undefined {
  const used = facts.fileSystems
    .filter((fs) => fs.totalBytes > 0)
    .map((fs) => ({ path: fs.path, percent: 100 * (1 - fs.freeBytes / fs.totalBytes) }))
    .sort((a, b) => b.percent - a.percent)[0];
  if (used === undefined || used.percent < 80) return undefined;
  return ok(
    used.percent >= 95 ? 'Critical' : 'Warning',
    `${used.path} is ${Math.floor(used.percent)} % full; free space or enlarge it`,
  );
}

function list(items: readonly string[]): string {
  const shown = items.slice(0, 5).join('; ');
  return items.length > 5 ? `${shown}; and ${items.length - 5} more` : shown;
}
