import type { JsonValue } from '../codec/json.ts';

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

/** One thing that is wrong with an object. Make them with the functions of this file. */
export interface FieldError {
  type: FieldErrorType;
  /** Path such as `spec.ports[0].name`; `<nil>` when the object as a whole is meant. */
  field: string;
  /** The offending value; undefined where the message does not show one. */
  badValue?: JsonValue | undefined;
  detail: string;
}

/** One entry of a Status' `details.causes`. */
export interface StatusCause {
  reason: FieldErrorType;
  message: string;
  field: string;
}

/** `error` without its path: `Invalid value: -1: must be …`; the message of a Status cause. */
export function errorBody(error: FieldError): string {
  return error.detail;
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
  return `${kind} "${name}" is invalid: ${errors.map(errorText).join(', ')}`;
}
