import fc from 'fast-check';
import { compare } from 'fast-json-patch';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { applyJsonPatch, PatchError } from '../../../../src/apiserver/patch/patch.ts';

const object = (): JsonObject => ({ a: { b: [1, 2, 3], 'x/y': { '~t': 'old' } }, n: null, big: 9007199254740993n });
const document = fc.dictionary(fc.constantFrom('a', 'b', 'c/d', '~e', 'constructor'), fc.jsonValue({ maxDepth: 3 }));

describe('applyJsonPatch', () => {
  it('turns any object into any other with the operations that another implementation computes', () => {
    fc.assert(
      fc.property(document, document, (from, to) => {
        const [before, after] = [from, to].map((value) => JSON.parse(JSON.stringify(value)) as JsonObject) as [
          JsonObject,
          JsonObject,
        ];
        if (JSON.stringify([before, after]).includes('__proto__')) return;
        const untouched = structuredClone(before);
        expect(applyJsonPatch(before, compare(before, after) as unknown as JsonValue)).toEqual(after);
        expect(before).toEqual(untouched);
      }),
    );
  });

  it.each<[JsonValue, JsonObject]>([
    [[{ op: 'add', path: '/a/b/1', value: 9 }], { a: { b: [1, 9, 2, 3] } }],
    [[{ op: 'add', path: '/a/b/-', value: 9 }], { a: { b: [1, 2, 3, 9] } }],
    [[{ op: 'add', path: '/new', value: null }], { new: null }],
    [[{ op: 'replace', path: '/n', value: 1 }], { n: 1 }],
    [[{ op: 'replace', path: '/a/added', value: 1 }], { a: { added: 1 } }],
    [[{ op: 'replace', path: '/a/x~1y/~0t', value: 'new' }], { a: { 'x/y': { '~t': 'new' } } }],
    [[{ op: 'move', from: '/a/b/0', path: '/first' }], { first: 1, a: { b: [2, 3] } }],
    [[{ op: 'copy', from: '/big', path: '/copy' }], { copy: 9007199254740993n }],
    [[{ op: 'test', path: '/big', value: 9007199254740993n }], {}],
    [[{ op: 'test', path: '/missing', value: null }], {}],
    [[{ op: 'add', path: '', value: { whole: true } }], { whole: true }],
  ])('applies operation %#', (patch, expected) => {
    expect(applyJsonPatch(object(), patch)).toMatchObject(expected);
  });

  it.each([
    [{}, 400, 'a JSON patch must be a list of operations'],
    [[1], 400, 'operation 0 of the JSON patch is no object'],
    [[{ op: 'add' }], 400, 'operation 0 of the JSON patch lacks "op" or "path"'],
    [[{ op: 'move', path: '/x' }], 400, 'a move operation of the JSON patch lacks "from"'],
    [[{ op: 'frob', path: '/x' }], 422, 'Unexpected kind: frob'],
    [[{ op: 'remove', path: '/x' }], 422, 'remove operation does not apply: doc is missing key: /x: missing value'],
    [
      [{ op: 'replace', path: '/a/b/7', value: 1 }],
      422,
      'replace operation does not apply: doc is missing key: /a/b/7: missing value',
    ],
    [
      [{ op: 'add', path: '/x/y', value: 1 }],
      422,
      'add operation does not apply: doc is missing path: "/x/y": missing value',
    ],
    [
      [{ op: 'add', path: '/a/b/9', value: 1 }],
      422,
      'add operation does not apply: doc is missing path: "/a/b/9": invalid index referenced',
    ],
    [[{ op: 'test', path: '/a/b/0', value: 2 }], 422, 'testing value /a/b/0 failed: test failed'],
    [[{ op: 'add', path: 'x', value: 1 }], 422, 'the path "x" does not start with a slash'],
    [
      [{ op: 'add', path: '/__proto__/polluted', value: 1 }],
      422,
      'add operation does not apply: doc is missing path: "/__proto__/polluted": missing value',
    ],
    [[{ op: 'add', path: '/__proto__', value: {} }], 422, 'the key "__proto__" is not supported'],
    [
      [{ op: 'add', path: '/constructor/prototype/x', value: 1 }],
      422,
      'add operation does not apply: doc is missing path: "/constructor/prototype/x": missing value',
    ],
    [[{ op: 'move', from: '/a', path: '/a/b/0' }], 422, 'move operation does not apply: /a cannot move into itself'],
    [
      [{ op: 'replace', path: '', value: [] }],
      422,
      'the patch would replace the object with something that is no object',
    ],
    [
      Array.from({ length: 10_001 }, () => ({ op: 'test', path: '', value: 1 })),
      413,
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    ],
  ])('refuses operation %#', (patch, code, message) => {
    expect(() => applyJsonPatch(object(), patch)).toThrow(expect.objectContaining({ code, message }));
  });

  it('stops copies that double the document again and again', () => {
    const patch = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '', path: `/c${index}` }));
    expect(() => applyJsonPatch({ a: [1, 2, 3] }, patch)).toThrow(PatchError);
  });

  it('refuses what nests deeper than a request may, however deep the way there', () => {
    const nested = (depth: number): JsonValue => (depth === 0 ? 1 : { a: nested(depth - 1) });
    const within = applyJsonPatch({ a: {} }, [{ op: 'add', path: '/a/b', value: nested(998) }]);
    expect(within).toMatchObject({ a: { b: { a: {} } } });
    const tooDeep = new PatchError(422, 'the patched object exceeded max depth of 1000');
    expect(() => applyJsonPatch({ a: {} }, [{ op: 'add', path: '/a/b', value: nested(999) }])).toThrow(tooDeep);
    // each time as much deeper as it was, until no recursion can follow
    const [at, copies] = ['/a'.repeat(900), 40];
    const copy = (_: unknown, index: number): JsonValue => ({
      op: 'copy',
      from: '/a',
      path: `/a${at.repeat(index + 1)}`,
    });
    const patch = [{ op: 'add', path: '/a', value: nested(950) }, ...Array.from({ length: copies }, copy)];
    expect(() => applyJsonPatch({}, patch)).toThrow(PatchError);
  });
});
