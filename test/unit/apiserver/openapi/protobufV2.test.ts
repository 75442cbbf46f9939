import { describe, expect, it } from 'vitest';
import { ProtobufReader } from '../../../../src/apiserver/codec/protobufReader.ts';
import { openApiV2Protobuf } from '../../../../src/apiserver/openapi/protobufV2.ts';

/** Fields of a message in the order in which they stand; bytes stay as they are. */
function read(bytes: Uint8Array): [number, Uint8Array | number][] {
  const reader = new ProtobufReader(bytes);
  const found: [number, Uint8Array | number][] = [];
  for (let tag = reader.tag(); tag !== undefined; tag = reader.tag()) {
    const { number, wire } = tag;
    if (wire === 2) found.push([number, reader.bytes(wire)]);
    else found.push([number, wire === 1 ? reader.double(wire) : Number(reader.integer(wire))]);
  }
  return found;
}

const inside = (bytes: Uint8Array | number | undefined): [number, Uint8Array | number][] =>
  read(bytes instanceof Uint8Array ? bytes : new Uint8Array());
const field = (message: [number, Uint8Array | number][], number: number): Uint8Array | number | undefined =>
  message.find(([found]) => found === number)?.[1];
const said = (bytes: Uint8Array | number | undefined): string => Buffer.from(bytes as Uint8Array).toString();

describe('openApiV2Protobuf', () => {
  const info = { title: 'Kubernetes', version: 'v1' };

  it('tells what the document is', () => {
    const document = read(openApiV2Protobuf({ swagger: '2.0', info, definitions: {} }));
    expect(said(field(document, 1))).toBe('2.0');
    expect(inside(field(document, 2)).map(([number, value]) => [number, said(value)])).toEqual([
      [1, 'Kubernetes'],
      [2, 'v1'],
    ]);
  });

  it('writes every member of a schema under its number', () => {
    const schema = {
      type: 'object',
      description: 'ä'.repeat(200),
      required: ['a'],
      minimum: -1.5,
      maxLength: 300,
      exclusiveMinimum: true,
      enum: ['x', 1],
      additionalProperties: { $ref: '#/definitions/b' },
      properties: { a: { type: 'array', items: { type: 'string' } } },
      'x-kubernetes-list-map-keys': ['a'],
    };
    const document = read(openApiV2Protobuf({ swagger: '2.0', info, definitions: { k: schema } }));
    const named = inside(field(inside(field(document, 9)), 1));
    expect(said(field(named, 1))).toBe('k');
    const written = inside(field(named, 2));
    expect(said(field(written, 4))).toBe(schema.description);
    expect([9, 10, 11].map((number) => field(written, number))).toEqual([-1.5, 1, 300]);
    expect(said(field(written, 19))).toBe('a');
    const values = written.filter(([number]) => number === 20).map(([, value]) => said(field(inside(value), 2)));
    expect(values).toEqual(['"x"', '1']);
    expect(said(field(inside(field(inside(field(written, 21)), 1)), 1))).toBe('#/definitions/b');
    expect(said(field(inside(field(written, 22)), 1))).toBe('object');
    const property = inside(field(inside(field(inside(field(written, 25)), 1)), 2));
    expect(said(field(inside(field(inside(field(property, 23)), 1)), 22))).toBe('\n\u0006string');
    const extension = inside(field(written, 31));
    expect(said(field(extension, 1))).toBe('x-kubernetes-list-map-keys');
    expect(said(field(inside(field(extension, 2)), 2))).toBe('["a"]');
  });
});
