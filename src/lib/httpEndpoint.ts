import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { messageOf } from './errors.ts';

/** Resolves when all is well; throws, with what is wrong, when not. */
export type HealthCheck = () => void | Promise<void>;

/** What {@link startHttpEndpoint} serves. */
export interface HttpEndpointOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** 0 = any free port. */
  port: number;
  /** Served on /metrics. */
  registry: Registry;
  /** By name; behind /livez and /healthz: failing means the process should be restarted. */
  live?: Record<string, HealthCheck>;
  /** By name; behind /readyz, together with the live ones. */
  ready?: Record<string, HealthCheck>;
}

/** A running endpoint. */
export interface HttpEndpoint {
  port: number;
  close(): Promise<void>;
}

/** A check that does not answer counts as failed. */
const CHECK_TIMEOUT_MS = 3000;

/**
 * Plain HTTP for Prometheus and probes: `/metrics`, `/healthz`, `/livez`, `/readyz`, each probe with `?verbose` and
 * single checks as `/readyz/<name>`. Nothing here is secret; nothing here changes anything.
 */
export async function startHttpEndpoint(options: HttpEndpointOptions): Promise<HttpEndpoint> {
  const server = http.createServer((request, response) => {
    answer(options, request)
      .catch((error: unknown): Answer => ({ status: 500, body: `${messageOf(error)}\n` }))
      .then(({ status, body, type = 'text/plain; charset=utf-8' }) => {
        response.writeHead(status, {
          'content-type': type,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        });
        response.end(request.method === 'HEAD' ? undefined : body);
      })
      .catch(() => response.destroy());
  });
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host ?? '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  status: number;
  body: string;
  type?: string;
}

async function answer(options: HttpEndpointOptions, request: http.IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'only GET and HEAD\n' };
  const [, root = '', name] = url.pathname.split('/');
  const verbose = url.searchParams.has('verbose');
  switch (root) {
    case 'metrics':
      return { status: 200, body: await options.registry.metrics(), type: options.registry.contentType };
    case 'healthz':
    case 'livez':
      return probe(options.live ?? {}, name, verbose);
    case 'readyz':
      return probe({ ...options.live, ...options.ready }, name, verbose);
    default:
      return { status: 404, body: '404 page not found\n' };
  }
}

async function probe(checks: Record<string, HealthCheck>, only: string | undefined, verbose: boolean): Promise<Answer> {
  const chosen = Object.entries(checks).filter(([name]) => only === undefined || only === '' || name === only);
  if (chosen.length === 0 && only !== undefined && only !== '') return { status: 404, body: `no check "${only}"\n` };
  const results = await Promise.all(chosen.map(async ([name, check]) => ({ name, failure: await run(check) })));
  const isOk = results.every(({ failure }) => failure === undefined);
  if (isOk && !verbose) return { status: 200, body: 'ok' };
  const lines = results.map(({ name, failure }) =>
    failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`,
  );
  return { status: isOk ? 200 : 500, body: `${[...lines, isOk ? 'ok' : 'failed'].join('\n')}\n` };
}

async function run(check: HealthCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('no answer in time'), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([Promise.resolve(check()).then(() => undefined), timeout]);
  } catch (error) {
    return messageOf(error);
  } finally {
    clearTimeout(timer);
  }
}
