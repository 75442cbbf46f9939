import { describe, expect, it } from 'vitest';
import { humanDuration } from '../../../../src/apiserver/table/humanDuration.ts';
import { compileTable } from '../../../../src/apiserver/table/table.ts';

const now = new Date('2026-11-22T12:00:00Z');
const options = {
  apiVersion: 'meta.k8s.io/v1',
  includeObject: 'None',
  now,
  listMeta: { resourceVersion: '7' },
} as const;
const object = {
  kind: 'Server',
  metadata: { name: 'a', creationTimestamp: '2026-11-22T11:00:00Z' },
  spec: { replicas: 2.7, on: true, map: { a: 1 }, big: 9007199254740993n, when: 'never', count: 4 },
};

const cells = (
  ...columns: { type: 'integer' | 'number' | 'boolean' | 'string' | 'date'; jsonPath: string }[]
): unknown => {
  const table = compileTable(columns.map((column) => ({ name: 'X', ...column }))).table([object], options);
  return (table['rows'] as [{ cells: unknown[] }])[0].cells.slice(1);
};

describe('compileTable', () => {
  it('shows Name and Age when no columns are declared', () => {
    const table = compileTable(undefined).table([object], { ...options, includeObject: 'Metadata' });
    expect(table).toMatchObject({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: '7' },
      columnDefinitions: [
        { name: 'Name', type: 'string', format: 'name', priority: 0 },
        { name: 'Age', type: 'date', format: '', priority: 0 },
      ],
      rows: [
        {
          cells: ['a', '60m'],
          object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
        },
      ],
    });
  });

  it('converts each value to the type of its column', () => {
    expect(
      cells(
        { type: 'integer', jsonPath: '.spec.replicas' },
        { type: 'number', jsonPath: '.spec.replicas' },
        { type: 'boolean', jsonPath: '.spec.on' },
        { type: 'string', jsonPath: '.spec.count' },
        { type: 'string', jsonPath: '.spec.map' },
        { type: 'integer', jsonPath: '.spec.big' },
        { type: 'date', jsonPath: '.metadata.creationTimestamp' },
      ),
    ).toEqual([2, 2.7, true, '4', '{"a":1}', 9007199254740993n, '60m']);
  });

  it('leaves a cell empty when the value is missing, of another type, or the path is broken', () => {
    expect(
      cells(
        { type: 'string', jsonPath: '.spec.nothing' },
        { type: 'integer', jsonPath: '.spec.on' },
        { type: 'boolean', jsonPath: '.spec.count' },
        { type: 'string', jsonPath: '.spec[' },
        { type: 'date', jsonPath: '.spec.when' },
      ),
    ).toEqual([null, null, null, null, '<invalid>']);
  });

  it('takes cells of built-in kinds from functions, and leaves definitions out when asked', () => {
    const renderer = compileTable([
      { name: 'Data', type: 'integer', cell: (o) => Object.keys(o).length, priority: 1, description: 'd' },
    ]);
    expect(renderer.table([object], { ...options, columnDefinitions: false })).toMatchObject({
      columnDefinitions: null,
      rows: [{ cells: ['a', 3] }],
    });
  });

  it('includes whole objects when asked', () => {
    const table = compileTable([]).table([object], { ...options, includeObject: 'Object' });
    expect((table['rows'] as [{ object: unknown }])[0].object).toBe(object);
  });
});

describe('humanDuration', () => {
  const [minute, hour, day] = [60, 3600, 86_400];
  it.each([
    [-2, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [119, '119s'],
    [2 * minute, '2m'],
    [2 * minute + 1, '2m1s'],
    [10 * minute + 5, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 1, '8h'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [3 * day + 4 * hour, '3d4h'],
    [8 * day + 5 * hour, '8d'],
    [729 * day, '729d'],
    [730 * day, '2y'],
    [1100 * day, '3y5d'],
    [3000 * day, '8y'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(humanDuration(seconds * 1000)).toBe(text);
  });
});
