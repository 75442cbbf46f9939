import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge } from './status.ts';

/** Largest request body, as in kube-apiserver: 3 MiB. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

/**
 * The whole body; empty when none was sent.
 * @throws ApiError 413 beyond {@link MAX_BODY_BYTES} (the rest is not read), 400 when the client goes away.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw overLimit();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) {
        request.removeAllListeners('data');
        request.pause();
        reject(overLimit());
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('aborted', () => reject(badRequest('the client closed the connection before its body was complete')));
    request.on('error', () => reject(badRequest('the request body could not be read')));
  });
}

function overLimit(): Error {
  return tooLarge(`Request entity is too large: limit is ${MAX_BODY_BYTES}`);
}
