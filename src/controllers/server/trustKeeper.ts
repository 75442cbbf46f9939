import { lastHop } from '../../api/effective.ts';
import type { KnownHost } from '../../api/knownHost.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { knownHosts } from '../../kube/hostlerResources.ts';
import type { HostKeyRefused } from '../../ssh/connectErrors.ts';
import { fingerprint, sameHostKey } from '../../ssh/knownHostKey.ts';
import type { Connection, LoginFacts, PooledSession } from '../../ssh/session.ts';
import type { ServerDeps } from './deps.ts';
import type { Scope } from './scope.ts';
import {
  completeKnownHost,
  confirmConnection,
  confirmMachine,
  hostKeyStatus,
  knownHostKey,
  recordOfferedKey,
  type TrustOptions,
} from './trust.ts';

type HostKeys = NonNullable<ServerStatus['hostKeys']>;
type Place = Pick<LoginFacts, 'address' | 'port'>;

/** What a run asks about the trust in its host, answered from the KnownHosts; the rules are in trust.ts. */
export class TrustKeeper {
  readonly #deps: Pick<ServerDeps, 'client' | 'clock' | 'knownHosts'>;

  constructor(deps: Pick<ServerDeps, 'client' | 'clock' | 'knownHosts'>) {
    this.#deps = deps;
  }

  options(scope: Scope, signal: AbortSignal): TrustOptions {
    return {
      client: this.#deps.client,
      clock: this.#deps.clock,
      ...knownFrom(scope),
      policy: scope.effective.ssh.hostKeyPolicy,
      approvedFingerprint: scope.approvedFingerprint,
      elsewhere: () => this.#elsewhere(scope),
      signal,
    };
  }

  /**
   * What became of the approved key. `open`: it is not trusted yet; `stored`: it is, and it may be that another machine
   * than the trusted one has it, which only a login tells; `kept`: nothing of the approval is left to do.
   */
  async approval(scope: Scope): Promise<'none' | 'open' | 'stored' | 'kept'> {
    const { approvedFingerprint, effective, signal } = scope;
    if (approvedFingerprint === undefined) return 'none';
    for (const { address } of effective.addresses) {
      const key = keyOf(scope, { address, port: effective.ssh.port });
      // the local copy may lag behind what this very run stored
      const stored = await this.#deps.client.find(knownHosts, key, { signal });
      if (stored?.spec.keys.some((one) => fingerprint(one) === approvedFingerprint) !== true) continue;
      return stored.spec.machineID === undefined ? 'kept' : 'stored';
    }
    return 'open';
  }

  /** A key that was taken out of the KnownHost ends the session that it opened. */
  async holds(scope: Scope, { login }: PooledSession): Promise<boolean> {
    const has = (known: KnownHost | undefined) =>
      known?.spec.keys.some((key) => sameHostKey(key, login.hostKey)) === true;
    const key = keyOf(scope, login);
    // the local copy may lag behind a key that was just approved
    return (
      has(this.#deps.knownHosts.get(key)) ||
      has(await this.#deps.client.find(knownHosts, key, { signal: scope.signal }))
    );
  }

  /**
   * Before anything else is done with a new connection: it must be the trusted machine.
   * @throws TerminalError MachineReplaced, and what Session.run throws; the connection is closed then.
   */
  async confirm(scope: Scope, connection: Connection, signal: AbortSignal): Promise<void> {
    const stored = () => this.#known(scope, connection.login);
    await confirmConnection(connection, stored, this.options(scope, signal));
  }

  /**
   * After each look: it must still be the trusted machine. After a full one the KnownHost learns the other keys that
   * the host has proven, and which machine it is.
   * @throws TerminalError MachineReplaced
   */
  async complete(scope: Scope, { login }: PooledSession, machineID: string | undefined): Promise<void> {
    const options = { ...this.options(scope, scope.signal), stored: await this.#known(scope, login) };
    await confirmMachine(login, machineID, options);
    if (scope.full) await completeKnownHost(login.address, { hostKeys: login.hostKeys, machineID }, options);
  }

  /** `status.hostKeys` of a host that we are logged in to. */
  async hostKeys(scope: Scope, { login }: PooledSession): Promise<HostKeys> {
    const stored = await this.#known(scope, login);
    return hostKeyStatus(login.hostKeys, stored?.spec.keys ?? [login.hostKey]);
  }

  /** Stores the refused key, for a person to approve. @returns `status.hostKeys` */
  async recordRefused(scope: Scope, { address, port, offered }: HostKeyRefused): Promise<HostKeys> {
    const stored = await this.#known(scope, { address, port });
    await recordOfferedKey(address, offered, { ...this.options(scope, scope.signal), stored });
    return hostKeyStatus([offered], stored?.spec.keys ?? []);
  }

  /**
   * By which this Server is known: under the machine that was seen last and the place where it was, which may not be
   * declared any more, and under its other addresses.
   */
  async #elsewhere(scope: Scope): Promise<KnownHost[]> {
    const { server, effective } = scope;
    const { identity, knownHost: last } = server.status ?? {};
    const isSame = ({ metadata: { name }, spec: { machineID } }: KnownHost) =>
      (machineID !== undefined && machineID === identity?.machineID) || name === last;
    const known = this.#deps.knownHosts.list(server.metadata.namespace).filter(isSame);
    const port = effective.ssh.port;
    const declared = await Promise.all(effective.addresses.map(({ address }) => this.#known(scope, { address, port })));
    const all = [...known, ...declared.filter((one) => one !== undefined)];
    return [...new Map(all.map((one) => [one.metadata.name, one])).values()];
  }

  /** From the local copy; when that has none, or lags behind our own write, from the API. */
  async #known(scope: Scope, place: Place): Promise<KnownHost | undefined> {
    const key = keyOf(scope, place);
    return this.#deps.knownHosts.get(key) ?? (await this.#deps.client.find(knownHosts, key, { signal: scope.signal }));
  }
}

function keyOf(scope: Scope, { address, port }: Place): { namespace: string; name: string } {
  return knownHostKey(address, { ...knownFrom(scope), port });
}

function knownFrom({ server, effective: { ssh } }: Scope): {
  namespace: string;
  port: number;
  via: string | undefined;
} {
  return { namespace: server.metadata.namespace, port: ssh.port, via: lastHop(ssh) };
}
