import type { IncomingMessage } from 'node:http';
import { BodyError, decodeBody, type DecodedBody } from '../codec/body.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { readBody } from './body.ts';
import type { Channel } from './context.ts';
import { ApiError, badRequest, tooLarge, unsupportedMediaType } from './status.ts';

const OBJECT_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** What a resource takes as a body. */
export interface BodyRules {
  /** Built-in kinds have protobuf messages, custom resources have none. */
  protobuf: boolean;
}

/** Reads and decodes the body. @throws ApiError 400, 413, 415. */
export async function decodeRequest({ request, audit }: Channel, rules: BodyRules): Promise<DecodedBody> {
  const type = mediaType(request);
  if (type === PROTOBUF && !rules.protobuf) throw unsupportedMediaType(OBJECT_TYPES.slice(0, 2));
  const body = decode(await readBody(request), type);
  audit?.body(body.value, request.method === 'PATCH');
  return body;
}

/** As {@link decodeRequest}, for a body that must be one object. */
export async function decodeObject(
  channel: Channel,
  rules: BodyRules,
): Promise<{ object: JsonObject; repeated: string[] }> {
  const { value, duplicateFields } = await decodeRequest(channel, rules);
  if (!isJsonObject(value)) throw badRequest('the body of the request must be an object');
  return { object: value, repeated: duplicateFields.map((path) => `duplicate field "${path}"`) };
}

/** The body as an object; undefined when there is none. @throws ApiError 400, 413, 415. */
export async function decodeOptional({ request, audit }: Channel): Promise<JsonObject | undefined> {
  const bytes = await readBody(request);
  if (bytes.length === 0) return undefined;
  const value = decode(bytes, mediaType(request)).value ?? {};
  if (!isJsonObject(value)) throw badRequest('the body of a deletion must be a DeleteOptions object');
  audit?.body({ kind: 'DeleteOptions', apiVersion: 'v1', ...value }, false);
  return value;
}

/** The media type of the body without parameters; '' when none was named. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Decodes bytes of a media type. @throws ApiError 400, 413, 415. */
function decode(bytes: Buffer, type: string): DecodedBody {
  try {
    return decodeBody(bytes, type);
  } catch (error) {
    if (error instanceof BodyError) throw fromBodyError(error);
    throw error;
  }
}

function fromBodyError(error: BodyError): ApiError {
  if (error.code === 413) return tooLarge(error.message);
  return error.code === 415 ? unsupportedMediaType(OBJECT_TYPES) : badRequest(error.message);
}
