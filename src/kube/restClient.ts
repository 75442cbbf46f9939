import type { IncomingMessage } from 'node:http';
import type { Status } from '../api/meta.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../lib/logger.ts';
import { ApiConnectionError, ApiError } from './apiError.ts';
import type { Connection } from './connection.ts';
import type { KubeMetrics } from './metrics.ts';
import { Transport, type WireRequest } from './transport.ts';

const TIMEOUT_MS = 30_000;
/** As client-go: only answers that carry Retry-After are tried again. */
const MAX_TRIES = 10;
/** A longer wait than this is the caller's business. */
const MAX_RETRY_AFTER_MS = 60_000;

/** Options of every call. */
export interface CallOptions {
  signal?: AbortSignal;
  /** Until the answer is complete, for each try; milliseconds; default 30 000. */
  timeoutMs?: number;
}

/** What makes a client. */
export interface ClientOptions {
  connection: Connection;
  log?: Logger;
  clock?: Clock;
  metrics?: KubeMetrics;
}

/** A call below the resource methods: discovery, /version, other media types. */
export interface RawRequest extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** Default `application/json`. */
  contentType?: string;
}

/** HTTP and JSON below the verbs of kube/client.ts: retries, fresh credentials, errors, metrics. */
export class RestClient {
  readonly #transport: Transport;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #metrics: KubeMetrics | undefined;
  readonly #warned = new Set<string>();

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options.connection);
    this.#log = options.log ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#metrics = options.metrics;
  }

  /** Any call that answers with JSON. */
  async request(request: RawRequest): Promise<unknown> {
    const name = `${request.method} ${request.path}`;
    const end = this.#metrics?.requestDuration.startTimer({ verb: request.method });
    for (let attempt = 1; ; attempt++) {
      try {
        const text = await this.#text(this.#wire(request), request.timeoutMs ?? TIMEOUT_MS);
        end?.();
        return parseAnswer(text, name);
      } catch (error) {
        const waitMs = attempt < MAX_TRIES ? retryAfter(error) : undefined;
        if (waitMs === undefined) throw error;
        await this.#clock.sleep(waitMs, request.signal);
      }
    }
  }

  /** A call whose answer is read as it comes: a watch. Not retried but for 401. */
  async open(request: RawRequest): Promise<IncomingMessage> {
    return this.#send({ ...this.#wire(request), longRunning: true });
  }

  /** Closes every connection; running calls fail. */
  close(): void {
    this.#transport.close();
  }

  #wire(request: RawRequest): WireRequest {
    const query = Object.entries(request.query ?? {}).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    const search = new URLSearchParams(query).toString();
    const headers: Record<string, string> = { accept: 'application/json' };
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
    return {
      method: request.method,
      path: search === '' ? request.path : `${request.path}?${search}`,
      headers,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      timeoutMs: request.timeoutMs ?? TIMEOUT_MS,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    };
  }

  async #text(wire: WireRequest, timeoutMs: number): Promise<string> {
    const response = await this.#send(wire);
    try {
      return await readText(response, `${wire.method} ${wire.path}`, timeoutMs);
    } catch (error) {
      wire.signal?.throwIfAborted();
      throw error;
    }
  }

  /** Sends, again with fresh credentials after a 401; turns every error answer into an ApiError. */
  async #send(wire: WireRequest): Promise<IncomingMessage> {
    let response = await this.#counted(wire);
    if (response.statusCode === 401) {
      response.resume();
      response = await this.#counted({ ...wire, refreshCredentials: true });
    }
    this.#warn(response);
    const code = response.statusCode ?? 0;
    if (code >= 200 && code < 300) return response;
    const name = `${wire.method} ${wire.path.split('?')[0] ?? ''}`;
    const text = await readText(response, name, wire.timeoutMs);
    throw new ApiError(name, code, { ...statusOf(text), ...retryAfterOf(response) });
  }

  async #counted(wire: WireRequest): Promise<IncomingMessage> {
    const labels = { method: wire.method, host: this.#transport.host };
    try {
      const response = await this.#transport.send(wire);
      this.#metrics?.requests.inc({ ...labels, code: String(response.statusCode) });
      return response;
    } catch (error) {
      this.#metrics?.requests.inc({ ...labels, code: '<error>' });
      throw error;
    }
  }

  /** Logs what the server warns about (deprecations, unknown fields), once per text. */
  #warn(response: IncomingMessage): void {
    const header: unknown = response.headers['warning'];
    if (typeof header !== 'string' || this.#warned.has(header) || this.#warned.size > 100) return;
    this.#warned.add(header);
    this.#log.warn({ warning: header }, 'the API server warns');
  }
}

async function readText(response: IncomingMessage, name: string, timeoutMs: number): Promise<string> {
  const timer = setTimeout(() => {
    response.destroy(new ApiConnectionError(name, 'ETIMEDOUT'));
  }, timeoutMs);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    throw error instanceof ApiConnectionError ? error : new ApiConnectionError(name, 'ECONNRESET', { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

function parseAnswer(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiConnectionError(name, 'EBADMSG', {
      cause: error,
      text: 'the answer is no JSON; is this a Kubernetes API server?',
    });
  }
}

function statusOf(text: string): { status?: Status; text?: string } {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status')
      return { status: body as Status };
  } catch (error) {
    // proxies and load balancers answer with text or HTML; show it as it is
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { text: text.trim() };
}

/** Retry-After in seconds or as a date. */
function retryAfterOf(response: IncomingMessage): { retryAfterMs?: number } {
  const header = response.headers['retry-after'];
  if (header === undefined) return {};
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? {} : { retryAfterMs: Math.max(0, ms) };
}

function retryAfter(error: unknown): number | undefined {
  if (!(error instanceof ApiError) || error.retryAfterMs === undefined) return undefined;
  const canRetry = error.code === 429 || error.code >= 500;
  return canRetry && error.retryAfterMs <= MAX_RETRY_AFTER_MS ? error.retryAfterMs : undefined;
}
