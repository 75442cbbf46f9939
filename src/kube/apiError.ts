import type { Status } from '../api/meta.ts';
import { findCause } from '../lib/errors.ts';

/** The API answered with an error. Decide on `code` and `reason`, never on the message. */
export class ApiError extends Error {
  /** HTTP status, such as 409. */
  readonly code: number;
  /** CamelCase reason of the Status, such as `Conflict`; derived from `code` when the answer had none. */
  readonly reason: string;
  readonly details: NonNullable<Status['details']>;
  /** What the server asked us to wait before another try, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The whole Status, when there was one. */
  readonly status: Status | undefined;

  constructor(request: string, code: number, options: { status?: Status; retryAfterMs?: number; text?: string } = {}) {
    const { status, text = '' } = options;
    const reason = status?.reason ?? reasonOfCode[code] ?? 'Unknown';
    super(describe(`${request}: ${String(code)} ${reason}`, status?.message ?? text));
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = detailsOf(status);
    this.status = status;
    this.retryAfterMs = options.retryAfterMs ?? secondsToMs(this.details.retryAfterSeconds);
  }
}

/** The API could not be reached, or the link broke before the answer was complete: a write may have happened. */
export class ApiConnectionError extends Error {
  /** Node's code, such as `ECONNREFUSED`; `ETIMEDOUT` for our own deadline. */
  readonly code: string;

  constructor(request: string, code: string, options: { cause?: unknown; text?: string } = {}) {
    super(`${request}: ${options.text ?? describeCode(code)}`, { cause: options.cause });
    this.name = 'ApiConnectionError';
    this.code = code;
  }
}

/** Somebody else wrote first, or a precondition did not hold. Not: create of something that exists. */
export function isConflict(error: unknown): boolean {
  const found = findCause(error, ApiError);
  return found?.code === 409 && found.reason !== 'AlreadyExists';
}

/** create: an object of that name exists. */
export function isAlreadyExists(error: unknown): boolean {
  const found = findCause(error, ApiError);
  return found?.code === 409 && found.reason === 'AlreadyExists';
}

/** The object, or the resource itself, is not there. */
export function isNotFound(error: unknown): boolean {
  return findCause(error, ApiError)?.code === 404;
}

/** The permission is missing. */
export function isForbidden(error: unknown): boolean {
  return findCause(error, ApiError)?.code === 403;
}

/** The object breaks its schema or a rule: the same again is refused again. */
export function isInvalid(error: unknown): boolean {
  return findCause(error, ApiError)?.code === 422;
}

/** A resourceVersion or continue token is older than the history that the server keeps. */
export function isExpired(error: unknown): boolean {
  return findCause(error, ApiError)?.code === 410;
}

/** A resourceVersion lies in the server's future, as after a restore from a backup. */
export function isTooLargeResourceVersion(error: unknown): boolean {
  const found = findCause(error, ApiError);
  const causes = found?.details.causes ?? [];
  return found?.reason === 'Timeout' && causes.some((cause) => cause.reason === 'ResourceVersionTooLarge');
}

const reasonOfCode: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const textOfCode: Record<string, string> = {
  ECONNREFUSED: 'nothing listens at the address of the API server',
  ECONNRESET: 'the API server closed the connection',
  EPIPE: 'the API server closed the connection',
  ENOTFOUND: 'the name of the API server has no address',
  EAI_AGAIN: 'the name of the API server could not be resolved',
  ETIMEDOUT: 'the API server did not answer in time',
};

function detailsOf(status: Status | undefined): NonNullable<Status['details']> {
  return status?.details ?? {};
}

function describe(what: string, said: string): string {
  return said === '' ? what : `${what}: ${said.slice(0, 1024)}`;
}

function describeCode(code: string): string {
  return textOfCode[code] ?? `the API server could not be reached (${code})`;
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
