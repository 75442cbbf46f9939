import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject } from '../../../../src/apiserver/codec/json.ts';
import type { JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { applyMergePatch } from '../../../../src/apiserver/patch/patch.ts';

/** Values as they come from a decoder, which refuses `__proto__`. */
const json = fc
  .jsonValue({ maxDepth: 4 })
  .map((value) => JSON.stringify(value))
  .filter((text) => !text.includes('__proto__'))
  .map((text) => JSON.parse(text) as JsonValue);
const objects = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'toString'), json).map((value) => ({ ...value }));

/** RFC 7386's own pseudocode, on copies; objects in lists lose their nulls, which kube-apiserver adds to it. */
function reference(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (Array.isArray(patch)) return patch.map(withoutNulls);
  if (!isJsonObject(patch)) return patch;
  const result = isJsonObject(target) ? structuredClone(target) : {};
  for (const name of Object.keys(patch)) {
    const value = patch[name] as JsonValue;
    if (value === null) Reflect.deleteProperty(result, name);
    else result[name] = reference(Object.hasOwn(result, name) ? result[name] : undefined, value);
  }
  return result;
}

function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, v]) => v !== null)
      .map(([k, v]) => [k, withoutNulls(v)]),
  );
}

describe('applyMergePatch', () => {
  it("does what RFC 7386's pseudocode does, and leaves the document alone", () => {
    fc.assert(
      fc.property(objects, objects, (document, patch) => {
        const before = structuredClone(document);
        expect(applyMergePatch(document, patch)).toEqual(reference(document, patch));
        expect(document).toEqual(before);
      }),
    );
  });

  it('is the same applied twice as once', () => {
    fc.assert(
      fc.property(objects, objects, (document, patch) => {
        const once = applyMergePatch(document, patch);
        expect(applyMergePatch(once, patch)).toEqual(once);
      }),
    );
  });

  it('makes an empty object into the patch without its nulls', () => {
    fc.assert(
      fc.property(objects, (patch) => {
        expect(applyMergePatch({}, patch)).toEqual(withoutNulls(patch));
      }),
    );
  });

  it.each([[[]], [null], ['x'], [1]])('refuses %j', (patch) => {
    expect(() => applyMergePatch({}, patch)).toThrow(expect.objectContaining({ code: 400 }));
  });
});
