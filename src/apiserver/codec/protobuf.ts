import { BodyError } from './bodyError.ts';
import { parseJson } from './jsonParser.ts';
import { MAX_DEPTH } from './plainJson.ts';
import { isJsonObject } from './json.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { protobufMessages, protobufRoot } from './protobufTables.ts';
import type { ProtobufField, ProtobufMessage } from './protobufTables.ts';
import { ProtobufReader, WireError } from './protobufReader.ts';

/** Messages inside one another; each is an object in a list or a map, so that this is half of what JSON may have. */
const MAX_MESSAGES = MAX_DEPTH / 2;
/** What every body begins with. */
export const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
const UNKNOWN: ProtobufMessage = fields([
  [1, 'typeMeta', 'TypeMeta'],
  [2, 'raw', 'raw'],
  [3, 'contentEncoding', 'string'],
  [4, 'contentType', 'string'],
]);
type MessageOf = (apiVersion: string, kind: string) => ProtobufMessage | undefined;
const TYPE_META: ProtobufMessage = fields([
  [1, 'apiVersion', 'string'],
  [2, 'kind', 'string'],
]);

/**
 * Reads a protobuf body (`k8s\0`, then runtime.Unknown holding one of the known kinds) into the object that the same
 * client would have sent as JSON.
 * @param messageOf  The message of a kind; undefined where it has none.
 * @throws BodyError  400 for malformed bytes, 415 for a kind that is not served as protobuf.
 */
export function decodeProtobuf(bytes: Uint8Array, messageOf: MessageOf = protobufRoot): JsonObject {
  if (bytes.length < 4 || MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new BodyError(
      400,
      'the body is not a Kubernetes protobuf message: it does not start with the bytes 6b 38 73 00',
    );
  }
  try {
    return decodeUnknown(bytes.subarray(4), messageOf);
  } catch (error) {
    if (error instanceof WireError) throw new BodyError(400, `the protobuf body is malformed: ${error.message}`);
    throw error;
  }
}

function decodeUnknown(bytes: Uint8Array, messageOf: MessageOf): JsonObject {
  let typeMeta: JsonObject = {};
  let raw: Uint8Array = new Uint8Array();
  const reader = new ProtobufReader(bytes);
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    const field = UNKNOWN.get(tag.number);
    if (field === undefined) reader.skip(tag.wire);
    else if (field.type === 'TypeMeta') typeMeta = decodeMessage(reader.bytes(tag.wire), TYPE_META);
    else if (field.type === 'raw') raw = reader.bytes(tag.wire);
    else refuseEncoding(field.name, reader.text(tag.wire));
  }
  const apiVersion = textOf(typeMeta['apiVersion']);
  const kind = textOf(typeMeta['kind']);
  const root = messageOf(apiVersion, kind);
  if (root === undefined) {
    throw new BodyError(
      415,
      `${kind} of ${apiVersion} is not accepted as application/vnd.kubernetes.protobuf; send application/json`,
    );
  }
  return { apiVersion, kind, ...decodeMessage(raw, root) };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

function refuseEncoding(name: string, value: string): void {
  if (value === '' || value === 'application/vnd.kubernetes.protobuf') return;
  throw new BodyError(400, `the protobuf envelope has ${name} "${value}", which is not supported`);
}

/** @param depth  Messages around this one: a schema may hold schemas, but not without end. */
function decodeMessage(bytes: Uint8Array, message: ProtobufMessage, depth = 0): JsonObject {
  if (depth > MAX_MESSAGES) throw new WireError(`messages are nested deeper than ${MAX_MESSAGES}`);
  const object: JsonObject = {};
  const reader = new ProtobufReader(bytes);
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    const field = message.get(tag.number);
    if (field === undefined) reader.skip(tag.wire);
    else decodeField(object, field, { reader, wire: tag.wire, depth });
  }
  return object;
}

/** Where a value begins. */
interface Place {
  reader: ProtobufReader;
  wire: number;
  depth: number;
}

function decodeField(object: JsonObject, field: ProtobufField, place: Place): void {
  const { name } = field;
  if (field.mapOf !== undefined) {
    const previous = object[name];
    const map = isJsonObject(previous) ? previous : (object[name] = {});
    decodeMapEntry(map, field.mapOf, place);
    return;
  }
  const value = decodeValue(field.type, place);
  if (field.repeated) {
    const previous = object[name];
    if (Array.isArray(previous)) previous.push(value);
    else object[name] = [value];
    return;
  }
  if (field.pointer || !isZero(value)) object[name] = value;
  else Reflect.deleteProperty(object, name);
}

function decodeMapEntry(map: JsonObject, type: string, { reader: outer, wire, depth }: Place): void {
  const reader = new ProtobufReader(outer.bytes(wire));
  let key = '';
  let value: JsonValue | undefined;
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.number === 1) key = reader.text(tag.wire);
    else if (tag.number === 2) value = decodeValue(type, { reader, wire: tag.wire, depth });
    else reader.skip(tag.wire);
  }
  if (key === '__proto__') throw new WireError('the key "__proto__" is not supported');
  map[key] = value ?? emptyValue(type);
}

/** What was meant by an entry of a map without its value. */
function emptyValue(type: string): JsonValue {
  if (type === 'ExtraValue') return [];
  return protobufMessages.has(type) ? {} : '';
}

const DECODERS: Readonly<Record<string, (reader: ProtobufReader, wire: number) => JsonValue>> = {
  string: (reader, wire) => reader.text(wire),
  bytes: (reader, wire) => Buffer.from(reader.bytes(wire)).toString('base64'),
  bool: (reader, wire) => reader.varint(wire) !== 0n,
  int32: (reader, wire) => reader.integer(wire),
  int64: (reader, wire) => reader.integer(wire),
  double: (reader, wire) => reader.double(wire),
  Time: (reader, wire) => timeOf(reader.bytes(wire), 0),
  MicroTime: (reader, wire) => timeOf(reader.bytes(wire), 6),
  FieldsV1: (reader, wire) => jsonOf(reader.bytes(wire)),
  JSON: (reader, wire) => jsonOf(reader.bytes(wire)),
  ExtraValue: (reader, wire) => listOf(reader.bytes(wire)),
  Empty: (reader, wire) => decodeMessage(reader.bytes(wire), new Map()),
};

/** Messages that Go writes to JSON as something else than an object of their fields. */
const JSON_FORMS: Readonly<Record<string, (message: JsonObject) => JsonValue>> = {
  JSONSchemaPropsOrArray: ({ schema, list }) => schema ?? list ?? [],
  JSONSchemaPropsOrStringArray: ({ schema, list }) => schema ?? list ?? [],
  JSONSchemaPropsOrBool: ({ schema, allows }) => schema ?? allows ?? false,
  RuleWithOperations: inline('rule'),
  NamedRuleWithOperations: inline('ruleWithOperations'),
};

/** The fields of the member `name` among those beside it. */
function inline(name: string): (message: JsonObject) => JsonObject {
  return ({ [name]: inner, ...own }) => (isJsonObject(inner) ? { ...own, ...inner } : own);
}

function decodeValue(type: string, { reader, wire, depth }: Place): JsonValue {
  const decoder = DECODERS[type];
  if (decoder !== undefined) return decoder(reader, wire);
  const message = protobufMessages.get(type);
  if (message === undefined) throw new WireError(`no table for ${type}`);
  const object = decodeMessage(reader.bytes(wire), message, depth + 1);
  return JSON_FORMS[type]?.(object) ?? object;
}

/** A Timestamp message as RFC 3339 with `digits` of fraction; null for the zero time. */
function timeOf(bytes: Uint8Array, digits: 0 | 6): JsonValue {
  if (bytes.length === 0) return null;
  const reader = new ProtobufReader(bytes);
  let seconds = 0;
  let nanos = 0;
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.number === 1) seconds = Number(reader.integer(tag.wire));
    else if (tag.number === 2) nanos = Number(reader.integer(tag.wire));
    else reader.skip(tag.wire);
  }
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()) || nanos < 0 || nanos > 999_999_999) throw new WireError('a time is out of range');
  const whole = date.toISOString().slice(0, -5);
  return digits === 0 ? `${whole}Z` : `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`;
}

/** A message whose first field is JSON text. */
function jsonOf(bytes: Uint8Array): JsonValue {
  const reader = new ProtobufReader(bytes);
  let text = '';
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.number === 1) text = reader.text(tag.wire);
    else reader.skip(tag.wire);
  }
  return text === '' ? null : parseJson(text).value;
}

function listOf(bytes: Uint8Array): JsonValue {
  const items: JsonValue[] = [];
  const reader = new ProtobufReader(bytes);
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    if (tag.number === 1) items.push(reader.text(tag.wire));
    else reader.skip(tag.wire);
  }
  return items;
}

function isZero(value: JsonValue): boolean {
  return value === null || value === '' || value === 0 || value === false;
}

function fields(rows: readonly (readonly [number, string, string])[]): ProtobufMessage {
  return new Map(
    rows.map(([number, name, type]) => [number, { name, type, repeated: false, pointer: false, mapOf: undefined }]),
  );
}
