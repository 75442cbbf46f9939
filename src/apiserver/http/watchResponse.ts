import type { ServerResponse } from 'node:http';
import type { ListOptions } from '../registry/listOptions.ts';
import type { StoredResource } from '../registry/resource.ts';
import type { Selection } from '../registry/selection.ts';
import { watchObjects, type WatchSink } from '../registry/watch.ts';
import { WatchEncoder } from '../registry/watchEncoder.ts';
import type { Exchange } from './context.ts';
import { PROTOBUF, type MediaType } from './negotiate.ts';
import { webSocketWish } from './webSocket.ts';

/** A client that has this much unread is cut off rather than waited for; it comes back and goes on from where it was. */
const MAX_UNREAD_BYTES = 64 * 1024 * 1024;

/** What was already there when the watch began is sent at the client's pace, with this much under way. */
const MAX_UNDER_WAY_BYTES = 1024 * 1024;

/** What to watch and how to show it. */
export interface WatchView {
  resource: StoredResource;
  selection: Selection;
  options: ListOptions;
  media: MediaType;
  now: () => number;
}

/** Streams a watch until its end. */
export async function runWatch(exchange: Exchange, view: WatchView): Promise<void> {
  const { response } = exchange;
  const gone = new AbortController();
  // not the request's close: in Node that comes as soon as the body has been read
  response.on('close', () => gone.abort());
  if (response.destroyed) return;
  const sink = await sinkOf(exchange, view.media);
  const { resource, selection, options, media } = view;
  const encoder = new WatchEncoder({ resource, media, includeObject: options.includeObject, now: view.now });
  await watchObjects({ resource, selection, options, encoder, sink, signal: gone.signal });
  sink.end();
}

/** An event of protobuf says its length first, in these many bytes. */
const LENGTH_BYTES = 4;

async function sinkOf({ request, response, audit }: Exchange, media: MediaType): Promise<WatchSink> {
  const wish = webSocketWish(request);
  if (wish === undefined) return new ResponseSink(response, watchType(media), () => audit?.started(200));
  // few clients want one
  const { WebSocketSink } = await import('./webSocketSink.ts');
  return new WebSocketSink(
    { request, response, ...wish },
    {
      prefixBytes: media.encoding === 'protobuf' ? LENGTH_BYTES : 0,
      maxUnreadBytes: MAX_UNREAD_BYTES,
      maxUnderWayBytes: MAX_UNDER_WAY_BYTES,
      opened: () => audit?.started(101),
    },
  );
}

function watchType({ encoding }: MediaType): string {
  return encoding === 'protobuf' ? `${PROTOBUF};stream=watch` : 'application/json';
}

/** Gathers what is written in one turn of the event loop into one write to the socket. */
class ResponseSink implements WatchSink {
  readonly #response: ServerResponse;
  readonly #contentType: string;
  readonly #opened: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #ended = false;
  #open = false;

  constructor(response: ServerResponse, contentType: string, opened: () => void) {
    this.#response = response;
    this.#contentType = contentType;
    this.#opened = opened;
  }

  open(): void {
    if (this.#open || this.#response.headersSent || this.#response.destroyed) return;
    this.#open = true;
    this.#response.statusCode = 200;
    this.#response.setHeader('content-type', this.#contentType);
    this.#response.flushHeaders();
    this.#opened();
  }

  write(bytes: Buffer): void {
    if (this.#ended) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#flush());
  }

  drained(): Promise<void> | undefined {
    if (this.#waitingBytes < MAX_UNDER_WAY_BYTES || this.#ended) return undefined;
    this.#flush();
    const response = this.#response;
    return new Promise((resolve) => {
      // others have a turn, too, when the client is fast
      if (!response.writableNeedDrain) return void setImmediate(resolve);
      const go = (): void => {
        response.off('drain', go).off('close', go);
        resolve();
      };
      response.on('drain', go).on('close', go);
    });
  }

  end(): void {
    if (this.#ended) return;
    this.#flush();
    this.#ended = true;
    if (this.#open && !this.#response.destroyed) this.#response.end();
  }

  #flush(): void {
    this.#scheduled = false;
    if (this.#ended || this.#response.destroyed) return;
    const bytes = this.#waiting.splice(0);
    this.#waitingBytes = 0;
    if (bytes.length === 0) return;
    this.open();
    const [only] = bytes;
    this.#response.write(bytes.length === 1 && only !== undefined ? only : Buffer.concat(bytes));
    if (this.#response.writableLength > MAX_UNREAD_BYTES) this.#response.destroy();
  }
}
