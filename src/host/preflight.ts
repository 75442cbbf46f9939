import type { EffectiveServer } from '../api/effective.ts';
import type { Reason } from '../api/reasons.ts';
import { areas } from '../api/serverSpec.ts';
import type { Check as StatusCheck } from '../api/serverStatus.ts';
import type { ReconcileError } from '../lib/errors.ts';
import { parseQuantity } from '../lib/quantity.ts';
import type { Privilege } from '../ssh/session.ts';
import type { HostFacts } from './facts.ts';
import type { Observation } from './observe.ts';
import type { AnyTask } from './task.ts';

const GIGABYTE = 1e9;
const GIBIBYTE = 2 ** 30;
const DEFAULT_DISK_BYTES = 20 * GIGABYTE;
/** features.md 1.4. */
const RECOMMENDED = { cpus: 4, memoryBytes: 8 * GIBIBYTE };
/** The kernel keeps some memory to itself: a machine sold with 4 GiB shows less. */
const MEMORY_TOLERANCE = 0.9;
const MAX_SKEW_MS = 30_000;

/** One preflight check; `message` says what would put it right. */
export type Check = Omit<StatusCheck, 'lastTransitionTime' | 'reason'> & { reason: Reason };

/** Outcome of all checks. */
export interface Preflight {
  /** NeedsSetup: only fixable Required checks fail. */
  result: 'Qualified' | 'NeedsSetup' | 'Unqualified';
  checks: Check[];
  passed: number;
  failed: number;
  warnings: number;
}

/** Names of the nine checks of features.md 1.5 and Hostler's own. */
export type CheckName =
  | 'ssh'
  | 'privilege'
  | 'os'
  | 'docker-installed'
  | 'docker-running'
  | 'docker-permission'
  | 'disk'
  | 'internet'
  | 'ports'
  | 'cpu'
  | 'memory'
  | 'clock';

/** What preflight has to know about the session and the code. */
export interface PreflightContext {
  privilege: Privilege;
  /** Why privilege is `none`, if it is. */
  privilegeFailure?: ReconcileError | undefined;
  tasks: readonly AnyTask[];
}

/** Judges the host by what was seen. Pure; holds no times. */
export function runPreflight(
  effective: EffectiveServer,
  observation: Observation,
  context: PreflightContext,
): Preflight {
  const { facts } = observation;
  // Nothing will be changed: what is only needed for changing is worth a warning, no more.
  const observed = areas.every((area) => effective.policyOf(area) === 'Observe');
  const checks: Check[] = [
    pass('ssh', 'Required', 'Logged in and ran a script.'),
    lowered(checkPrivilege(context), observed),
    lowered(checkSystem(facts), observed),
    ...context.tasks.flatMap((task) => checksOf(task, effective, observation)),
    checkDisk(effective, facts),
    checkNetwork(facts),
    checkCpu(effective, facts),
    checkMemory(effective, facts),
    checkClock(facts),
  ];
  const count = (result: Check['result']): number => checks.filter((check) => check.result === result).length;
  return { result: verdictOf(checks), checks, passed: count('Pass'), failed: count('Fail'), warnings: count('Warn') };
}

function verdictOf(checks: readonly Check[]): Preflight['result'] {
  const failed = checks.filter(({ result }) => result === 'Fail');
  if (failed.length === 0) return 'Qualified';
  return failed.every(({ fixable }) => fixable) ? 'NeedsSetup' : 'Unqualified';
}

function pass(name: CheckName, severity: Check['severity'], message: string, reason: Reason = 'CheckPassed'): Check {
  return { name, severity, result: 'Pass', fixable: false, reason, message };
}

/** A Required check fails, a Warning warns. */
function fail(name: CheckName, severity: Check['severity'], reason: Reason, message: string): Check {
  return { name, severity, result: severity === 'Required' ? 'Fail' : 'Warn', fixable: false, reason, message };
}

function lowered(check: Check, lower: boolean): Check {
  if (!lower) return check;
  return { ...check, severity: 'Warning', result: check.result === 'Fail' ? 'Warn' : check.result };
}

const privileges: Readonly<Record<Exclude<Privilege['kind'], 'none'>, { reason: Reason; message: string }>> = {
  root: { reason: 'Root', message: 'The login user is root.' },
  sudo: { reason: 'Passwordless', message: 'sudo works.' },
  doas: { reason: 'Passwordless', message: 'doas works.' },
};

function checkPrivilege({ privilege, privilegeFailure }: PreflightContext): Check {
  if (privilege.kind === 'none') {
    const message =
      privilegeFailure?.advice ??
      'Nothing can be done as root. Log in as root, or allow the user sudo and leave spec.ssh.privilege.mode at Auto.';
    return fail('privilege', 'Required', privilegeFailure?.reason ?? 'ManualRootStepsRequired', message);
  }
  const { reason, message } = privileges[privilege.kind];
  if (privilege.kind !== 'sudo' || !privilege.withPassword) return pass('privilege', 'Required', message, reason);
  const told = `${message} It asks for a password, which Hostler has. Operation Fix writes a rule for the user (NOPASSWD) instead.`;
  return { ...pass('privilege', 'Required', told, 'WithPassword'), result: 'Warn', fixable: true };
}

function checkSystem({ os, osTier }: HostFacts): Check {
  if (os === undefined) {
    return fail(
      'os',
      'Required',
      'Unsupported',
      '/etc/os-release says nothing: Hostler needs a Linux distribution that has it.',
    );
  }
  if (osTier === undefined) {
    return fail(
      'os',
      'Required',
      'Unsupported',
      `${os.name} is not supported. Supported are Ubuntu 20.04, 22.04 and 24.04, Debian 11 to 13, Rocky Linux, AlmaLinux and CentOS 8 and 9, Amazon Linux 2023, Alpine from 3.17, and Arch Linux. To only watch this host, set spec.management.default to Observe.`,
    );
  }
  const message = `${os.name} is supported (tier ${osTier}).`;
  if (osTier < 3) return pass('os', 'Required', message);
  return {
    ...pass('os', 'Required', `${os.name} is supported as far as possible (tier 3), without a promise.`),
    result: 'Warn',
  };
}

/** What a task says of itself; unmanaged it does not count, unseen it cannot be judged, observed it only warns. */
function checksOf(task: AnyTask, effective: EffectiveServer, { facts, have, failed }: Observation): Check[] {
  if (task.checks === undefined) return [];
  const want = task.want(effective);
  const { names } = task.checks;
  if (want === undefined) {
    const message = 'Nothing is declared for it, so it does not count.';
    const said = task.checks.unmanaged?.(facts);
    return said === undefined ? names.map((name) => pass(name, 'Warning', message, 'CheckNotApplicable')) : [said];
  }
  const observed = effective.policyOf(task.area) === 'Observe';
  if (!have.has(task.name)) {
    const message = `It could not be looked at: ${failed.get(task.name) ?? 'nothing was asked'}. Hostler looks again.`;
    return names.map((name) => lowered(fail(name, 'Required', 'ObservationFailed', message), observed));
  }
  return task.checks.judge(want, have.get(task.name), facts).map((check) => lowered(check, observed));
}

function checkDisk({ requirements }: EffectiveServer, { fileSystems }: HostFacts): Check {
  const wanted = parseQuantity(requirements.disk ?? DEFAULT_DISK_BYTES) ?? DEFAULT_DISK_BYTES;
  const place = ['/var/lib/docker', '/var/lib', '/'].flatMap(
    (path) => fileSystems.find((one) => one.path === path) ?? [],
  )[0];
  if (place === undefined) {
    return fail('disk', 'Required', 'CheckFailed', 'The free disk space could not be read: df gave no answer.');
  }
  const found = `${gigabytes(place.freeBytes)} free on ${place.path}`;
  if (place.freeBytes >= wanted) return pass('disk', 'Required', `${found}; ${gigabytes(wanted)} are required.`);
  const remedy = 'Free space or enlarge the disk, or lower spec.requirements.disk.';
  return fail('disk', 'Required', 'CheckFailed', `Only ${found}; ${gigabytes(wanted)} are required. ${remedy}`);
}

function checkNetwork({ network }: HostFacts): Check {
  if (network === undefined) {
    const message = 'Could not be tested: the host has neither curl, wget nor bash. Installing curl would tell.';
    return fail('internet', 'Warning', 'CheckFailed', message);
  }
  const missing = [
    ...(network.internet ? [] : ["the host's package repository"]),
    ...(network.registry ? [] : ['the image registry registry-1.docker.io']),
  ];
  if (missing.length === 0) return pass('internet', 'Warning', 'Package repository and image registry answer.');
  const message = `The host cannot reach ${missing.join(' and ')}. Check its DNS, proxy and outbound rules for ports 80 and 443; a mirror inside the network works too.`;
  return fail('internet', 'Warning', 'CheckFailed', message);
}

function checkCpu({ requirements }: EffectiveServer, { cpus }: HostFacts): Check {
  const wanted = requirements.cpu === undefined ? undefined : parseQuantity(requirements.cpu);
  return checkSize(
    { name: 'cpu', required: wanted, recommended: RECOMMENDED.cpus, field: 'spec.requirements.cpu' },
    cpus,
    (cores) => `${cores} CPU core${cores === 1 ? '' : 's'}`,
  );
}

function checkMemory({ requirements }: EffectiveServer, { memoryBytes }: HostFacts): Check {
  const wanted = requirements.memory === undefined ? undefined : parseQuantity(requirements.memory);
  return checkSize(
    {
      name: 'memory',
      required: wanted,
      recommended: RECOMMENDED.memoryBytes,
      field: 'spec.requirements.memory',
      tolerance: MEMORY_TOLERANCE,
    },
    memoryBytes,
    (bytes) => `${(bytes / GIBIBYTE).toFixed(1)} GiB of memory`,
  );
}

/** What a size is held against. */
interface SizeRule {
  name: CheckName;
  /** Stated in the spec: a Required check then, else a recommendation. */
  required: number | undefined;
  recommended: number;
  field: string;
  tolerance?: number;
}

function checkSize(rule: SizeRule, found: number | undefined, text: (value: number) => string): Check {
  const severity = rule.required === undefined ? 'Warning' : 'Required';
  const wanted = rule.required ?? rule.recommended;
  const verb = rule.required === undefined ? 'recommended' : 'required';
  if (found === undefined)
    return fail(rule.name, severity, 'CheckFailed', `Could not be read; ${text(wanted)} ${verb}.`);
  const message = `${text(found)}; ${text(wanted)} ${verb}.`;
  if (found >= wanted * (rule.tolerance ?? 1)) return pass(rule.name, severity, message);
  const remedy =
    severity === 'Required' ? `Enlarge the machine, or lower ${rule.field}.` : 'A larger machine runs more.';
  return fail(rule.name, severity, 'CheckFailed', `Only ${message} ${remedy}`);
}

function checkClock({ clockSkewMs, clockSynchronized }: HostFacts): Check {
  if (clockSkewMs === undefined)
    return fail('clock', 'Warning', 'CheckFailed', 'The time of the host could not be read.');
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  if (Math.abs(clockSkewMs) <= MAX_SKEW_MS) {
    const synchronized = clockSynchronized === true ? ' and is synchronised' : '';
    return pass('clock', 'Warning', `The clock agrees with Hostler's${synchronized}.`);
  }
  const direction = clockSkewMs > 0 ? 'ahead of' : 'behind';
  const message = `The clock is ${seconds} seconds ${direction} Hostler's. Turn on time synchronisation (systemd-timesyncd or chrony): package signatures and certificates depend on it.`;
  return fail('clock', 'Warning', 'ClockSkew', message);
}

function gigabytes(bytes: number): string {
  return `${Math.floor(bytes / GIGABYTE)} GB`;
}
