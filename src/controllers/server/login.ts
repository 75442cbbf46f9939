import type { EffectiveServer } from '../../api/effective.ts';
import { effectiveServer } from '../../api/effective.ts';
import { knownHostName, type KnownHost } from '../../api/knownHost.ts';
import type { Server } from '../../api/server.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { digest } from '../../lib/canonicalJson.ts';
import { toTime } from '../../lib/clock.ts';
import { findCause, ReconcileError, TerminalError, TransientError, WaitingError } from '../../lib/errors.ts';
import { orderAddresses } from '../../ssh/addresses.ts';
import { connect, type Credential } from '../../ssh/connect.ts';
import { AuthenticationRejected, HostKeyRefused } from '../../ssh/connectErrors.ts';
import type { Connection, PooledSession } from '../../ssh/session.ts';
import { knownHosts, type ServerDeps } from './deps.ts';
import { afterAccepted, afterUndecided, beforeLogin, needsWriteAhead, permitLogin } from './loginPolicy.ts';
import type { Login, Scope } from './scope.ts';
import { requiredValue, type ReadSecret, type SecretReader } from './secrets.ts';
import { completeKnownHost, hostKeyStatus, recordOfferedKey, trustOf } from './trust.ts';

type CredentialName = NonNullable<NonNullable<ServerStatus['auth']>['current']>;

/** The credentials of one Server, read at one moment. */
interface Keyring {
  main: { name: CredentialName; credential: Credential };
  bootstrap: Credential | undefined;
  /** Digest of what the login depends on: object versions and spec.ssh; no secret. */
  version: string;
}

/** Gets every run its session: from the pool, or by a login under the rules of design.md 4. */
export class LoginDesk {
  readonly #deps: ServerDeps;
  readonly #secrets: SecretReader;
  /** Persists `scope.auth` before the remote act. */
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(deps: ServerDeps, secrets: SecretReader, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#secrets = secrets;
    this.#writeAhead = writeAhead;
  }

  /**
   * Logs in, or takes the kept session.
   * @param options.full  Read the Secrets again, so that a rotated one is really proven.
   */
  async logIn(scope: Scope, options: { full: boolean }): Promise<Login> {
    try {
      const session = await this.#session(scope, options);
      scope.memory.connectFailures = 0;
      return await this.#connected(scope, session);
    } catch (error) {
      scope.signal.throwIfAborted();
      return this.#failed(scope, error);
    }
  }

  async #session(scope: Scope, { full }: { full: boolean }): Promise<PooledSession> {
    const { memory, server, effective } = scope;
    const keyring =
      full || memory.sessionKey === undefined ? await this.#keyring(server, effective, scope.signal) : undefined;
    const version = keyring?.version ?? memory.sessionKey ?? '';
    const forced = scope.loginForced || scope.approvedFingerprint !== undefined;
    const session = await this.#deps.pool.acquire({
      owner: server.metadata.uid,
      key: version,
      address: `${effective.addresses[0]?.address ?? ''}:${String(effective.ssh.port)}`,
      open: async (signal) =>
        this.#open(scope, keyring ?? (await this.#keyring(server, effective, signal)), { signal, forced }),
      signal: scope.signal,
    });
    memory.sessionKey = version;
    if (await this.#stillTrusted(scope, session)) return session;
    session.release();
    this.#deps.pool.drain(server.metadata.uid);
    throw new TransientError(
      'HostKeyUnknown',
      'The host key of the kept connection is no longer trusted; logging in again.',
    );
  }

  /** A key that was taken out of the KnownHost ends the session that it opened. */
  async #stillTrusted(scope: Scope, session: PooledSession): Promise<boolean> {
    const { address, port, hostKey } = session.login;
    const known = await this.#knownHost(scope, address, port);
    return known?.spec.keys.some((key) => key.type === hostKey.type && key.publicKey === hostKey.publicKey) === true;
  }

  /** From the local copy; when that has none, or lags behind our own write, from the API. */
  async #knownHost(scope: Scope, address: string, port: number): Promise<KnownHost | undefined> {
    const key = { namespace: scope.server.metadata.namespace, name: knownHostName(address, port) };
    return this.#deps.knownHosts.get(key) ?? (await this.#deps.client.find(knownHosts, key, { signal: scope.signal }));
  }

  async #open(scope: Scope, keyring: Keyring, options: { signal: AbortSignal; forced: boolean }): Promise<Connection> {
    const permit = permitLogin(scope.auth, {
      version: keyring.version,
      now: this.#deps.clock.now(),
      forced: options.forced,
    });
    if (!permit.allowed) throw this.#rejection(scope, keyring.version, undefined);
    try {
      const connection = await this.#connect(scope, keyring, keyring.main.credential, options.signal);
      scope.auth = afterAccepted(keyring.version, keyring.main.name);
      return connection;
    } catch (error) {
      if (!(error instanceof AuthenticationRejected)) throw error;
      if (keyring.bootstrap === undefined || scope.auth?.acceptedVersion !== undefined) {
        throw this.#rejection(scope, keyring.version, error);
      }
      return await this.#bootstrap(scope, keyring, keyring.bootstrap, options.signal);
    }
  }

  /** The main credential was never accepted: the first password gets us in until it is. */
  async #bootstrap(scope: Scope, keyring: Keyring, credential: Credential, signal: AbortSignal): Promise<Connection> {
    try {
      const connection = await this.#connect(scope, keyring, credential, signal);
      scope.auth = { current: 'Bootstrap' };
      return connection;
    } catch (error) {
      throw error instanceof AuthenticationRejected ? this.#rejection(scope, keyring.version, error) : error;
    }
  }

  async #connect(scope: Scope, keyring: Keyring, credential: Credential, signal: AbortSignal): Promise<Connection> {
    const { server, effective } = scope;
    const { ssh } = effective;
    const via = await this.#jump(scope, signal);
    let counted = false;
    try {
      return await connect({
        addresses: orderAddresses(effective.addresses, ssh.addressType),
        port: ssh.port,
        user: ssh.user,
        trust: ({ address }) =>
          trustOf(address, { ...this.#trustOptions(scope, signal), approvedFingerprint: scope.approvedFingerprint }),
        credential: async () => {
          if (needsWriteAhead(scope.auth, keyring.version)) {
            scope.auth = beforeLogin(scope.auth, keyring.version, toTime(this.#deps.clock.now()));
            counted = true;
            await this.#writeAhead(scope);
          }
          return credential;
        },
        privilege: {
          mode: ssh.privilege.mode,
          password: () => this.#privilegePassword(server, effective, signal),
        },
        ...(via && { via }),
        deniedCidrs: this.#deps.deniedCidrs,
        signal,
      });
    } catch (error) {
      if (counted && !(error instanceof AuthenticationRejected)) scope.auth = afterUndecided(scope.auth);
      // proven credentials are not counted ahead; a rejection is counted all the same
      if (!counted && error instanceof AuthenticationRejected)
        scope.auth = beforeLogin(scope.auth, keyring.version, toTime(this.#deps.clock.now()));
      throw error;
    } finally {
      via?.release();
    }
  }

  #trustOptions(scope: Scope, signal: AbortSignal) {
    return {
      client: this.#deps.client,
      clock: this.#deps.clock,
      namespace: scope.server.metadata.namespace,
      port: scope.effective.ssh.port,
      policy: scope.effective.ssh.hostKeyPolicy,
      signal,
    };
  }

  /** The session of the last jump host; each hop is reached through the one before. */
  async #jump(scope: Scope, signal: AbortSignal): Promise<PooledSession | undefined> {
    let via: PooledSession | undefined;
    for (const { serverRef } of scope.effective.ssh.jumpHosts ?? []) {
      const through = via;
      const hop = this.#deps.servers.get({ namespace: scope.server.metadata.namespace, name: serverRef.name });
      try {
        via = await this.#hop(hop, serverRef.name, through, signal);
      } finally {
        through?.release();
      }
    }
    return via;
  }

  async #hop(
    hop: Server | undefined,
    name: string,
    via: PooledSession | undefined,
    signal: AbortSignal,
  ): Promise<PooledSession> {
    if (hop?.status?.auth?.acceptedVersion === undefined || (hop.status.auth.failures ?? 0) > 0) {
      throw new WaitingError(
        'DependencyNotReady',
        `Jump host ${name} ${hop === undefined ? 'does not exist' : 'is not logged into yet'}.`,
        {
          afterMs: 15_000,
          remedy: `It must be a Server of this namespace with Authenticated=True: kubectl describe server ${name}.`,
        },
      );
    }
    const effective = effectiveServer(hop);
    const keyring = await this.#keyring(hop, effective, signal);
    const namespace = hop.metadata.namespace ?? '';
    const { ssh } = effective;
    const path = via === undefined ? '' : ` via ${via.peer}`;
    return this.#deps.pool.acquire({
      owner: `${hop.metadata.uid ?? name}${path === '' && ssh.jumpHosts === undefined ? '' : path}`,
      key: keyring.version,
      address: `${effective.addresses[0]?.address ?? ''}:${String(ssh.port)}`,
      signal,
      open: (opening) =>
        connect({
          addresses: orderAddresses(effective.addresses, ssh.addressType),
          port: ssh.port,
          user: ssh.user,
          trust: ({ address }) =>
            trustOf(address, {
              client: this.#deps.client,
              clock: this.#deps.clock,
              namespace,
              port: ssh.port,
              policy: 'Strict',
              approvedFingerprint: undefined,
              signal: opening,
            }),
          credential: () => Promise.resolve(keyring.main.credential),
          privilege: { mode: ssh.privilege.mode, password: () => this.#privilegePassword(hop, effective, opening) },
          ...(via && { via }),
          deniedCidrs: this.#deps.deniedCidrs,
          signal: opening,
        }),
    });
  }

  async #keyring(server: Server, effective: EffectiveServer, signal: AbortSignal): Promise<Keyring> {
    const { auth, privilege } = effective.ssh;
    const namespace = server.metadata.namespace ?? '';
    const read = (ref: { name: string }, field: string) =>
      this.#secrets.read({ namespace, name: ref.name }, field, signal);
    const ref = auth.privateKeySecretRef ?? auth.passwordSecretRef ?? { name: '' };
    const field = auth.privateKeySecretRef ? 'spec.ssh.auth.privateKeySecretRef' : 'spec.ssh.auth.passwordSecretRef';
    const main = await read(ref, field);
    const first =
      auth.bootstrap && (await read(auth.bootstrap.passwordSecretRef, 'spec.ssh.auth.bootstrap.passwordSecretRef'));
    const root =
      privilege.passwordSecretRef && (await read(privilege.passwordSecretRef, 'spec.ssh.privilege.passwordSecretRef'));
    return {
      main: auth.privateKeySecretRef
        ? { name: 'PrivateKey', credential: keyOf(main, ref) }
        : { name: 'Password', credential: passwordOf(main, ref) },
      bootstrap: first && auth.bootstrap && passwordOf(first, auth.bootstrap.passwordSecretRef),
      version: digest({
        ssh: effective.ssh,
        addresses: effective.addresses,
        secrets: [main.version, first?.version, root?.version],
      }),
    };
  }

  async #privilegePassword(
    server: Server,
    effective: EffectiveServer,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const ref = effective.ssh.privilege.passwordSecretRef;
    if (ref === undefined) return undefined;
    const key = { namespace: server.metadata.namespace ?? '', name: ref.name };
    return requiredValue(
      await this.#secrets.read(key, 'spec.ssh.privilege.passwordSecretRef', signal),
      'password',
      ref,
      'kubernetes.io/basic-auth',
    );
  }

  async #connected(scope: Scope, session: PooledSession): Promise<Login> {
    const { login } = session;
    const stored = await this.#knownHost(scope, login.address, login.port);
    const trusted = stored?.spec.keys ?? [login.hostKey];
    return {
      outcome: 'connected',
      session,
      credential: scope.auth?.current ?? 'PrivateKey',
      hostKeys: hostKeyStatus(login.hostKeys, trusted),
    };
  }

  /** After the first look: the other keys the host has proven, and which machine it is. */
  async completeTrust(scope: Scope, session: PooledSession, machineID: string | undefined): Promise<void> {
    const { address, port, hostKeys } = session.login;
    const stored = await this.#knownHost(scope, address, port);
    await completeKnownHost(address, { hostKeys, machineID }, { ...this.#trustOptions(scope, scope.signal), stored });
  }

  async #failed(scope: Scope, error: unknown): Promise<Login> {
    const refused = findCause(error, HostKeyRefused);
    if (refused !== undefined) {
      const stored = await this.#knownHost(scope, refused.address, scope.effective.ssh.port);
      await recordOfferedKey(refused.address, refused.offered, { ...this.#trustOptions(scope, scope.signal), stored });
      return { outcome: 'failed', error: refused, hostKeys: hostKeyStatus([refused.offered], stored?.spec.keys ?? []) };
    }
    const known = findCause(error, ReconcileError);
    if (known === undefined) throw error;
    if (isConnectionFailure(known)) scope.memory.connectFailures += 1;
    return { outcome: 'failed', error: known };
  }

  /** What a rejected login means now: wait for the next permitted try, or for a person. */
  #rejection(scope: Scope, version: string, cause: AuthenticationRejected | undefined): ReconcileError {
    const permit = permitLogin(scope.auth, { version, now: this.#deps.clock.now(), forced: false });
    const failures = scope.auth?.failures ?? 1;
    const afterMs = permit.allowed ? 0 : permit.afterMs;
    const next = toTime(this.#deps.clock.now() + afterMs);
    const message = `The host refused the login of ${scope.effective.ssh.user} ${failures === 1 ? 'once' : `${failures} times`}; not tried again before ${next}.`;
    const remedy =
      'Put the credential right on the host or in the Secret, or correct spec.ssh; a changed Secret, a changed spec or ServerOperation Retry tries at once.';
    const patient = scope.auth?.acceptedVersion === undefined && failures < 3;
    return patient
      ? new WaitingError('CredentialsRejected', message, { afterMs, remedy, cause })
      : new TerminalError('CredentialsRejected', message, { remedy, cause });
  }
}

function keyOf(secret: ReadSecret, ref: { name: string }): Credential {
  const privateKey = requiredValue(secret, 'ssh-privatekey', ref, 'kubernetes.io/ssh-auth');
  return { kind: 'key', privateKey, passphrase: secret.value('passphrase') };
}

function passwordOf(secret: ReadSecret, ref: { name: string }): Credential {
  return { kind: 'password', password: requiredValue(secret, 'password', ref, 'kubernetes.io/basic-auth') };
}

const connectionReasons: ReadonlySet<string> = new Set([
  'ConnectionTimedOut',
  'ConnectionRefused',
  'ConnectionLost',
  'ConnectionThrottled',
  'NameResolutionFailed',
  'NoRoute',
  'AddressDenied',
  'ProtocolError',
]);

/** Whether the host could not be reached, as opposed to: answered, and did not let us in. */
export function isConnectionFailure(error: ReconcileError): boolean {
  return connectionReasons.has(error.reason);
}
