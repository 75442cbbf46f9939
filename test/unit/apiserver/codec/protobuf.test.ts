import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BodyError, decodeBody } from '../../../../src/apiserver/codec/body.ts';
import { isJsonObject } from '../../../../src/apiserver/codec/json.ts';
import type { JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { parseJson } from '../../../../src/apiserver/codec/jsonParser.ts';

// Each line: the bytes that k8s.io/apimachinery v0.35 writes for one object, and the JSON it writes for the same.
const samples = readFileSync(new URL('./protobuf/encodedByGo.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => {
    const [hex = '', json = ''] = line.split('\t');
    const { value } = parseJson(json);
    return { bytes: Buffer.from(hex, 'hex'), value, name: /"kind":"(\w+)"/.exec(json)?.[1] };
  });

/** Go writes zeros of non-pointer fields into JSON; protobuf leaves them to the reader. */
const GO_ZEROS: Readonly<Record<string, JsonValue>> = { allowed: false, incomplete: false, replicas: 0, token: '' };

function withoutGoZeros(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutGoZeros);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== null && GO_ZEROS[key] !== item)
      .map(([key, item]) => [key, withoutGoZeros(item)]),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

const decode = (bytes: Uint8Array): JsonValue => decodeBody(bytes, 'application/vnd.kubernetes.protobuf').value;

describe('protobuf bodies', () => {
  it.each(samples)('reads a $name exactly as the same client would send it in JSON', ({ bytes, value }) => {
    expect(withoutGoZeros(decode(bytes))).toEqual(withoutGoZeros(value));
  });

  it('refuses a kind it has no table for with 415 and a way out', () => {
    const pod = Buffer.from('6b3873000a090a02763112035 06f64'.replaceAll(' ', ''), 'hex');
    expect(() => decode(pod)).toThrow(
      new BodyError(415, 'Pod of v1 is not accepted as application/vnd.kubernetes.protobuf; send application/json'),
    );
  });

  it.each([
    ['', /does not start with/],
    ['7b7d0000', /does not start with/],
    ['6b3873000aff', /malformed: unexpected end/],
    ['6b38730000', /illegal field number/],
    ['6b3873000b', /unsupported wire type 3|expected/],
  ])('refuses %j with 400', (hex, message) => {
    expect(() => decode(Buffer.from(hex, 'hex'))).toThrow(message);
  });

  it('refuses schemas inside schemas without end with 400', () => {
    const field = (number: number, value: Buffer): Buffer =>
      Buffer.concat([varint(number * 8 + 2), varint(value.length), value]);
    const within = (path: number[], value: Buffer): Buffer =>
      path.toReversed().reduce((inner, number) => field(number, inner), value);
    const typeMeta = Buffer.concat([
      field(1, Buffer.from('apiextensions.k8s.io/v1')),
      field(2, Buffer.from('CustomResourceDefinition')),
    ]);
    const not = Array<number>(20_000).fill(28);
    const definition = within([2, 7, 4, 1, ...not], Buffer.alloc(0));
    const body = Buffer.concat([Buffer.from('k8s\0'), field(1, typeMeta), field(2, definition)]);
    expect(() => decode(body)).toThrow(/nested deeper than 500/);
  });

  it('never throws anything but BodyError, whatever byte is changed or cut', () => {
    const any = fc.constantFrom(...samples.map((sample) => sample.bytes));
    fc.assert(
      fc.property(any, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean(), (bytes, at, byte, cut) => {
        const broken = Buffer.from(bytes);
        const index = at % broken.length;
        broken[index] = byte;
        try {
          decode(cut ? broken.subarray(0, index) : broken);
        } catch (error) {
          expect(error).toBeInstanceOf(BodyError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('decodeBody', () => {
  it('takes a body without Content-Type as JSON, and ignores parameters', () => {
    expect(decodeBody(Buffer.from('{"a":1}'), undefined).value).toEqual({ a: 1 });
    expect(decodeBody(Buffer.from('{"a":1}'), '').value).toEqual({ a: 1 });
    expect(decodeBody(Buffer.from('{"a":1}'), 'Application/JSON; charset=utf-8').value).toEqual({ a: 1 });
    expect(decodeBody(Buffer.from('a: 1'), 'application/yaml').value).toEqual({ a: 1 });
  });

  it('answers 415 for CBOR and 413 for more than 3 MiB', () => {
    expect(() => decodeBody(Buffer.from('x'), 'application/cbor')).toThrow(expect.objectContaining({ code: 415 }));
    expect(() => decodeBody(Buffer.alloc(3 * 1024 * 1024 + 1, ' '), 'application/json')).toThrow(
      expect.objectContaining({ code: 413 }),
    );
  });
});
