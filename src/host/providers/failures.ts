import type { Reason } from '../../api/reasons.ts';
import { TerminalError, TransientError, WaitingError, type ReconcileError } from '../../lib/errors.ts';
import { exitCodes } from '../exitCodes.ts';
import type { Change, FailedRun } from '../task.ts';

/** Pause before a busy package manager is tried again. */
const BUSY_MS = 30_000;

interface Meaning {
  reason: Reason;
  /** Begins the message; the script's own words follow. */
  says: string;
  remedy: string;
  kind: 'transient' | 'terminal' | 'waiting';
}

const meanings: Readonly<Record<number, Meaning>> = {
  [exitCodes.packageManagerBusy]: {
    reason: 'PackageManagerBusy',
    says: 'The package manager is busy',
    remedy: 'Hostler waits until it is free.',
    kind: 'waiting',
  },
  [exitCodes.diskFull]: {
    reason: 'DiskFull',
    says: 'There is no space left on the host',
    remedy: 'Make room there; apt-get clean frees what apt downloaded.',
    kind: 'transient',
  },
  [exitCodes.repositoryUnavailable]: {
    reason: 'RepositoryUnavailable',
    says: 'A package repository cannot be read',
    remedy: "Check the host's network, proxy and /etc/apt/sources.list.d.",
    kind: 'transient',
  },
  [exitCodes.versionNotAvailable]: {
    reason: 'VersionNotAvailable',
    says: 'The chosen version is gone',
    remedy: 'Hostler looks again at what is offered.',
    kind: 'transient',
  },
  [exitCodes.packageManagerBroken]: {
    reason: 'PackageManagerBroken',
    says: 'dpkg was interrupted and could not be repaired',
    remedy: 'Run on the host: dpkg --configure -a; apt-get -f install.',
    kind: 'transient',
  },
  [exitCodes.conflict]: {
    reason: 'DockerConflict',
    says: "Installing would remove or move packages that are not Hostler's",
    remedy: 'Remove them by hand if nothing needs them, or declare another source.',
    kind: 'transient',
  },
  [exitCodes.configInvalid]: {
    reason: 'ConfigInvalid',
    says: 'A configuration file on the host cannot be used',
    remedy: 'Correct or remove it.',
    kind: 'transient',
  },
  [exitCodes.notRunning]: {
    reason: 'NotRunning',
    says: 'Docker does not start',
    remedy: 'Its log on the host: journalctl -u docker.',
    kind: 'transient',
  },
  [exitCodes.changedMeanwhile]: {
    reason: 'Interrupted',
    says: 'The host changed since it was looked at',
    remedy: 'Hostler looks again.',
    kind: 'transient',
  },
  [exitCodes.configRejected]: {
    reason: 'ConfigRejected',
    says: 'Docker refuses spec.docker.daemonConfig; the previous configuration is in force',
    remedy: 'Correct spec.docker.daemonConfig.',
    kind: 'terminal',
  },
  [exitCodes.userMissing]: {
    reason: 'UserMissing',
    says: 'A declared user does not exist on the host',
    remedy: 'Create the user there, or take it out of spec.docker.users.',
    kind: 'transient',
  },
};

/**
 * The error behind an exit code of the scripts in providers/ and tasks/, with what the script itself said (its last
 * line that begins with `hostler: `, and what follows). Undefined for any other exit code.
 */
export function explainExit(change: Change, run: FailedRun): ReconcileError | undefined {
  const meaning = meanings[run.exitCode];
  const detail = detailOf(run.stderr);
  if (meaning === undefined) {
    return detail === undefined ? undefined : new TransientError('StepFailed', `${change.name}: ${detail}`);
  }
  const message = detail === undefined || detail === '' ? `${meaning.says}.` : `${meaning.says}: ${detail}`;
  const options = { remedy: meaning.remedy };
  switch (meaning.kind) {
    case 'waiting':
      return new WaitingError(meaning.reason, message, { ...options, afterMs: BUSY_MS });
    case 'terminal':
      return new TerminalError(meaning.reason, message, options);
    case 'transient':
      return new TransientError(meaning.reason, message, options);
  }
}

function detailOf(stderr: string): string | undefined {
  const start = stderr.lastIndexOf('hostler: ');
  if (start < 0) return undefined;
  const text = stderr
    .slice(start + 'hostler: '.length)
    .replace(/\s+/g, ' ')
    .trim();
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`;
}
