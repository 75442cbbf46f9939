import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { Connection } from '../../src/kube/connection.ts';

/** A request of the load; answers are counted, not parsed, so that the load costs less than the server. */
export interface Ask {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  body?: Buffer;
  contentType?: string;
}

/** An HTTPS client with the admin's certificate and at most so many kept connections. */
export class LoadClient {
  readonly agent: Agent;
  readonly #server: URL;

  private constructor(agent: Agent, server: URL) {
    this.agent = agent;
    this.#server = server;
  }

  /** A client that keeps up to `connections` connections; HTTP/1.1, one request at a time on each. */
  static async create(connection: Connection, connections: number): Promise<LoadClient> {
    const { tls } = await connection.credentials();
    return new LoadClient(new Agent({ ...tls, keepAlive: true, maxSockets: connections }), connection.server);
  }

  /** Sends one request; resolves with the length of the answer. @throws Error for an answer other than 200 and 201. */
  async send(ask: Ask): Promise<number> {
    const response = await this.#open(ask);
    let length = 0;
    response.on('data', (chunk: Buffer) => (length += chunk.length));
    await ended(response);
    return length;
  }

  /** The whole answer, parsed. */
  async get<T>(path: string): Promise<T> {
    const response = await this.#open({ method: 'GET', path });
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    await ended(response);
    return JSON.parse(Buffer.concat(chunks).toString()) as T;
  }

  /** Opens a watch and resolves once the server has accepted it; `onEvent` is called at the end of every event. */
  async watch(path: string, onEvent: () => void): Promise<void> {
    const response = await this.#open({ method: 'GET', path });
    // a raw newline ends an event and occurs nowhere else; each event is waited for before the next is made
    response.on('data', (chunk: Buffer) => {
      if (chunk.at(-1) === 0x0a) onEvent();
    });
    // the bench ends the connections
    response.on('error', () => undefined);
  }

  close(): void {
    this.agent.destroy();
  }

  #open({ method, path, body, contentType = 'application/json' }: Ask): Promise<IncomingMessage> {
    const sized = body === undefined ? {} : { 'content-type': contentType, 'content-length': body.length };
    const headers = { ...sized, accept: 'application/json', 'user-agent': 'hostler-bench/1' };
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#server), { method, agent: this.agent, headers }, (response) => {
        if (response.statusCode === 200 || response.statusCode === 201) resolve(response);
        else reject(new Error(`${method} ${path}: ${String(response.statusCode)}`));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

/** Runs `act` for 0 … count-1, `clients` at a time. */
export async function inParallel(
  clients: number,
  count: number,
  act: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: Math.min(clients, count) }, worker));
}

async function ended(response: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    response.once('end', resolve).once('error', reject);
  });
}
