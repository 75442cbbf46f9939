import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createGzip } from 'node:zlib';
import type { ListResult } from '../registry/list.ts';
import type { StoredResource } from '../registry/resource.ts';
import { listText, listYaml, type View } from '../registry/transforms.ts';
import type { Exchange } from './context.ts';
import { acceptsGzip, GZIP_FROM_BYTES, sendText } from './respond.ts';

/** Pieces are gathered up to this size before they are sent. */
const CHUNK_CHARS = 512 * 1024;
/** As YAML a megabyte takes more than a second to write, in which nobody else would have a turn. */
const YAML_CHUNK_CHARS = 16 * 1024;

/**
 * Sends a list. Small ones go as one answer with a length; large ones in pieces at the client's pace, so that a list
 * of any size costs the memory of one piece.
 */
export async function sendList(
  exchange: Exchange,
  resource: StoredResource,
  result: ListResult,
  view: View,
): Promise<void> {
  const { response } = exchange;
  const { encoding, transform } = view.media;
  const isYaml = encoding === 'yaml' && transform !== 'Table';
  const size = isYaml ? YAML_CHUNK_CHARS : CHUNK_CHARS;
  const pieces = gather(listText(resource, result, view), size);
  const text = next(pieces);
  const whole = (encoding !== 'json' && !isYaml) || exchange.audit?.wantsAnswer === true;
  if (text.length < size || whole) {
    await sendText(exchange, { code: 200, text: text + [...pieces].join('') }, view.media);
    return;
  }
  response.statusCode = 200;
  response.setHeader('content-type', `application/${encoding}`);
  if (!isYaml) return stream(exchange, text, pieces);
  const yaml = gather(listYaml(resource, result, view), size);
  await stream(exchange, next(yaml), yaml);
}

function next(pieces: Iterator<string>): string {
  const result = pieces.next();
  return result.done === true ? '' : result.value;
}

async function stream(exchange: Exchange, first: string, rest: Iterable<string>): Promise<void> {
  const { request, response } = exchange;
  const zipped = acceptsGzip(request) && first.length >= GZIP_FROM_BYTES;
  const target = zipped ? createGzip({ level: constants.Z_BEST_SPEED }) : response;
  if (zipped) {
    response.setHeader('content-encoding', 'gzip');
    response.appendHeader('vary', 'Accept-Encoding');
    target.pipe(response);
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    await write(target, first, gone.signal);
    for (const piece of rest) {
      await write(target, piece, gone.signal);
      // others have a turn, also when this client is fast
      await nextTurn();
    }
    target.end();
    await finished(response, { signal: gone.signal }).catch(() => undefined);
  } catch (error) {
    // the client went away in the middle: nobody is left to be told
    if (!gone.signal.aborted) throw error;
  }
}

async function write(target: NodeJS.WritableStream, text: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!target.write(text)) await once(target, 'drain', { signal });
}

function* gather(pieces: Iterable<string>, chars: number): Generator<string> {
  let waiting: string[] = [];
  let size = 0;
  for (const piece of pieces) {
    waiting.push(piece);
    size += piece.length;
    if (size < chars) continue;
    yield waiting.join('');
    waiting = [];
    size = 0;
  }
  yield waiting.join('');
}
