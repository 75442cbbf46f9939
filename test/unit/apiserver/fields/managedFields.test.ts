import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cloneJson } from '../../../../src/apiserver/codec/json.ts';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import {
  fieldManagerOf,
  onlyManagedTimesDiffer,
  updateManagedFields,
} from '../../../../src/apiserver/fields/managedFields.ts';
import { versionsOf } from '../../../support/fieldVersions.ts';
import { errorText } from '../../../../src/apiserver/schema/fieldErrors.ts';
import { checkManagerName } from '../../../../src/apiserver/schema/managedFieldsMeta.ts';
import { parseStructural } from '../../../../src/apiserver/schema/structural.ts';

interface Step {
  object: JsonObject & { metadata: JsonObject };
  manager: string;
  subresource?: string;
}
interface Vectors {
  schema: JsonObject;
  cases: { name: string; steps: Step[]; expected: JsonObject[][] }[];
}

// What kube's own code answers to the same writes.
const vectors = JSON.parse(readFileSync(new URL('./managedFields.vectors.json', import.meta.url), 'utf8')) as Vectors;
const untouched = { versions: versionsOf('example.com/v1', parseStructural(vectors.schema)), reset: [] };

function run(steps: readonly Step[], secondsBetween = 0): JsonObject[][] {
  let live: JsonObject | undefined;
  return steps.map(({ object, manager, subresource = '' }, index) => {
    const next = cloneJson(object);
    const now = new Date(Date.UTC(2026, 0, 1, 0, 0, index * secondsBetween));
    updateManagedFields({ live, object: next, manager, apiVersion: 'example.com/v1', subresource, now, ...untouched });
    live = next;
    return (next.metadata['managedFields'] ?? []) as JsonObject[];
  });
}

function comparable(entries: JsonObject[] | null): unknown {
  return (entries ?? [])
    .map((entry) => Object.fromEntries(Object.entries(entry).filter(([key]) => key !== 'time')))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

describe('updateManagedFields', () => {
  it.each(vectors.cases)('$name, as kube has it', ({ steps, expected }) => {
    expect(run(steps).map(comparable)).toEqual(expected.map(comparable));
  });

  it('stamps the writer and merges the oldest of more than ten writers', () => {
    const steps = vectors.cases.find(({ name }) => name === 'more than ten managers')?.steps ?? [];
    const last = run(steps, 60).at(-1) ?? [];
    expect(last).toHaveLength(10);
    expect(last[0]).toMatchObject({ manager: 'ancient-changes', operation: 'Update', time: '2026-01-01T00:03:00Z' });
    expect(
      Object.keys(((last[0]?.['fieldsV1'] as JsonObject)['f:spec'] as JsonObject)['f:labels'] as JsonObject),
    ).toEqual(['.', 'f:k0', 'f:k1', 'f:k2', 'f:k3']);
    expect(last.at(-1)).toMatchObject({ manager: 'm12', time: '2026-01-01T00:12:00Z' });
  });
});

describe('onlyManagedTimesDiffer', () => {
  const object = (time: string, value: number): JsonObject => ({
    metadata: { name: 'x', managedFields: [{ manager: 'm', time }] },
    spec: { value },
  });
  it('is true for another time only', () => {
    expect(onlyManagedTimesDiffer(object('2026-01-01T00:00:00Z', 1), object('2027-01-01T00:00:00Z', 1))).toBe(true);
    expect(onlyManagedTimesDiffer(object('2026-01-01T00:00:00Z', 1), object('2026-01-01T00:00:00Z', 2))).toBe(false);
    expect(onlyManagedTimesDiffer(object('t', 1), { metadata: { name: 'x' }, spec: { value: 1 } })).toBe(false);
  });
});

describe('fieldManagerOf', () => {
  it.each([
    ['me', 'kubectl/v1.35 (linux)', 'me'],
    [undefined, 'kubectl/v1.35 (linux)', 'kubectl'],
    ['', 'Mozilla', 'Mozilla'],
    [undefined, undefined, ''],
    [undefined, 'a\u0000b/1', 'ab'],
    [undefined, 'x'.repeat(300), 'x'.repeat(128)],
  ])('%j and %j give %j', (parameter, agent, manager) => {
    expect(fieldManagerOf(parameter, agent)).toBe(manager);
  });

  it('checks the parameter as kube does', () => {
    const check = (manager: string): string[] => checkManagerName(manager, 'fieldManager').map(errorText);
    expect(check('kubectl-edit')).toEqual([]);
    expect(check('x'.repeat(129))).toEqual(['fieldManager: Too long: may not be more than 128 bytes']);
    expect(check('a\tb')).toEqual([
      String.raw`fieldManager: Invalid value: "a\tb": invalid character U+0009 (at position 1)`,
    ]);
  });
});
