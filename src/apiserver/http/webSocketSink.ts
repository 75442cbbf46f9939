import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { WatchSink } from '../registry/watch.ts';
import { sendPlain } from './respond.ts';

/** For a client that does not answer the end of its watch. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Nothing that a client says on a watch is read. */
const MAX_MESSAGE_BYTES = 64 * 1024;

const OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  // newer than the types of the library
  closeTimeout: CLOSE_TIMEOUT_MS,
};
const server = new WebSocketServer(OPTIONS);

/** The request, its answer and the connection below them. */
export interface Handshake {
  request: IncomingMessage;
  response: ServerResponse;
  socket: Duplex;
  head: Buffer;
}

/** How a {@link WebSocketSink} sends. */
interface SinkOptions {
  /** What an event begins with over plain HTTP and a message has no need of; 0 = text. */
  prefixBytes: number;
  /** A client that has this much unread is cut off. */
  maxUnreadBytes: number;
  /** Of what there was before the watch, this much is under way at once. */
  maxUnderWayBytes: number;
  opened: () => void;
}

/** A watch over a WebSocket: one message for each event, as text or as the bare bytes of a protobuf. */
export class WebSocketSink implements WatchSink {
  readonly #handshake: Handshake;
  readonly #options: SinkOptions;
  #socket: WebSocket | undefined;
  /** When the last message has left; also when it never will. */
  #sent: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(handshake: Handshake, options: SinkOptions) {
    this.#handshake = handshake;
    this.#options = options;
  }

  open(): void {
    const { request, response, socket, head } = this.#handshake;
    if (this.#socket !== undefined || this.#ended || response.headersSent || response.destroyed) return;
    if (!URL.canParse(request.headers.origin ?? '')) {
      // a browser tells where its page comes from; kube-apiserver serves nobody who does not
      this.#ended = true;
      response.removeHeader('cache-control');
      sendPlain(response, 403, '');
      return;
    }
    this.#options.opened();
    response.statusCode = 101;
    response.detachSocket(request.socket);
    socket.on('close', () => response.emit('close'));
    // answers a handshake that is none with 400
    server.handleUpgrade(request, socket, head, (opened) => {
      this.#socket = opened;
      opened.on('error', () => opened.terminate());
    });
  }

  write(bytes: Buffer): void {
    this.open();
    const socket = this.#socket;
    if (this.#ended || socket === undefined) return;
    const { prefixBytes, maxUnreadBytes } = this.#options;
    this.#sent = new Promise((resolve) => {
      socket.send(bytes.subarray(prefixBytes), { binary: prefixBytes > 0 }, () => resolve());
    });
    if (socket.bufferedAmount > maxUnreadBytes) socket.terminate();
  }

  drained(): Promise<void> | undefined {
    const isFull = (this.#socket?.bufferedAmount ?? 0) >= this.#options.maxUnderWayBytes;
    return isFull ? this.#sent : undefined;
  }

  end(): void {
    this.#ended = true;
    this.#socket?.close();
  }
}
