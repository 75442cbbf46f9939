import type { Reason } from '../api/reasons.ts';
import { ReconcileError, TerminalError } from '../lib/errors.ts';
import type { HostAddress } from './addresses.ts';
import { AddressesFailed, HostKeyRefused } from './connectErrors.ts';
import type { ConnectOptions, Credential, HostTrust } from './connectOptions.ts';
import { dial, hostPort } from './dial.ts';
import { logIn, type LoggedIn } from './handshake.ts';
import { keyTypeUnavailable } from './hostTrust.ts';
import type { AddressFailure, Connection } from './session.ts';
import { Ssh2Session } from './ssh2Session.ts';

/**
 * Logs in to the first address that answers and finds out how to become root there.
 * Another address is tried only after one that could not be reached; a wrong host key or a rejected login ends it.
 *
 * Order, per address: resolve → denied ranges → TCP → key exchange, the host proves its key → compared with `trust`
 * → stored if first use → `credential` fetched → one login attempt → privilege looked at.
 * @throws AddressesFailed  when no address answers: ConnectionTimedOut, ConnectionRefused, NameResolutionFailed, NoRoute,
 *   AddressDenied, ConnectionThrottled, ProtocolError, ConnectionLost.
 * @throws HostKeyRefused HostKeyMismatch | HostKeyUnknown | KeyTypeUnavailable; TerminalError KeyUnreadable | KeyTooWeak |
 *   PassphraseRequired.
 * @throws TransientError TrustNotStored | ConnectionLost | ConnectionTimedOut.
 * @throws AuthenticationRejected CredentialsRejected.
 * Never throws because root cannot be had: see Session.privilegeFailure.
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const failures: AddressFailure[] = [];
  const used: { credential?: Promise<Credential> } = {};
  const credential = (): Promise<Credential> => (used.credential ??= options.credential());
  for (const address of options.addresses) {
    options.signal?.throwIfAborted();
    try {
      return await connectTo(address, { ...options, credential }, failures);
    } catch (error) {
      if (used.credential !== undefined || !isUnreachable(error)) throw error;
      failures.push({ address: hostPort(address.address, options.port), error });
    }
  }
  const [first, ...others] = failures;
  if (first === undefined) {
    throw new TerminalError('InvalidSpec', 'The Server has no address to connect to.', {
      remedy: 'Add one to spec.addresses, of the type that spec.ssh.addressType names.',
    });
  }
  throw new AddressesFailed([first, ...others]);
}

/** Another address may do better; after anything else it must not even be tried. */
const unreachableReasons: ReadonlySet<Reason> = new Set<Reason>([
  'ConnectionTimedOut',
  'ConnectionRefused',
  'NameResolutionFailed',
  'NoRoute',
  'AddressDenied',
  'ConnectionThrottled',
  'ProtocolError',
]);

function isUnreachable(error: unknown): error is ReconcileError {
  return error instanceof ReconcileError && unreachableReasons.has(error.reason);
}

async function connectTo(
  address: HostAddress,
  options: ConnectOptions,
  failedAddresses: readonly AddressFailure[],
): Promise<Connection> {
  const trust = await options.trust(address);
  const { loggedIn, peer } = await logInTo(address, options, trust).catch(async (error: unknown) => {
    throw isKeyTypeUnavailable(error) ? await withOfferedKey(error, address, options, trust) : error;
  });
  const { method, hostKey, hostKeys, ...link } = loggedIn;
  const login = {
    user: options.user,
    method,
    address: address.address,
    port: options.port,
    hostKey,
    trust: loggedIn.trust,
    hostKeys,
    failedAddresses: [...failedAddresses],
  };
  try {
    return await Ssh2Session.open({ ...link, peer, login, privilege: options.privilege }, options.signal);
  } catch (error) {
    loggedIn.destroy();
    throw error;
  }
}

async function logInTo(
  address: HostAddress,
  options: ConnectOptions,
  trust: HostTrust,
): Promise<{ loggedIn: LoggedIn; peer: string }> {
  const { port, user, credential, signal, timeouts = {} } = options;
  const { stream, peer } = await dial(address, {
    port,
    signal,
    via: options.via,
    deniedCidrs: options.deniedCidrs ?? [],
    connectMs: timeouts.connectMs ?? 10_000,
  });
  const loggedIn = await logIn({
    stream,
    place: { address: address.address, port },
    user,
    trust,
    credential,
    handshakeMs: timeouts.handshakeMs ?? 15_000,
    loginMs: timeouts.loginMs ?? 30_000,
    keepaliveMs: options.keepaliveMs ?? 15_000,
    signal,
  });
  return { loggedIn, peer };
}

function isKeyTypeUnavailable(error: unknown): error is TerminalError {
  return error instanceof TerminalError && error.reason === 'KeyTypeUnavailable';
}

/** Knocks once more, trusting nothing, to learn which key the host has instead: somebody must be able to approve it. */
async function withOfferedKey(
  error: TerminalError,
  address: HostAddress,
  options: ConnectOptions,
  trust: HostTrust,
): Promise<ReconcileError> {
  const nothing: HostTrust = { keys: [], policy: 'Strict', store: () => Promise.reject(error) };
  const outcome: unknown = await logInTo(
    address,
    { ...options, credential: () => Promise.reject(error) },
    nothing,
  ).catch((refusal: unknown) => refusal);
  if (!(outcome instanceof HostKeyRefused)) return error;
  return keyTypeUnavailable(outcome.offered, trust, { address: address.address, port: options.port }, error);
}
