import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergePatch } from '../../../src/lib/mergePatch.ts';

/** RFC 7396 section 2, as it stands there. */
function apply(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target);
  const result = new Map(isObject ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, apply(result.get(name), value));
  }
  return Object.fromEntries(result);
}

describe('mergePatch', () => {
  it.each([
    { name: 'nothing for equal values', from: { a: [1, { b: 2 }] }, to: { a: [1, { b: 2 }] }, patch: undefined },
    {
      name: 'only what changed',
      from: { a: 1, b: { c: 2, d: 3 } },
      to: { a: 1, b: { c: 2, d: 4 } },
      patch: { b: { d: 4 } },
    },
    { name: 'null for what went', from: { a: 1, b: 2 }, to: { a: 1 }, patch: { b: null } },
    { name: 'null for what is undefined', from: { a: 1 }, to: { a: undefined }, patch: { a: null } },
    { name: 'lists as a whole', from: { a: [1, 2] }, to: { a: [1, 3] }, patch: { a: [1, 3] } },
    { name: 'everything for a first status', from: undefined, to: { a: 1, b: undefined }, patch: { a: 1 } },
    { name: 'an object in place of a list', from: { a: [1] }, to: { a: { b: 1 } }, patch: { a: { b: 1 } } },
  ])('says $name', ({ from, to, patch }) => {
    expect(mergePatch(from, to)).toEqual(patch);
  });

  it('turns the one into the other, for any two JSON objects without nulls', () => {
    const value = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.integer(),
        fc.boolean(),
        fc.array(fc.integer(), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__x'), tie('node'), { maxKeys: 3 }),
      ),
    })).node;
    const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), value, { maxKeys: 4 });
    fc.assert(
      fc.property(object, object, (from, to) => {
        const plain = JSON.parse(JSON.stringify([from, to])) as [object, object];
        const patch = mergePatch(...plain);
        expect(patch === undefined ? plain[0] : apply(plain[0], patch)).toEqual(plain[1]);
      }),
      { numRuns: 500 },
    );
  });
});
