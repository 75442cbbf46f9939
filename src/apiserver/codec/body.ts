import type { JsonValue } from './json.ts';

/** A request body that was understood. */
export interface DecodedBody {
  value: JsonValue;
  /** Paths of keys that occur more than once in one object, as kube prints them: `spec.foo`, `spec.list[0].x`. */
  duplicateFields: string[];
}

/** Why a body was refused: 400 BadRequest, 413 RequestEntityTooLarge or 415 UnsupportedMediaType. */
export class BodyError extends Error {
  readonly code: 400 | 413 | 415;

  constructor(code: 400 | 413 | 415, message: string) {
    super(message);
    this.name = 'BodyError';
    this.code = code;
  }
}

/**
 * Reads a request body.
 *
 * JSON (also without a Content-Type), YAML, or protobuf of the built-in kinds (`k8s\0` + runtime.Unknown).
 * @param contentType  Header value, parameters allowed; undefined or empty means JSON.
 * @throws BodyError  415 for other media types, 413 above 3 MiB, 400 for anything malformed.
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined): DecodedBody {
  throw new BodyError(415, `not implemented: ${contentType ?? ''} ${bytes.length}`);
}
