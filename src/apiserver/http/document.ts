import { createHash } from 'node:crypto';
import type { Exchange } from './context.ts';

/** What names the content of a document that clients keep. */
export function hashOf(content: string | Buffer): string {
  return createHash('sha512').update(content).digest('hex').toUpperCase();
}

/** Names the content to the client, and answers 304 where it has that already. Returns whether all is said. */
export function answeredAsKnown({ request, response }: Exchange, hash: string): boolean {
  response.setHeader('vary', 'Accept');
  response.setHeader('etag', `"${hash}"`);
  if (request.headers['if-none-match'] !== `"${hash}"`) return false;
  response.statusCode = 304;
  response.end();
  return true;
}
