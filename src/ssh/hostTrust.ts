import type { HostKey } from '../api/knownHost.ts';
import { ReconcileError, TransientError } from '../lib/errors.ts';
import type { HostTrust } from './connectOptions.ts';
import { HostKeyRefused } from './connectErrors.ts';
import { hostPort } from './dial.ts';
import { fingerprint, sameHostKey } from './knownHostKey.ts';

const COMPARE = 'Compare the fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub)';
const APPROVE = 'approve it with a ServerOperation of type ApproveHostKey';
/** Names shown of what may be thousands where machines were cloned. */
const SHOWN_NAMES = 3;

/** The declared address that was connected to. */
export interface Place {
  address: string;
  port: number;
}

/** Undefined when `offered` is trusted, or may be trusted on first use. */
export function judgeHostKey(offered: HostKey, trust: HostTrust, place: Place): HostKeyRefused | undefined {
  if (trust.keys.some((key) => sameHostKey(key, offered))) return undefined;
  const found = `${hostPort(place.address, place.port)} offers the host key ${offered.type} ${fingerprint(offered)}`;
  if (trust.keys.length > 0) {
    if (trust.knownAs !== undefined) return anotherHost(offered, trust.knownAs, { place, found });
    const known = trust.keys.filter((key) => key.type === offered.type).map((key) => fingerprint(key));
    const why = `${found}, but ${known.join(', ')} is trusted: the host was reinstalled or replaced, or somebody stands in between. No credential was sent.`;
    return new HostKeyRefused('HostKeyMismatch', why, { ...place, offered, remedy: `${COMPARE}, then ${APPROVE}.` });
  }
  if (trust.policy === 'TrustOnFirstUse') return undefined;
  const named = trust.name === undefined ? 'no KnownHost' : `no KnownHost ${trust.name}`;
  const why = `${found}, ${named} exists, and spec.ssh.hostKeyPolicy is Strict. No credential was sent.`;
  return new HostKeyRefused('HostKeyUnknown', why, {
    ...place,
    offered,
    remedy: `Create that KnownHost with the host's key, or ${APPROVE}.`,
  });
}

/** The address or port is new, and what answers there is not the host that the Server has been so far. */
function anotherHost(
  offered: HostKey,
  knownAs: readonly string[],
  { place, found }: { place: Place; found: string },
): HostKeyRefused {
  const names = knownAs.slice(0, SHOWN_NAMES).join(', ');
  const more = knownAs.length > SHOWN_NAMES ? ` and ${knownAs.length - SHOWN_NAMES} more` : '';
  const why = `${found}, which is none of the keys that are trusted for this Server so far (KnownHost ${names}${more}): another machine answers at this address, the host was reinstalled, or somebody stands in between. No credential was sent.`;
  return new HostKeyRefused('HostKeyMismatch', why, {
    ...place,
    offered,
    remedy: `If the Server is to be this machine: ${COMPARE}, then create a ServerOperation of type ApproveHostKey with fingerprint ${fingerprint(offered)}. Else correct spec.addresses and spec.ssh.port.`,
  });
}

/** The host still lives, but with keys of other types than the trusted ones; `offered` is one of them. */
export function keyTypeUnavailable(offered: HostKey, trust: HostTrust, place: Place, cause: Error): HostKeyRefused {
  const types = trust.keys.map((key) => key.type).join(', ');
  const why = `${hostPort(place.address, place.port)} offers no host key of a trusted type (${types}) any more, but ${offered.type} ${fingerprint(offered)}. No credential was sent.`;
  return new HostKeyRefused('KeyTypeUnavailable', why, {
    ...place,
    offered,
    cause,
    remedy: `Bring that key back on the host. Or: ${COMPARE}, then ${APPROVE}.`,
  });
}

/** Stores first trust, before any credential. @throws TransientError TrustNotStored */
export async function storeTrust(trust: HostTrust, key: HostKey, place: Place): Promise<void> {
  try {
    await trust.store(key);
  } catch (cause) {
    if (cause instanceof ReconcileError) throw cause;
    const where = hostPort(place.address, place.port);
    throw new TransientError(
      'TrustNotStored',
      `The host key of ${where} could not be stored, so no credential was sent.`,
      {
        cause,
        remedy: 'Check that Hostler may create KnownHosts in the namespace.',
      },
    );
  }
}
