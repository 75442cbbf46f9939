import { createHash } from 'node:crypto';
import type { Exchange } from '../http/context.ts';
import type { MediaType } from '../http/negotiate.ts';
import { sendText } from '../http/respond.ts';

/** What names the content of a document. */
export function hashOf(text: string): string {
  return createHash('sha512').update(text).digest('hex').toUpperCase();
}

/** Sends a document, or 304 to a client that has it. */
export async function sendDocument(
  exchange: Exchange,
  document: { text: string; hash: string },
  media?: Pick<MediaType, 'encoding'>,
): Promise<void> {
  const { request, response } = exchange;
  const { text, hash } = document;
  response.setHeader('vary', 'Accept');
  response.setHeader('etag', `"${hash}"`);
  if (request.headers['if-none-match'] === `"${hash}"`) {
    response.statusCode = 304;
    response.end();
    return;
  }
  await sendText(exchange, { code: 200, text }, media);
}
