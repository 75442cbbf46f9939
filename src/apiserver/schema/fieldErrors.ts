import { stringifyJson } from '../codec/json.ts';
import type { JsonValue } from '../codec/json.ts';
import { goNumber, goQuote } from './goText.ts';

/** `reason` of one cause of a Status, as apimachinery names them. */
export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueTypeInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError';

/** One thing that is wrong with an object. Make them with {@link fieldError} and its neighbours. */
export interface FieldError {
  type: FieldErrorType;
  /** Path such as `spec.ports[0].name`; `<nil>` when the object as a whole is meant. */
  field: string;
  /** The offending value; undefined where the message shows none. */
  badValue?: JsonValue | undefined;
  detail: string;
}

const TITLES: Readonly<Record<FieldErrorType, string>> = {
  FieldValueRequired: 'Required value',
  FieldValueInvalid: 'Invalid value',
  FieldValueTypeInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotFound: 'Not found',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
};

/** Says that `value` is wrong: `field: Invalid value: "x": detail`. */
export function invalid(field: string, value: JsonValue, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field: field || '<nil>', badValue: value, detail };
}

/** Says that something must be there. */
export function required(field: string, detail = ''): FieldError {
  return { type: 'FieldValueRequired', field: field || '<nil>', detail };
}

/** Says that something must not be there. */
export function forbidden(field: string, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field: field || '<nil>', detail };
}

/** Says that `value` occurs twice. */
export function duplicate(field: string, value: JsonValue): FieldError {
  return { type: 'FieldValueDuplicate', field: field || '<nil>', badValue: value, detail: '' };
}

/** Says that `value` is none of `allowed`. */
export function notSupported(field: string, value: JsonValue, allowed: readonly string[]): FieldError {
  const detail = allowed.length === 0 ? '' : `supported values: ${allowed.map(goQuote).join(', ')}`;
  return { type: 'FieldValueNotSupported', field: field || '<nil>', badValue: value, detail };
}

/** Says that a text has more than `max` bytes. */
export function tooLong(field: string, max: number): FieldError {
  const detail = `may not be more than ${max} ${max === 1 ? 'byte' : 'bytes'}`;
  return { type: 'FieldValueTooLong', field: field || '<nil>', detail };
}

/** Says that a list or map has more than `max` items. */
export function tooMany(field: string, actual: number, max: number): FieldError {
  const detail = `must have at most ${max} ${max === 1 ? 'item' : 'items'}`;
  return { type: 'FieldValueTooMany', field: field || '<nil>', badValue: actual, detail };
}

/**
 * Characters of the errors that one answer tells, about. Many errors show the value they are about, and where each of
 * thousands shows the same long list, an answer would be larger than any request.
 */
const MAX_TOLD_CHARS = 1024 * 1024;

/** The first of `errors`, as many as an answer may tell, and how many more there are. */
export function told(errors: readonly FieldError[]): readonly FieldError[] {
  let chars = 0;
  for (const [index, error] of errors.entries()) {
    chars += errorText(error).length;
    const more = errors.length - index - 1;
    if (chars <= MAX_TOLD_CHARS || more === 0) continue;
    const rest: FieldError = { type: 'FieldValueTooMany', field: '<nil>', detail: `${more} more errors are not shown` };
    return [...errors.slice(0, index + 1), rest];
  }
  return errors;
}

/** One entry of a Status' `details.causes`. */
export interface StatusCause {
  reason: FieldErrorType;
  message: string;
  field: string;
}

/** `error` without its path: `Invalid value: -1: must be …`; the message of a Status cause. */
function errorBody(error: FieldError): string {
  const title = TITLES[error.type];
  const head = error.badValue === undefined ? title : `${title}: ${valueText(error.badValue)}`;
  return error.detail === '' ? head : `${head}: ${error.detail}`;
}

/** `error` with its path, as kubectl shows it: `spec.replicas: Invalid value: -1: must be …`. */
export function errorText(error: FieldError): string {
  return `${error.field}: ${errorBody(error)}`;
}

/** The causes of a 422 Status for `errors`. */
export function statusCauses(errors: readonly FieldError[]): StatusCause[] {
  return errors.map((error) => ({ reason: error.type, message: errorBody(error), field: error.field }));
}

/** The message of a 422 Status: `Kind.group "name" is invalid: …`, several errors in brackets, repeated texts once. */
export function invalidMessage(kind: string, name: string, errors: readonly FieldError[]): string {
  return `${kind} ${goQuote(name)} is invalid: ${aggregate(errors.map(errorText))}`;
}

/** Messages as Go prints an aggregate of errors: one alone, several as `[a, b]`, each once. */
export function aggregate(messages: readonly string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
}

function valueText(value: JsonValue): string {
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  // Go escapes what HTML would take for markup
  return stringifyJson(value).replace(/[<>&]/g, (char) => String.raw`\u00` + char.charCodeAt(0).toString(16));
}
