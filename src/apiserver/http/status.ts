import { invalidMessage, statusCauses, told, type FieldError } from '../schema/fieldErrors.ts';
import { StorageError } from '../storage/storage.ts';

/** One machine-readable reason inside a Status, usually one field of the request. */
export interface StatusCause {
  reason?: string;
  message?: string;
  field?: string;
}

/** meta/v1 StatusDetails. `kind` is the plural resource name, except in Invalid, where it is the kind. */
interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** meta/v1 Status: the body of every error, and of deletions that left nothing. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: { continue?: string; resourceVersion?: string };
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  /** Of failures. */
  code?: number;
}

/** Which object a request is about, as errors name it. */
export interface ObjectRef {
  group: string;
  resource: string;
  name?: string;
}

/** The Status of a failure. */
export type Failure = Status & { code: number };

/** A failure that the client is told about: `status` is the whole answer. Made only by the functions below. */
export class ApiError extends Error {
  readonly status: Failure;

  constructor(status: Failure) {
    super(status.message ?? status.reason ?? 'unknown');
    this.name = 'ApiError';
    this.status = status;
  }

  /** HTTP status code. */
  get code(): number {
    return this.status.code;
  }
}

function failure(code: number, reason: string, message: string, details?: StatusDetails): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  });
}

function detailsOf(ref: ObjectRef): StatusDetails {
  return {
    ...(ref.name === undefined || ref.name === '' ? {} : { name: ref.name }),
    ...(ref.group === '' ? {} : { group: ref.group }),
    kind: ref.resource,
  };
}

/** `resource.group`, or the bare resource of the core group. */
function qualified(ref: { group: string; resource: string }): string {
  return ref.group === '' ? ref.resource : `${ref.resource}.${ref.group}`;
}

/** 400: the request cannot be understood. */
export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message);
}

/** 401: nobody we know. */
export function unauthorized(): ApiError {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

/** 403: known, understood, refused. */
export function forbidden(ref: ObjectRef, why: string, causes?: StatusCause[]): ApiError {
  const subject =
    ref.name === undefined || ref.name === '' ? qualified(ref) : `${qualified(ref)} ${JSON.stringify(ref.name)}`;
  return failure(403, 'Forbidden', `${subject} is forbidden: ${why}`, {
    ...detailsOf(ref),
    ...(causes === undefined ? {} : { causes }),
  });
}

const CODES = new Map([
  ['Unauthorized', 401],
  ['Forbidden', 403],
  ['RequestEntityTooLarge', 413],
]);

/** 422, or the code of `reason`: refused by a policy. */
export function rejected(ref: ObjectRef, why: string, reason: string): ApiError {
  const { status } = forbidden(ref, why, [{ message: why }]);
  return new ApiError({ ...status, reason: reason === '' ? 'Invalid' : reason, code: CODES.get(reason) ?? 422 });
}

/** 403 of a path that is no resource. */
export function forbiddenPath(message: string): ApiError {
  return failure(403, 'Forbidden', message, {});
}

/** 404: no such object. */
export function notFound(ref: ObjectRef): ApiError {
  return failure(404, 'NotFound', `${qualified(ref)} ${JSON.stringify(ref.name ?? '')} not found`, detailsOf(ref));
}

/** 404: no such resource in a group that is served. */
export function notFoundPath(): ApiError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 405: the resource exists, the verb does not. */
export function methodNotAllowed(): ApiError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** 405, in the words for custom resources. */
export function methodNotSupported(ref: { group: string; resource: string }, verb: string): ApiError {
  const message = `${verb} is not supported on resources of kind ${JSON.stringify(qualified(ref))}`;
  return failure(405, 'MethodNotAllowed', message, { group: ref.group, kind: ref.resource });
}

/** 406: none of the types in Accept can be made. */
export function notAcceptable(accepted: readonly string[]): ApiError {
  return failure(406, 'NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);
}

/** 409: create of something that exists. @param prefix  What the client should know of it, in front of the message. */
export function alreadyExists(ref: ObjectRef, prefix = ''): ApiError {
  return failure(409, 'AlreadyExists', `${prefix}${qualified(ref)} "${ref.name ?? ''}" already exists`, detailsOf(ref));
}

/** 409: the object is not what the request assumed. */
export function conflict(ref: ObjectRef, why: string): ApiError {
  return failure(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(ref)} "${ref.name ?? ''}": ${why}`,
    detailsOf(ref),
  );
}

/** 409: other managers own fields that an apply would change; one cause per field. */
export function applyConflict(message: string, causes: StatusCause[]): ApiError {
  return failure(409, 'Conflict', message, { causes });
}

/** The reason of a 409 after a stale resourceVersion; clients and people know this sentence. */
export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again';

/** 410: the resourceVersion or continue token is older than the history. */
export function expired(message: string, continueToken?: string): ApiError {
  const error = failure(410, 'Expired', message);
  if (continueToken !== undefined) error.status.metadata.continue = continueToken;
  return error;
}

/** 413: the body is larger than `limit` bytes, or the stored object would be. */
export function tooLarge(message: string): ApiError {
  return failure(413, 'RequestEntityTooLarge', `Request entity too large: ${message}`);
}

/** 415: the body's type cannot be read here. */
export function unsupportedMediaType(accepted: readonly string[]): ApiError {
  return failure(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

/** 422: understood, but the values are wrong; one cause per field. */
export function invalid(
  subject: { group: string; kind: string; name: string },
  errors: readonly FieldError[],
): ApiError {
  const kind = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
  const shown = told(errors);
  return failure(422, 'Invalid', invalidMessage(kind, subject.name, shown), {
    ...(subject.name === '' ? {} : { name: subject.name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    ...(subject.kind === '' ? {} : { kind: subject.kind }),
    causes: statusCauses(shown),
  });
}

/** 422 of the request's options rather than of an object. */
export function unprocessable(message: string): ApiError {
  return failure(422, 'Invalid', message);
}

/** 429: come back after `seconds`. */
export function tooManyRequests(message: string, seconds = 1): ApiError {
  return failure(429, 'TooManyRequests', message, { retryAfterSeconds: seconds });
}

/** 500: a bug or broken data. Invariant: `message` holds no internals. */
export function internalError(message: string): ApiError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}

/** 503: the store is away, or the server starts or stops. */
export function serviceUnavailable(message: string): ApiError {
  return failure(503, 'ServiceUnavailable', message, { retryAfterSeconds: 1 });
}

/** 504: not in time. */
export function timedOut(message: string): ApiError {
  return failure(504, 'Timeout', `Timeout: ${message}`, { retryAfterSeconds: 1 });
}

/** 504: the revision asked for has not happened yet. */
export function resourceVersionTooLarge(asked: number, current: number): ApiError {
  return failure(504, 'Timeout', `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

/** The answer to a deletion after which nothing is left. */
export function deleted(ref: ObjectRef, uid: string): Status {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...detailsOf(ref), uid },
  };
}

/** What the client is told of any thrown value; `undefined` = a bug, to be logged with all and told as 500. */
export function toApiError(error: unknown, ref: ObjectRef): ApiError | undefined {
  if (error instanceof ApiError) return error;
  if (error instanceof StorageError) return fromStorage(error, ref);
  return undefined;
}

function fromStorage(error: StorageError, ref: ObjectRef): ApiError {
  switch (error.code) {
    case 'KeyExists':
      return alreadyExists(ref);
    case 'KeyNotFound':
      return notFound(ref);
    case 'Conflict':
      return conflict(ref, MODIFIED);
    case 'Compacted':
      return expired('The resourceVersion for the provided request is too old.');
    case 'TooLarge':
      return timedOut('Too large resource version');
    case 'ValueTooLarge':
      return tooLarge('the object exceeds what the store takes');
    case 'Unavailable':
      return serviceUnavailable(error.message);
    case 'InvalidKey':
      return badRequest(error.message);
    case 'Corrupt':
      return internalError(error.message);
  }
}
