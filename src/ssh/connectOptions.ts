import type { HostKey } from '../api/knownHost.ts';
import type { HostAddress } from './addresses.ts';
import type { PooledSession } from './session.ts';

/** What proves who we are. Fetched only after the host key is trusted and the trust is stored. */
export type Credential =
  | { kind: 'key'; privateKey: string; passphrase?: string | undefined }
  /** Also answers keyboard-interactive when it asks exactly one hidden question. */
  | { kind: 'password'; password: string };

/** What decides whether a host is the one we mean. */
export interface HostTrust {
  /** Name of the KnownHost of this address, for messages. */
  name?: string;
  /** Keys that are trusted for this address; empty when none is. Only their algorithms are offered to the host. */
  keys: readonly HostKey[];
  /**
   * Names of the KnownHosts that `keys` come from where this address has none of its own: the same host under another
   * address or port. The key that the host proves is then stored for this address too.
   */
  knownAs?: readonly string[];
  policy: 'TrustOnFirstUse' | 'Strict';
  /**
   * Stores `key` as trusted; awaited before any credential is fetched. Called at most once, only with policy
   * TrustOnFirstUse and no `keys` of this address, after the host proved that it holds the key. A rejection ends the login:
   * a ReconcileError as it is, anything else as TransientError TrustNotStored.
   */
  store: (key: HostKey) => Promise<void>;
}

/** How root is had; the password is asked for at the first prompt of sudo, then kept as long as the session. */
export interface PrivilegeOptions {
  mode: 'Auto' | 'None' | 'Sudo' | 'Doas';
  password?: () => Promise<string | undefined>;
}

/** See connect. All times in milliseconds. */
export interface ConnectOptions {
  /** In the order to try: see orderAddresses. */
  addresses: readonly HostAddress[];
  port: number;
  user: string;
  /** Trust per declared address, as each address has its own KnownHost. Asked before the TCP connection. */
  trust: (address: HostAddress) => HostTrust | Promise<HostTrust>;
  /** Called at most once, after the host key is trusted and stored. What it throws ends the login as it is. */
  credential: () => Promise<Credential>;
  privilege: PrivilegeOptions;
  /** An open session of the last jump host; names are then resolved there. Stays the caller's to release. */
  via?: Pick<PooledSession, 'tunnel' | 'run'>;
  /** Ranges that may not be connected to, checked after name resolution. Example: `169.254.0.0/16`. */
  deniedCidrs?: readonly string[];
  signal?: AbortSignal;
  timeouts?: {
    /** Name resolution and TCP, per address; default 10 000. */
    connectMs?: number;
    /** From TCP to the proven host key; default 15 000. */
    handshakeMs?: number;
    /** The login itself; default 30 000 (sshd's own default is 120 s). */
    loginMs?: number;
  };
  /** Between keepalives, three of which may stay unanswered; default 15 000. */
  keepaliveMs?: number;
}
