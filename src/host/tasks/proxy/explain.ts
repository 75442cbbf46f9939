import type { Reason } from '../../../api/reasons.ts';
import { TransientError, type ReconcileError } from '../../../lib/errors.ts';
import { exitCodes } from '../../exitCodes.ts';
import { saidBy } from '../../failures.ts';
import type { FailedRun, NamedChange } from '../../task.ts';

const meanings: Readonly<Record<number, { reason: Reason; text: string; remedy: string }>> = {
  [exitCodes.portConflict]: {
    reason: 'PortConflict',
    text: 'ports 80 and 443 are held',
    remedy: 'Stop that for good on the host, or set spec.proxy.type to None.',
  },
  [exitCodes.imageUnavailable]: {
    reason: 'ImageUnavailable',
    text: 'the image cannot be fetched',
    remedy:
      'Check spec.proxy.image and spec.proxy.version and whether the host reaches the registry; an image that is loaded on the host (docker load) is taken without asking.',
  },
  [exitCodes.configRejected]: {
    reason: 'ConfigRejected',
    text: 'it was tried and refused, so what ran goes on',
    remedy: 'Correct what the message names: the sites on the host, or spec.proxy.',
  },
  [exitCodes.notAnswering]: {
    reason: 'NotAnswering',
    text: 'it started, but did not answer; what ran before runs again',
    remedy: 'Look at spec.proxy.image and spec.proxy.version.',
  },
};

/** The errors that only the proxy's scripts know; undefined for every other exit code. */
export function explainProxy(change: NamedChange, { exitCode, stderr }: FailedRun): ReconcileError | undefined {
  const meaning = meanings[exitCode];
  if (meaning === undefined) return undefined;
  const said = saidBy(stderr);
  return new TransientError(
    meaning.reason,
    `${change.what}: ${meaning.text}${said === undefined ? '' : `: ${said}`}.`,
    { remedy: meaning.remedy },
  );
}
