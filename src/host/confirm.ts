import type { Area } from '../api/serverSpec.ts';
import type { Clock } from '../lib/clock.ts';
import { findCause, ReconcileError, TransientError, WaitingError } from '../lib/errors.ts';
import type { Connection, ExecOptions, ExecResult, Script, Session } from '../ssh/session.ts';
import { confirmScript, provisionalScript, standScript, undoScript, undoText } from './confirmScript.ts';
import { exitCodes } from './exitCodes.ts';
import { explainFailure } from './failures.ts';
import type { HostFacts } from './facts.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { scriptFile } from './scriptFile.ts';
import type { FailedRun, NamedChange, Obstacle, ProvisionalAction } from './task.ts';

const ROUND_TRIP_MS = 60_000;
const UNDO_TIMEOUT_MS = 90_000;
/** Between two tries to log in, while the host may still be getting ready. */
const PROOF_RETRY_MS = 500;
/** Of the time that the host waits, what may pass until the last try to log in begins. */
const PROOF_SHARE = 0.6;
const ROLLING_RETRY_MS = 2_000;

/** What a proof is made with. */
export interface ProofMeans {
  claim: Claim;
  /**
   * Logs in as Hostler always does, over a TCP connection of its own; never from the pool. The caller closes it.
   * What it throws is why the change is taken back: with backoff, it is tried again while there is time.
   */
  prove: (signal: AbortSignal) => Promise<Connection>;
  clock: Clock;
  signal?: AbortSignal;
}

/** How a provisional change ended. `absent`: nothing is left of it: never begun, cut off midway, or proven long ago. */
export type ProofResult = { kind: 'confirmed' } | { kind: 'absent' } | { kind: 'takenBack'; error: ReconcileError };

/** Obstacle to any {@link ProvisionalAction}: nothing would take the change back after a restart of the host. */
export function cannotConfirm(area: Area, { initSystem }: HostFacts): Obstacle | undefined {
  if (initSystem === 'systemd') return undefined;
  const message =
    'A change here could lock Hostler out, and only systemd can be relied on to take it back, after a restart of the host too; this host has none. Make the change by hand, or take the block out of the spec.';
  return { area, reason: 'Unsupported', message, terminal: false };
}

/**
 * Makes a change that could lock us out. Before anything is changed, the host is told to take everything back by a
 * timer and at its next boot; a new login by `prove` calls that off. Whenever this process dies, the host ends either
 * with the change proven or with the files as they were; {@link settleChange} finds out which.
 * @param change.id  New for every try, and known to the API before.
 * @throws TransientError ConfigRolledBack  the host has taken it back.
 * @throws what `explain` makes of a change that failed by itself, and was taken back for it; what `claim` throws; what
 *   Session.run throws, and then only {@link settleChange} tells.
 */
export async function makeProvisional(
  session: Session,
  change: { id: string; what: string; action: ProvisionalAction; explain: (run: FailedRun) => ReconcileError },
  means: ProofMeans,
): Promise<void> {
  const { id, action } = change;
  const { script, rollback, files, timeoutSeconds, confirmSeconds } = action;
  const until = means.clock.now() + confirmSeconds * 1000 * PROOF_SHARE;
  const args = [id, String(confirmSeconds), undoText, scriptFile(rollback), files.join('\n'), ...(script.args ?? [])];
  const run = await runOn(session, { name: script.name, text: provisionalScript(script.text), args }, means, {
    timeoutMs: timeoutSeconds * 1000,
  });
  if (run.exitCode === exitCodes.takenBack) throw tooLate(change.what);
  if (run.exitCode !== 0) throw change.explain(run);
  const result = await proveOrUndo(session, { ...change, until }, means);
  if (result.kind === 'takenBack') throw result.error;
}

/**
 * Takes up a change whose end nobody saw: proves it if the host still waits for that, else says what became of it.
 * @throws WaitingError WaitingForJob  while the host takes it back; what Session.run throws.
 */
export async function settleChange(
  session: Session,
  change: NamedChange & { id: string },
  means: ProofMeans,
): Promise<ProofResult> {
  const limits = { timeoutMs: ROUND_TRIP_MS, ...(means.signal && { signal: means.signal }) };
  const looked = await session.run({ name: 'confirm/stand', text: standScript, args: [change.id] }, limits);
  if (looked.exitCode !== 0) throw explainFailure('Looking at an unproven change', looked);
  switch (looked.stdout.trim()) {
    case 'armed made':
      return proveOrUndo(session, { ...change, until: 0 }, means);
    case 'armed': // cut off in the middle: what is not in force yet, no login can prove
      return (await undo(session, change, { ...means, when: 'cut' })) === 'undone'
        ? { kind: 'absent' }
        : settleChange(session, change, means);
    case 'rolling':
      throw new WaitingError('WaitingForJob', `The host takes back: ${change.what}.`, { afterMs: ROLLING_RETRY_MS });
    case 'rolledback':
      return { kind: 'takenBack', error: tooLate(change.what) };
    case 'confirmed':
      await disarm(session, change.id, means);
      return { kind: 'confirmed' };
    default:
      return { kind: 'absent' };
  }
}

/** A new login disarms; where there is none, what is left of the old one takes the change back at once. */
async function proveOrUndo(
  session: Session,
  change: { id: string; what: string; until: number },
  means: ProofMeans,
): Promise<ProofResult> {
  try {
    await confirm(change, means);
    return { kind: 'confirmed' };
  } catch (error) {
    means.signal?.throwIfAborted();
    const cause = findCause(error, ReconcileError);
    if (cause === undefined) throw error;
    // the proof may have come through after all, and only its answer have been lost
    if ((await undo(session, change, { ...means, when: 'always' })) === 'not needed') return { kind: 'confirmed' };
    return { kind: 'takenBack', error: failedProof(change.what, cause) };
  }
}

async function undo(
  session: Session,
  { id, what }: { id: string; what: string },
  { when, ...means }: ProofMeans & { when: 'always' | 'cut' },
): Promise<'undone' | 'not needed'> {
  const run = await runOn(session, { name: 'confirm/undo', text: undoScript, args: [id, when] }, means, {
    timeoutMs: UNDO_TIMEOUT_MS,
  });
  if (run.exitCode === exitCodes.proven || run.exitCode === exitCodes.changedMeanwhile) return 'not needed';
  if (run.exitCode !== 0) throw explainFailure(`Taking back: ${what}`, run);
  return 'undone';
}

async function confirm({ id, until }: { id: string; until: number }, means: ProofMeans): Promise<void> {
  const connection = await logIn(until, means);
  try {
    await disarm(connection, id, means);
  } finally {
    connection.close();
  }
}

/** What may be a matter of the moment, such as a refused connection while sshd reloads, is tried again. */
async function logIn(until: number, { prove, clock, signal }: ProofMeans): Promise<Connection> {
  for (;;) {
    try {
      return await prove(signal ?? new AbortController().signal);
    } catch (error) {
      const retry = findCause(error, ReconcileError)?.retry.kind;
      if (retry !== 'backoff' || clock.now() + PROOF_RETRY_MS >= until) throw error;
      await clock.sleep(PROOF_RETRY_MS, signal);
    }
  }
}

async function disarm(session: Session, id: string, means: ProofMeans): Promise<void> {
  const run = await runOn(session, { name: 'confirm/disarm', text: confirmScript, args: [id] }, means, {
    timeoutMs: ROUND_TRIP_MS,
  });
  if (run.exitCode === exitCodes.takenBack) throw new TransientError('ConfigRolledBack', 'The proof came too late.');
  if (run.exitCode !== 0) throw explainFailure('Confirming a change', run);
}

/** Runs one of confirmScript.ts under our claim. */
function runOn(
  session: Session,
  { args = [], ...script }: Script,
  { claim, signal }: ProofMeans,
  limits: ExecOptions,
): Promise<ExecResult> {
  return runClaimed(session, (mode) => ({ ...script, args: [...claimArgs(claim.owner, mode), ...args] }), claim, {
    ...limits,
    ...(signal && { signal }),
  });
}

const remedy = 'Look at what stands in the way of the login, on the host or in the declared fields.';

function failedProof(what: string, cause: ReconcileError): ReconcileError {
  const text = `The host took this back, because no new login was possible with it: ${what}. The login said: ${cause.message}`;
  return new TransientError('ConfigRolledBack', text, { remedy, cause });
}

function tooLate(what: string): ReconcileError {
  const text = `The host took this back, because no new login had proven it in time: ${what}.`;
  return new TransientError('ConfigRolledBack', text, { remedy });
}
