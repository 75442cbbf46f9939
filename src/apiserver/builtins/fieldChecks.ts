import type { JsonObject, JsonValue } from '../codec/json.ts';
import { isJsonObject } from '../codec/json.ts';
import { tooLong, type FieldError } from '../schema/fieldErrors.ts';

/** A 422 cause for a wrong value. */
export function invalidValue(field: string, badValue: JsonValue, detail: string): FieldError {
  return { type: 'FieldValueInvalid', field, badValue, detail };
}

/** A 422 cause for a value that is missing. */
export function requiredValue(field: string, detail = ''): FieldError {
  return { type: 'FieldValueRequired', field, detail };
}

/** A 422 cause for a value that may not be there or not change. */
export function forbiddenValue(field: string, detail: string): FieldError {
  return { type: 'FieldValueForbidden', field, detail };
}

/** Finalizers that need no domain in front. */
const STANDARD_FINALIZERS: readonly string[] = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** Checks that all finalizers of an object of the core group are standard ones or have a domain. */
export function unqualifiedFinalizers(field: string, names: readonly string[]): FieldError[] {
  const detail = 'name is neither a standard finalizer name nor is it fully qualified';
  return names.flatMap((name, index) =>
    name.includes('/') || STANDARD_FINALIZERS.includes(name) ? [] : [invalidValue(`${field}[${index}]`, name, detail)],
  );
}

/** Largest sum of all values of a Secret or ConfigMap. */
const MAX_DATA_BYTES = 1024 * 1024;
const MAX_KEY_LENGTH = 253;
const DATA_KEY = /^[-._a-zA-Z0-9]+$/;
const DATA_KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/** Checks the keys of a data member of a Secret or ConfigMap. */
export function dataKeyErrors(member: string, data: JsonObject): FieldError[] {
  return Object.keys(data).flatMap((key) =>
    keyProblems(key).map((detail) => invalidValue(`${member}[${key}]`, key, detail)),
  );
}

function keyProblems(key: string): string[] {
  const problems: string[] = [];
  if (key.length > MAX_KEY_LENGTH) problems.push(`must be no more than ${MAX_KEY_LENGTH} characters`);
  if (!DATA_KEY.test(key)) problems.push(DATA_KEY_RULE);
  if (key === '.' || key === '..') problems.push(`must not be '${key}'`);
  else if (key.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** Takes line breaks out of the base64 values of a member, which YAML block texts have and decoders may not like. */
export function joinBase64(object: JsonObject, member: string): void {
  const data = membersOf(object, member);
  for (const [key, value] of Object.entries(data)) {
    if (typeof value === 'string' && /[\r\n]/.test(value)) data[key] = value.replace(/[\r\n]/g, '');
  }
}

/** Checks that all values together are not too much for one object. */
export function sizeErrors(field: string, texts: JsonObject, bytes: JsonObject): FieldError[] {
  let total = 0;
  for (const value of Object.values(texts)) total += byteLength(value, 'utf8');
  for (const value of Object.values(bytes)) total += byteLength(value, 'base64');
  return total > MAX_DATA_BYTES ? [tooLong(field, MAX_DATA_BYTES)] : [];
}

function byteLength(value: JsonValue, encoding: 'utf8' | 'base64'): number {
  return typeof value === 'string' ? Buffer.byteLength(value, encoding) : 0;
}

/** The member `key` as an object; an empty one when there is none. */
export function membersOf(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

/** Brings times with microseconds to UTC, as Go prints them. */
export function toUtc(object: JsonObject | undefined, ...members: readonly string[]): void {
  for (const name of members) {
    const time = object?.[name];
    if (object === undefined || typeof time !== 'string' || time.endsWith('Z')) continue;
    const seconds = new Date(Math.floor(Date.parse(time) / 1000) * 1000).toISOString().slice(0, -5);
    object[name] = `${seconds}.${/\.(\d{6})/.exec(time)?.[1] ?? '000000'}Z`;
  }
}
