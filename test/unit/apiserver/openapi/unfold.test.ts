import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { unfold } from '../../../../src/apiserver/openapi/unfold.ts';

const either = [{ type: 'integer' }, { type: 'string' }];
const mark = { 'x-kubernetes-int-or-string': true };

describe('unfold', () => {
  it('says by anyOf what is an integer or a string, wherever it stands', () => {
    const said = { ...mark, anyOf: either };
    const list = (items: JsonObject): JsonObject => ({
      type: 'array',
      items: { type: 'object', additionalProperties: items },
    });
    expect(unfold({ type: 'object', properties: { a: mark, b: list(mark), c: { type: 'integer' } } })).toEqual({
      type: 'object',
      properties: { a: said, b: list(said), c: { type: 'integer' } },
    });
  });

  it('leaves what says so already', () => {
    for (const said of [
      { ...mark, anyOf: either },
      { ...mark, allOf: [{ anyOf: either }, { maxLength: 3 }] },
    ]) {
      expect(unfold(said)).toEqual(said);
    }
  });

  it('keeps what else the schema chooses among', () => {
    const others = { anyOf: [{ maximum: 3 }, { maxLength: 3 }], allOf: [{ minLength: 1 }] };
    expect(unfold({ ...mark, ...others })).toEqual({
      ...mark,
      anyOf: others.anyOf,
      allOf: [{ anyOf: either }, { minLength: 1 }],
    });
  });
});
