import { knownHostName, type HostKey, type KnownHost } from '../../api/knownHost.ts';
import { API_VERSION } from '../../api/meta.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { isAlreadyExists } from '../../kube/apiError.ts';
import type { Client } from '../../kube/client.ts';
import { toTime, type Clock } from '../../lib/clock.ts';
import { TransientError } from '../../lib/errors.ts';
import { HostKeyRefused } from '../../ssh/connectErrors.ts';
import type { HostTrust } from '../../ssh/connectOptions.ts';
import { fingerprint, sameHostKey } from '../../ssh/knownHostKey.ts';
import { knownHosts } from '../../kube/hostlerResources.ts';

/** What trusting a host depends on. */
export interface TrustOptions {
  client: Client;
  clock: Clock;
  namespace: string;
  port: number;
  policy: 'TrustOnFirstUse' | 'Strict';
  /** Of ServerOperation ApproveHostKey: this key, and no other, may replace what is stored. */
  approvedFingerprint: string | undefined;
  signal: AbortSignal;
}

/** Trust of one address, backed by its KnownHost: what is not stored there is not trusted. */
export async function trustOf(address: string, options: TrustOptions): Promise<HostTrust> {
  const { client, namespace, port, signal } = options;
  const key = { namespace, name: knownHostName(address, port) };
  const stored = await client.find(knownHosts, key, { signal });
  const { approvedFingerprint } = options;
  if (
    approvedFingerprint === undefined ||
    stored?.spec.keys.some((one) => fingerprint(one) === approvedFingerprint) === true
  ) {
    return {
      keys: stored?.spec.keys ?? [],
      policy: options.policy,
      store: (offered) => create(address, offered, options),
    };
  }
  return {
    keys: [],
    policy: 'TrustOnFirstUse',
    store: (offered) => approve(address, offered, stored, { ...options, approvedFingerprint }),
  };
}

async function create(address: string, offered: HostKey, options: TrustOptions): Promise<void> {
  const { client, clock, namespace, port, signal } = options;
  const object: KnownHost = {
    apiVersion: API_VERSION,
    kind: 'KnownHost',
    metadata: { name: knownHostName(address, port), namespace },
    spec: { address, port, keys: [offered] },
  };
  try {
    await client.create(knownHosts, object, { signal });
  } catch (error) {
    // somebody was faster: then their key counts, and the next run compares with it
    if (isAlreadyExists(error))
      throw new TransientError(
        'TrustNotStored',
        `KnownHost ${object.metadata.name} was written by somebody else meanwhile.`,
        { cause: error },
      );
    throw error;
  }
  const key = { namespace, name: object.metadata.name };
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
  if (stored === undefined) return create(address, offered, options);
  const { client, namespace, port, signal } = options;
  const key = { namespace, name: knownHostName(address, port) };
  // keys of other types belonged to the machine that is gone
  await client.patch(knownHosts, key, { spec: { keys: [offered], machineID: null } }, { signal });
  await client.patch(knownHosts, key, { status: { offeredKeys: null } }, { subresource: 'status', signal });
}

/** Makes the KnownHost say what the host has proven beside the trusted key, and which machine it is. */
export async function completeKnownHost(
  address: string,
  found: { hostKeys: readonly HostKey[]; machineID: string | undefined },
  options: Pick<TrustOptions, 'client' | 'namespace' | 'port' | 'signal'> & { stored: KnownHost | undefined },
): Promise<void> {
  const { stored } = options;
  if (stored === undefined) return;
  const more = found.hostKeys.filter((key) => !stored.spec.keys.some((one) => one.type === key.type));
  const machineID = stored.spec.machineID === undefined ? found.machineID : undefined;
  if (more.length === 0 && machineID === undefined) return;
  await options.client.patch(
    knownHosts,
    { namespace: options.namespace, name: knownHostName(address, options.port) },
    { spec: { keys: [...stored.spec.keys, ...more].slice(0, 10), ...(machineID !== undefined && { machineID }) } },
    { signal: options.signal },
  );
}

/** Shows a key that is not trusted, so that a person can compare it and approve it. */
export async function recordOfferedKey(
  address: string,
  offered: HostKey,
  options: Pick<TrustOptions, 'client' | 'namespace' | 'port' | 'signal'> & { stored: KnownHost | undefined },
): Promise<void> {
  const known = options.stored?.status?.offeredKeys ?? [];
  if (options.stored === undefined || known.some((key) => sameHostKey(key, offered))) return;
  const offeredKeys = [...known.filter((key) => key.type !== offered.type), offered].slice(-10);
  await options.client.patch(
    knownHosts,
    { namespace: options.namespace, name: knownHostName(address, options.port) },
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
