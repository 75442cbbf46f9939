/** How the host of a schedule lets Hostler in: `sudo` asks for nothing, `passwordSudo` for a password that a Secret has. */
export type Account = 'root' | 'sudo' | 'passwordSudo';

/** What is provisioned: Docker, and a hook of so many seconds that must run once. */
export interface HostPlan {
  account: Account;
  hook: { when: 'PreProvision' | 'PostProvision'; seconds: number };
}

/** Something that goes wrong; `forMs` later it is put right. */
type FaultKind =
  | { kind: 'KillControlPlane'; downMs: number }
  | { kind: 'CutLink'; afterBytes: number }
  | { kind: 'FreezeLink'; forMs: number }
  | { kind: 'FreezeSshd'; forMs: number }
  | { kind: 'RebootHost'; how: 'orderly' | 'power cut' }
  | { kind: 'HoldApt'; lock: AptLock; forMs: number }
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

/** One provisioning run with all that goes wrong in it. The same seed always makes the same one. */
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
/** From within the handshake to the upload of a job. */
const MAX_CUT_BYTES = 60_000;
/** One schedule of so many ends in a lasting fault. */
const LASTING_ONE_IN = 5;

/** @param seed  A whole number from 0 to 2^32-1. */
export function makeSchedule(seed: number): Schedule {
  const random = new Random(seed);
  const hosts = Array.from({ length: random.between(1, MAX_HOSTS) }, (): HostPlan => ({
    account: random.pick<Account>(['root', 'sudo', 'passwordSudo']),
    hook: { when: random.pick(['PreProvision', 'PostProvision']), seconds: random.between(0, MAX_HOOK_SECONDS) },
  }));
  const faults = Array.from({ length: random.between(1, MAX_FAULTS) }, (): Fault => {
    const host = random.between(0, hosts.length - 1);
    const atMs = random.between(0, SPAN_MS);
    return { ...makeFault(random, hosts[host]!.account), atMs, host };
  });
  const possible: LastingFault[] =
    hosts[0]!.account === 'sudo' ? ['DemandSudoPassword', 'ReplaceHostKeys'] : ['ReplaceHostKeys'];
  const lasting = random.between(1, LASTING_ONE_IN) === 1 ? random.pick(possible) : undefined;
  return { seed, hosts, faults: faults.sort((a, b) => a.atMs - b.atMs), lasting };
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
    () => ({ kind: 'ShellNoise', forMs: random.between(500, 12_000) }),
  ];
  if (account !== 'root') makers.push(() => ({ kind: 'ChangeSudo', forMs: random.between(200, 8000) }));
  return random.pick(makers)();
}

/** The schedule as lines for a log, in the order in which things happen. */
export function describeSchedule({ seed, hosts, faults, lasting }: Schedule): string {
  const accounts = hosts
    .map(({ account, hook }, index) => `host ${index} as ${account}, ${hook.when} of ${hook.seconds} s`)
    .join('; ');
  const lines = faults.map(({ kind, atMs, host, ...rest }) => {
    const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`);
    return `  ${String(atMs).padStart(5)} ms  host ${host}  ${[kind, ...details].join(', ')}`;
  });
  const end = lasting === undefined ? [] : [`  at the end host 0  ${lasting}, for good`];
  return [`HOSTLER_FAULT_SEED=${seed}: ${accounts}`, ...lines, ...end].join('\n');
}

/** mulberry32: small, and the same everywhere. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Whole, both ends included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }

  pick<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)]!;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
