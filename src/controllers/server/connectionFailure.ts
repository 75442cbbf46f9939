import type { Reason } from '../../api/reasons.ts';
import type { ReconcileError } from '../../lib/errors.ts';

const connectionReasons: ReadonlySet<Reason> = new Set<Reason>([
  'DependencyNotReady',
  'ConnectionTimedOut',
  'ConnectionRefused',
  'ConnectionLost',
  'ConnectionThrottled',
  'NameResolutionFailed',
  'NoRoute',
  'AddressDenied',
  'ProtocolError',
]);

/** Whether the host could not be reached, as opposed to: answered, and did not let us in. */
export function isConnectionFailure(error: ReconcileError): boolean {
  return connectionReasons.has(error.reason);
}
