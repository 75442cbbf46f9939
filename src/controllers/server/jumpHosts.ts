import { findCondition, type ConditionType } from '../../api/conditions.ts';
import { effectiveServer, lastHop, type EffectiveServer } from '../../api/effective.ts';
import type { Server } from '../../api/server.ts';
import { knownHosts } from '../../kube/hostlerResources.ts';
import { digest } from '../../lib/canonicalJson.ts';
import { findCause, ReconcileError, TerminalError, WaitingError } from '../../lib/errors.ts';
import { orderAddresses } from '../../ssh/addresses.ts';
import { connect } from '../../ssh/connect.ts';
import { AuthenticationRejected } from '../../ssh/connectErrors.ts';
import type { Connection, PooledSession } from '../../ssh/session.ts';
import type { ServerDeps } from './deps.ts';
import type { Keyring, KeyringReader } from './keyring.ts';
import { confirmConnection, knownHostKey, trustOf, type TrustOptions } from './trust.ts';

const RETRY_MS = 15_000;
/** After which a hop that refused is tried once more: it may have been a moment's trouble, which its Server never saw. */
const TRY_AGAIN_MS = 900_000;

/** A way to a host: the Servers to go through, nearest to Hostler first. */
export interface JumpPath {
  hops: readonly Server[];
  /** Another one when a hop was logged into with other credentials; empty without hops. No secret. */
  version: string;
}

interface Trying {
  signal: AbortSignal;
  /** Somebody says that what was wrong is put right. */
  forced: boolean;
}

/** Leads through jump hosts: each hop is a Server, with that Server's credentials and trusted keys. */
export class JumpHosts {
  readonly #deps: ServerDeps;
  readonly #keyrings: KeyringReader;
  /** By UID: the state of a hop in which it refused a login that its own Server had proven, and when it did. */
  readonly #refused = new Map<string, { state: string; at: number }>();

  constructor(deps: ServerDeps, keyrings: KeyringReader) {
    this.#deps = deps;
    this.#keyrings = keyrings;
  }

  /**
   * The way to `server`; from the local copy, so that every look can afford it. The nearest hop is reached the way that
   * its own Server is.
   * @throws WaitingError DependencyNotReady  while a hop is missing, was never logged into or is not trusted any more.
   * @throws TerminalError InvalidSpec  when it leads in a circle.
   */
  pathOf(server: Server): JumpPath {
    const hops = this.#route(server);
    for (const hop of hops) {
      if (hop.status?.auth?.acceptedVersion === undefined) throw unusable(hop, 'is not logged into yet');
      refuseWhileFalse(hop, 'HostKeyVerified');
    }
    const proven = hops.map(({ metadata, status }) => [metadata.uid, status?.auth?.acceptedVersion]);
    return { hops, version: hops.length === 0 ? '' : digest(proven) };
  }

  #route(server: Server): Server[] {
    const { namespace = '', name } = server.metadata;
    for (let hops = this.#hopsOf(server, namespace); ;) {
      const names = [...hops.map((hop) => hop.metadata.name), name];
      if (new Set(names).size < names.length) throw circle(names);
      const before = hops[0] === undefined ? [] : this.#hopsOf(hops[0], namespace);
      if (before.length === 0) return hops;
      hops = [...before, ...hops];
    }
  }

  #hopsOf(server: Server, namespace: string): Server[] {
    return (effectiveServer(server).ssh.jumpHosts ?? []).map(({ serverRef: { name } }) => {
      const hop = this.#deps.servers.get({ namespace, name });
      if (hop === undefined) throw unusable({ metadata: { name } }, 'does not exist');
      return hop;
    });
  }

  /**
   * A session of the last hop, to be released by the caller; undefined without hops. Hops never count tries: only what
   * their own Servers have proven is tried, and for a while not again once it was refused, unless `forced`.
   * @throws WaitingError DependencyNotReady  naming the hop and what is wrong with it.
   */
  async reach({ hops }: JumpPath, trying: Trying): Promise<PooledSession | undefined> {
    let via: PooledSession | undefined;
    for (const hop of hops) {
      const through = via;
      try {
        via = await this.#hop(hop, through, trying);
      } catch (error) {
        trying.signal.throwIfAborted();
        throw this.#failed(hop, error);
      } finally {
        through?.release();
      }
    }
    return via;
  }

  async #hop(hop: Server, via: PooledSession | undefined, trying: Trying): Promise<PooledSession> {
    const effective = effectiveServer(hop);
    const keyring = await this.#provenKeyring(hop, effective, trying);
    // the same login as the hop's own, unless it takes another way
    const path = via === undefined ? '' : ` via ${via.peer}`;
    return this.#deps.pool.acquire({
      owner: `${hop.metadata.uid ?? ''}${path}`,
      key: keyring.version,
      address: `${effective.addresses[0]?.address ?? ''}:${String(effective.ssh.port)}`,
      signal: trying.signal,
      open: (opening) => this.#open(hop, keyring, via, opening),
    });
  }

  async #provenKeyring(hop: Server, effective: EffectiveServer, { signal, forced }: Trying): Promise<Keyring> {
    for (const type of ['Reachable', 'Authenticated'] as const) refuseWhileFalse(hop, type);
    if (!forced && this.#hasRefused(hop)) throw unusable(hop, 'refused the last login');
    const keyring = await this.#keyrings.read(hop, effective, signal);
    const auth = hop.status?.auth;
    if (auth?.acceptedVersion === keyring.version && auth.failures === undefined) return keyring;
    throw unusable(hop, 'is not logged into yet with its present credentials');
  }

  #hasRefused(hop: Server): boolean {
    const { state, at } = this.#refused.get(hop.metadata.uid ?? '') ?? {};
    return state === stateOf(hop) && at !== undefined && this.#deps.clock.now() - at < TRY_AGAIN_MS;
  }

  /** Without a cause: what is wrong with a hop must not pass for what is wrong with the host behind it. */
  #failed(hop: Server, error: unknown): unknown {
    const known = findCause(error, ReconcileError);
    if (known === undefined || known.reason === 'DependencyNotReady') return error;
    if (known instanceof AuthenticationRejected)
      this.#refused.set(hop.metadata.uid ?? '', { state: stateOf(hop), at: this.#deps.clock.now() });
    return unusable(hop, `cannot be used: ${known.reason}: ${known.message}`);
  }

  /** Only what the hop's own Server trusts already: its keys, and the machine behind them. */
  async #open(hop: Server, keyring: Keyring, via: PooledSession | undefined, signal: AbortSignal): Promise<Connection> {
    const effective = effectiveServer(hop);
    const { ssh } = effective;
    const { client, clock, deniedCidrs } = this.#deps;
    const namespace = hop.metadata.namespace ?? '';
    const trust: TrustOptions = {
      client,
      clock,
      namespace,
      port: ssh.port,
      via: lastHop(ssh),
      policy: 'Strict',
      approvedFingerprint: undefined,
      elsewhere: () => Promise.resolve([]),
      signal,
    };
    const connection = await connect({
      addresses: orderAddresses(effective.addresses, ssh.addressType),
      port: ssh.port,
      user: ssh.user,
      trust: ({ address }) => trustOf(address, trust),
      credential: () => Promise.resolve(keyring.main.credential),
      privilege: this.#keyrings.privilege(hop, effective, signal),
      ...(via && { via }),
      deniedCidrs,
      signal,
    });
    const key = knownHostKey(connection.login.address, trust);
    await confirmConnection(connection, () => client.find(knownHosts, key, { signal }), trust);
    return connection;
  }
}

/** Moves with everything that its own Server finds out. */
function stateOf({ metadata }: Server): string {
  return metadata.resourceVersion ?? '';
}

/** @throws WaitingError DependencyNotReady */
function refuseWhileFalse(hop: Server, type: ConditionType): void {
  const condition = findCondition(hop.status?.conditions, type);
  if (condition?.status !== 'False') return;
  throw unusable(hop, `cannot be used: ${condition.reason}: ${condition.message}`);
}

function unusable({ metadata: { name } }: { metadata: { name: string } }, why: string): WaitingError {
  const sentence = why.endsWith('.') ? why : `${why}.`;
  return new WaitingError('DependencyNotReady', `Jump host ${name} ${sentence}`, {
    afterMs: RETRY_MS,
    remedy: `It must be a Server of this namespace with Authenticated=True: kubectl describe server ${name}.`,
  });
}

function circle(names: readonly string[]): TerminalError {
  return new TerminalError('InvalidSpec', `spec.ssh.jumpHosts lead in a circle: ${names.join(' → ')}.`, {
    remedy: 'Take one of these Servers out of the spec.ssh.jumpHosts of another.',
  });
}
