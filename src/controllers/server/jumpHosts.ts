import { effectiveServer, type EffectiveSsh } from '../../api/effective.ts';
import type { Server } from '../../api/server.ts';
import { WaitingError } from '../../lib/errors.ts';
import { orderAddresses } from '../../ssh/addresses.ts';
import { connect } from '../../ssh/connect.ts';
import type { Connection, PooledSession } from '../../ssh/session.ts';
import type { ServerDeps } from './deps.ts';
import type { Keyring, KeyringReader } from './keyring.ts';
import { trustOf } from './trust.ts';

const RETRY_MS = 15_000;

/** Reaches the last jump host of a path: each hop is a Server, with that Server's credentials and trusted keys. */
export class JumpHosts {
  readonly #deps: ServerDeps;
  readonly #keyrings: KeyringReader;

  constructor(deps: ServerDeps, keyrings: KeyringReader) {
    this.#deps = deps;
    this.#keyrings = keyrings;
  }

  /**
   * A session of the last hop, to be released by the caller; undefined without jump hosts.
   * @throws WaitingError DependencyNotReady  while a hop was not logged into by its own Server: hops never count tries.
   */
  async reach(namespace: string, ssh: EffectiveSsh, signal: AbortSignal): Promise<PooledSession | undefined> {
    let via: PooledSession | undefined;
    for (const { serverRef } of ssh.jumpHosts ?? []) {
      const through = via;
      try {
        const hop = proven(this.#deps.servers.get({ namespace, name: serverRef.name }), serverRef.name);
        via = await this.#hop(hop, through, signal);
      } finally {
        through?.release();
      }
    }
    return via;
  }

  async #hop(hop: Server, via: PooledSession | undefined, signal: AbortSignal): Promise<PooledSession> {
    const effective = effectiveServer(hop);
    const keyring = await this.#keyrings.read(hop, effective, signal);
    // the same login as the hop's own, unless it takes another way
    const path = via === undefined ? '' : ` via ${via.peer}`;
    return this.#deps.pool.acquire({
      owner: `${hop.metadata.uid ?? ''}${path}`,
      key: keyring.version,
      address: `${effective.addresses[0]?.address ?? ''}:${String(effective.ssh.port)}`,
      signal,
      open: (opening) => this.#open(hop, keyring, via, opening),
    });
  }

  #open(hop: Server, keyring: Keyring, via: PooledSession | undefined, signal: AbortSignal): Promise<Connection> {
    const effective = effectiveServer(hop);
    const { ssh } = effective;
    const { client, clock, deniedCidrs } = this.#deps;
    const namespace = hop.metadata.namespace ?? '';
    return connect({
      addresses: orderAddresses(effective.addresses, ssh.addressType),
      port: ssh.port,
      user: ssh.user,
      // only what the hop's own Server trusts already
      trust: ({ address }) =>
        trustOf(address, {
          client,
          clock,
          namespace,
          port: ssh.port,
          policy: 'Strict',
          approvedFingerprint: undefined,
          signal,
        }),
      credential: () => Promise.resolve(keyring.main.credential),
      privilege: { mode: ssh.privilege.mode, password: () => this.#keyrings.privilegePassword(hop, effective, signal) },
      ...(via && { via }),
      deniedCidrs,
      signal,
    });
  }
}

function proven(hop: Server | undefined, name: string): Server {
  const auth = hop?.status?.auth;
  if (hop !== undefined && auth?.acceptedVersion !== undefined && auth.failures === undefined) return hop;
  throw new WaitingError(
    'DependencyNotReady',
    `Jump host ${name} ${hop === undefined ? 'does not exist' : 'is not logged into yet'}.`,
    {
      afterMs: RETRY_MS,
      remedy: `It must be a Server of this namespace with Authenticated=True: kubectl describe server ${name}.`,
    },
  );
}
