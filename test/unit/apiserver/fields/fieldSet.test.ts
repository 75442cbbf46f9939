import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortElements } from '../../../../src/apiserver/fields/pathElement.ts';
import {
  decodeFieldsV1,
  EMPTY,
  isEmptySet,
  pathTexts,
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
const sets = paths.map(setOf);

function setOf(paths: readonly (readonly string[])[]): FieldSet {
  const single = (path: readonly string[]): FieldSet =>
    path.reduceRight<FieldSet>((below, element) => ({ [element]: below }), EMPTY);
  return paths.map(single).reduce(unionSets, EMPTY);
}

/** The paths of a set, read from FieldsV1 by its definition. */
function pathsOf(fields: FieldSet, above: readonly string[] = []): string[] {
  return Object.entries(fields).flatMap(([element, below]) => {
    const path = [...above, element];
    const isMember = isEmptySet(below) || Object.hasOwn(below, '.');
    const deeper = Object.fromEntries(Object.entries(below).filter(([key]) => key !== '.'));
    return [...(isMember ? [path.join(' ')] : []), ...pathsOf(deeper, path)];
  });
}

describe('FieldsV1', () => {
  it('is read from JSON as it was written', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const text = JSON.stringify(set);
        expect(JSON.stringify(decodeFieldsV1(JSON.parse(text) as never))).toBe(text);
      }),
    );
  });

  it('is written as kube writes it', () => {
    const set = setOf([
      ['f:spec', 'f:ports', 'k:{"port":80}', 'f:name'],
      ['f:spec', 'f:ports'],
      ['f:data', 'v:"x"'],
    ]);
    expect(JSON.stringify(set)).toBe(
      '{"f:data":{"v:\\"x\\"":{}},"f:spec":{"f:ports":{".":{},"k:{\\"port\\":80}":{"f:name":{}}}}}',
    );
  });

  it('reads keys in any order and spacing as the same element', () => {
    const read = decodeFieldsV1({ 'k:{ "b": "c",  "a":1 }': {} });
    expect(read).toEqual({ 'k:{"a":1,"b":"c"}': {} });
  });

  it('skips elements of unknown kinds, as kube does', () => {
    expect(decodeFieldsV1({ 'x:y': {}, 'f:a': {} })).toEqual({ 'f:a': {} });
  });

  it.each([[{ 'f:a': 1 }], [{ 'k:[1]': {} }], [{ 'v:{': {} }], [{ 'i:x': {} }], [[]], [null]])(
    'refuses %j',
    (fields) => {
      expect(decodeFieldsV1(fields as never)).toBeUndefined();
    },
  );
});

describe('set operations', () => {
  it('add and take away paths', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const texts = (list: string[][]): string[] => list.map((path) => path.join(' '));
        const [all, gone] = [new Set(texts([...a, ...b])), new Set(texts(b))];
        expect(new Set(pathsOf(unionSets(setOf(a), setOf(b))))).toEqual(all);
        const left = new Set(texts(a).filter((path) => !gone.has(path)));
        expect(new Set(pathsOf(subtractSet(setOf(a), setOf(b))))).toEqual(left);
      }),
    );
  });

  it('obey the laws of sets, to the letter of their text', () => {
    const equal = (a: FieldSet, b: FieldSet): void => expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        equal(unionSets(a, b), unionSets(b, a));
        equal(subtractSet(a, unionSets(a, b)), EMPTY);
        equal(unionSets(subtractSet(a, b), b), unionSets(a, b));
      }),
    );
  });

  it('give back the very set that they do not change', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const union = unionSets(a, b);
        expect(unionSets(union, b)).toBe(union);
        const left = subtractSet(a, b);
        expect(subtractSet(left, b)).toBe(left);
      }),
    );
  });
});

describe('sortElements', () => {
  it('orders fields by name, items by their keys as values, items by value', () => {
    const sorted = [
      'f:a',
      'f:b',
      'k:{"name":"a"}',
      'k:{"name":"a b"}',
      'k:{"port":9}',
      'k:{"port":80}',
      'v:2',
      'v:10',
      'v:"x"',
      'v:"x y"',
    ];
    expect(sortElements(sorted.toReversed())).toEqual(sorted);
  });
});

describe('pathTexts', () => {
  it('names what ends on a level before what goes on below it', () => {
    const set = {
      'f:a': { 'f:b': {} },
      'f:c': {},
      'f:l': { 'k:{"name":"x","port":1}': { '.': {}, 'f:n': {} } },
      'f:s': { 'v:"y"': {} },
    };
    expect(pathTexts(set)).toEqual(['.c', '.a.b', '.l[name="x",port=1]', '.l[name="x",port=1].n', '.s[="y"]']);
  });
});
