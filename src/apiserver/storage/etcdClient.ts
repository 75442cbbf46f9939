import { Etcd3, type IOptions } from 'etcd3';
import { monotonicClock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { isLinkFailure, isStaleLogin, toStorageError, unavailable } from './etcdErrors.ts';
import { StorageError } from './storage.ts';

/** Where etcd is, and as whom. */
export interface EtcdConnection {
  /** `http://host:port` or `https://host:port`, all of one scheme; at least one. */
  endpoints: readonly string[];
  /** PEM. Absent parts: the system's authorities, no client certificate. */
  tls?: { ca?: Buffer; cert?: Buffer; key?: Buffer };
  auth?: { username: string; password: string };
}

/** One call to one member. `attempt` > 0: an earlier try of the same call may have been carried out. */
export type EtcdCall<T> = (etcd: Etcd3, attempt: number) => Promise<T>;

/** One try. etcd itself gives up on a request after 5 s and two elections. */
const ATTEMPT_MS = 5_000;
/** A call is tried again for this long after everything went wrong for the first time: an election ends within it. */
const GRACE_MS = 4_000;
/** And no single call takes much longer than this. */
const CALL_MS = 10_000;
const PAUSE_MS = 100;
const CLOSE_MS = 6_000;

/** One attempt per call, and no memory of failures: what to do after one is decided here, for all members together. */
const passThrough = {
  // what the call throws at once must become a rejection
  execute: (call: (context: object) => unknown) => new Promise((resolve) => resolve(call({}))),
} as unknown as NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/**
 * The members of an etcd cluster: calls go to one of them, and to the next when it fails. A call whose end is not
 * known is repeated, so it must be one that may be (see etcdWrites.ts).
 *
 * Source: etcd's client design, "Client v3" (a balancer over all endpoints), and its `Documentation/learning/api_guarantees`.
 */
export class EtcdClient {
  readonly #connection: EtcdConnection;
  readonly #log: Logger;
  readonly #members: Etcd3[];
  #current = 0;
  /** When calls began to fail, with none answered since; undefined while all is well. */
  #failingSince: number | undefined;
  #running = 0;
  #closed = false;
  #onIdle: () => void = () => undefined;

  constructor(connection: EtcdConnection, log: Logger) {
    this.#connection = connection;
    this.#log = log;
    this.#members = connection.endpoints.map((endpoint) => connect(connection, endpoint));
  }

  /**
   * Runs `call` against a member that answers.
   * @param key  What it is about, for the error.
   * @throws StorageError as etcd answers, or Unavailable when no member did in time.
   */
  async call<T>(key: string, call: EtcdCall<T>): Promise<T> {
    this.#assertOpen();
    this.#running++;
    try {
      return await this.#try(key, call);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#onIdle();
    }
  }

  /** The member that calls go to now. A caller whose stream to it breaks tells {@link leave}. */
  get member(): Etcd3 {
    this.#assertOpen();
    return this.#memberAt(this.#current);
  }

  /** Calls go to the next member from now on, if they still went to `member`. */
  leave(member: Etcd3, why: unknown): void {
    if (this.#closed || this.#memberAt(this.#current) !== member) return;
    const endpoint = this.#connection.endpoints[this.#current];
    this.#current = (this.#current + 1) % this.#members.length;
    if (this.#failingSince === undefined) {
      this.#failingSince = monotonicClock.now();
      this.#log.warn({ endpoint, error: messageOf(why) }, 'etcd does not answer');
    }
  }

  /** Waits for calls under way, then closes all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running > 0) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
        timer = setTimeout(resolve, CLOSE_MS);
      });
      clearTimeout(timer);
    }
    for (const member of this.#members) member.close();
  }

  async #try<T>(key: string, call: EtcdCall<T>): Promise<T> {
    const started = monotonicClock.now();
    for (let attempt = 0; ; attempt++) {
      const member = this.#memberAt(this.#current);
      try {
        const answer = await call(member, attempt);
        this.#answered();
        return answer;
      } catch (error) {
        if (isStaleLogin(error) && attempt < this.#members.length) {
          this.#login(member);
          continue;
        }
        if (!isLinkFailure(error)) {
          this.#answered();
          throw toStorageError(error, key);
        }
        this.leave(member, error);
        if (!this.#mayTryAgain(attempt, started)) throw unavailable(error, key);
      }
      if ((attempt + 1) % this.#members.length === 0) await monotonicClock.sleep(PAUSE_MS);
    }
  }

  /** Every member is asked once; more often only in the first seconds of an outage, or requests would pile up. */
  #mayTryAgain(attempt: number, started: number): boolean {
    const now = monotonicClock.now();
    if (now - started > CALL_MS) return false;
    return attempt + 1 < this.#members.length || now - (this.#failingSince ?? now) < GRACE_MS;
  }

  #answered(): void {
    if (this.#failingSince === undefined) return;
    this.#failingSince = undefined;
    this.#log.info({ endpoint: this.#connection.endpoints[this.#current] }, 'etcd answers again');
  }

  /** A member with a new connection logs in anew at its next call. */
  #login(member: Etcd3): void {
    const index = this.#members.indexOf(member);
    const endpoint = this.#connection.endpoints[index];
    if (endpoint === undefined) return;
    this.#members[index] = connect(this.#connection, endpoint);
    member.close();
  }

  #memberAt(index: number): Etcd3 {
    const member = this.#members[index];
    if (member === undefined) throw new Error('etcd needs at least one endpoint');
    return member;
  }

  #assertOpen(): void {
    if (this.#closed) throw new StorageError('Unavailable', '', { message: 'the store is closed' });
  }
}

function connect({ tls, auth }: EtcdConnection, endpoint: string): Etcd3 {
  const deadline = (): { deadline: number } => ({ deadline: Date.now() + ATTEMPT_MS });
  const certificates = {
    // the type wants an authority; without one, the system's are used
    ...(tls?.ca === undefined ? ({} as { rootCertificate: Buffer }) : { rootCertificate: tls.ca }),
    ...(tls?.key === undefined ? {} : { privateKey: tls.key }),
    ...(tls?.cert === undefined ? {} : { certChain: tls.cert }),
  };
  return new Etcd3({
    hosts: endpoint,
    ...(endpoint.startsWith('https:') ? { credentials: certificates } : {}),
    ...(auth === undefined ? {} : { auth: { ...auth, callOptions: deadline } }),
    defaultCallOptions: (context) => (context.isStream ? {} : deadline()),
    faultHandling: { global: passThrough, host: () => passThrough },
    grpcOptions: {
      // the default of 4 MiB refuses pages of large objects
      'grpc.max_receive_message_length': -1,
      // a frozen member or a dropped link shows within 15 s also where nobody asks; etcd allows one ping in 5 s
      'grpc.keepalive_time_ms': 10_000,
      'grpc.keepalive_timeout_ms': 5_000,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    },
  });
}
