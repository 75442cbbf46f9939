import { findCondition } from '../../api/conditions.ts';
import type { HostKey } from '../../api/knownHost.ts';
import type { KeyInstallation } from '../../host/authorizedKeys.ts';
import { toTime } from '../../lib/clock.ts';
import { TerminalError, WaitingError, type ReconcileError } from '../../lib/errors.ts';
import type { AuthenticationRejected } from '../../ssh/connectErrors.ts';
import { fingerprint } from '../../ssh/knownHostKey.ts';
import { mayBeLockedOut } from './confirmations.ts';
import { permitLogin } from './loginPolicy.ts';
import type { Scope } from './scope.ts';

const AT_ONCE = 'a changed Secret, a changed spec or ServerOperation Retry tries at once.';

/** See {@link rejection}. */
interface Rejected {
  /** Of the keyring. */
  version: string;
  /** Milliseconds since the epoch. */
  now: number;
  cause: AuthenticationRejected | undefined;
}

/**
 * What a rejected login means now: wait for the next permitted try, or for a person.
 * @param rejected.bootstrap  Beside the main credential the first password was refused too.
 */
export function rejection(
  scope: Scope,
  { bootstrap = false, ...rejected }: Rejected & { bootstrap?: boolean },
): ReconcileError {
  const { user } = scope.effective.ssh;
  const failures = scope.auth?.failures ?? 1;
  const times = failures === 1 ? 'once' : `${failures} times`;
  return untilNextTry(scope, rejected, {
    message: bootstrap
      ? `The host refused the login of ${user} with the private key and with the bootstrap password`
      : `The host refused the login of ${user} ${times}`,
    remedy: `Put the credential right on the host or in the Secret, or correct spec.ssh; ${AT_ONCE}`,
  });
}

/** The public key is where it belongs, and sshd does not take the private one. */
export function keyRefused(
  scope: Scope,
  rejected: Rejected & { key: HostKey; installation: KeyInstallation },
): ReconcileError {
  const { key, installation, ...rest } = rejected;
  const { user } = scope.effective.ssh;
  const loose = installation.loose.length === 0 ? '' : `; others may write to ${installation.loose.join(', ')}`;
  return untilNextTry(scope, rest, {
    message: `The public key ${fingerprint(key)} is in ${installation.file}, but the host refuses the private key of ${user}${loose}`,
    remedy: `See PubkeyAuthentication, AuthorizedKeysFile and StrictModes in sshd -T -C user=${user}, and the log of sshd; ${AT_ONCE}`,
  });
}

/** No login is permitted now; what the last one ended with still holds. */
export function heldBack(scope: Scope, at: { version: string; now: number }): ReconcileError {
  const last = findCondition(scope.server.status?.conditions, 'Authenticated');
  if (last?.status === 'False' && last.reason === 'KeyNotInstalled') {
    return new TerminalError('KeyNotInstalled', last.message);
  }
  const { afterMs, patient } = nextTry(scope, at);
  if (last?.status !== 'False' || last.reason !== 'CredentialsRejected') {
    const text = `The last login of ${scope.effective.ssh.user} was refused, or Hostler was stopped before it knew the answer; so that no ban follows, the next try is not before ${toTime(at.now + afterMs)}.`;
    const remedy = `Nothing if the credential is right; else put it right. ServerOperation Retry tries at once.`;
    return patient
      ? new WaitingError('AttemptsPaused', text, { afterMs, remedy })
      : new TerminalError('AttemptsPaused', text, { remedy });
  }
  return patient
    ? new WaitingError('CredentialsRejected', last.message, { afterMs })
    : new TerminalError('CredentialsRejected', last.message);
}

function untilNextTry(
  scope: Scope,
  { cause, ...at }: Rejected,
  { message, remedy }: { message: string; remedy: string },
): ReconcileError {
  const { afterMs, patient } = nextTry(scope, at);
  const text = `${message}; not tried again before ${toTime(at.now + afterMs)}.`;
  return patient
    ? new WaitingError('CredentialsRejected', text, { afterMs, remedy, cause })
    : new TerminalError('CredentialsRejected', text, { remedy, cause });
}

/** `patient`: tries are left that need nobody's help. */
function nextTry(scope: Scope, at: { version: string; now: number }): { afterMs: number; patient: boolean } {
  const lockedOut = mayBeLockedOut(scope);
  const permit = permitLogin(scope.auth, { ...at, forced: false, lockedOut });
  const patient = lockedOut || (scope.auth?.acceptedVersion === undefined && (scope.auth?.failures ?? 1) < 3);
  return { afterMs: permit.allowed ? 0 : permit.afterMs, patient };
}
