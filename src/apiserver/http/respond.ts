import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { encodeProtobuf } from '../codec/protobufEncode.ts';
import { yamlText } from '../codec/yamlText.ts';
import { fromJson } from '../registry/encoding.ts';
import type { Channel } from './context.ts';
import { laidOut, wantsPretty } from './pretty.ts';
import { ApiError, type Status } from './status.ts';
import { negotiate, PROTOBUF, type MediaType, type Transform } from './negotiate.ts';

/** Bodies from here on are compressed for clients that accept it, as in kube-apiserver. */
export const GZIP_FROM_BYTES = 128 * 1024;
const NO_TRANSFORMS: ReadonlySet<Transform> = new Set();
const compress = promisify(gzip);

/** What goes back to the client. `text` is JSON when that is negotiated, in whatever encoding. */
export interface Answer {
  code: number;
  text: string | Buffer;
  /** Warnings for the person at the client, one `Warning` header each. */
  warnings?: readonly string[];
  headers?: Readonly<Record<string, string>>;
}

/** Sends JSON text (in the encoding that was negotiated), compressed when large and accepted. */
export async function sendText(
  { request, response, audit }: Channel,
  answer: Answer,
  media?: Pick<MediaType, 'encoding'>,
): Promise<void> {
  if (response.headersSent || response.destroyed) return;
  const encoding = media?.encoding ?? 'json';
  const body = encoding === 'json' ? jsonFor(request, answer.text) : ENCODERS[encoding](answer.text.toString());
  setHead(response, answer, TYPES[encoding]);
  audit?.answering(answer.code, answer.text);
  await sendBody(request, response, body);
}

const TYPES = { json: 'application/json', yaml: 'application/yaml', protobuf: PROTOBUF } as const;
const ENCODERS = {
  yaml: (json: string): string => yamlText(fromJson(json)),
  protobuf: (json: string): Buffer => encodeProtobuf(fromJson(json)),
};

function jsonFor(request: IncomingMessage, text: string | Buffer): string | Buffer {
  return wantsPretty(request) ? laidOut(text.toString()) : text;
}

function setHead(response: ServerResponse, answer: Answer, type: string): void {
  response.statusCode = answer.code;
  if (!response.hasHeader('content-type')) {
    response.setHeader('content-type', type);
  }
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  addWarnings(response, answer.warnings ?? []);
}

/** Sends `body` with the headers set so far. */
export async function sendBody(
  request: IncomingMessage,
  response: ServerResponse,
  body: string | Buffer,
): Promise<void> {
  let bytes = body;
  if (body.length > GZIP_FROM_BYTES && acceptsGzip(request)) {
    bytes = await compress(body, { level: constants.Z_BEST_SPEED });
    response.setHeader('content-encoding', 'gzip');
    response.appendHeader('vary', 'Accept-Encoding');
  }
  response.setHeader('content-length', Buffer.byteLength(bytes));
  // Node writes the head together with a text, as UTF-8 as well: the bytes of a warning would be encoded twice
  if (response.hasHeader('warning')) bytes = Buffer.from(bytes);
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** Whether the client takes gzip. */
export function acceptsGzip(request: IncomingMessage): boolean {
  const accepted = request.headers['accept-encoding'];
  return typeof accepted === 'string' && /(?:^|,)\s*gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*(?:,|$))|,|$)/i.test(accepted);
}

/** Sends plain text, as health checks and unknown paths answer. */
export function sendPlain(response: ServerResponse, code: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  response.statusCode = code;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-length', Buffer.byteLength(text));
  response.end(text);
}

/** Sends the Status of `error`, with `Retry-After` where the client shall come back. */
export async function sendError(channel: Channel, error: ApiError): Promise<void> {
  const { request, response } = channel;
  const retryAfter = error.status.details?.retryAfterSeconds;
  const headers: Record<string, string> = {};
  if (retryAfter !== undefined) headers['retry-after'] = String(retryAfter);
  // an unread body would be taken for the next request on this connection
  if (!request.complete) headers['connection'] = 'close';
  response.removeHeader('content-type');
  await sendStatus(channel, error.status, headers);
}

/** Sends a Status object, in an encoding that the client accepts or else in JSON. */
export async function sendStatus(
  channel: Channel,
  status: Status,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const code = status.code ?? 200;
  channel.audit?.status(status, code);
  await sendText(channel, { code, text: JSON.stringify(status), headers }, statusMedia(channel.request));
}

function statusMedia({ headers }: IncomingMessage): MediaType | undefined {
  try {
    return negotiate(headers.accept, NO_TRANSFORMS, true);
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** As in kube-apiserver: in characters, of one warning where all of them together are too long. */
const WARNING_RUNES = 256;
const ALL_WARNINGS_RUNES = 4 * 1024;

/** Adds one `Warning` header per sentence. Where they are too long together, each is cut, and then the last ones go. */
export function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  const texts = [...new Set(warnings)].map((warning) => Array.from(warning));
  const isTooLong = texts.reduce((sum, { length }) => sum + length, 0) > ALL_WARNINGS_RUNES;
  let total = 0;
  for (const runes of texts) {
    const shown = isTooLong ? runes.slice(0, WARNING_RUNES) : runes;
    total += shown.length;
    if (total > ALL_WARNINGS_RUNES) return;
    response.appendHeader('warning', `299 - "${headerSafe(shown.join('')).replace(/[\\"]/g, '\\$&')}"`);
  }
}

/** Header values are Latin-1 on the wire: UTF-8 bytes as Latin-1 characters, control characters as spaces. */
function headerSafe(text: string): string {
  // eslint-disable-next-line no-control-regex -- exactly these may not stand in a header
  return Buffer.from(text.replace(/[\u0000-\u001f\u007f]/g, ' ')).toString('latin1');
}
