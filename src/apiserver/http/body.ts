import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge } from './status.ts';

/** Largest request body, as in kube-apiserver: 3 MiB. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;
/** How much of a body that is too large is read and thrown away, and for how long. */
const MAX_DISCARDED_BYTES = 128 * 1024 * 1024;
const MAX_DISCARD_MS = 10_000;

/**
 * The whole body; empty when none was sent.
 * @throws ApiError 413 beyond {@link MAX_BODY_BYTES}, 400 when the client goes away.
 */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw await overLimit(request);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      request.off('data', take).off('end', finish);
      overLimit(request).then(reject, reject);
    };
    const finish = (): void =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    request.on('data', take).on('end', finish);
    request.on('aborted', () => reject(badRequest('the client closed the connection before its body was complete')));
    request.on('error', () => reject(badRequest('the request body could not be read')));
  });
}

/**
 * The refusal of a body that is too large, once its rest has been thrown away: clients that are still sending when
 * the connection is closed see a broken pipe, and never the answer.
 */
async function overLimit(request: IncomingMessage): Promise<Error> {
  await discard(request);
  return tooLarge(`limit is ${MAX_BODY_BYTES}`);
}

function discard(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let discarded = 0;
    const timer = setTimeout(finish, MAX_DISCARD_MS);
    function finish(): void {
      clearTimeout(timer);
      request.off('data', count).off('close', finish).off('end', finish).pause();
      resolve();
    }
    function count(chunk: Buffer): void {
      discarded += chunk.length;
      if (discarded > MAX_DISCARDED_BYTES) finish();
    }
    request.on('data', count).on('close', finish).on('end', finish);
  });
}
