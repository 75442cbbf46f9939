import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { structMismatch } from '../../../../src/apiserver/codec/structDecode.ts';

const core = (kind: string, object: JsonObject): string | undefined => structMismatch(object, 'v1', kind);
const lease = (spec: JsonObject): string | undefined => structMismatch({ spec }, 'coordination.k8s.io/v1', 'Lease');

describe('structMismatch', () => {
  it('finds nothing in values of the right type, nor in what it does not know', () => {
    expect(
      core('ConfigMap', { data: { a: 'b', gone: null }, metadata: { labels: null }, unknown: [1] }),
    ).toBeUndefined();
    expect(core('Secret', { data: { a: 'aGVs\nbG8=', b: '', c: 'Yg==', d: 'YWI=' } })).toBeUndefined();
    expect(lease({ renewTime: '2026-01-01T00:00:00.123456+02:00', leaseDurationSeconds: 15 })).toBeUndefined();
    expect(structMismatch({ spec: 5 }, 'example.com/v1', 'Widget')).toBeUndefined();
  });

  it.each<[string, JsonObject, string]>([
    ['ConfigMap', { data: { a: 1 } }, 'number into Go struct field ConfigMap.data of type string'],
    ['ConfigMap', { data: [] }, 'array into Go struct field ConfigMap.data of type map[string]string'],
    ['ConfigMap', { immutable: 'yes' }, 'string into Go struct field ConfigMap.immutable of type bool'],
    ['ConfigMap', { metadata: { name: 5 } }, 'number into Go struct field ObjectMeta.metadata.name of type string'],
    ['ConfigMap', { metadata: 'x' }, 'string into Go struct field ConfigMap.metadata of type v1.ObjectMeta'],
    ['Secret', { data: 'x' }, 'string into Go struct field Secret.data of type map[string][]uint8'],
    [
      'ServiceAccount',
      { secrets: [{ name: 1 }] },
      'number into Go struct field ObjectReference.secrets.name of type string',
    ],
    ['Event', { count: 2 ** 31 }, 'number 2147483648 into Go struct field Event.count of type int32'],
  ])('says of a %s %j what a Go decoder says', (kind, object, problem) => {
    expect(core(kind, object)).toBe(`json: cannot unmarshal ${problem}`);
  });

  it.each([
    ['not base64!', 3],
    ['aGVsbG8', 4],
    ['-_-_', 0],
    ['a', 0],
    ['aGVsbG8=x', 8],
    ['aG=x', 2],
    ['aGVs!', 4],
  ])('tells where %j stops being base64, and not what it holds', (value, at) => {
    expect(core('Secret', { data: { a: value } })).toBe(`illegal base64 data at input byte ${at}`);
  });

  it.each([
    ['bad', 'parsing time "bad" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "bad" as "2006"'],
    [
      '2026-01-01T00:00:00Z',
      'parsing time "2026-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ],
    ['2026-02-31T00:00:00.000000Zx', 'parsing time "2026-02-31T00:00:00.000000Zx": extra text: "x"'],
  ])('refuses %j as a time with microseconds', (renewTime, problem) => {
    expect(lease({ renewTime })).toContain(problem);
  });
});
