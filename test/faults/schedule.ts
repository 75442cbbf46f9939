import { Random } from './random.ts';

/** How the host of a schedule lets Hostler in: `sudo` asks for nothing, `passwordSudo` for a password that a Secret has. */
export type Account = 'root' | 'sudo' | 'passwordSudo';

/** Whose engine is declared: that of the distribution, or Docker's own, which has an older and a newer release. */
type Engine = 'docker.io' | 'docker-ce';

/** What is asked for: Docker, a hook of so many seconds that must run once, and perhaps a newer engine, a proxy or an act. */
export interface HostPlan {
  account: Account;
  engine: Engine;
  hook: { when: 'PreProvision' | 'PostProvision'; seconds: number };
  /** When the newer engine is declared; counts as {@link Fault}'s atMs. */
  upgradeAtMs: number | undefined;
  /** A proxy is declared from the beginning, and at that time another one in its place. */
  proxy: { to: 'another version' | 'another type'; atMs: number } | undefined;
  operation: { type: 'Reboot' | 'RunCommand' | 'Cleanup'; atMs: number } | undefined;
}

/** Something that goes wrong; `forMs` later it is put right. */
type FaultKind =
  | { kind: 'KillControlPlane'; downMs: number }
  | { kind: 'CutLink'; afterBytes: number }
  | { kind: 'FreezeLink'; forMs: number }
  | { kind: 'FreezeSshd'; forMs: number }
  | { kind: 'RebootHost'; how: 'orderly' | 'power cut' }
  | { kind: 'HoldApt'; lock: AptLock; forMs: number }
  /** As soon as dpkg runs, within that time. */
  | { kind: 'KillDpkg'; withinMs: number }
  | { kind: 'FillDisk'; leaveMegabytes: number; forMs: number }
  | { kind: 'BreakNames'; forMs: number }
  /** New logins and jobs see another time. */
  | { kind: 'MoveClock'; days: number; forMs: number }
  /** sudo asks for a password where it did not, or no longer asks. */
  | { kind: 'ChangeSudo'; forMs: number }
  | { kind: 'ShellNoise'; forMs: number };

/** Faults that nobody puts right, and the reasons with which the Server may come to rest then. */
export const lastingFaults = {
  DemandSudoPassword: ['PasswordRequired'],
  ReplaceHostKeys: ['HostKeyMismatch'],
} as const;
export type LastingFault = keyof typeof lastingFaults;

const aptLocks = ['/var/lib/dpkg/lock-frontend', '/var/lib/dpkg/lock', '/var/lib/apt/lists/lock'] as const;
type AptLock = (typeof aptLocks)[number];

/** `atMs` counts from the creation of the Servers; `host` is an index into the schedule's hosts. */
export type Fault = FaultKind & { atMs: number; host: number };

/** One run with all that goes wrong in it. The same seed always makes the same one. */
export interface Schedule {
  seed: number;
  hosts: HostPlan[];
  /** By time. */
  faults: Fault[];
  /** The last word on host 0, after all others. */
  lasting: LastingFault | undefined;
}

const MAX_HOSTS = 2;
const MAX_FAULTS = 6;
/** Longer than a run stays with a job. */
const MAX_HOOK_SECONDS = 7;
/** An undisturbed installation takes about as long. */
const SPAN_MS = 12_000;
/** By then it is mostly over. */
const MAX_REQUEST_MS = 20_000;
/** From within the handshake to the upload of a job. */
const MAX_CUT_BYTES = 60_000;
/** One schedule of so many ends in a lasting fault. */
const LASTING_ONE_IN = 5;
/** Sets the choices about proxies apart, so that a seed goes on to make what it made before there were any. */
const PROXY_SEED = 2 ** 31;

/** @param seed  A whole number from 0 to 2^32-1. */
export function makeSchedule(seed: number): Schedule {
  const random = new Random(seed);
  const forProxies = new Random(seed + PROXY_SEED);
  const hosts = Array.from({ length: random.between(1, MAX_HOSTS) }, () => ({
    ...makeHost(random),
    proxy: makeProxy(forProxies),
  }));
  const faults = Array.from({ length: random.between(1, MAX_FAULTS) }, (): Fault => {
    const host = random.between(0, hosts.length - 1);
    const atMs = random.between(0, spanOf(hosts[host]!));
    return { ...makeFault(random, hosts[host]!.account), atMs, host };
  });
  const possible: LastingFault[] =
    hosts[0]!.account === 'sudo' ? ['DemandSudoPassword', 'ReplaceHostKeys'] : ['ReplaceHostKeys'];
  const lasting = random.between(1, LASTING_ONE_IN) === 1 ? random.pick(possible) : undefined;
  return { seed, hosts, faults: faults.sort((a, b) => a.atMs - b.atMs), lasting };
}

function makeProxy(random: Random): HostPlan['proxy'] {
  const to = random.pick(['another version', 'another type', undefined, undefined] as const);
  return to && { to, atMs: random.between(SPAN_MS / 2, MAX_REQUEST_MS) };
}

function makeHost(random: Random): Omit<HostPlan, 'proxy'> {
  const account = random.pick<Account>(['root', 'sudo', 'passwordSudo']);
  const engine = random.pick<Engine>(['docker.io', 'docker-ce']);
  const hook = {
    when: random.pick(['PreProvision', 'PostProvision'] as const),
    seconds: random.between(0, MAX_HOOK_SECONDS),
  };
  const upgradeAtMs =
    engine === 'docker-ce' && random.pick([true, false]) ? random.between(SPAN_MS / 2, MAX_REQUEST_MS) : undefined;
  const type = random.pick(['Reboot', 'RunCommand', 'Cleanup', undefined] as const);
  const operation = type && { type, atMs: random.between(0, MAX_REQUEST_MS) };
  return { account, engine, hook, upgradeAtMs, operation };
}

/** Faults go on as long as something is asked for. */
function spanOf({ upgradeAtMs = 0, operation, proxy }: HostPlan): number {
  return Math.max(SPAN_MS, ...[upgradeAtMs, operation?.atMs ?? 0, proxy?.atMs ?? 0].map((ms) => ms + SPAN_MS / 2));
}

function makeFault(random: Random, account: Account): FaultKind {
  const makers: (() => FaultKind)[] = [
    () => ({ kind: 'KillControlPlane', downMs: random.between(0, 3000) }),
    // small figures hit the handshake and the first look, which are over soon
    () => ({ kind: 'CutLink', afterBytes: random.between(1, random.pick([4_000, MAX_CUT_BYTES])) }),
    () => ({ kind: 'FreezeLink', forMs: random.between(500, 12_000) }),
    () => ({ kind: 'FreezeSshd', forMs: random.between(500, 12_000) }),
    () => ({ kind: 'RebootHost', how: random.pick(['orderly', 'power cut']) }),
    () => ({ kind: 'HoldApt', lock: random.pick(aptLocks), forMs: random.between(1000, 12_000) }),
    () => ({ kind: 'KillDpkg', withinMs: random.between(1000, 12_000) }),
    // from not a single byte to what an installation runs out of
    () => ({ kind: 'FillDisk', leaveMegabytes: random.pick([0, 1, 30, 150]), forMs: random.between(1000, 12_000) }),
    () => ({ kind: 'BreakNames', forMs: random.between(500, 12_000) }),
    () => ({ kind: 'MoveClock', days: random.pick([-400, -1, 1, 400]), forMs: random.between(1000, 12_000) }),
    () => ({ kind: 'ShellNoise', forMs: random.between(500, 12_000) }),
  ];
  if (account !== 'root') makers.push(() => ({ kind: 'ChangeSudo', forMs: random.between(200, 8000) }));
  return random.pick(makers)();
}

/** The schedule as lines for a log, in the order in which things happen. */
export function describeSchedule({ seed, hosts, faults, lasting }: Schedule): string {
  const accounts = hosts
    .map(({ account, engine, hook, proxy }, index) =>
      [`host ${index} as ${account}`, engine, ...(proxy ? ['a proxy'] : []), `${hook.when} of ${hook.seconds} s`].join(
        ', ',
      ),
    )
    .join('; ');
  const requests = hosts.flatMap(({ upgradeAtMs, operation, proxy }, host) => [
    ...(upgradeAtMs === undefined ? [] : [{ atMs: upgradeAtMs, host, what: 'a newer engine is declared' }]),
    ...(proxy === undefined ? [] : [{ atMs: proxy.atMs, host, what: `a proxy of ${proxy.to} is declared` }]),
    ...(operation === undefined ? [] : [{ atMs: operation.atMs, host, what: `${operation.type} is asked for` }]),
  ]);
  const mishaps = faults.map(({ kind, atMs, host, ...rest }) => {
    const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
    return { atMs, host, what: [kind, ...details].join(', ') };
  });
  const lines = [...requests, ...mishaps]
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, host, what }) => `  ${String(atMs).padStart(5)} ms  host ${host}  ${what}`);
  const end = lasting === undefined ? [] : [`  at the end host 0  ${lasting}, for good`];
  return [`HOSTLER_FAULT_SEED=${seed}: ${accounts}`, ...lines, ...end].join('\n');
}
