import type { Clock } from '../../lib/clock.ts';

/** A certificate and its private key, both PEM. */
export interface KeyPair {
  cert: string;
  key: string;
}

/** Who a client certificate speaks for. */
export interface ClientIdentity {
  /** File name in the pki directory, without extension. */
  name: string;
  /** User name (CN). */
  user: string;
  /** Groups (O). */
  groups: readonly string[];
}

/** The person who runs this server: may do everything. */
export const ADMIN: ClientIdentity = { name: 'admin', user: 'hostler-admin', groups: ['system:masters'] };

/** The controllers of this process: an ordinary user. */
export const CONTROLLER_MANAGER: ClientIdentity = {
  name: 'controller-manager',
  user: 'system:hostler-controller-manager',
  groups: ['hostler:controllers'],
};

/** The certificates of one server. */
export interface Pki {
  /** Certificate of the own CA, PEM. */
  ca: string;
  serving: KeyPair;
  /** The client certificate of `identity`, made or renewed when needed. */
  client(identity: ClientIdentity): Promise<KeyPair>;
}

/**
 * Makes what is missing or near its end in `directory`: CA, serving certificate for `hosts`. Safe to run at every start.
 * @param options.hosts  DNS names and IP addresses clients use; loopback names are added.
 */
export async function ensurePki(directory: string, options: { hosts: readonly string[]; clock?: Clock }): Promise<Pki> {
  return Promise.reject(new Error(`not implemented: ${directory} ${options.hosts.length}`));
}
