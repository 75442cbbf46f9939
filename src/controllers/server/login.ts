import type { EffectiveSsh } from '../../api/effective.ts';
import type { HostKey } from '../../api/knownHost.ts';
import { installPublicKey, type KeyInstallation } from '../../host/authorizedKeys.ts';
import { toTime } from '../../lib/clock.ts';
import { findCause, ReconcileError, TransientError } from '../../lib/errors.ts';
import { orderAddresses } from '../../ssh/addresses.ts';
import { connect } from '../../ssh/connect.ts';
import type { Credential } from '../../ssh/connectOptions.ts';
import { AuthenticationRejected, HostKeyRefused } from '../../ssh/connectErrors.ts';
import type { Connection, PooledSession } from '../../ssh/session.ts';
import { isConnectionFailure } from './connectionFailure.ts';
import { isKeyProven, keyInstalled, whyNoKey } from './bootstrap.ts';
import { mayBeLockedOut } from './confirmations.ts';
import type { ServerDeps } from './deps.ts';
import { JumpHosts, type JumpPath } from './jumpHosts.ts';
import { KeyringReader, publicKeyIn, type Keyring } from './keyring.ts';
import { afterAccepted, afterUndecided, beforeLogin, needsWriteAhead, permitLogin } from './loginPolicy.ts';
import { heldBack, keyRefused, rejection } from './rejections.ts';
import type { Login, Scope } from './scope.ts';
import type { SecretReader } from './secrets.ts';
import { trustOf } from './trust.ts';
import { TrustKeeper } from './trustKeeper.ts';

/** Gets every run its session: from the pool, or by a login under the rules of design.md 4. */
export class LoginDesk {
  /** What a run asks about the trust in its host. */
  readonly trust: TrustKeeper;
  readonly #deps: ServerDeps;
  readonly #keyrings: KeyringReader;
  readonly #jumpHosts: JumpHosts;
  /** Persists `scope.auth` before the remote act. */
  readonly #writeAhead: (scope: Scope) => Promise<void>;

  constructor(deps: ServerDeps, secrets: SecretReader, writeAhead: (scope: Scope) => Promise<void>) {
    this.#deps = deps;
    this.#keyrings = new KeyringReader(secrets);
    this.#jumpHosts = new JumpHosts(deps, this.#keyrings);
    this.trust = new TrustKeeper(deps);
    this.#writeAhead = writeAhead;
  }

  /**
   * Logs in, or takes the kept session.
   * @param options.full  Read the Secrets again, so that a rotated one is really proven.
   */
  async logIn(scope: Scope, options: { full: boolean }): Promise<Login> {
    try {
      const session = await this.#session(scope, options);
      if (options.full) await this.#recheckPrivilege(scope, session);
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
      full || memory.sessionKey === undefined ? await this.#keyrings.read(server, effective, scope.signal) : undefined;
    const version = keyring?.version ?? memory.sessionKey ?? '';
    const path = this.#jumpHosts.pathOf(server);
    this.#endOldSession(scope);
    // once it is stored, what the host answers says nothing about the approval: another try would earn a ban
    const forced = scope.loginForced || (await this.trust.approval(scope)) === 'open';
    const session = await this.#deps.pool.acquire({
      owner: server.metadata.uid,
      key: `${version}${path.version}`,
      address: `${effective.addresses[0]?.address ?? ''}:${String(effective.ssh.port)}`,
      urgent: scope.asked,
      open: async (signal) =>
        this.#open(scope, keyring ?? (await this.#keyrings.read(server, effective, signal)), { signal, path, forced }),
      signal: scope.signal,
    });
    memory.sessionKey = version;
    if (await this.trust.holds(scope, session)) return session;
    session.release();
    this.#deps.pool.drain(server.metadata.uid);
    throw new TransientError(
      'HostKeyUnknown',
      'The host key of the kept connection is no longer trusted; logging in again.',
    );
  }

  /**
   * A login past the kept session, as the next one would be, with what is declared now: that it works is the proof that
   * a change locks nobody out. Its rejection says nothing about the credentials, so it is not counted.
   */
  async prove(scope: Scope, signal: AbortSignal): Promise<Connection> {
    const { server, effective, auth } = scope;
    const keyring = await this.#keyrings.read(server, effective, signal);
    const { credential, name } = keyring.main;
    try {
      const path = this.#jumpHosts.pathOf(server);
      const connection = await this.#connect(scope, keyring, { credential, path, signal });
      scope.auth = afterAccepted(keyring.version, name);
      return connection;
    } catch (error) {
      scope.auth = auth;
      throw error;
    }
  }

  /** At the pace at which drift is looked for, or because somebody says that it was put right. */
  async #recheckPrivilege({ loginForced, signal }: Scope, session: PooledSession): Promise<void> {
    try {
      await session.recheckPrivilege({ minAgeMs: this.#deps.intervals.driftMs, forced: loginForced, signal });
    } catch (error) {
      session.release();
      throw error;
    }
  }

  /** A session by the first password serves only for as long as the key may not be installed; to a test none does. */
  #endOldSession(scope: Scope): void {
    const first = scope.auth?.current === 'Bootstrap' && whyNoKey(scope) === undefined;
    if (first || scope.loginAnew) this.#deps.pool.drain(scope.server.metadata.uid);
    scope.loginAnew = false;
  }

  async #open(scope: Scope, keyring: Keyring, opening: Opening & { forced: boolean }): Promise<Connection> {
    const at = { version: keyring.version, now: this.#deps.clock.now() };
    const lockedOut = mayBeLockedOut(scope);
    if (!permitLogin(scope.auth, { ...at, forced: opening.forced, lockedOut }).allowed) throw heldBack(scope, at);
    try {
      return await this.#logInByMain(scope, keyring, opening);
    } catch (error) {
      if (!(error instanceof AuthenticationRejected)) throw error;
      if (keyring.bootstrap === undefined || isKeyProven(scope.auth)) {
        throw rejection(scope, { ...at, cause: error });
      }
      return await this.#bootstrap(scope, keyring, keyring.bootstrap, opening);
    }
  }

  async #logInByMain(scope: Scope, keyring: Keyring, opening: Opening): Promise<Connection> {
    const proven = !needsWriteAhead(scope.auth, keyring.version);
    const connection = await this.#connect(scope, keyring, { ...opening, credential: keyring.main.credential });
    scope.auth = afterAccepted(keyring.version, keyring.main.name);
    if (proven) return connection;
    // a crash from here on must not look like a refusal, and the first password is not sent again
    try {
      await this.#writeAhead(scope);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * The key was never accepted: the first password gets us in. Where we may write, it serves to put the public key
   * into authorized_keys, and the session that counts is a new one by the key alone.
   */
  async #bootstrap(scope: Scope, keyring: Keyring, password: Credential, opening: Opening): Promise<Connection> {
    const at = { version: keyring.version, now: this.#deps.clock.now() };
    const key = whyNoKey(scope) === undefined ? publicKeyIn(keyring) : undefined;
    const connection = await this.#connect(scope, keyring, {
      ...opening,
      credential: password,
      // another login follows: a wrong password of sudo must not be tried in both
      ...(key && { privilegeMode: 'None' }),
    }).catch((error: unknown) => {
      throw error instanceof AuthenticationRejected
        ? rejection(scope, { ...at, cause: error, bootstrap: true })
        : error;
    });
    if (key === undefined) {
      scope.auth = { current: 'Bootstrap' };
      return connection;
    }
    // that the key was refused stays counted until it is accepted
    scope.auth = { ...afterUndecided(scope.auth), current: 'Bootstrap' };
    const installation = await this.#install(scope, key, connection, opening.signal);
    try {
      // nothing changed since the key was refused: another try would be refused too
      if (installation.changed) return await this.#logInByMain(scope, keyring, opening);
    } catch (error) {
      if (!(error instanceof AuthenticationRejected)) throw error;
      throw keyRefused(scope, { ...at, cause: error, key, installation });
    }
    throw keyRefused(scope, { ...at, cause: undefined, key, installation });
  }

  async #install(scope: Scope, key: HostKey, connection: Connection, signal: AbortSignal): Promise<KeyInstallation> {
    const { namespace, name } = scope.server.metadata;
    try {
      // a crash from here on must not look like a password that was refused
      await this.#writeAhead(scope);
      const installation = await installPublicKey(connection, key, { comment: `hostler ${namespace}/${name}`, signal });
      if (installation.changed) this.#deps.events.record(scope.server, keyInstalled(scope, key, installation));
      return installation;
    } finally {
      connection.close();
    }
  }

  async #connect(scope: Scope, keyring: Keyring, attempt: Attempt): Promise<Connection> {
    const { server, effective } = scope;
    const { ssh } = effective;
    const { credential, path, signal, privilegeMode } = attempt;
    // a Fix forces every login until it ends: nobody counts what a hop refuses
    const forced = scope.loginForced && scope.operations.every(({ spec }) => spec.type !== 'Fix');
    const via = await this.#jumpHosts.reach(path, { signal, forced });
    const count = () => {
      scope.auth = beforeLogin(scope.auth, keyring.version, toTime(this.#deps.clock.now()));
    };
    const ahead = { counted: false };
    try {
      const connection = await connect({
        addresses: orderAddresses(effective.addresses, ssh.addressType),
        port: ssh.port,
        user: ssh.user,
        trust: ({ address }) => trustOf(address, this.trust.options(scope, signal)),
        credential: async () => {
          if (needsWriteAhead(scope.auth, keyring.version)) {
            count();
            ahead.counted = true;
            await this.#writeAhead(scope);
          }
          return credential;
        },
        privilege: {
          ...this.#keyrings.privilege(server, effective, signal),
          ...(privilegeMode && { mode: privilegeMode }),
        },
        ...(via && { via }),
        deniedCidrs: this.#deps.deniedCidrs,
        signal,
      });
      await this.trust.confirm(scope, connection, signal);
      return connection;
    } catch (error) {
      const rejected = error instanceof AuthenticationRejected;
      if (ahead.counted && !rejected) scope.auth = afterUndecided(scope.auth);
      // proven credentials are not counted ahead; a rejection is counted all the same
      if (!ahead.counted && rejected) count();
      throw error;
    } finally {
      via?.release();
    }
  }

  async #connected(scope: Scope, session: PooledSession): Promise<Login> {
    return {
      outcome: 'connected',
      session,
      credential: scope.auth?.current ?? 'PrivateKey',
      hostKeys: await this.trust.hostKeys(scope, session),
    };
  }

  async #failed(scope: Scope, error: unknown): Promise<Login> {
    const refused = findCause(error, HostKeyRefused);
    if (refused !== undefined) {
      return { outcome: 'failed', error: refused, hostKeys: await this.trust.recordRefused(scope, refused) };
    }
    const known = findCause(error, ReconcileError);
    if (known === undefined) throw error;
    scope.approvalKept = (await this.trust.approval(scope)) === 'kept';
    if (isConnectionFailure(known)) scope.memory.connectFailures += 1;
    return { outcome: 'failed', error: known };
  }
}

/** How a session is opened. */
interface Opening {
  path: JumpPath;
  signal: AbortSignal;
}

/** One login with one credential. */
interface Attempt extends Opening {
  credential: Credential;
  /** Default: spec.ssh.privilege.mode. */
  privilegeMode?: EffectiveSsh['privilege']['mode'];
}
