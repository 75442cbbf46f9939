import type { Reason } from '../api/reasons.ts';
import { TransientError, WaitingError, type ReconcileError } from '../lib/errors.ts';
import { redactor } from '../lib/redaction.ts';
import { exitCodes } from './exitCodes.ts';
import type { FailedRun } from './task.ts';

const TAIL_LENGTH = 1024;
const BUSY_RETRY_MS = 15_000;

/** How an exit code that scripts agreed on is told. */
interface Meaning {
  reason: Reason;
  text: string;
  remedy: string;
}

const meanings: Readonly<Record<number, Meaning>> = {
  [exitCodes.timedOut]: {
    reason: 'StepFailed',
    text: 'it took too long and was ended',
    remedy: 'See whether the host is slow or waits for something; Hostler tries again.',
  },
  [exitCodes.diskFull]: {
    reason: 'DiskFull',
    text: 'a file system on the host is full',
    remedy: 'Free space on the host; Hostler tries again by itself.',
  },
  [exitCodes.repositoryUnavailable]: {
    reason: 'RepositoryUnavailable',
    text: 'the package repository could not be read',
    remedy: "Check the host's package sources, DNS, proxy and clock.",
  },
  [exitCodes.versionNotAvailable]: {
    reason: 'VersionNotAvailable',
    text: 'the host offers no such version any more',
    remedy: 'Declare a version that the host offers, or another source.',
  },
  [exitCodes.packageManagerBroken]: {
    reason: 'PackageManagerBroken',
    text: 'packages stayed half-configured',
    remedy: 'Run "dpkg --configure -a" and "apt-get -f install" on the host and see what they say.',
  },
  [exitCodes.conflict]: {
    reason: 'DockerConflict',
    text: 'it would remove or replace other packages',
    remedy: 'Remove the conflicting packages or holds on the host yourself.',
  },
  [exitCodes.configInvalid]: {
    reason: 'ConfigInvalid',
    text: 'a configuration file on the host was refused',
    remedy: 'Correct the file on the host or the field that asks for the change.',
  },
  [exitCodes.checksumMismatch]: {
    reason: 'ChecksumMismatch',
    text: 'what arrived on the host has another checksum than the ArtifactBundle states',
    remedy: 'The file changed while it was sent; see that nobody writes to it. Hostler sends it again.',
  },
  [exitCodes.notRunning]: {
    reason: 'NotRunning',
    text: 'the service did not start',
    remedy: 'See its log on the host with journalctl.',
  },
};

/** What a change's failed script or job means, as far as the exit codes of exitCodes.ts tell. */
export function explainFailure(doing: string, run: FailedRun): ReconcileError {
  const tail = tailOf(run.stderr) || tailOf(run.stdout);
  const said = saidBy(run.stderr);
  if (run.exitCode === exitCodes.packageManagerBusy) {
    return new WaitingError(
      'PackageManagerBusy',
      `${doing} waits: ${said ?? 'another process holds the package manager'}.`,
      {
        afterMs: BUSY_RETRY_MS,
        remedy: 'Hostler goes on when it is free; nothing is interrupted.',
      },
    );
  }
  const meaning = meanings[run.exitCode];
  if (meaning === undefined) {
    return new TransientError(
      'StepFailed',
      `${doing} ended with exit code ${run.exitCode}.${tail && ` Its last output: ${tail}`}`,
    );
  }
  const details = said ?? tail;
  return new TransientError(meaning.reason, `${doing} failed: ${meaning.text}.${details && ` ${details}`}`, {
    remedy: meaning.remedy,
  });
}

/** What a user's failed hook means: its exit codes are its own. */
export function explainHook(name: string, run: FailedRun): ReconcileError {
  const tail = tailOf(run.stderr);
  const how =
    run.exitCode === exitCodes.timedOut
      ? 'took longer than its timeoutSeconds and was ended'
      : `ended with exit code ${run.exitCode}`;
  return new TransientError('HookFailed', `Hook ${name} ${how}.${tail && ` Its last output: ${tail}`}`, {
    remedy: 'Correct it in spec.hooks, or set its failurePolicy to Ignore.',
  });
}

/** The last line that a script printed for people (`hostler: …`). */
export function saidBy(stderr: string): string | undefined {
  const line = stderr.split('\n').findLast((candidate) => candidate.startsWith('hostler: '));
  return line === undefined ? undefined : tailOf(line.slice('hostler: '.length)).replace(/\.$/, '');
}

function tailOf(text: string): string {
  return redactor.redact(text.slice(-TAIL_LENGTH)).trim();
}
