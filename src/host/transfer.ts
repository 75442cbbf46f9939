import { messageOf, TransientError } from '../lib/errors.ts';
import type { ExecResult, Script, Session } from '../ssh/session.ts';
import { exitCodes } from './exitCodes.ts';
import { claimArgs, runClaimed, type Claim } from './ownership.ts';
import { ownedScript, stateDirectory } from './ownershipScript.ts';
import type { TransferAction } from './task.ts';

const MIB = 1024 * 1024;
/** A chunk is held in memory, by each host that is sent to; it grows on links that are fast, shrinks on slow ones. */
const CHUNK_BYTES = { first: 2 * MIB, least: MIB / 4, most: 8 * MIB };
const FAST_MS = 1_000;
const SLOW_MS = 10_000;
/** For one chunk: a link that freezes holds the lock on the host for so long. */
const CHUNK_TIMEOUT_MS = 120_000;
/** How long a run goes on sending before it gives its worker back; milliseconds. */
const SLICE_MS = 20_000;
/** Must be left free on the host's file system after everything. */
const RESERVE_KIB = 64 * 1024;

/** Where Hostler keeps what it brought to a host, by SHA-256. */
export const bundlesDirectory = `${stateDirectory}/bundles`;

/** Where a file arrives on the host; what is there is always its beginning. */
export function arrivingPath(sha256: string): string {
  return `${bundlesDirectory}/${sha256}.part`;
}

/** Where the bytes come from. */
export interface ArtifactSource {
  /** At most `length` bytes from `offset` on; fewer only at the end. @throws Error  when the file cannot be read. */
  read(file: string, range: { offset: number; length: number }): Promise<Uint8Array>;
}

/** `sending`: the next run goes on from there. `sent`: whole, checked and on the host's disk. */
export type TransferResult = { kind: 'sent' } | { kind: 'sending'; sentBytes: number };

/**
 * Prints how many bytes are there already, after seeing to it that the rest has room.
 * Arguments: PATH SIZE NEEDED (bytes that the file and what is made of it take together).
 */
const BEGIN = `
mkdir -p ${bundlesDirectory}
chmod 0755 ${bundlesDirectory}
have=0
if [ -f "$1" ]; then have=$(stat -c %s "$1"); fi
if [ "$have" -gt "$2" ]; then rm -f "$1"; have=0; fi
need=$((($3 - have) / 1024 + ${RESERVE_KIB}))
df -P -k ${bundlesDirectory} | tail -n 1 | {
  read -r _ _ _ free _ mount
  if [ "$free" -lt "$need" ]; then
    printf 'hostler: %s has %d MB free, %d MB are needed\\n' "$mount" "$((free / 1024))" "$((need / 1024))" >&2
    exit ${exitCodes.diskFull}
  fi
}
printf '%s\\n' "$have"
`;

/** Adds standard input to the file. What arrived before a cut stays. Arguments: PATH OFFSET LENGTH. */
const APPEND = `
have=0
if [ -f "$1" ]; then have=$(stat -c %s "$1"); fi
[ "$have" -eq "$2" ] || exit ${exitCodes.changedMeanwhile}
cat >>"$1"
[ "$(stat -c %s "$1")" -eq "$(($2 + $3))" ]
`;

/** Before the file is used. Arguments: PATH SHA256, which are shifted away. */
const CHECK = `
hostler_sum=$(sha256sum <"$1")
if [ "\${hostler_sum%% *}" != "$2" ]; then
  rm -f "$1"
  echo 'hostler: the file was removed again' >&2
  exit ${exitCodes.checksumMismatch}
fi
hostler_flush "$1"
shift 2
`;

/** What is sent after a file has arrived: it is checked and flushed, then `body` runs, all under the host's lock. */
export function arrivedScript(body: string): string {
  return ownedScript(`${CHECK}${body}`);
}

/**
 * Sends a file of the controller's machine to the host, from where an earlier try came to, for {@link SLICE_MS} at
 * most. Each chunk claims the host anew, so that whoever lost it stops.
 * @throws TransientError DiskFull (before anything is sent), FileMissing (here), what `explain` makes of other
 *   failures, and what `claim` throws.
 */
export async function sendFile(
  session: Session,
  { artifact, neededBytes }: TransferAction,
  options: {
    claim: Claim;
    source: ArtifactSource;
    explain: (run: ExecResult) => Error;
    /** Milliseconds; for tests. */
    sliceMs?: number;
    signal?: AbortSignal | undefined;
  },
): Promise<TransferResult> {
  const path = arrivingPath(artifact.sha256);
  const run = async (script: Script & { text: string }): Promise<ExecResult> => {
    const result = await runClaimed(
      session,
      (mode) => ({ ...script, args: [...claimArgs(options.claim.owner, mode), ...(script.args ?? [])] }),
      options.claim,
      { timeoutMs: CHUNK_TIMEOUT_MS, ...(options.signal && { signal: options.signal }) },
    );
    if (result.exitCode !== 0) throw options.explain(result);
    return result;
  };
  const { sizeBytes, file } = artifact;
  const begun = await run({
    name: 'transfer/begin',
    text: ownedScript(BEGIN),
    args: [path, String(sizeBytes), String(neededBytes)],
  });
  const until = performance.now() + (options.sliceMs ?? SLICE_MS);
  let sentBytes = offsetOf(begun.stdout, sizeBytes);
  let length = CHUNK_BYTES.first;
  while (sentBytes < sizeBytes) {
    if (performance.now() >= until) return { kind: 'sending', sentBytes };
    const input = await chunkOf(options.source, file, {
      offset: sentBytes,
      length: Math.min(length, sizeBytes - sentBytes),
    });
    const args = [path, String(sentBytes), String(input.length)];
    const { durationMs } = await run({
      name: 'transfer/append',
      text: ownedScript(APPEND, { withInput: true }),
      args,
      input,
    });
    sentBytes += input.length;
    length = nextLength(length, durationMs);
  }
  return { kind: 'sent' };
}

function nextLength(length: number, tookMs: number): number {
  if (tookMs < FAST_MS) return Math.min(length * 2, CHUNK_BYTES.most);
  return tookMs > SLOW_MS ? Math.max(length / 2, CHUNK_BYTES.least) : length;
}

async function chunkOf(
  source: ArtifactSource,
  file: string,
  range: { offset: number; length: number },
): Promise<Uint8Array> {
  try {
    const chunk = await source.read(file, range);
    if (chunk.length > 0) return chunk;
  } catch (error) {
    throw gone(file, messageOf(error), error);
  }
  throw gone(file, 'it is shorter than it was');
}

function gone(file: string, why: string, cause?: unknown): TransientError {
  return new TransientError('FileMissing', `File ${file} could not be read to its end: ${why}.`, {
    cause,
    remedy: 'Put it into the bundle directory again; Hostler goes on from where it came to.',
  });
}

function offsetOf(text: string, sizeBytes: number): number {
  const offset = Number(/^\d{1,13}$/m.exec(text.trim())?.[0]);
  if (Number.isSafeInteger(offset) && offset <= sizeBytes) return offset;
  throw new TransientError('StepFailed', 'The host did not say how much of the file it has.');
}
