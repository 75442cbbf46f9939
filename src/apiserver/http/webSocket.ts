import type { IncomingMessage, RequestListener } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from './app.ts';

/** What came of the client with its wish for a WebSocket, after the head of its request. */
const wishes = new WeakMap<IncomingMessage, { socket: Duplex; head: Buffer }>();

/** The connection of a request that asks for a WebSocket; undefined for any other. */
export function webSocketWish(request: IncomingMessage): { socket: Duplex; head: Buffer } | undefined {
  return wishes.get(request);
}

/**
 * Answers requests with an `Upgrade` header, which Node.js hands over with their bare connection, by the same `app` as
 * all others: it says 401, 403 or 404 to them, and an endpoint that knows WebSockets finds {@link webSocketWish}. Where
 * nobody switches protocols, the header is passed over, as RFC 9110 wants it, and the connection ends with the answer.
 */
export function upgradeListener({ classes, listener }: App): (...args: [IncomingMessage, Duplex, Buffer]) => void {
  return (request, socket, head) => {
    // the HTTP server has let go of it: nobody else listens
    socket.on('error', () => socket.destroy());
    if (request.headers.upgrade?.toLowerCase() === 'websocket') wishes.set(request, { socket, head });
    answer(request, new classes.ServerResponse(request), listener);
  };
}

function answer(
  request: IncomingMessage,
  response: InstanceType<App['classes']['ServerResponse']>,
  listener: RequestListener,
): void {
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  response.on('finish', () => {
    response.detachSocket(request.socket);
    request.socket.destroySoon();
    response.emit('close');
  });
  listener(request, response);
}
