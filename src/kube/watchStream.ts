import type { IncomingMessage } from 'node:http';
import type { KubeObject, Status } from '../api/meta.ts';
import { messageOf } from '../lib/errors.ts';
import { ApiConnectionError, ApiError } from './apiError.ts';

/** One frame of a watch. A bookmark's object has nothing but its kind and a resourceVersion. */
export interface WatchEvent<T extends KubeObject> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/** A frame of a watch that is no JSON, or no watch event. Nothing after it can be trusted. */
export class MalformedFrameError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MalformedFrameError';
  }
}

/** No single object is that large; more is no watch. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The events of a watch's answer, until the server ends it.
 * @param idleTimeoutMs  Silence after which the connection counts as dead; bookmarks come about every minute.
 * @throws ApiError            when the server sends an ERROR event (410: the resourceVersion is too old).
 * @throws ApiConnectionError  when the connection breaks, also in the middle of a frame, or stays silent.
 * @throws MalformedFrameError
 */
export async function* readWatch<T extends KubeObject>(
  response: IncomingMessage,
  name: string,
  idleTimeoutMs: number,
): AsyncGenerator<WatchEvent<T>, void, undefined> {
  const timer = setTimeout(() => {
    response.destroy(
      new ApiConnectionError(name, 'ETIMEDOUT', { text: `nothing came for ${String(idleTimeoutMs)} ms` }),
    );
  }, idleTimeoutMs);
  const frames = new FrameSplitter();
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      timer.refresh();
      for (const line of frames.push(chunk)) yield parseFrame<T>(line, name);
    }
  } catch (error) {
    throw asWatchError(error, name);
  } finally {
    clearTimeout(timer);
    response.destroy();
  }
  if (frames.pending > 0)
    throw new ApiConnectionError(name, 'ECONNRESET', { text: 'the watch ended in the middle of an event' });
}

/** Cuts a byte stream at newlines, without copying what it already has with every chunk. */
class FrameSplitter {
  #parts: Buffer[] = [];
  pending = 0;

  *push(chunk: Buffer): Generator<string, void, undefined> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const tail = chunk.subarray(start, end);
      const line = this.pending === 0 ? tail : Buffer.concat([...this.#parts, tail]);
      this.#parts = [];
      this.pending = 0;
      start = end + 1;
      if (line.length > 0) yield line.toString('utf8');
    }
    const rest = chunk.subarray(start);
    if (rest.length > 0) this.#parts.push(rest);
    this.pending += rest.length;
    if (this.pending > MAX_FRAME_BYTES)
      throw new MalformedFrameError(`a frame is longer than ${String(MAX_FRAME_BYTES)} bytes`);
  }
}

const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'] as const satisfies WatchEvent<KubeObject>['type'][];

function parseFrame<T extends KubeObject>(line: string, name: string): WatchEvent<T> {
  const { type, object } = parseJson(line, name);
  if (typeof object !== 'object' || object === null) throw new MalformedFrameError(`${name}: a frame has no object`);
  if (type === 'ERROR') {
    const status = object as Status;
    throw new ApiError(name, status.code ?? 500, { status });
  }
  const known = TYPES.find((candidate) => candidate === type);
  if (known === undefined)
    throw new MalformedFrameError(`${name}: a frame has the unknown type ${JSON.stringify(type)}`);
  return { type: known, object: object as T };
}

function parseJson(line: string, name: string): { type?: unknown; object?: unknown } {
  try {
    const frame: unknown = JSON.parse(line);
    return typeof frame === 'object' && frame !== null ? frame : {};
  } catch (error) {
    throw new MalformedFrameError(`${name}: a frame is no JSON: ${messageOf(error)}`, { cause: error });
  }
}

function asWatchError(error: unknown, name: string): unknown {
  const ours = [ApiError, ApiConnectionError, MalformedFrameError].some((type) => error instanceof type);
  if (ours || (error instanceof Error && error.name === 'AbortError')) return error;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'ECONNRESET';
  return new ApiConnectionError(name, code, { cause: error });
}
