import type { ArtifactBundle } from '../../api/artifactBundle.ts';
import { effectiveServer, type EffectiveServer } from '../../api/effective.ts';
import type { Server } from '../../api/server.ts';
import type { ServerOperation } from '../../api/serverOperation.ts';
import type {
  ApprovedChange,
  Confirmation,
  JobRecord,
  OperationRecord,
  ServerStatus,
  Step,
} from '../../api/serverStatus.ts';
import type { HeldChange, Plan } from '../../host/plan.ts';
import type { Observation } from '../../host/observe.ts';
import type { Preflight } from '../../host/preflight.ts';
import type { Change } from '../../host/task.ts';
import type { ReconcileError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { PooledSession } from '../../ssh/session.ts';
import { restore, type ServerSnapshot } from './machine.ts';
import type { ServerMemory } from './memory.ts';

/** How the login of this run ended. */
export type Login =
  | {
      outcome: 'connected';
      session: PooledSession;
      credential: NonNullable<NonNullable<ServerStatus['auth']>['current']>;
      hostKeys: NonNullable<ServerStatus['hostKeys']>;
    }
  | { outcome: 'failed'; error: ReconcileError; hostKeys?: NonNullable<ServerStatus['hostKeys']> };

/** Everything one run knows; each field says who fills it. */
export interface Scope {
  /** The object as the run started; never changed. */
  readonly server: Server & { metadata: { uid: string; namespace: string; name: string; generation: number } };
  /** The object as last acknowledged by the API; moves with each write of the run. */
  stored: Server;
  /** From {@link server}, with defaults; a full look adds what the spec refers to (references.ts). */
  effective: EffectiveServer;
  /** Milliseconds since the epoch at the start of the run. */
  readonly now: number;
  /** Age in milliseconds after which a preflight is Stale. */
  readonly requalifyAfterMs: number;
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The one that the spec refers to. */
  readonly bundle: ArtifactBundle | undefined;
  /** What this process remembers of the Server between runs; nothing that must survive a restart. */
  readonly memory: ServerMemory;
  /** Operations that wait for this run, oldest first. */
  readonly operations: readonly ServerOperation[];
  /** Set as the run begins: it was asked for, by a change of the spec or an operation; it is no look for its own sake. */
  asked: boolean;
  /** Moves with each transition. */
  snapshot: ServerSnapshot;
  /** Starts as stored; login.ts counts tries and acceptance in it. */
  auth: ServerStatus['auth'];
  /** Starts as stored; attempts.ts adds before a job starts and removes what was consumed. */
  jobs: JobRecord[];
  /** Starts as stored; confirmations.ts counts the tries of changes that could lock us out. */
  confirmations: Confirmation[];
  /** Starts as stored; steps.ts moves them. */
  steps: Step[];
  /** Starts as stored; hooks that ran. */
  hooksRun: string[];
  /** Starts as stored; acts.ts adds before an operation begins. */
  recentOperations: OperationRecord[];
  /** Set by operations and transfers that go on: milliseconds until the next look. */
  lookAgainMs: number | undefined;
  /** Starts as stored; `check` sets it to the plan of which {@link approvedChanges} are left (approval.ts). */
  approvedPlanHash: string | undefined;
  /** Starts as stored; `check` leaves what is still to be made. */
  approvedChanges: ApprovedChange[];
  /** Set by operations Approve that wait: each says which plan may run. */
  readonly offeredApprovals: string[];
  /** Set by operations: this run may try a login that the circuit breaker holds back. */
  loginForced: boolean;
  /** Set by operation TestConnection: a kept session proves nothing. */
  loginAnew: boolean;
  /** Set by operation Fix: what preflight can have put right may be changed. */
  fixing: boolean;
  /** Set by operation ApproveHostKey: this fingerprint may be trusted. */
  approvedFingerprint: string | undefined;
  /** Set by a login that failed: that key is trusted now all the same. */
  approvalKept: boolean;
  /** Set by operation TakeOver: claim the host whoever owns it. */
  takeOver: boolean;
  /** Set once that happened. */
  tookOver: boolean;
  /** Set by the first `observe` of the run. */
  login: Login | undefined;
  /** Set by `observe`. */
  observation: Observation | undefined;
  /** Whether {@link observation} holds everything managed. */
  full: boolean;
  /** Set by `check` and `verify`. */
  preflight: Preflight | undefined;
  plan: Plan | undefined;
  /** Hash of the first plan of the run: the one that an approval is held against. */
  plannedHash: string | undefined;
  /** Of {@link plan}: what may run now, what waits. */
  runnable: Change[];
  held: HeldChange[];
  /** The last error of observing or changing in this run. */
  failure: ReconcileError | undefined;
  /** {@link failure} is that of a job which an earlier run started; this one has looked at nothing else. */
  jobFailed: boolean;
  /** Set by `remove` once the finalizer may go. */
  removed: boolean;
  /** Changes of this run that ended well. */
  applied: Change[];
}

/** What the status remembers of a bundle: which one, in which version. */
export function versionOf(bundle: ArtifactBundle | undefined): ServerStatus['observedBundle'] {
  const { uid, generation } = bundle?.metadata ?? {};
  return uid !== undefined && generation !== undefined ? { uid, generation } : undefined;
}

/** The scope of a run that begins: what is stored, and nothing found yet. */
export function newScope(
  server: Scope['server'],
  given: Pick<Scope, 'now' | 'requalifyAfterMs' | 'signal' | 'log' | 'bundle' | 'memory' | 'operations'>,
): Scope {
  const status = structuredClone(server.status ?? {});
  return {
    ...given,
    server,
    stored: server,
    effective: effectiveServer(server),
    snapshot: restore(status.machine),
    auth: status.auth,
    jobs: status.jobs ?? [],
    confirmations: status.confirmations ?? [],
    steps: status.provisioning?.steps ?? [],
    hooksRun: status.hooksRun ?? [],
    recentOperations: status.operations ?? [],
    asked: false,
    lookAgainMs: undefined,
    approvedPlanHash: status.approvedPlanHash,
    approvedChanges: status.approvedChanges ?? [],
    offeredApprovals: [],
    loginForced: false,
    loginAnew: false,
    fixing: false,
    approvedFingerprint: undefined,
    approvalKept: false,
    takeOver: false,
    tookOver: false,
    login: undefined,
    observation: undefined,
    full: true,
    preflight: undefined,
    plan: undefined,
    plannedHash: undefined,
    runnable: [],
    held: [],
    failure: undefined,
    jobFailed: false,
    removed: false,
    applied: [],
  };
}
