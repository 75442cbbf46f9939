import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isDeepStrictEqual } from 'node:util';
import { version } from '../lib/version.ts';
import { ApiConnectionError } from './apiError.ts';
import type { Connection, Credentials, TlsOptions } from './connection.ts';

/** Calls at once; watches have connections of their own. */
const MAX_SOCKETS = 64;
/** A peer that vanished without a word is noticed by the kernel some minutes after this much silence. */
const KEEP_ALIVE_MS = 15_000;

/** One HTTP request below the connection's server. */
export interface WireRequest {
  method: string;
  /** Path with query. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Until the headers of the answer are there; milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Uses a connection outside the pool for calls: watches must not starve them. */
  longRunning?: boolean;
  /** Reads the credentials anew. */
  refreshCredentials?: boolean;
}

/** Sends requests over kept HTTPS connections. One per Client. */
export class Transport {
  readonly #connection: Connection;
  #current: { tls: TlsOptions; pool: Pool } | undefined;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Host and port of the server, for metrics. */
  get host(): string {
    return this.#connection.server.host;
  }

  /**
   * Resolves with the answer once its headers are there, whatever its status.
   * @throws ApiConnectionError  when there is no answer; `signal.reason` when aborted.
   */
  async send(request: WireRequest): Promise<IncomingMessage> {
    const name = `${request.method} ${request.path.split('?')[0] ?? ''}`;
    request.signal?.throwIfAborted();
    const credentials = await this.#connection.credentials(request.refreshCredentials);
    try {
      return await this.#attempt(request, credentials);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (error instanceof ApiConnectionError) throw error;
      throw new ApiConnectionError(name, codeOf(error), { cause: error, ...tlsText(error) });
    }
  }

  /** Closes every connection; running requests fail. */
  close(): void {
    this.#current?.pool.destroy();
    this.#current = undefined;
  }

  async #attempt(request: WireRequest, credentials: Credentials): Promise<IncomingMessage> {
    try {
      return await this.#once(request, credentials);
    } catch (error) {
      // the server closed a kept connection just when we used it: it never saw the request
      if (!(error instanceof StaleConnection) || request.method === 'POST') throw unwrapStale(error);
    }
    return this.#once(request, credentials).catch((error: unknown) => {
      throw unwrapStale(error);
    });
  }

  #once(wire: WireRequest, credentials: Credentials): Promise<IncomingMessage> {
    const { server } = this.#connection;
    const secure = server.protocol === 'https:';
    const agent = credentials.agent ?? this.#pool(credentials.tls, secure).agent(wire.longRunning ?? false);
    const options: https.RequestOptions = {
      protocol: server.protocol,
      host: server.hostname.replace(/^\[|\]$/g, ''),
      port: server.port === '' ? (secure ? 443 : 80) : server.port,
      path: `${server.pathname.replace(/\/$/, '')}${wire.path}`,
      method: wire.method,
      headers: headersOf(wire, credentials),
      agent,
      ...(wire.signal === undefined ? {} : { signal: wire.signal }),
    };
    return new Promise((resolve, reject) => {
      const request = secure ? https.request({ ...options, ...credentials.tls }) : http.request(options);
      const timer = setTimeout(() => {
        request.destroy(new ApiConnectionError(`${wire.method} ${wire.path}`, 'ETIMEDOUT'));
      }, wire.timeoutMs);
      request.once('response', (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      // stays registered: a late error after the answer must not be uncaught
      request.on('error', (error) => {
        clearTimeout(timer);
        reject(request.reusedSocket && isReset(error) ? new StaleConnection(error) : error);
      });
      request.end(wire.body);
    });
  }

  /** Connections belong to one identity: a rotated certificate gets new ones, the old ones end when idle. */
  #pool(tls: TlsOptions, secure: boolean): Pool {
    const known = this.#current;
    if (known !== undefined && (known.tls === tls || isDeepStrictEqual(known.tls, tls))) {
      known.tls = tls;
      return known.pool;
    }
    known?.pool.retire();
    this.#current = { tls, pool: new Pool(tls, secure) };
    return this.#current.pool;
  }
}

class Pool {
  readonly #calls: http.Agent;
  readonly #watches: http.Agent;

  constructor(tls: TlsOptions, secure: boolean) {
    const kept = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, noDelay: true };
    const make = (options: https.AgentOptions): http.Agent =>
      secure ? new https.Agent({ ...options, ...tls }) : new http.Agent(options);
    this.#calls = make({ ...kept, maxSockets: MAX_SOCKETS, scheduling: 'lifo' });
    this.#watches = make({ ...kept, maxFreeSockets: 1 });
  }

  agent(longRunning: boolean): http.Agent {
    return longRunning ? this.#watches : this.#calls;
  }

  /** Lets running requests end, then closes. */
  retire(): void {
    for (const agent of [this.#calls, this.#watches]) {
      agent.maxFreeSockets = 0;
      for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
    }
  }

  destroy(): void {
    this.#calls.destroy();
    this.#watches.destroy();
  }
}

class StaleConnection extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

function unwrapStale(error: unknown): unknown {
  return error instanceof StaleConnection ? error.cause : error;
}

function isReset(error: Error): boolean {
  return ['ECONNRESET', 'EPIPE'].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
}

/** TLS failures have many codes; what OpenSSL says about them is what helps. */
function tlsText(error: unknown): { text?: string } {
  const code = codeOf(error);
  const isTls = code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || code.includes('CERT');
  return isTls && error instanceof Error ? { text: `TLS: ${error.message} (${code})` } : {};
}

function headersOf(wire: WireRequest, credentials: Credentials): Record<string, string> {
  return {
    'user-agent': `hostler/${version}`,
    ...(wire.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(wire.body)) }),
    ...wire.headers,
    ...credentials.headers,
  };
}
