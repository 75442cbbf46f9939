import { TerminalError, TransientError, type ReconcileError } from '../../lib/errors.ts';
import { exitCodes } from '../exitCodes.ts';
import type { FailedRun, NamedChange } from '../task.ts';

/** What helps against an older engine that does not start with what the newer one wrote. */
export const DOWNGRADE_REMEDY =
  'Containers that ran under live-restore go on meanwhile. Declare the newer version again in spec.docker.version; or put right on the host what the log names, and start the engine there: systemctl start docker.';

/**
 * The errors that only the Docker tasks know, with what their script said (`hostler: …`). Undefined for every other
 * exit code: the engine explains those of exitCodes.ts.
 */
export function explainDocker(change: NamedChange, { exitCode, stderr }: FailedRun): ReconcileError | undefined {
  const said = saidBy(stderr);
  if (exitCode === exitCodes.changedMeanwhile) {
    return new TransientError(
      'ChangedMeanwhile',
      `${change.what} was not done: ${said ?? 'the host changed meanwhile.'}`,
      {
        remedy: 'Hostler looks again.',
      },
    );
  }
  if (exitCode === exitCodes.configRejected) {
    return new TerminalError('ConfigRejected', `Docker refuses spec.docker.daemonConfig: ${said ?? 'see its log.'}`, {
      remedy: 'Correct the field; a running daemon goes on with the previous configuration.',
    });
  }
  if (exitCode === exitCodes.userMissing) {
    return new TransientError('UserMissing', `User ${said ?? ''} does not exist on the host.`, {
      remedy: 'Create the user there, or take it out of spec.docker.users.',
    });
  }
  if (exitCode === 1 && said !== undefined) {
    return new TransientError('StepFailed', `${change.what} failed: ${said}`);
  }
  return explainMove(change, exitCode, said);
}

/** What can only happen where packages are moved. */
function explainMove(change: NamedChange, exitCode: number, said: string | undefined): ReconcileError | undefined {
  if (exitCode === exitCodes.downgradeFailed) {
    return new TerminalError(
      'DowngradeFailed',
      `${change.what}: the older engine is installed, but does not start: ${said ?? 'see its log.'}`,
      { remedy: DOWNGRADE_REMEDY },
    );
  }
  return undefined;
}

function saidBy(stderr: string): string | undefined {
  const line = stderr.split('\n').findLast((candidate) => candidate.startsWith('hostler: '));
  return line?.slice('hostler: '.length).trim();
}
