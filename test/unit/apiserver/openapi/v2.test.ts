import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { definitionV2, toV2 } from '../../../../src/apiserver/openapi/v2.ts';

const cases: [string, JsonObject, JsonObject][] = [
  ['keeps what v2 knows', { type: 'string', maxLength: 3 }, { type: 'string', maxLength: 3 }],
  ['drops defaults', { type: 'array', uniqueItems: false, default: [], items: {} }, { type: 'array', items: {} }],
  [
    'points to definitions',
    { description: 'd', allOf: [{ $ref: '#/components/schemas/a.B' }] },
    { description: 'd', $ref: '#/definitions/a.B' },
  ],
  ['drops junctors', { type: 'object', not: {}, anyOf: [{}], oneOf: [{}], allOf: [{}, {}] }, { type: 'object' }],
  [
    'opens what may be null, and what holds unknown fields',
    {
      type: 'object',
      required: ['a', 'b'],
      properties: {
        a: { type: 'object', nullable: true, properties: { x: {} } },
        b: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { x: {} } },
        c: { type: 'array', items: { type: 'object', nullable: true } },
        d: { type: 'array', nullable: true, items: { type: 'string' } },
        e: { type: 'object', additionalProperties: { type: 'array' } },
      },
    },
    {
      type: 'object',
      required: ['b'],
      properties: {
        a: {},
        b: { 'x-kubernetes-preserve-unknown-fields': true },
        c: { type: 'array', items: {} },
        d: {},
        e: { type: 'object', additionalProperties: {} },
      },
    },
  ],
  [
    'demands nothing that may be null',
    { type: 'object', required: ['a'], properties: { a: { nullable: true } } },
    { type: 'object', properties: { a: {} } },
  ],
  [
    'takes a property that is called as a keyword for a property',
    { type: 'object', properties: { not: { type: 'string' }, nullable: { type: 'boolean' } } },
    { type: 'object', properties: { not: { type: 'string' }, nullable: { type: 'boolean' } } },
  ],
];

describe('definitionV2', () => {
  it('says of a kind that may hold anything that it is an object', () => {
    const gvk = { 'x-kubernetes-group-version-kind': [{ group: 'example.com', kind: 'A', version: 'v1' }] };
    const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: {} }, ...gvk };
    expect(definitionV2(schema)).toEqual({ type: 'object', ...gvk });
  });
});

describe('toV2', () => {
  it.each(cases)('%s', (_name, schema, expected) => {
    expect(toV2(schema)).toEqual(expected);
  });
});
