import { TerminalError, TransientError, type ReconcileError } from '../../lib/errors.ts';
import { exitCodes } from '../exitCodes.ts';
import type { FailedRun, NamedChange } from '../task.ts';

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
  return exitCode === 1 && said !== undefined
    ? new TransientError('StepFailed', `${change.what} failed: ${said}`)
    : undefined;
}

function saidBy(stderr: string): string | undefined {
  const line = stderr.split('\n').findLast((candidate) => candidate.startsWith('hostler: '));
  return line?.slice('hostler: '.length).trim();
}
