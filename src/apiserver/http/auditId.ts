import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Takes the client's `Audit-ID` or makes one, and sends it back on the answer. */
export function assignAuditId(request: IncomingMessage, response: ServerResponse): string {
  const sent = request.headers['audit-id'];
  const id = typeof sent === 'string' && /^[\w.-]{1,64}$/.test(sent) ? sent : randomUUID();
  response.setHeader('audit-id', id);
  return id;
}
