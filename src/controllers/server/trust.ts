import { knownHostName, type HostKey, type KnownHost } from '../../api/knownHost.ts';
import { API_VERSION } from '../../api/meta.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { readMachineID } from '../../host/machineID.ts';
import { isAlreadyExists } from '../../kube/apiError.ts';
import type { Client } from '../../kube/client.ts';
import { toTime, type Clock } from '../../lib/clock.ts';
import { TerminalError, TransientError } from '../../lib/errors.ts';
import { HostKeyRefused } from '../../ssh/connectErrors.ts';
import type { HostTrust } from '../../ssh/connectOptions.ts';
import { fingerprint, sameHostKey } from '../../ssh/knownHostKey.ts';
import type { Connection, LoginFacts } from '../../ssh/session.ts';
import { knownHosts } from '../../kube/hostlerResources.ts';

/** Where an address is looked at from: this and the address name the KnownHost. */
type KnownFrom = Pick<TrustOptions, 'namespace' | 'port' | 'via'>;

/** The KnownHost of an address: of the way to it, too. */
export function knownHostKey(
  address: string,
  { namespace, port, via }: KnownFrom,
): { namespace: string; name: string } {
  return { namespace, name: knownHostName(address, port, via) };
}

/** What trusting a host depends on. */
export interface TrustOptions {
  client: Client;
  clock: Clock;
  namespace: string;
  port: number;
  /** The last jump host, if any: what is behind another is another machine, whatever its address. */
  via: string | undefined;
  policy: 'TrustOnFirstUse' | 'Strict';
  /** Of ServerOperation ApproveHostKey: this key, and no other, may replace what is stored. */
  approvedFingerprint: string | undefined;
  /** KnownHosts of the same Server under other addresses and ports; asked where an address has none of its own. */
  elsewhere: () => Promise<readonly KnownHost[]>;
  signal: AbortSignal;
}

/**
 * Trust of one address, backed by its KnownHost: what is not stored there is not trusted. Where there is none yet, the
 * keys by which the Server is known elsewhere count, so that a new address or port is no new host; under Strict nobody
 * but a person says what is trusted where.
 */
export async function trustOf(address: string, options: TrustOptions): Promise<HostTrust> {
  const { client, signal } = options;
  const key = knownHostKey(address, options);
  const stored = await client.find(knownHosts, key, { signal });
  const { approvedFingerprint } = options;
  if (
    approvedFingerprint === undefined ||
    stored?.spec.keys.some((one) => fingerprint(one) === approvedFingerprint) === true
  ) {
    const known = stored === undefined && options.policy !== 'Strict' ? await options.elsewhere() : [];
    if (known.length > 0) return trustFrom(known, address, options);
    return {
      name: key.name,
      keys: stored?.spec.keys ?? [],
      policy: options.policy,
      store: (offered) => create(address, { keys: [offered] }, options),
    };
  }
  return {
    keys: [],
    policy: 'TrustOnFirstUse',
    store: (offered) => approve(address, offered, stored, { ...options, approvedFingerprint }),
  };
}

/** The machine behind the key goes with it: a clone under the new address is another machine. */
function trustFrom(known: readonly KnownHost[], address: string, options: TrustOptions): HostTrust {
  const machineOf = (offered: HostKey) =>
    known.find(({ spec }) => spec.machineID !== undefined && spec.keys.some((key) => sameHostKey(key, offered)))?.spec
      .machineID;
  return {
    keys: known.flatMap(({ spec }) => spec.keys),
    knownAs: known.map(({ metadata }) => metadata.name),
    policy: options.policy,
    store: (offered) => {
      const machineID = machineOf(offered);
      return create(address, { keys: [offered], ...(machineID !== undefined && { machineID }) }, options);
    },
  };
}

async function create(
  address: string,
  trusted: Pick<KnownHost['spec'], 'keys' | 'machineID'>,
  options: TrustOptions,
): Promise<void> {
  const { client, clock, port, via, signal } = options;
  const key = knownHostKey(address, options);
  const object: KnownHost = {
    apiVersion: API_VERSION,
    kind: 'KnownHost',
    metadata: key,
    spec: { address, port, ...(via !== undefined && { via }), ...trusted },
  };
  try {
    await client.create(knownHosts, object, { signal });
  } catch (error) {
    // somebody was faster: then their key counts, and the next run compares with it
    if (isAlreadyExists(error))
      throw new TransientError('TrustNotStored', `KnownHost ${key.name} was written by somebody else meanwhile.`, {
        cause: error,
      });
    throw error;
  }
  await client.patch(
    knownHosts,
    key,
    { status: { firstSeen: toTime(clock.now()) } },
    { subresource: 'status', signal },
  );
}

async function approve(
  address: string,
  offered: HostKey,
  stored: KnownHost | undefined,
  options: TrustOptions & { approvedFingerprint: string },
): Promise<void> {
  if (fingerprint(offered) !== options.approvedFingerprint) {
    throw new HostKeyRefused(
      'HostKeyMismatch',
      `${address} offers ${offered.type} ${fingerprint(offered)}, not the approved ${options.approvedFingerprint}.`,
      {
        address,
        port: options.port,
        offered,
        remedy: 'Compare with ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the host itself.',
      },
    );
  }
  if (stored === undefined) return create(address, { keys: [offered] }, options);
  const { client, signal } = options;
  const key = knownHostKey(address, options);
  // keys of other types belonged to the machine that is gone
  await client.patch(knownHosts, key, { spec: { keys: [offered], machineID: null } }, { signal });
  await client.patch(knownHosts, key, { status: { offeredKeys: null } }, { subresource: 'status', signal });
}

/**
 * Makes the KnownHost say what the host has proven beside the trusted key, and which machine it is. Under Strict the
 * keys are a person's: whoever keeps them in Git or applies them again would take away what was added, each time.
 */
export async function completeKnownHost(
  address: string,
  found: { hostKeys: readonly HostKey[]; machineID: string | undefined },
  options: Pick<TrustOptions, 'client' | keyof KnownFrom | 'policy' | 'signal'> & {
    stored: KnownHost | undefined;
  },
): Promise<void> {
  const { stored, policy } = options;
  if (stored === undefined) return;
  const proven = policy === 'Strict' ? [] : found.hostKeys;
  const more = proven.filter((key) => !stored.spec.keys.some((one) => one.type === key.type));
  const machineID = stored.spec.machineID === undefined ? found.machineID : undefined;
  if (more.length === 0 && machineID === undefined) return;
  await options.client.patch(
    knownHosts,
    knownHostKey(address, options),
    {
      spec: {
        ...(more.length > 0 && { keys: [...stored.spec.keys, ...more].slice(0, 10) }),
        ...(machineID !== undefined && { machineID }),
      },
    },
    { signal: options.signal },
  );
}

/**
 * Before anything else is done with a new connection: it must be the trusted machine.
 * @param stored  Its KnownHost; may be a copy that lags behind.
 * @throws TerminalError MachineReplaced, and what Session.run throws; the connection is closed then.
 */
export async function confirmConnection(
  connection: Connection,
  stored: () => Promise<KnownHost | undefined>,
  options: Pick<TrustOptions, 'client' | keyof KnownFrom | 'approvedFingerprint' | 'signal'>,
): Promise<void> {
  try {
    const known = await stored();
    if (known?.spec.machineID === undefined) return;
    const machineID = await readMachineID(connection, options.signal);
    await confirmMachine(connection.login, machineID, { ...options, stored: known });
  } catch (error) {
    connection.close();
    throw error;
  }
}

/**
 * Stops at a machine that took the place of the trusted one with its host keys: a clone of it, or a new installation
 * that kept them. An approved key of it makes it the trusted machine.
 * @throws TerminalError MachineReplaced
 */
export async function confirmMachine(
  login: LoginFacts,
  machineID: string | undefined,
  options: Pick<TrustOptions, 'client' | keyof KnownFrom | 'approvedFingerprint' | 'signal'> & {
    stored: KnownHost | undefined;
  },
): Promise<void> {
  if (!isReplaced(options.stored, machineID)) return;
  const { client, approvedFingerprint, signal } = options;
  const key = knownHostKey(login.address, options);
  // the local copy may lag behind an approval
  const current = await client.find(knownHosts, key, { signal });
  if (!isReplaced(current, machineID)) return;
  if ([login.hostKey, ...login.hostKeys].some((one) => fingerprint(one) === approvedFingerprint)) {
    await client.patch(knownHosts, key, { spec: { machineID } }, { signal });
    return;
  }
  throw new TerminalError(
    'MachineReplaced',
    `Another machine answers at ${login.address} port ${login.port} with the trusted host key: its machine id is ${machineID}, that of the trusted one ${current?.spec.machineID ?? ''}. It is a clone, or was installed anew with the old host keys.`,
    {
      remedy: `If this is meant, create a ServerOperation of type ApproveHostKey with fingerprint ${fingerprint(login.hostKey)}, or delete KnownHost ${key.name} and those of its other addresses.`,
    },
  );
}

/** A machine that does not say which one it is cannot be told from another. */
function isReplaced(stored: KnownHost | undefined, machineID: string | undefined): machineID is string {
  const before = stored?.spec.machineID;
  return before !== undefined && machineID !== undefined && before !== machineID;
}

/** Shows a key that is not trusted, so that a person can compare it and approve it. */
export async function recordOfferedKey(
  address: string,
  offered: HostKey,
  options: Pick<TrustOptions, 'client' | keyof KnownFrom | 'signal'> & { stored: KnownHost | undefined },
): Promise<void> {
  const known = options.stored?.status?.offeredKeys ?? [];
  if (options.stored === undefined || known.some((key) => sameHostKey(key, offered))) return;
  const offeredKeys = [...known.filter((key) => key.type !== offered.type), offered].slice(-10);
  await options.client.patch(
    knownHosts,
    knownHostKey(address, options),
    { status: { offeredKeys } },
    { subresource: 'status', signal: options.signal },
  );
}

/** `status.hostKeys`: fingerprints only, with whether they are trusted. */
export function hostKeyStatus(
  keys: readonly HostKey[],
  trusted: readonly HostKey[],
): NonNullable<ServerStatus['hostKeys']> {
  return keys.slice(0, 10).map((key) => ({
    type: key.type,
    fingerprint: fingerprint(key),
    trusted: trusted.some((one) => sameHostKey(one, key)),
  }));
}
