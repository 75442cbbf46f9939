import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Connection } from '../../src/kube/connection.ts';
import type { Ask } from './apiLoad.ts';

/** An answer that is on its way. */
interface Awaited {
  resolve: (length: number) => void;
  reject: (error: Error) => void;
}

const END_OF_HEAD = '\r\n\r\n';
/** The last chunk of a chunked body; JSON holds no raw line end, so these bytes stand nowhere else. */
const LAST_CHUNK = Buffer.from('\r\n0\r\n\r\n');

/**
 * A kept TLS connection that carries one HTTP/1.1 request at a time, and looks at no more of an answer than its status
 * and its length, as load generators do: node:https takes three times as long.
 */
export class BareConnection {
  readonly #socket: TLSSocket;
  #awaited: Awaited | undefined;
  /** What has come of the head of the answer while it is not complete. */
  #head: Buffer = Buffer.of();
  /** What has come of the body, and of which length it is, unless it comes in chunks; undefined before the head's end. */
  #body: { length: number | undefined; received: number; tail: Buffer } | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error: Error) => this.#awaited?.reject(error));
    socket.on('close', () => this.#awaited?.reject(new Error('the server closed the connection')));
  }

  static async open(connection: Connection): Promise<BareConnection> {
    const { server } = connection;
    const { tls } = await connection.credentials();
    const socket = connect({ ...tls, host: server.hostname, port: Number(server.port) });
    await once(socket, 'secureConnect');
    return new BareConnection(socket);
  }

  /** Sends one request; resolves with the length of the answer, framing of chunks included. @throws Error for an answer other than 200 and 201. */
  async exchange({ method, path, body = Buffer.of(), contentType = 'application/json' }: Ask): Promise<number> {
    const head = [
      `${method} ${path} HTTP/1.1`,
      'host: localhost',
      'accept: application/json',
      'user-agent: hostler-bench/1',
      `content-type: ${contentType}`,
      `content-length: ${body.length}`,
    ];
    return new Promise((resolve, reject) => {
      this.#awaited = { resolve, reject };
      this.#socket.write(Buffer.concat([Buffer.from(head.join('\r\n') + END_OF_HEAD), body]));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const rest = this.#body === undefined ? this.#readHead(chunk) : chunk;
    const body = this.#body;
    if (body === undefined) return;
    body.received += rest.length;
    if (body.length === undefined) {
      body.tail = Buffer.concat([body.tail, rest]).subarray(-LAST_CHUNK.length);
      if (!body.tail.equals(LAST_CHUNK)) return;
    } else if (body.received < body.length) return;
    this.#awaited?.resolve(body.received);
    this.#body = undefined;
  }

  /** Returns what there is of the body. */
  #readHead(chunk: Buffer): Buffer {
    const all = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = all.indexOf(END_OF_HEAD);
    this.#head = end < 0 ? all : Buffer.of();
    if (end < 0) return Buffer.of();
    const head = all.toString('latin1', 0, end);
    const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
    const chunked = /\r\ntransfer-encoding: chunked/i.test(head);
    if (!/^HTTP\/1\.1 20[01] /.test(head) || (length === undefined && !chunked)) {
      this.#awaited?.reject(new Error(`an answer to a write is not as expected: ${head}`));
      this.#socket.destroy();
      return Buffer.of();
    }
    this.#body = { length: chunked ? undefined : Number(length), received: 0, tail: Buffer.of() };
    return all.subarray(end + END_OF_HEAD.length);
  }
}
