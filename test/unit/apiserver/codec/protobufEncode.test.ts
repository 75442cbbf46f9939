import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { decodeProtobuf } from '../../../../src/apiserver/codec/protobuf.ts';
import { encodeProtobuf, encodeProtobufEvent } from '../../../../src/apiserver/codec/protobufEncode.ts';
import { ProtobufReader } from '../../../../src/apiserver/codec/protobufReader.ts';
import { protobufAnswer } from '../../../../src/apiserver/codec/protobufTables.ts';

// what k8s.io/apimachinery v0.35 writes, see protobuf.test.ts; requests that are never answered are left out
const samples = readFileSync(new URL('./protobuf/encodedByGo.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => decodeProtobuf(Buffer.from(line.split('\t')[0] ?? '', 'hex')))
  .filter(({ kind }) => kind !== 'DeleteOptions')
  .map((object) => ({ object, name: object['kind'] as string }));
const decode = (bytes: Uint8Array): JsonObject => decodeProtobuf(bytes, protobufAnswer);

describe('encodeProtobuf', () => {
  it.each(samples)('writes a $name so that it reads the same', ({ object }) => {
    expect(decode(encodeProtobuf(object))).toEqual(object);
  });

  it('writes an object byte by byte as Go does where Go has no zeros to write', () => {
    const status = { apiVersion: 'v1', kind: 'Status', metadata: {}, code: 404 };
    expect(encodeProtobuf(status).toString('hex')).toBe(
      '6b3873000a0c0a02763112065374617475731205' + '0a00309403' + '1a002200',
    );
  });

  it('writes lists, long numbers and times', () => {
    const metadata = {
      name: 'ä',
      generation: 9_007_199_254_740_993n,
      creationTimestamp: '2026-01-02T03:04:05Z',
      labels: { a: '', b: 'c' },
      managedFields: [{ manager: 'm', time: '1969-12-31T23:59:59Z', fieldsV1: { 'f:data': { '.': {}, 'f:x': {} } } }],
    };
    const list = {
      apiVersion: 'meta.k8s.io/v1',
      kind: 'PartialObjectMetadataList',
      metadata: { resourceVersion: '7', continue: 'x', remainingItemCount: 2 },
      items: [{ metadata }, { metadata: { name: 'b' } }],
    };
    expect(decode(encodeProtobuf(list))).toEqual(list);
  });

  it('frames an event by its length', () => {
    const object = encodeProtobuf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } });
    const frame = encodeProtobufEvent('ADDED', object);
    expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
    const reader = new ProtobufReader(frame.subarray(4));
    expect(reader.tag()).toEqual({ number: 1, wire: 2 });
    expect(reader.text(2)).toBe('ADDED');
    expect(reader.tag()).toEqual({ number: 2, wire: 2 });
    const around = new ProtobufReader(reader.bytes(2));
    expect(around.tag()).toEqual({ number: 1, wire: 2 });
    expect(Buffer.from(around.bytes(2))).toEqual(object);
  });

  it('has no form of other kinds', () => {
    expect(() => encodeProtobuf({ apiVersion: 'v1', kind: 'Pod' })).toThrow('no table for Pod of v1');
  });
});
