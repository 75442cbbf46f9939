import {
  EtcdAuthenticationFailedError,
  EtcdInvalidAuthTokenError,
  EtcdPermissionDeniedError,
  GRPCAbortedError,
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCFailedPreconditionError,
  GRPCInternalError,
  GRPCInvalidArgumentError,
  GRPCNotImplementedError,
  GRPCOutOfRangeError,
  GRPCResourceExhastedError,
  GRPCUnavailableError,
  GRPCUnknownError,
} from 'etcd3';
import { messageOf } from '../../lib/errors.ts';
import { StorageError } from './storage.ts';

/** The link broke, the member is down, frozen or without leader: another member, or this one later, may answer. */
const LINK_FAILURES = [
  GRPCAbortedError,
  GRPCCancelledError,
  GRPCDeadlineExceededError,
  GRPCInternalError,
  GRPCUnavailableError,
  GRPCUnknownError,
];

/** Whether the same call may go well elsewhere or later. What became of it is not known. */
export function isLinkFailure(error: unknown): boolean {
  return LINK_FAILURES.some((type) => error instanceof type);
}

/** Whether the login must be repeated: the token is unknown (member restarted), or older than a change of users or roles. */
export function isStaleLogin(error: unknown): boolean {
  return error instanceof EtcdInvalidAuthTokenError || saysAny(error, ['revision of auth store is old']);
}

/** What the callers of a store are told of a failed call to etcd. */
export function toStorageError(error: unknown, key: string): StorageError {
  if (error instanceof StorageError) return error;
  // etcd has one code for both, and several for too large: only its fixed texts tell
  if (error instanceof GRPCOutOfRangeError) {
    return new StorageError(saysAny(error, ['has been compacted']) ? 'Compacted' : 'TooLarge', key, { cause: error });
  }
  if (error instanceof GRPCInvalidArgumentError && saysAny(error, ['request is too large'])) {
    const message = `${key}: the value is larger than what etcd takes in one request (its --max-request-bytes)`;
    return new StorageError('ValueTooLarge', key, { cause: error, message });
  }
  return unavailable(error, key);
}

/** `Unavailable`, with what a tired operator should do. */
export function unavailable(error: unknown, key = ''): StorageError {
  return new StorageError('Unavailable', key, { cause: error, message: `etcd ${explain(error)}` });
}

function explain(error: unknown): string {
  const text = messageOf(error)
    .replace(/^\w+: /, '')
    // what the client says of a failed TLS handshake, and now and then where nobody listens
    .replace(/ Last error: null\..*$/, ' Nobody listens, or the set-up was cut off: check endpoints and certificates');
  if (error instanceof EtcdAuthenticationFailedError) return 'refused the user name or password: check the credentials';
  if (error instanceof EtcdPermissionDeniedError) {
    return 'denied permission: grant the user a role with readwrite on the whole --etcd-prefix';
  }
  if (error instanceof GRPCFailedPreconditionError && text.includes('authentication is not enabled')) {
    return 'does not use authentication: start without credentials, or enable it with `etcdctl auth enable`';
  }
  if (error instanceof GRPCInvalidArgumentError && text.includes('user name is empty')) {
    return 'wants a user: give credentials (--etcd-credentials-file) or a client certificate';
  }
  if (error instanceof GRPCResourceExhastedError && text.includes('database space exceeded')) {
    return 'is out of space: compact and defragment it, then `etcdctl alarm disarm`';
  }
  if (error instanceof GRPCNotImplementedError) return `does not speak the v3 API: ${text}`;
  return `cannot be reached or did not answer in time (${text}); whether a change was made is not known`;
}

function saysAny(error: unknown, texts: readonly string[]): boolean {
  return error instanceof Error && texts.some((text) => error.message.includes(text));
}
