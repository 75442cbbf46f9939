import type { EffectiveServer } from '../api/effective.ts';
import type { Reason } from '../api/reasons.ts';
import type { SystemInfo } from '../api/serverStatus.ts';
import type { Area, Disruption } from '../api/serverSpec.ts';
import type { ReconcileError } from '../lib/errors.ts';
import type { Script } from '../ssh/session.ts';
import type { HostFacts } from './facts.ts';
import type { Check, CheckName } from './preflight.ts';
import type { Records } from './records.ts';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * One difference between declared and found, as plain data: printed in status.pendingChanges, hashed into the plan,
 * handed to `apply`. Holds no secret (digests instead) and no time.
 */
export interface Change {
  /** Stable and unique within a plan: `<task>/<aspect>`, such as `docker-engine/package`. */
  name: string;
  area: Area;
  /** What would be done, for a person: `install docker-ce 5:28.5.2-1~debian.12~bookworm`. */
  what: string;
  from?: string;
  to?: string;
  /** The field that asks for it: `spec.docker.version is 28.5`. */
  why: string;
  /** What the difference means for the area's condition, such as NotInstalled; absent: Drifted. */
  reason?: Reason;
  disruption: Disruption;
  /** Seconds; 0 for None and Reload. */
  expectedGapSeconds: number;
  /** What `apply` needs to know. */
  params: Record<string, Json>;
  /**
   * True: what follows depends on what this change brings (a new repository offers versions), so the engine observes
   * (slow facts too) and plans again after it, instead of going on with the rest of the old plan.
   */
  observeAfter?: boolean;
  /** True: it only waits for what the host is doing, and the plan says nothing else yet; approvals wait with it. */
  provisional?: boolean;
}

/** What is left of a change once its job outlived the run that started it. */
export type NamedChange = Pick<Change, 'name' | 'what'>;

/** How a change's script or job ended when it did not end with 0. */
export interface FailedRun {
  /** 1…255. */
  exitCode: number;
  stdout: string;
  /** For a job the tail of its log. */
  stderr: string;
}

/** One version for status.components. */
export interface Component {
  name: string;
  desired?: string;
  current?: string;
  held?: boolean;
  /** Newest version inside the declared range that the host offers. */
  available?: string;
}

/** Something declared that no change can bring about; becomes the area's condition. */
export interface Obstacle {
  area: Area;
  reason: Reason;
  /** With the remedy. */
  message: string;
  /** True: only a changed spec helps (Stalled); false: may go away by itself. */
  terminal: boolean;
}

/** What `diff` says: what to do, in order, and what cannot be done. */
export interface Difference {
  changes: Change[];
  obstacles: Obstacle[];
}

/** Lines a task adds to the one observe script, and how to read what they print. */
export interface FactFragment<Have> {
  /**
   * POSIX sh that only reads; runs in a subshell of its own with `set -u` and without `-e`, as root or, without
   * privilege, as the login user; LC_ALL=C. `"$@"` are `args`. No here-documents (bash writes them to /tmp).
   * It says what it found with:
   * - `put NAME VALUE`             a value;
   * - `run NAME command args…`     standard output and exit code of a command (one fork: prefer it);
   * - `status NAME command args…`  the exit code alone;
   * - `file NAME PATH`             a small text file without a fork: status 0 = there, 1 = absent, 2 = may not be read;
   * - `… | rec NAME`               a stream (two forks).
   * NAME: [a-z0-9_.-]+. Each record is cut at 64 KiB.
   */
  script: string;
  /**
   * True: runs only when the package state changed (stat of its files), the arguments changed, the last result is
   * 6 hours old, or it is asked for. `rarely`: only for the last two reasons. Default: on every look.
   */
  slow?: boolean | 'rarely';
  args?: (effective: EffectiveServer) => string[];
  /** Pure; records are hostile input: sizes are capped, anything may be missing. */
  parse: (records: Records) => Have;
}

/** How one change is made: a script that ends within its connection, a job that outlives it, or something that lasts only once it is proven. */
export type Action = LastingAction | ProvisionalAction | TransferAction;

/** What is done stays done. */
export interface LastingAction {
  kind: 'script' | 'job';
  script: Script;
  timeoutSeconds: number;
}

/**
 * A change that could lock Hostler out: the host takes it back unless a new login proves within `confirmSeconds` that
 * it did not (confirm.ts). Only for hosts with systemd: {@link import('./confirm.ts').cannotConfirm}.
 */
export interface ProvisionalAction {
  kind: 'provisional';
  /** Has no secretInput. */
  script: Script;
  /** Every file that `script` writes; put back as they were, or removed where they were not there. No spaces. */
  files: readonly string[];
  /** Puts the files in force again once they are back. Kept on the host, so that it needs nobody to be run. */
  rollback: Script;
  timeoutSeconds: number;
  /** From before the change to the proof. */
  confirmSeconds: number;
}

/**
 * Brings a file of the controller's bundle directory to the host, over any number of connections, and then does
 * something with it. Only one try of a change sends, so it may outlive its run without a job.
 */
export interface TransferAction {
  kind: 'transfer';
  artifact: { file: string; sha256: string; sizeBytes: number };
  /** Free bytes that the file and what `script` makes of it need together. */
  neededBytes: number;
  /** Runs once the file is whole, checked and on disk ({@link import('./transfer.ts').arrivingPath}). */
  script: Script;
  /** Of `script`. */
  timeoutSeconds: number;
}

/**
 * One thing on a host. Data and pure functions; the engine (observe.ts, plan.ts, apply.ts) does the I/O.
 *
 * Invariants, checked for every task in registry.ts by test/contract/task.ts:
 * 1. facts only read. 2. `diff` is empty iff nothing needs doing. 3. After `apply` the engine observes and diffs
 * again: what is left is NotConverged. 4. Applying twice equals once. 5. Whatever varies travels as script argument,
 * secrets by descriptor. 6. A command that ran and failed is data; one that never ran throws. 7. Foreign
 * configuration survives.
 */
export interface Task<Want, Have> {
  /** Kebab-case: `docker-engine`. */
  name: string;
  area: Area;
  facts: readonly FactFragment<Partial<Have>>[];
  /** What is declared; undefined = unmanaged: not observed, not judged. */
  want(effective: EffectiveServer): Want | undefined;
  /** Called only when every fragment came to its end; a member that stayed undefined could not be looked at. */
  diff(want: Want, have: Have, host: HostFacts): Difference;
  /** Only for changes that this task's `diff` made. */
  apply(change: Change, host: HostFacts): Action;
  /** Preflight checks that this task answers for; unmanaged, they are reported as CheckNotApplicable. */
  checks?: {
    names: readonly CheckName[];
    judge(want: Want, have: Have, host: HostFacts): Check[];
    /** What is said where nothing is declared; default: CheckNotApplicable. */
    unmanaged?(host: HostFacts): Check;
  };
  /**
   * A change of another task that what this one keeps would not survive, with why: it is taken out of the plan, with
   * what follows it in its task.
   */
  veto?(want: Want, have: Have, change: Change): Obstacle | undefined;
  /**
   * What a failed change means: exit codes that the task's own scripts define become typed errors
   * (PackageManagerBusy waits, DiskFull names the file system). Undefined = the engine's StepFailed.
   */
  explain?(change: NamedChange, run: FailedRun): ReconcileError | undefined;
  /** What this task knows of status.systemInfo, such as dockerVersion and containersRunning. */
  systemInfo?(have: Have): Partial<SystemInfo>;
  /** Versions of what this task manages, for status.components. */
  components?(want: Want, have: Have): Component[];
  /** Milliseconds until the effect can be seen; default 0. */
  settleMs?: number;
}

/** A task whose types are its own business, as the engine and the registry hold it. */
export type AnyTask = Task<unknown, unknown>;
