import { goJsonType } from '../schema/goText.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { protobufMessages, protobufRoot } from './protobufTables.ts';
import type { ProtobufField, ProtobufMessage } from './protobufTables.ts';

/**
 * Why `object` is no value of the built-in kind, in the words of the Go decoder that clients know; undefined when it
 * fits, or when the kind's fields are not known here. Unknown fields and nulls are no concern of this function, and no
 * value is ever quoted but times and numbers: the object may be a Secret.
 */
export function structMismatch(object: JsonObject, apiVersion: string, kind: string): string | undefined {
  const root = protobufRoot(apiVersion, kind);
  if (root === undefined) return undefined;
  return inStruct(object, root, { struct: kind, path: '' });
}

/** Where a value stands: the struct that has the field, and the path of the field from the root. */
interface Place {
  struct: string;
  path: string;
}

function inStruct(object: JsonObject, message: ProtobufMessage, at: Place): string | undefined {
  for (const field of message.values()) {
    const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    if (value === undefined || value === null) continue;
    const path = at.path === '' ? field.name : `${at.path}.${field.name}`;
    const problem = inField(value, field, { struct: at.struct, path });
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function inField(value: JsonValue, field: ProtobufField, at: Place): string | undefined {
  if (field.mapOf !== undefined) {
    const { mapOf } = field;
    if (!isJsonObject(value)) return mismatch(value, at, `map[string]${goType(mapOf)}`);
    return first(Object.values(value), (item) => inValue(item, mapOf, at));
  }
  if (!field.repeated) return inValue(value, field.type, at);
  if (!Array.isArray(value)) return mismatch(value, at, `[]${goType(field.type)}`);
  return first(value, (item) => inValue(item, field.type, at));
}

function inValue(value: JsonValue, type: string, at: Place): string | undefined {
  if (value === null) return undefined;
  const scalar = SCALARS[type];
  if (scalar !== undefined) return scalar(value, at);
  // in JSON these are a schema, or something that is not checked here
  if (type.startsWith('JSONSchemaPropsOr'))
    return isJsonObject(value) ? inValue(value, 'JSONSchemaProps', at) : undefined;
  const message = protobufMessages.get(type);
  if (message === undefined) return undefined;
  return isJsonObject(value)
    ? inStruct(value, message, { struct: structName(type), path: at.path })
    : mismatch(value, at, goType(type));
}

type ScalarCheck = (value: JsonValue, at: Place) => string | undefined;

const SCALARS: Readonly<Record<string, ScalarCheck>> = {
  string: (value, at) => (typeof value === 'string' ? undefined : mismatch(value, at, 'string')),
  bool: (value, at) => (typeof value === 'boolean' ? undefined : mismatch(value, at, 'bool')),
  int32: (value, at) => inInteger(value, at, { type: 'int32', bits: 31n }),
  int64: (value, at) => inInteger(value, at, { type: 'int64', bits: 63n }),
  double: (value, at) => (isNumber(value) ? undefined : mismatch(value, at, 'float64')),
  bytes: (value, at) => (typeof value === 'string' ? inBase64(value) : mismatch(value, at, '[]uint8')),
  Time: (value) => inTime(value, RFC3339),
  MicroTime: (value) => inTime(value, RFC3339_MICRO),
  ExtraValue: (value, at) =>
    Array.isArray(value) ? first(value, (item) => inValue(item, 'string', at)) : mismatch(value, at, 'v1.ExtraValue'),
};

function first(values: readonly JsonValue[], check: (value: JsonValue) => string | undefined): string | undefined {
  for (const value of values) {
    const problem = check(value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function isNumber(value: JsonValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function inInteger(value: JsonValue, at: Place, { type, bits }: { type: string; bits: bigint }): string | undefined {
  if (!isNumber(value)) return mismatch(value, at, type);
  const isWhole = typeof value === 'bigint' || Number.isInteger(value);
  if (isWhole && BigInt(value) >= -(2n ** bits) && BigInt(value) < 2n ** bits) return undefined;
  return `json: cannot unmarshal number ${String(value)} into Go struct field ${at.struct}.${at.path} of type ${type}`;
}

function mismatch(value: JsonValue, at: Place, type: string): string {
  return `json: cannot unmarshal ${goJsonType(value)} into Go struct field ${at.struct}.${at.path} of type ${type}`;
}

function goType(type: string): string {
  if (type === 'bytes') return '[]uint8';
  return protobufMessages.has(type) || type === 'ExtraValue' ? `v1.${structName(type)}` : type;
}

/** Two groups have an Event; in Go both structs have the same name. */
function structName(type: string): string {
  return type.replace(/^EventsV1/, '');
}

/** A layout of Go's time package, as its elements with their patterns. */
interface Layout {
  text: string;
  elements: readonly (readonly [string, RegExp])[];
}

const UP_TO_SECONDS = [
  ['2006', /^\d{4}/],
  ['-', /^-/],
  ['01', /^\d\d/],
  ['-', /^-/],
  ['02', /^\d\d/],
  ['T', /^T/],
  ['15', /^\d\d/],
  [':', /^:/],
  ['04', /^\d\d/],
  [':', /^:/],
] as const;
const ZONE = ['Z07:00', /^(?:Z|[+-]\d\d:\d\d)/] as const;
const RFC3339: Layout = {
  text: '2006-01-02T15:04:05Z07:00',
  elements: [...UP_TO_SECONDS, ['05', /^\d\d(?:[.,]\d+)?/], ZONE],
};
const RFC3339_MICRO: Layout = {
  text: '2006-01-02T15:04:05.000000Z07:00',
  elements: [...UP_TO_SECONDS, ['05', /^\d\d/], ['.000000', /^[.,]\d{6}(?!\d)/], ZONE],
};

function inTime(value: JsonValue, layout: Layout): string | undefined {
  if (typeof value !== 'string') return `json: cannot unmarshal ${goJsonType(value)} into Go value of type string`;
  const head = `parsing time ${JSON.stringify(value)}`;
  let rest = value;
  for (const [element, pattern] of layout.elements) {
    const match = pattern.exec(rest);
    if (match === null) return `${head} as "${layout.text}": cannot parse ${JSON.stringify(rest)} as "${element}"`;
    rest = rest.slice(match[0].length);
  }
  if (rest !== '') return `${head}: extra text: ${JSON.stringify(rest)}`;
  return Number.isNaN(Date.parse(value)) ? `${head}: day out of range` : undefined;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function inBase64(text: string): string | undefined {
  if (BASE64.test(text.replace(/[\r\n]/g, ''))) return undefined;
  return `illegal base64 data at input byte ${corruptByte(Buffer.from(text))}`;
}

/** Where Go's decoder stops: at the first byte that is out of place; in front of an unfinished group at the end. */
function corruptByte(bytes: Buffer): number {
  let inGroup = 0;
  let padding = 0;
  for (const [index, byte] of bytes.entries()) {
    const char = String.fromCharCode(byte);
    if (/[\r\n]/.test(char)) continue;
    if (char === '=' && canPad(inGroup, padding)) padding++;
    else if (padding === 0 && /[A-Za-z0-9+/]/.test(char)) inGroup = (inGroup + 1) % 4;
    else return padding === 1 && inGroup === 2 ? index - 1 : index;
  }
  return padding > 0 ? bytes.length : bytes.length - inGroup;
}

function canPad(inGroup: number, padding: number): boolean {
  return inGroup >= 2 && inGroup + padding < 4;
}
