import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { bytesOf, textOf, untypedTextOf } from '../../../../src/apiserver/cache/cachedObject.ts';
import { encodeObject, fromJson } from '../../../../src/apiserver/registry/encoding.ts';

describe('encodeObject and textOf', () => {
  it('put the resourceVersion into metadata, whatever else the object holds', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    const metadata = fc.dictionary(fc.string(), fc.string()).map((extra) => ({ annotations: extra, name: 'n' }));
    const key = fc.oneof(fc.string(), fc.constant('1'), fc.constant('"metadata":{'), fc.constant('metadata:{'));
    fc.assert(
      fc.property(fc.dictionary(key, json), metadata, fc.string(), (rest, meta, kind) => {
        const safe = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== '__proto__'));
        const object = { ...safe, kind, apiVersion: 'v1', metadata: meta } as Parameters<typeof encodeObject>[0];
        const stored = { bytes: Buffer.from(encodeObject(object)), revision: 123456 };
        const expected = { ...object, metadata: { resourceVersion: '123456', ...meta } };
        expect(JSON.parse(textOf(stored))).toEqual(JSON.parse(JSON.stringify(expected)));
        expect(bytesOf(stored).toString()).toBe(textOf(stored));
        const untyped = JSON.stringify({ ...expected, apiVersion: undefined, kind: undefined });
        expect(JSON.parse(untypedTextOf(stored))).toEqual(JSON.parse(untyped));
      }),
    );
  });

  it('keep integers beyond 2^53 as they are', () => {
    const object = {
      apiVersion: 'v1',
      kind: 'X',
      metadata: { name: 'n' },
      big: 9007199254740993n,
      list: [-9007199254740995n],
    };
    const text = encodeObject(object);
    expect(text).toContain('"big":9007199254740993');
    expect(fromJson(text)).toEqual(object);
  });

  it('show a cached object as it was stored, at the revision it is shown at, in any script', () => {
    const object = { apiVersion: 'v1', kind: 'X', metadata: { name: 'n' }, text: 'Ünïcode – 漢字 😀' };
    const cached = { bytes: Buffer.from(encodeObject(object)), revision: 7 };
    const expected = { ...object, metadata: { resourceVersion: '7', name: 'n' } };
    expect(JSON.parse(textOf(cached))).toEqual(expected);
    expect(JSON.parse(textOf({ ...cached, revision: 8 }))).toMatchObject({ metadata: { resourceVersion: '8' } });
  });
});
