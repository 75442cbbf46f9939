import { constants } from 'node:os';
import { TransientError } from '../lib/errors.ts';
import type { ProcessIdentity, RunEnd, ScriptRun } from './scriptRun.ts';
import type { ExecResult, Script } from './session.ts';

/** What `timeout` exits with when it ended its command. */
const TIMEOUT_EXIT = 124;
const SHOWN_NOISE = 200;
const signalNumbers = new Map(Object.entries(constants.signals).map(([name, number]) => [name.slice(3), number]));
// where a number has two names the first is the usual one: ABRT before IOT
const signalNames = new Map([...signalNumbers].reverse().map(([name, number]) => [number, name]));

/** For messages. */
export interface RunContext {
  name: string;
  peer: string;
  timeoutMs: number;
  durationMs: number;
}

/** Resolves with the end, or with the reason to stop waiting for it. */
export async function waitForEnd(
  run: ScriptRun,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<RunEnd | 'deadline' | 'aborted'> {
  let dispose = (): void => undefined;
  const stopped = new Promise<'deadline' | 'aborted'>((resolve) => {
    const timer = setTimeout(() => resolve('deadline'), timeoutMs);
    const onAbort = (): void => resolve('aborted');
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) onAbort();
    dispose = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  });
  try {
    return await Promise.race([run.ended, stopped]);
  } finally {
    dispose();
  }
}

/**
 * What the end means to the caller: a result, or an error when the end is not known.
 * @throws TransientError ConnectionLost | ConnectionTimedOut | ProtocolError
 */
export function resultOf(end: RunEnd, context: RunContext): ExecResult {
  if (end.kind === 'Broken') throw flooded(context);
  if (end.exitCode === undefined && end.signal === undefined) throw lost(context);
  if (end.kind === 'NeverBegan') throw neverBegan(end, context);
  return end.kind === 'Finished' ? result(end, end.exitCode ?? 0, context) : killed(end, context);
}

/** The shell around the script is gone without its trailer: a signal to it, or the watchdog. */
function killed(end: RunEnd, context: RunContext): ExecResult {
  const exitCode = end.signal === undefined ? (end.exitCode ?? 0) : 128 + (signalNumbers.get(end.signal) ?? 0);
  if (exitCode === TIMEOUT_EXIT) throw timedOut(context);
  // an ordinary status is not the script's: nobody knows how that ended
  if (exitCode <= 128) throw lost(context);
  return result(end, exitCode, context);
}

function result(end: RunEnd, exitCode: number, context: RunContext): ExecResult {
  return {
    exitCode,
    signal: end.signal ?? (exitCode > 128 ? signalNames.get(exitCode - 128) : undefined),
    stdout: end.stdout,
    stderr: end.stderr,
    truncated: end.truncated,
    durationMs: context.durationMs,
  };
}

/** Ends the process group of a run, TERM then KILL, unless its pid belongs to another process by now. */
export function endScript(identity: ProcessIdentity): Script {
  return {
    name: 'ssh/end',
    args: [identity.processGroup, identity.pid, identity.startTime],
    text: `
group=$1 pid=$2 started=$3
[ "$group" -gt 1 ]
read -r stat <"/proc/$pid/stat" || exit 0
set -- \${stat##*) }
[ "\${20}" = "$started" ] || exit 0
kill -s TERM -- "-$group" || exit 0
for pause in 0.2 1 1 1; do
  sleep "$pause" || sleep 1
  kill -s 0 -- "-$group" 2>/dev/null || exit 0
done
kill -s KILL -- "-$group"`,
  };
}

/** The error for a script that passed its deadline. */
export function timedOut({ name, peer, timeoutMs }: RunContext): TransientError {
  return new TransientError(
    'ConnectionTimedOut',
    `Script ${name} on ${peer} did not end within ${timeoutMs / 1000} s and was ended.`,
    {
      remedy: 'Look on the host for what hangs (disk, package manager, Docker).',
    },
  );
}

function lost({ name, peer }: RunContext): TransientError {
  return new TransientError(
    'ConnectionLost',
    `The connection to ${peer} broke while script ${name} ran; its end is unknown.`,
    {
      remedy: 'The host is looked at again as soon as it can be reached.',
    },
  );
}

function flooded({ name, peer }: RunContext): TransientError {
  return new TransientError('ProtocolError', `Script ${name} on ${peer} printed without end and was ended.`, {
    remedy: 'Look on the host for a command that has been replaced or wrapped.',
  });
}

function neverBegan(end: RunEnd, { peer }: RunContext): TransientError {
  const noise = end.noise
    .replace(/[^\P{C}\n]/gu, '')
    .trim()
    .slice(0, SHOWN_NOISE);
  const said = noise === '' ? '' : ` It printed: ${noise}`;
  const how = end.signal === undefined ? `with status ${end.exitCode ?? 0}` : `by signal ${end.signal}`;
  return new TransientError(
    'ProtocolError',
    `The login shell on ${peer} ended ${how} before the script began.${said}`,
    {
      remedy:
        'Give the user a login shell, with rc files that neither read input nor exit, so that `ssh HOST /bin/sh -c true` works.',
    },
  );
}
