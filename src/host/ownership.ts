import { TerminalError, TransientError, WaitingError, type ReconcileError } from '../lib/errors.ts';
import type { ExecOptions, ExecResult, Script, Session } from '../ssh/session.ts';
import { exitCodes } from './exitCodes.ts';
import { explainFailure } from './failures.ts';
import { dropResultsBody, removeAgentBody } from './jobScript.ts';
import { ownedScript } from './ownershipScript.ts';

const LOCK_RETRY_MS = 5_000;
const JOB_RETRY_MS = 5_000;
const CLAIM_TIMEOUT_MS = 60_000;

/** Who may change the host. Travels as script arguments; every value matches [A-Za-z0-9._-]{1,64}. */
export interface Owner {
  /** UID of the ConfigMap hostler-installation. */
  installation: string;
  /** UID of the Server. */
  server: string;
  /** Of the Server's shard. */
  token: { lease: string; transitions: number };
}

/** What the owner file on a host says. `Unreadable`: may not be read by this user; `Invalid`: not in our form. */
export type OwnerOnHost =
  { state: 'Free' } | { state: 'Unreadable' } | { state: 'Invalid' } | ({ state: 'Owned' } & Owner);

/** How an observed owner relates to us, before anything is written. */
export type OwnerRelation = 'Ours' | 'Free' | 'Unknown' | 'Another' | 'HigherToken' | 'OtherLease';

/** Judges as the scripts on the host do; for showing, since only the host's answer under its lock counts. */
export function relationOf(found: OwnerOnHost, ours: Owner): OwnerRelation {
  if (found.state === 'Free') return 'Free';
  if (found.state === 'Invalid') return 'Another';
  if (found.state === 'Unreadable') return 'Unknown';
  if (found.installation !== ours.installation || found.server !== ours.server) return 'Another';
  if (found.token.lease !== ours.token.lease) return 'OtherLease';
  return found.token.transitions > ours.token.transitions ? 'HigherToken' : 'Ours';
}

/** What a mutating script needs to be let through. */
export interface Claim {
  owner: Owner;
  /**
   * Called when the host's token belongs to another Lease of the same installation: read the Lease again and
   * return true only if it is still held; then the stored token is overwritten.
   */
  stillHeld: () => Promise<boolean>;
  /** Who the owner of a host that is not ours is, for a person; undefined = nobody knows more than the UIDs. */
  nameOf?: (owner: Pick<Owner, 'installation' | 'server'>) => string | undefined;
}

/** `raise`: another Lease's token may be overwritten. `takeover`: anybody's. */
type Mode = 'hold' | 'raise' | 'takeover';

/** The arguments that `hostler_claim` wants, in order. */
export function claimArgs(owner: Owner, mode: Mode): string[] {
  const { installation, server, token } = owner;
  return [installation, server, token.lease, String(token.transitions), mode];
}

/**
 * Runs a script whose first arguments claim the host, again with the right to raise the token when its Lease turned
 * out to be another one and is still held. Other refusals throw; what the body does comes back as result.
 */
export async function runClaimed(
  session: Session,
  scriptFor: (mode: Mode) => Script,
  claim: Claim,
  options: ExecOptions = {},
): Promise<ExecResult> {
  let result = await session.run(scriptFor('hold'), options);
  if (result.exitCode === exitCodes.otherLease) {
    if (!(await claim.stillHeld())) {
      throw new TransientError('ShardNotHeld', 'The Lease of the shard is held by another process now.');
    }
    result = await session.run(scriptFor('raise'), options);
  }
  throwRefusal(result, claim);
  return result;
}

/** Makes the host ours if it is free, or proves that it is. Writes nothing when it already says so. */
export async function claim(session: Session, wanted: Claim, signal?: AbortSignal): Promise<void> {
  const script = (mode: Mode): Script => owned('claim', ':', claimArgs(wanted.owner, mode));
  demandSuccess(await runClaimed(session, script, wanted, limits(signal)), 'Claiming the host');
}

/**
 * Makes the host ours whoever owns it (operation TakeOver), and drops the results of the other's jobs.
 * @throws WaitingError WaitingForJob  while a job of whomever lives.
 */
export async function takeOver(session: Session, owner: Owner, signal?: AbortSignal): Promise<void> {
  const script = owned('take-over', dropResultsBody, claimArgs(owner, 'takeover'));
  const result = await session.run(script, limits(signal));
  throwRefusal(result);
  demandSuccess(result, 'Taking the host over');
}

/**
 * Removes everything Hostler put on the host, the owner file included (RemoveAgent). Idempotent.
 * @throws WaitingError PackageManagerBusy  while the holds that Hostler set cannot be lifted; what {@link claim} throws.
 */
export async function removeAgent(session: Session, wanted: Claim, signal?: AbortSignal): Promise<void> {
  const script = (mode: Mode): Script => owned('remove-agent', removeAgentBody, claimArgs(wanted.owner, mode));
  const result = await runClaimed(session, script, wanted, limits(signal));
  demandSuccess(result, 'Removing what Hostler put on the host');
}

function owned(name: string, body: string, args: readonly string[]): Script {
  return { name, text: ownedScript(body), args };
}

function limits(signal: AbortSignal | undefined): ExecOptions {
  return { timeoutMs: CLAIM_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
}

function demandSuccess(result: ExecResult, doing: string): void {
  if (result.exitCode !== 0) throw explainFailure(doing, result);
}

function throwRefusal(result: ExecResult, { nameOf }: Pick<Claim, 'nameOf'> = {}): void {
  const refusal = refusals[result.exitCode];
  if (refusal !== undefined) throw refusal(result.stderr, nameOf);
}

const takeOverRemedy =
  'If this host is to change hands, create a ServerOperation of type TakeOver for this Server; else delete this Server.';

/** What the exit codes of ownershipScript.ts mean. */
const refusals: Readonly<Record<number, (stderr: string, nameOf: Claim['nameOf']) => ReconcileError>> = {
  [exitCodes.lockBusy]: () =>
    new WaitingError('WaitingForJob', "Another of Hostler's scripts holds the lock on the host.", {
      afterMs: LOCK_RETRY_MS,
    }),
  [exitCodes.jobRunning]: (stderr) =>
    new WaitingError('WaitingForJob', `A job still runs on the host${jobIn(stderr)}.`, { afterMs: JOB_RETRY_MS }),
  [exitCodes.unproven]: () =>
    new WaitingError('WaitingForJob', 'A change on the host waits for its proof, or is being taken back.', {
      afterMs: JOB_RETRY_MS,
    }),
  [exitCodes.ownedByAnother]: (stderr, nameOf) =>
    new TerminalError('OwnedByAnother', `The host belongs to ${ownerIn(stderr, nameOf)}.`, { remedy: takeOverRemedy }),
  [exitCodes.ownershipLost]: () =>
    new TransientError('OwnershipLost', 'A newer holder of the shard wrote to the host; this process steps back.'),
  [exitCodes.otherLease]: () => new TransientError('OwnershipLost', "The host's token changed while it was raised."),
  [exitCodes.ownerUnreadable]: () =>
    new TerminalError('OwnedByAnother', '/var/lib/hostler/owner on the host is not in the expected form.', {
      remedy: takeOverRemedy,
    }),
  [exitCodes.notWritable]: () =>
    new TransientError('StepFailed', 'Nothing can be written below /var/lib/hostler on the host.', {
      remedy: 'Its file system may be mounted read-only, as after an error of the disk: see mount and dmesg there.',
    }),
  [exitCodes.uploadDamaged]: () => new TransientError('ConnectionLost', 'The upload arrived damaged on the host.'),
};

function ownerIn(stderr: string, nameOf: Claim['nameOf']): string {
  const [, installation, server] = /^hostler-owner ([\w.-]{1,64}) ([\w.-]{1,64})$/m.exec(stderr) ?? [];
  if (installation === undefined || server === undefined) return 'another Hostler';
  return nameOf?.({ installation, server }) ?? `Server ${server} of Hostler installation ${installation}`;
}

function jobIn(stderr: string): string {
  const id = /^job ([0-9a-f]{1,64}) runs$/m.exec(stderr)?.[1];
  return id === undefined ? '' : ` (${id})`;
}
