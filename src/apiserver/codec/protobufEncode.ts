import { isJsonObject, stringifyJson, type JsonObject, type JsonValue } from './json.ts';
import { MAGIC } from './protobuf.ts';
import { protobufAnswer, protobufMessages, type ProtobufField, type ProtobufMessage } from './protobufTables.ts';
import { block, double, integer, text } from './protobufWriter.ts';

/**
 * A built-in object, or a list of them, as Kubernetes writes it in protobuf: `k8s\0`, then runtime.Unknown. Members that
 * are not there are left out, also where Go writes their zeros; they decode to the same.
 * @throws Error  for a kind without a table, see {@link protobufAnswer}.
 */
export function encodeProtobuf(object: JsonObject): Buffer {
  const apiVersion = textOf(object['apiVersion']);
  const kind = textOf(object['kind']);
  const message = protobufAnswer(apiVersion, kind);
  if (message === undefined) throw new Error(`no table for ${kind} of ${apiVersion}`);
  const typeMeta = block(1, text(1, apiVersion), text(2, kind));
  return Buffer.concat([MAGIC, typeMeta, block(2, ...encodeMembers(object, message)), text(3, ''), text(4, '')]);
}

/** A watch event around an object that {@link encodeProtobuf} wrote, with its length in front. */
export function encodeProtobufEvent(type: string, object: Buffer): Buffer {
  const event = [text(1, type), block(2, block(1, object))];
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.reduce((sum, { byteLength }) => sum + byteLength, 0));
  return Buffer.concat([length, ...event]);
}

function encodeMembers(object: JsonObject, message: ProtobufMessage): Buffer[] {
  const fields: Buffer[] = [];
  for (const [number, field] of message) {
    const value = INLINE.has(field.type) ? object : (object[field.name] ?? null);
    if (value !== null) fields.push(...encodeField(number, field, value));
  }
  return fields;
}

function encodeField(number: number, { type, repeated, mapOf }: ProtobufField, value: JsonValue): Buffer[] {
  if (mapOf !== undefined) {
    if (!isJsonObject(value)) return [];
    return Object.entries(value).map(([name, item]) => block(number, text(1, name), encodeValue(2, mapOf, item)));
  }
  if (!repeated) return [encodeValue(number, type, value)];
  return Array.isArray(value) ? value.map((item) => encodeValue(number, type, item)) : [];
}

const ENCODERS: Readonly<Record<string, (number: number, value: JsonValue) => Buffer>> = {
  string: (number, value) => text(number, textOf(value)),
  bytes: (number, value) => block(number, Buffer.from(textOf(value), 'base64')),
  bool: (number, value) => integer(number, value === true ? 1 : 0),
  int32: (number, value) => integer(number, integerOf(value)),
  int64: (number, value) => integer(number, integerOf(value)),
  double: (number, value) => double(number, Number(value)),
  Time: (number, value) => block(number, ...timestamp(textOf(value))),
  MicroTime: (number, value) => block(number, ...timestamp(textOf(value))),
  FieldsV1: (number, value) => block(number, text(1, stringifyJson(value))),
  JSON: (number, value) => block(number, text(1, stringifyJson(value))),
  ExtraValue: (number, value) => block(number, ...listOf(value).map((item) => text(1, textOf(item)))),
  Empty: (number) => block(number),
};

/** Messages that JSON has otherwise than as an object of their fields. */
const FROM_JSON: Readonly<Record<string, (value: JsonValue) => JsonValue>> = {
  JSONSchemaPropsOrArray: (value) => (Array.isArray(value) ? { list: value } : { schema: value }),
  JSONSchemaPropsOrStringArray: (value) => (Array.isArray(value) ? { list: value } : { schema: value }),
  JSONSchemaPropsOrBool: (value) => (isJsonObject(value) ? { allows: true, schema: value } : { allows: value }),
};

/** Messages whose fields JSON has among those of the message that holds them. */
const INLINE: ReadonlySet<string> = new Set(['Rule', 'RuleWithOperations']);

function encodeValue(number: number, type: string, value: JsonValue): Buffer {
  const encoder = ENCODERS[type];
  if (encoder !== undefined) return encoder(number, value);
  const message = protobufMessages.get(type);
  if (message === undefined) throw new Error(`no table for ${type}`);
  const object = FROM_JSON[type]?.(value) ?? value;
  return block(number, ...(isJsonObject(object) ? encodeMembers(object, message) : []));
}

/** A Timestamp message of an RFC 3339 time. */
function timestamp(time: string): Buffer[] {
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) return [];
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return [integer(1, Math.floor(ms / 1000)), integer(2, Number(fraction.padEnd(9, '0')))];
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function integerOf(value: JsonValue): number | bigint {
  return typeof value === 'number' ? Math.trunc(value) : typeof value === 'bigint' ? value : 0;
}

function listOf(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : [];
}
