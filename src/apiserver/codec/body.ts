import { BodyError } from './bodyError.ts';
import { parseJson } from './jsonParser.ts';
import type { JsonValue } from './json.ts';
import { decodeProtobuf } from './protobuf.ts';
import { parseYaml } from './yaml.ts';

export { BodyError } from './bodyError.ts';

/** A request body that was understood. */
export interface DecodedBody {
  value: JsonValue;
  /** Paths of keys that occur more than once in one object, as kube prints them: `spec.foo`, `spec.list[0].x`. */
  duplicateFields: string[];
  /** The same for people who look into YAML text: `line 9: key "foo" already set in map`. */
  repeatedKeys?: string[];
}

/** The largest body that is read, in bytes; kube's limit. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

type Decoder = (bytes: Uint8Array) => DecodedBody;

const decodeText =
  (parse: (text: string) => DecodedBody): Decoder =>
  (bytes) =>
    parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['application/json', decodeText(parseJson)],
  ['application/json-patch+json', decodeText(parseJson)],
  ['application/merge-patch+json', decodeText(parseJson)],
  ['application/strategic-merge-patch+json', decodeText(parseJson)],
  ['application/yaml', decodeText(parseYaml)],
  ['application/apply-patch+yaml', decodeText(parseYaml)],
  ['application/vnd.kubernetes.protobuf', (bytes) => ({ value: decodeProtobuf(bytes), duplicateFields: [] })],
]);

/**
 * Reads a request body.
 *
 * JSON (also without a Content-Type, and of the patch types), YAML, or protobuf of the built-in kinds (`k8s\0` +
 * runtime.Unknown).
 * @param contentType  Header value, parameters allowed; undefined or empty means JSON.
 * @throws BodyError  415 for other media types, 413 above 3 MiB, 400 for anything malformed.
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined): DecodedBody {
  const mediaType = mediaTypeOf(contentType);
  const decoder = DECODERS.get(mediaType);
  if (decoder === undefined) {
    throw new BodyError(
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  }
  if (bytes.length > MAX_BODY_BYTES) {
    throw new BodyError(413, `limit is ${MAX_BODY_BYTES}`);
  }
  return decoder(bytes);
}

/** The media type of a Content-Type header, in lower case and without parameters; '' counts as JSON. */
function mediaTypeOf(contentType: string | undefined): string {
  const type = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === '' ? 'application/json' : type;
}
