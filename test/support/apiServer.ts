import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeKubeconfig } from '../../src/apiserver/pki/kubeconfig.ts';
import { ADMIN, ensurePki, type Pki } from '../../src/apiserver/pki/pki.ts';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../../src/apiserver/server.ts';
import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import type { Storage } from '../../src/apiserver/storage/storage.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { kubectlPath, type KubectlVersion } from './kubectl.ts';

/** Whatever the server says, with the members that tests look at: objects, lists, Tables, Statuses, discovery. */
export interface Said {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace: string;
    uid: string;
    resourceVersion: string;
    generation: number;
    creationTimestamp: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    finalizers?: string[];
    ownerReferences?: { name: string; uid: string }[];
    managedFields?: { manager: string; operation: string; subresource?: string; fieldsV1: Record<string, unknown> }[];
    continue?: string;
    remainingItemCount?: number;
  };
  spec: Record<string, unknown>;
  status: Record<string, unknown> & {
    conditions?: { type: string; status: string; reason: string; message: string }[];
  };
  data: Record<string, string>;
  stringData?: Record<string, string>;
  type: string;
  immutable?: boolean;
  items: Said[];
  rows: { cells: unknown[]; object?: Said }[];
  columnDefinitions?: { name: string; priority: number }[];
  message: string;
  reason: string;
  code: number;
  details?: {
    name?: string;
    kind?: string;
    group?: string;
    uid?: string;
    causes?: { reason: string; message: string; field: string }[];
    retryAfterSeconds?: number;
  };
  [other: string]: unknown;
}

/** What came back. `body` is parsed JSON, or text. */
export interface Reply {
  code: number;
  headers: IncomingHttpHeaders;
  /** Empty when the answer was no JSON. */
  body: Said;
  text: string;
}

/** A request; `body` that is no string or Buffer goes as JSON. */
export interface Ask {
  body?: unknown;
  headers?: Record<string, string>;
  /** Default: the admin's. */
  agent?: Agent;
}

/** One event of a watch. */
interface WatchEvent {
  type: string;
  object: Said;
}

/** A watch under way. */
export interface OpenWatch {
  events: WatchEvent[];
  /** Waits until `count` events have come. */
  until(count: number, ms?: number): Promise<WatchEvent[]>;
  /** Waits for an event that fits. */
  find(fits: (event: WatchEvent) => boolean, ms?: number): Promise<WatchEvent>;
  /** Resolves when the server ended it. */
  ended: Promise<void>;
  code: Promise<number>;
  close(): void;
}

/** What a command printed. */
export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** An API server in this process on an own directory. */
export class TestServer {
  readonly directory: string;
  readonly pki: Pki;
  readonly kubeconfig: string;
  readonly admin: Agent;
  readonly nobody: Agent;
  api: ApiServer;
  storage: Storage;
  readonly #options: Partial<ApiServerOptions>;

  constructor(
    parts: Pick<TestServer, 'directory' | 'pki' | 'kubeconfig' | 'admin' | 'nobody' | 'api' | 'storage'>,
    options: Partial<ApiServerOptions>,
  ) {
    this.directory = parts.directory;
    this.pki = parts.pki;
    this.kubeconfig = parts.kubeconfig;
    this.admin = parts.admin;
    this.nobody = parts.nobody;
    this.api = parts.api;
    this.storage = parts.storage;
    this.#options = options;
  }

  get(path: string, ask: Ask = {}): Promise<Reply> {
    return this.ask('GET', path, ask);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return this.ask('POST', path, { body, headers });
  }

  put(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return this.ask('PUT', path, { body, headers });
  }

  delete(path: string, body?: unknown): Promise<Reply> {
    return this.ask('DELETE', path, body === undefined ? {} : { body });
  }

  /** A patch; `type` is json, merge or strategic. */
  patch(path: string, type: 'json' | 'merge' | 'strategic-merge', body: unknown): Promise<Reply> {
    return this.ask('PATCH', path, { body, headers: { 'content-type': `application/${type}-patch+json` } });
  }

  ask(method: string, path: string, { body, headers = {}, agent = this.admin }: Ask = {}): Promise<Reply> {
    // for DELETE Node's client says nothing about the length by itself
    const raw = typeof body === 'string' || Buffer.isBuffer(body) || body === undefined ? body : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.api.url),
        { method, agent, headers: { 'content-type': 'application/json', ...lengthOf(raw, headers), ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const json = response.headers['content-type']?.startsWith('application/json') === true && text !== '';
            const parsed = (json && response.headers['content-encoding'] === undefined ? JSON.parse(text) : {}) as Said;
            resolve({ code: response.statusCode ?? 0, headers: response.headers, body: parsed, text });
          });
        },
      );
      sent.on('error', reject);
      sent.end(raw);
    });
  }

  /** Opens a watch. */
  watch(path: string, headers: Record<string, string> = {}): OpenWatch {
    const events: WatchEvent[] = [];
    let finish: () => void = () => undefined;
    let started: (code: number) => void = () => undefined;
    const ended = new Promise<void>((resolve) => (finish = resolve));
    const code = new Promise<number>((resolve) => (started = resolve));
    let rest = '';
    const sent = request(
      new URL(path, this.api.url),
      { agent: new Agent({ ...this.admin.options }), headers },
      (response) => {
        started(response.statusCode ?? 0);
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) if (line !== '') events.push(JSON.parse(line) as WatchEvent);
        });
        response.on('end', finish);
        response.on('error', finish);
      },
    );
    sent.on('error', finish);
    sent.end();
    const find = async (fits: (event: WatchEvent) => boolean, ms = 10_000): Promise<WatchEvent> => {
      const end = Date.now() + ms;
      for (;;) {
        const found = events.find(fits);
        if (found !== undefined) return found;
        if (Date.now() > end)
          throw new Error(`no such event in ${ms} ms; came: ${JSON.stringify(events).slice(0, 2000)}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    return {
      events,
      ended,
      code,
      find,
      until: async (count, ms) => {
        await find(() => events.length >= count, ms);
        return events;
      },
      close: () => sent.destroy(),
    };
  }

  /** Runs the real kubectl; the exit code is for the test to judge. */
  async kubectl(
    version: KubectlVersion,
    args: string[],
    options: { stdin?: string; env?: Record<string, string> } = {},
  ): Promise<Output> {
    const path = await kubectlPath(version);
    const env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: join(this.directory, 'home'), ...options.env };
    return new Promise((resolve, reject) => {
      const child = execFile(path, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code;
        if (typeof exitCode === 'number') resolve({ code: exitCode, stdout, stderr });
        else reject(new Error('kubectl could not be run', { cause: error }));
      });
      child.stdin?.end(options.stdin ?? '');
    });
  }

  /** Starts a kubectl that goes on (get -w); `stop` ends it and gives what it printed. */
  async kubectlRunning(
    version: KubectlVersion,
    args: string[],
  ): Promise<{ output: () => string; stop(): Promise<string> }> {
    const child = spawn(await kubectlPath(version), args, {
      env: { ...process.env, KUBECONFIG: this.kubeconfig, HOME: join(this.directory, 'home') },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
    return {
      output: () => output,
      stop: async () => {
        child.kill('SIGTERM');
        await closed;
        return output;
      },
    };
  }

  /** A client with a certificate of its own. */
  async agentOf(user: string, groups: string[]): Promise<Agent> {
    const pair = await this.pki.client({ name: user, user, groups });
    return new Agent({ ca: this.pki.ca, cert: pair.cert, key: pair.key, keepAlive: true });
  }

  /** Stops the server and its store and starts both again on the same directory and, if it is free, port. */
  async restart(): Promise<void> {
    const { port } = new URL(this.api.url);
    await this.api.close();
    await this.storage.close();
    this.storage = await openEmbeddedStorage(join(this.directory, 'store'), { log: silentLogger });
    this.api = await startApiServer({
      ...this.#options,
      storage: this.storage,
      pki: this.pki,
      listen: { host: '127.0.0.1', port: Number(port) },
      log: this.#options.log ?? silentLogger,
    });
    await this.api.ready;
  }

  async close(): Promise<void> {
    this.admin.destroy();
    this.nobody.destroy();
    await this.api.close();
    await this.storage.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Starts a server on a free port and waits until it is ready. Servers over one store must have one `pki`. */
export async function startTestServer(options: Partial<ApiServerOptions> & { pki?: Pki } = {}): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'hostler-api-'));
  const storage = options.storage ?? (await openEmbeddedStorage(join(directory, 'store'), { log: silentLogger }));
  const pki = options.pki ?? (await ensurePki(join(directory, 'pki'), { hosts: ['127.0.0.1'] }));
  const api = await startApiServer({
    log: silentLogger,
    ...options,
    storage,
    pki,
    listen: { host: '127.0.0.1', port: 0 },
  });
  await api.ready;
  const credentials = await pki.client(ADMIN);
  const kubeconfig = join(directory, 'kubeconfig');
  await writeKubeconfig(kubeconfig, { server: api.url, ca: pki.ca, user: 'admin', credentials });
  const admin = new Agent({ ca: pki.ca, cert: credentials.cert, key: credentials.key, keepAlive: true });
  const nobody = new Agent({ ca: pki.ca, keepAlive: true });
  return new TestServer({ directory, pki, kubeconfig, admin, nobody, api, storage }, options);
}

function lengthOf(body: string | Buffer | undefined, headers: Record<string, string>): Record<string, string> {
  if (body === undefined || headers['transfer-encoding'] !== undefined) return {};
  return { 'content-length': String(Buffer.byteLength(body)) };
}

/** Waits until `check` gives something; fails with the last error after `ms`. */
export async function eventually<T>(check: () => T | Promise<T>, ms = 10_000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Writes a manifest into the server's directory and returns its path. */
export async function manifest(server: TestServer, name: string, text: string): Promise<string> {
  const path = join(server.directory, name);
  await writeFile(path, text);
  return path;
}
