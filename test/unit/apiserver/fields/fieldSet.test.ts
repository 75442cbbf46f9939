import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeFieldsV1,
  emptySet,
  encodeFieldsV1,
  equalSets,
  insertPath,
  isEmptySet,
  subtractSet,
  unionSets,
} from '../../../../src/apiserver/fields/fieldSet.ts';
import type { FieldSet } from '../../../../src/apiserver/fields/fieldSet.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:.',
  'f:constructor',
  'v:1',
  'v:"x"',
  'k:{"name":"x"}',
  'k:{"a":1,"b":"c"}',
  'i:0',
);
const paths = fc.array(fc.array(element, { minLength: 1, maxLength: 4 }), { maxLength: 8 });
const sets = paths.map((list): FieldSet => {
  const set = emptySet();
  for (const path of list) insertPath(set, path);
  return set;
});

describe('FieldsV1', () => {
  it('survives encoding, JSON and decoding', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const text = JSON.stringify(encodeFieldsV1(set));
        const back = decodeFieldsV1(JSON.parse(text) as never);
        expect(back === undefined ? undefined : equalSets(back, set)).toBe(true);
      }),
    );
  });

  it('writes what kube writes', () => {
    const set = emptySet();
    for (const path of [
      ['f:spec', 'f:ports'],
      ['f:spec', 'f:ports', 'k:{"port":80}', 'f:name'],
      ['f:data', 'v:"x"'],
    ])
      insertPath(set, path);
    expect(encodeFieldsV1(set)).toEqual({
      'f:data': { 'v:"x"': {} },
      'f:spec': { 'f:ports': { '.': {}, 'k:{"port":80}': { 'f:name': {} } } },
    });
  });

  it('reads keys in any order and spacing as the same element', () => {
    const read = decodeFieldsV1({ 'k:{ "b": "c",  "a":1 }': {} });
    expect([...(read?.members ?? [])]).toEqual(['k:{"a":1,"b":"c"}']);
  });

  it('skips elements of unknown kinds, as kube does', () => {
    expect(decodeFieldsV1({ 'x:y': {}, 'f:a': {} })).toEqual({ members: new Set(['f:a']), children: new Map() });
  });

  it.each([[{ 'f:a': 1 }], [{ 'k:[1]': {} }], [{ 'v:{': {} }], [{ 'i:x': {} }], [[]], [null]])(
    'refuses %j',
    (fields) => {
      expect(decodeFieldsV1(fields as never)).toBeUndefined();
    },
  );
});

describe('set operations', () => {
  it('obey the laws of sets', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(equalSets(unionSets(a, b), unionSets(b, a))).toBe(true);
        expect(isEmptySet(subtractSet(a, unionSets(a, b)))).toBe(true);
        expect(equalSets(unionSets(subtractSet(a, b), b), unionSets(a, b))).toBe(true);
      }),
    );
  });
});
