import { isJsonObject, type JsonValue } from '../../../src/apiserver/codec/json.ts';
import { decodeProtobuf } from '../../../src/apiserver/codec/protobuf.ts';
import { ProtobufReader } from '../../../src/apiserver/codec/protobufReader.ts';
import { protobufAnswer } from '../../../src/apiserver/codec/protobufTables.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** The object, or the events of a watch, in an answer; empty messages and lists are left out, as only Go writes them. */
export function fromProtobuf(bytes: Buffer, contentType: string): unknown {
  return withoutEmpty(contentType.includes('stream=watch') ? events(bytes) : decodeProtobuf(bytes, protobufAnswer));
}

function events(bytes: Buffer): JsonValue[] {
  const found: JsonValue[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt32BE(at)) {
    const event = new Map(fieldsOf(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at))));
    const raw = new Map(fieldsOf(event.get(2) ?? Buffer.alloc(0))).get(1) ?? Buffer.alloc(0);
    found.push({ type: Buffer.from(event.get(1) ?? []).toString(), object: decodeProtobuf(raw, protobufAnswer) });
  }
  return found;
}

function* fieldsOf(message: Uint8Array): Generator<[number, Uint8Array]> {
  const reader = new ProtobufReader(message);
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) yield [tag.number, reader.bytes(tag.wire)];
}

function withoutEmpty(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withoutEmpty(member)] as const);
  return Object.fromEntries(members.filter(([, member]) => member !== null && JSON.stringify(member) !== '{}'));
}
