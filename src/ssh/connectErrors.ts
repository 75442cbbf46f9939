import type { HostKey } from '../api/knownHost.ts';
import { ReconcileError, TerminalError, TransientError, type Retry } from '../lib/errors.ts';
import type { Reason } from '../api/reasons.ts';
import type { AddressFailure } from './session.ts';

/**
 * The host refused the login. Neither transient nor terminal: when it may be tried again is decided by the
 * reconciler's rules for rejected logins (design.md 4), so the queue must never retry it by itself.
 */
export class AuthenticationRejected extends ReconcileError {
  readonly retry: Retry = { kind: 'never' };
  /** Methods that sshd still offers: `publickey`, `password` … */
  readonly offeredMethods: readonly string[];

  constructor(message: string, options: { offeredMethods: readonly string[]; remedy: string; cause?: unknown }) {
    super('CredentialsRejected', message, options);
    this.offeredMethods = options.offeredMethods;
  }
}

/**
 * The host key is not trusted: HostKeyMismatch, HostKeyUnknown or KeyTypeUnavailable. No credential was fetched.
 * {@link offered} is what ServerOperation ApproveHostKey may trust.
 */
export class HostKeyRefused extends TerminalError {
  /** The declared address and port whose KnownHost is meant. */
  readonly address: string;
  readonly port: number;
  readonly offered: HostKey;

  constructor(
    reason: 'HostKeyMismatch' | 'HostKeyUnknown' | 'KeyTypeUnavailable',
    message: string,
    options: { address: string; port: number; offered: HostKey; remedy: string; cause?: unknown },
  ) {
    super(reason, message, options);
    this.address = options.address;
    this.port = options.port;
    this.offered = options.offered;
  }
}

/** Furthest first: the address that came nearest to a login tells most. */
const tellingOrder: readonly Reason[] = [
  'ConnectionThrottled',
  'ProtocolError',
  'ConnectionLost',
  'ConnectionRefused',
  'ConnectionTimedOut',
  'NoRoute',
  'NameResolutionFailed',
  'AddressDenied',
];

/** No address answered. `reason` is that of the address that got furthest; the message names all of them. */
export class AddressesFailed extends TransientError {
  readonly failures: readonly AddressFailure[];

  constructor(failures: readonly [AddressFailure, ...AddressFailure[]]) {
    const [first, ...others] = failures;
    const worst = others.reduce((best, next) => (rank(next) < rank(best) ? next : best), first);
    const { remedy } = worst.error;
    super(
      worst.error.reason,
      failures.map(({ error }) => error.message).join('; '),
      remedy === undefined ? { cause: worst.error } : { cause: worst.error, remedy },
    );
    this.failures = failures;
  }
}

function rank(failure: AddressFailure): number {
  const index = tellingOrder.indexOf(failure.error.reason);
  return index === -1 ? tellingOrder.length : index;
}
