import { execFile } from 'node:child_process';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { ensurePki, type Pki } from '../../../src/apiserver/pki/pki.ts';
import { kubectlPath, type KubectlVersion } from '../../support/kubectl.ts';
import { WebSocketWatch } from '../../support/webSocketWatch.ts';
import { NOBODY, type User } from './step.ts';

/** One of the two servers, as the set-up says where it is. */
export interface Endpoint {
  name: 'hostler' | 'kubernetes';
  url: string;
  /** Where its CA is kept. */
  pki: string;
  kubeconfig: string;
  /** Home of kubectl, for its cache of discovery. */
  home: string;
}

/** What came back. */
export interface Reply {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
  bytes: Buffer;
}

export interface Ask {
  body?: string | Buffer | undefined;
  headers?: Readonly<Record<string, string>>;
  as?: User | undefined;
}

const ADMIN: User = { name: 'conformance-admin', groups: ['system:masters'] };
const ADDED_AFTER_MS = 150;
const WATCH_TIMEOUT_MS = 20_000;

/** A client of one of the two servers. */
export class Side {
  readonly endpoint: Endpoint;
  readonly #agents = new Map<string, Promise<Agent>>();
  #pki: Promise<Pki> | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  async ask(method: string, path: string, { body, headers = {}, as }: Ask = {}): Promise<Reply> {
    const agent = await this.#agentOf(as ?? ADMIN);
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.endpoint.url}${path}`,
        { method, agent, headers: { ...length, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(chunks);
            resolve({ code: response.statusCode ?? 0, headers: response.headers, text: bytes.toString(), bytes });
          });
        },
      );
      sent.on('error', (error) => reject(new Error(`${this.endpoint.name}: ${error.message}`, { cause: error })));
      sent.end(body);
    });
  }

  /** Opens a watch; `meanwhile` runs when it is open. Returns its answer, and the lines that came. */
  async watch(path: string, count: number, meanwhile: () => Promise<void>, as?: User): Promise<Omit<Reply, 'bytes'>> {
    const agent = await this.#agentOf(as ?? ADMIN);
    const lines: string[] = [];
    let rest = '';
    const stream = { ended: false };
    const sent = request(`${this.endpoint.url}${path}`, { agent: new Agent(agent.options) });
    const opened = new Promise<Pick<Reply, 'code' | 'headers'>>((resolve, reject) => {
      sent.once('error', reject).once('response', (response) => {
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const parts = (rest + chunk).split('\n');
          rest = parts.pop() ?? '';
          lines.push(...parts.filter((line) => line !== ''));
        });
        response.once('close', () => (stream.ended = true));
        resolve({ code: response.statusCode ?? 0, headers: response.headers });
      });
    });
    sent.end();
    try {
      const { code, headers } = await opened;
      await meanwhile();
      const limit = Date.now() + WATCH_TIMEOUT_MS;
      while (lines.length < count && !stream.ended && Date.now() < limit) await pause(5);
      await pause(ADDED_AFTER_MS);
      return { code, headers, text: [...lines, ...(rest === '' ? [] : [rest])].join('\n') };
    } finally {
      sent.on('error', () => undefined).destroy();
    }
  }

  /** {@link watch} over a WebSocket. */
  async webSocket(
    path: string,
    options: { count: number; headers: Readonly<Record<string, string>>; as: User | undefined },
    meanwhile: () => Promise<void>,
  ): Promise<Omit<Reply, 'bytes'>> {
    const { options: tls } = await this.#agentOf(options.as ?? ADMIN);
    const watch = new WebSocketWatch(`${this.endpoint.url}${path}`, { tls, headers: options.headers });
    try {
      const answer = await watch.opened;
      if (answer.code === 101) {
        await meanwhile();
        await watch.until(options.count, WATCH_TIMEOUT_MS);
        await pause(ADDED_AFTER_MS);
      }
      return { ...answer, text: answer.text + watch.messages.join('') };
    } finally {
      watch.close();
    }
  }

  /** Runs kubectl as the administrator. */
  async kubectl(
    version: KubectlVersion,
    args: readonly string[],
    options: { namespace: string; stdin?: string | undefined },
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const path = await kubectlPath(version);
    const { kubeconfig, home } = this.endpoint;
    const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOME: join(home, version) };
    return new Promise((resolve, reject) => {
      const child = execFile(path, ['--namespace', options.namespace, ...args], { env }, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') resolve({ code, stdout, stderr });
        else reject(new Error('kubectl could not be run', { cause: error }));
      });
      // a command that does not read is over before all is written
      child.stdin?.on('error', () => undefined).end(options.stdin ?? '');
    });
  }

  async close(): Promise<void> {
    for (const agent of this.#agents.values()) (await agent).destroy();
  }

  #agentOf(user: User): Promise<Agent> {
    const key = JSON.stringify(user);
    const known = this.#agents.get(key) ?? this.#makeAgent(user);
    this.#agents.set(key, known);
    return known;
  }

  async #makeAgent({ name, groups = [] }: User): Promise<Agent> {
    this.#pki ??= ensurePki(this.endpoint.pki, { hosts: ['127.0.0.1'] });
    const pki = await this.#pki;
    if (name === NOBODY.name) return new Agent({ ca: pki.ca, keepAlive: true });
    const { cert, key } = await pki.client({
      name: `conformance-${name.replaceAll(/[^a-z0-9-]/g, '-')}`,
      user: name,
      groups,
    });
    return new Agent({ ca: pki.ca, cert, key, keepAlive: true });
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
