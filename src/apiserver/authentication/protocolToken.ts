import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { webSocketWish } from '../http/webSocket.ts';

/** A browser cannot set headers of a WebSocket, so that its token comes as one of the protocols that it offers. */
const PREFIX = 'base64url.bearer.authorization.k8s.io.';
const BASE64URL = /^[\w-]+$/;
const HEADER = 'sec-websocket-protocol';

/** Whether a WebSocket is asked for with a token among its protocols. */
export function namesToken(request: IncomingMessage): boolean {
  return webSocketWish(request) !== undefined && protocolsOf(request).some((name) => name.startsWith(PREFIX));
}

/**
 * Takes the token out of the protocols, for nobody to repeat it. undefined where it cannot be read, where there are two,
 * or where no other protocol is left to be agreed on.
 */
export function takeToken(request: IncomingMessage): string | undefined {
  const protocols = protocolsOf(request);
  const others = protocols.filter((name) => !name.startsWith(PREFIX));
  const [token, another] = protocols.filter((name) => name.startsWith(PREFIX));
  request.headers[HEADER] = others.join(',');
  if (token === undefined || another !== undefined || others.length === 0) return undefined;
  const encoded = token.slice(PREFIX.length);
  const bytes = Buffer.from(encoded, 'base64url');
  return BASE64URL.test(encoded) && isUtf8(bytes) ? bytes.toString() : undefined;
}

function protocolsOf({ headers }: IncomingMessage): string[] {
  return (headers[HEADER] ?? '').split(',').map((name) => name.trim());
}
