import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { WebSocket } from 'ws';
import { eventually } from './apiServer.ts';

/** How the server answered the handshake. */
export interface Answer {
  /** 101 when it agreed. */
  code: number;
  headers: IncomingHttpHeaders;
  /** The body of another answer. */
  text: string;
}

/** A client that watches over a WebSocket. */
export class WebSocketWatch {
  /** As they came. */
  readonly messages: string[] = [];
  readonly binary: Buffer[] = [];
  readonly opened: Promise<Answer>;
  /** Resolves with the code of the close frame; 1006 where none came. */
  readonly closed: Promise<number>;
  readonly #socket: WebSocket;

  constructor(
    url: string,
    options: { tls: ConnectionOptions; headers?: Readonly<Record<string, string>>; protocols?: readonly string[] },
  ) {
    const { tls, headers = {}, protocols = [] } = options;
    const { ca, cert, key } = tls;
    const socket = new WebSocket(url.replace(/^https/, 'wss'), [...protocols], { ca, cert, key, headers });
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.binary.push(data);
      else this.messages.push(data.toString());
    });
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    this.opened = new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.once('upgrade', ({ headers }: IncomingMessage) => resolve({ code: 101, headers, text: '' }));
      socket.once('unexpected-response', (_, response: IncomingMessage) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('end', () => {
          resolve({ code: response.statusCode ?? 0, headers: response.headers, text });
          socket.terminate();
        });
      });
    });
  }

  /** Waits until `count` messages have come, or the watch is over. */
  async until(count: number, timeoutMs: number): Promise<void> {
    await eventually(() => {
      const come = this.messages.length + this.binary.length;
      if (come < count && this.#socket.readyState !== WebSocket.CLOSED) throw new Error(`${come} of ${count} came`);
      return Promise.resolve();
    }, timeoutMs);
  }

  /** What a client sends that has something to say, or is just there. */
  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.on('error', () => undefined).terminate();
  }
}
