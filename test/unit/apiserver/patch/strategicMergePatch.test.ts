import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { applyStrategicMergePatch } from '../../../../src/apiserver/patch/patch.ts';

const owners = (...uids: string[]): JsonValue => uids.map((uid) => ({ uid, name: `n-${uid}` }));
const meta = (metadata: JsonObject): JsonObject => ({ metadata });

describe('applyStrategicMergePatch', () => {
  it.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'merges maps and drops nulls',
      { data: { a: '1', b: '2' } },
      { data: { b: null, c: '3' } },
      { data: { a: '1', c: '3' } },
    ],
    ['drops nulls of a map that it adds', {}, { data: { a: null, b: '1' } }, { data: { b: '1' } }],
    ['replaces a map', { data: { a: '1' } }, { data: { $patch: 'replace', b: '2' } }, { data: { b: '2' } }],
    ['empties a map', { data: { a: '1' } }, { data: { $patch: 'delete' } }, { data: {} }],
    ['replaces a list without a strategy', { rules: [1] }, { rules: [2] }, { rules: [2] }],
    [
      'merges finalizers as a set',
      meta({ finalizers: ['a', 'b'] }),
      meta({ finalizers: ['b', 'c'] }),
      meta({ finalizers: ['a', 'b', 'c'] }),
    ],
    [
      'deletes from a set',
      meta({ finalizers: ['a', 'b'] }),
      meta({ '$deleteFromPrimitiveList/finalizers': ['a'] }),
      meta({ finalizers: ['b'] }),
    ],
    [
      'deletes from a set and orders the rest',
      meta({ finalizers: ['a', 'b', 's'] }),
      meta({
        '$deleteFromPrimitiveList/finalizers': ['a'],
        '$setElementOrder/finalizers': ['c', 'b'],
        finalizers: ['c'],
      }),
      meta({ finalizers: ['c', 'b', 's'] }),
    ],
    [
      'merges keyed items',
      meta({ ownerReferences: owners('1', '2') }),
      meta({ ownerReferences: [{ uid: '2', controller: true }, { uid: '3' }] }),
      meta({ ownerReferences: [{ uid: '1', name: 'n-1' }, { uid: '2', name: 'n-2', controller: true }, { uid: '3' }] }),
    ],
    [
      'deletes a keyed item',
      meta({ ownerReferences: owners('1', '2') }),
      meta({ ownerReferences: [{ $patch: 'delete', uid: '1' }] }),
      meta({ ownerReferences: owners('2') }),
    ],
    [
      'replaces a keyed list',
      meta({ ownerReferences: owners('1', '2') }),
      meta({ ownerReferences: [{ $patch: 'replace' }, { uid: '9' }] }),
      meta({ ownerReferences: [{ uid: '9' }] }),
    ],
    [
      'orders keyed items and puts those only the server knows before what they preceded',
      meta({ ownerReferences: owners('1', 's', '2') }),
      meta({ '$setElementOrder/ownerReferences': [{ uid: '2' }, { uid: '1' }] }),
      meta({ ownerReferences: owners('s', '2', '1') }),
    ],
    [
      'adds a list without its directives',
      meta({}),
      meta({ ownerReferences: [{ $patch: 'delete', uid: '1' }, { uid: '2' }] }),
      meta({ ownerReferences: [{ uid: '2' }] }),
    ],
    [
      'keeps only the retained keys',
      { spec: { a: 1, b: 2 } },
      { spec: { $retainKeys: ['b', 'c'], c: 3 } },
      { spec: { b: 2, c: 3 } },
    ],
    ['replaces a value of another type', { spec: { a: 1 } }, { spec: { a: { b: 1 } } }, { spec: { a: { b: 1 } } }],
  ])('%s', (_name, document, patch, expected) => {
    const before = structuredClone(document);
    expect(applyStrategicMergePatch(document, patch, 'ConfigMap')).toEqual(expected);
    expect(document).toEqual(before);
  });

  it("merges a ServiceAccount's secrets by name, new ones first, and replaces its imagePullSecrets", () => {
    const account = { secrets: [{ name: 'a' }], imagePullSecrets: [{ name: 'x' }] };
    const patch = { secrets: [{ name: 'b' }], imagePullSecrets: [{ name: 'y' }] };
    expect(applyStrategicMergePatch(account, patch, 'ServiceAccount')).toEqual({
      secrets: [{ name: 'b' }, { name: 'a' }],
      imagePullSecrets: [{ name: 'y' }],
    });
  });

  it.each<[JsonObject | JsonValue[], number, RegExp]>([
    [[], 400, /must be an object/],
    [{ data: { $patch: 'frob' } }, 400, /unknown patch type "frob"/],
    [{ metadata: { ownerReferences: [{ name: 'x' }] } }, 422, /does not contain declared merge key: uid/],
    [{ metadata: { ownerReferences: ['x'] } }, 400, /is no object/],
    [{ metadata: { '$setElementOrder/finalizers': 'x' } }, 400, /must be a list/],
    [{ data: { $retainKeys: ['x'], y: 1 } }, 400, /invalid patch format of \$retainKeys/],
  ])('refuses %j', (patch, code, message) => {
    const document = { data: { a: '1' }, metadata: { finalizers: [], ownerReferences: owners('1') } };
    const apply = (): unknown => applyStrategicMergePatch(document, patch, 'ConfigMap');
    expect(apply).toThrow(message);
    expect(apply).toThrow(expect.objectContaining({ code }));
  });
});
