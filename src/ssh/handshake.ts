import type { Duplex } from 'node:stream';
import { Client, type ParsedKey } from 'ssh2';
import type { HostKey } from '../api/knownHost.ts';
import type { ReconcileError } from '../lib/errors.ts';
import type { Credential, HostTrust } from './connectOptions.ts';
import { hostPort } from './dial.ts';
import { classify, type Phase } from './handshakeErrors.ts';
import { judgeHostKey, storeTrust, type Place } from './hostTrust.ts';
import { hostKeyAlgorithms, hostKeyOf, sameHostKey } from './knownHostKey.ts';
import { Login } from './login.ts';
import type { LoginFacts } from './session.ts';

/** Unanswered keepalives after which a link is dead. */
const KEEPALIVE_COUNT = 3;
/** Of what the peer sends first this much is kept, to tell what it is. */
const GREETING_BYTES = 256;

/** See {@link logIn}. */
export interface HandshakeOptions {
  stream: Duplex;
  /** The declared address that the stream goes to. */
  place: Place;
  user: string;
  trust: HostTrust;
  credential: () => Promise<Credential>;
  handshakeMs: number;
  loginMs: number;
  keepaliveMs: number;
  signal: AbortSignal | undefined;
}

/** A login that succeeded. */
export interface LoggedIn {
  client: Client;
  method: LoginFacts['method'];
  hostKey: HostKey;
  trust: LoginFacts['trust'];
  /** Grows by itself when the host proves further keys, soon after the login. */
  hostKeys: HostKey[];
  /** Resolves when the link is gone, with what broke it. */
  closed: Promise<Error | undefined>;
  /** Cuts the link at once. */
  destroy: () => void;
}

/**
 * SSH over an open stream, up to the accepted login.
 *
 * The host's key is compared when it is offered, and an unknown one is stored only after the key exchange proved that
 * the host holds it; both before the credential is even fetched.
 * @throws see connect
 */
export function logIn(options: HandshakeOptions): Promise<LoggedIn> {
  return new Handshake(options).run();
}

class Handshake {
  #options: HandshakeOptions;
  readonly #where: string;
  readonly #client = new Client();
  readonly #login: Login;
  readonly #hostKeys: HostKey[] = [];
  readonly #settled: Promise<LoggedIn>;
  readonly #closed: Promise<Error | undefined>;
  #settle: { resolve: (value: LoggedIn) => void; reject: (error: unknown) => void } | undefined;
  #phase: Phase = 'greeting';
  #greeting = Buffer.alloc(0);
  #hostKey: HostKey | undefined;
  #refusal: ReconcileError | undefined;
  #lastError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#where = hostPort(options.place.address, options.place.port);
    this.#settled = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#login = new Login({
      user: options.user,
      where: this.#where,
      prepare: () => this.#prepare(),
      fail: (error) => this.#fail(error),
    });
    this.#closed = this.#follow();
  }

  async run(): Promise<LoggedIn> {
    const { signal, stream } = this.#options;
    const onAbort = (): void => this.#fail(signal?.reason);
    signal?.addEventListener('abort', onAbort);
    this.#startTimer(this.#options.handshakeMs);
    try {
      signal?.throwIfAborted();
      this.#connect(stream);
      return await this.#settled;
    } catch (error) {
      this.#destroy();
      throw error;
    } finally {
      clearTimeout(this.#timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #destroy(): void {
    this.#client.destroy();
    this.#options.stream.destroy();
  }

  #connect(stream: Duplex): void {
    this.#client.connect({
      sock: stream,
      ident: 'Hostler',
      username: this.#options.user,
      algorithms: { serverHostKey: hostKeyAlgorithms(this.#options.trust.keys) },
      hostVerifier: (key: Buffer) => this.#verify(key),
      authHandler: this.#login.handler,
      readyTimeout: 0,
      keepaliveInterval: this.#options.keepaliveMs,
      keepaliveCountMax: KEEPALIVE_COUNT,
    });
    // beside ssh2's own listener: what a peer says that is no SSH explains the failure
    stream.on('data', (chunk: Buffer) => {
      if (this.#phase !== 'greeting' || this.#greeting.length >= GREETING_BYTES) return;
      this.#greeting = Buffer.concat([this.#greeting, chunk]).subarray(0, GREETING_BYTES);
      if (/^SSH-/m.test(this.#greeting.toString('latin1'))) this.#phase = 'keyExchange';
    });
  }

  /** Listens for as long as the client lives: an `error` that nobody hears would end the process. */
  #follow(): Promise<Error | undefined> {
    return new Promise((resolve) => {
      this.#client.on('error', (error: Error) => {
        this.#lastError = error;
        this.#fail(this.#refusal ?? this.#classify(error));
      });
      this.#client.on('close', () => {
        this.#fail(this.#refusal ?? this.#classify(this.#lastError));
        resolve(this.#lastError);
      });
      this.#client.on('hostkeys', (keys: ParsedKey[]) => this.#addProven(keys));
      this.#client.on('ready', () => this.#succeed());
    });
  }

  /** Also called on every later key exchange of the same connection. */
  #verify(blob: Buffer): boolean {
    const offered = hostKeyOf(blob);
    if (offered === undefined) return false;
    if (this.#hostKey !== undefined) return sameHostKey(this.#hostKey, offered);
    this.#refusal = judgeHostKey(offered, this.#options.trust, this.#options.place);
    this.#hostKey = offered;
    return this.#refusal === undefined;
  }

  /** Runs after the key exchange proved the host's key, before any credential exists in this process. */
  async #prepare(): Promise<Credential> {
    clearTimeout(this.#timer);
    this.#phase = 'trust';
    const { trust, place } = this.#options;
    if (this.#hostKey === undefined) throw new Error('the handshake ended without a host key');
    if (trust.keys.length === 0 || trust.knownAs !== undefined) await storeTrust(trust, this.#hostKey, place);
    const credential = await this.#options.credential();
    this.#phase = 'login';
    this.#startTimer(this.#options.loginMs);
    return credential;
  }

  #addProven(keys: readonly ParsedKey[]): void {
    for (const key of keys) {
      const proven = hostKeyOf(key.getPublicSSH());
      if (proven === undefined || this.#hostKeys.some((known) => sameHostKey(known, proven))) continue;
      this.#hostKeys.push(proven);
    }
  }

  #succeed(): void {
    const hostKey = this.#hostKey;
    if (hostKey === undefined) {
      this.#fail(new Error('the login ended without a host key'));
      return;
    }
    this.#phase = 'ready';
    if (!this.#hostKeys.some((known) => sameHostKey(known, hostKey))) this.#hostKeys.unshift(hostKey);
    this.#settle?.resolve({
      client: this.#client,
      method: this.#login.method ?? 'password',
      hostKey,
      trust: this.#options.trust.keys.length === 0 ? 'FirstUse' : 'Known',
      hostKeys: this.#hostKeys,
      closed: this.#closed,
      destroy: () => this.#destroy(),
    });
    this.#letGo();
  }

  /** ssh2 keeps this object for as long as the link lives, which must not keep the run that logged in, nor its secrets. */
  #letGo(): void {
    const over = () => Promise.reject(new Error('the login is over'));
    const { trust } = this.#options;
    this.#options = { ...this.#options, trust: { ...trust, store: over }, credential: over, signal: undefined };
    this.#login.forget();
  }

  #fail(error: unknown): void {
    this.#settle?.reject(error);
  }

  #startTimer(ms: number): void {
    this.#timer = setTimeout(() => this.#fail(this.#classify('timeout')), ms);
  }

  #classify(error: Error | 'timeout' | undefined): ReconcileError {
    return classify(error, {
      phase: this.#phase,
      where: this.#where,
      greeting: this.#greeting.toString('utf8'),
      trustedTypes: this.#options.trust.keys.map((key) => key.type),
      rejected: () => this.#login.rejected([]),
    });
  }
}
