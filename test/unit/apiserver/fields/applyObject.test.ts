import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneJson, isJsonObject } from '../../../../src/apiserver/codec/json.ts';
import type { JsonObject, JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { ApplyConflict, applyObject } from '../../../../src/apiserver/fields/applyObject.ts';
import { conflictMessage } from '../../../../src/apiserver/fields/conflicts.ts';
import { compareObjects } from '../../../../src/apiserver/fields/compare.ts';
import { intersectSets, pathTexts, subtractSet } from '../../../../src/apiserver/fields/fieldSet.ts';
import type { FieldSet } from '../../../../src/apiserver/fields/fieldSet.ts';
import { fieldTypeOf } from '../../../../src/apiserver/fields/fieldType.ts';
import { updateManagedFields } from '../../../../src/apiserver/fields/managedFields.ts';
import { parseStructural } from '../../../../src/apiserver/schema/structural.ts';
import { versionsOf } from '../../../support/fieldVersions.ts';

interface Step {
  op: 'apply' | 'update';
  object: JsonObject;
  manager: string;
  force: boolean;
  subresource: string;
  schema: number;
}
interface Vectors {
  schemas: JsonObject[];
  cases: { name: string; steps: Step[]; expected: JsonObject[] }[];
}

// What kube's own code makes of the same steps.
const vectors = JSON.parse(readFileSync(new URL('./apply.vectors.json', import.meta.url), 'utf8')) as Vectors;
const roots = vectors.schemas.map((schema) => parseStructural(schema));

/** The object after one step on `live`, which is not changed. @throws ApplyConflict */
function after(live: JsonObject | undefined, step: Step, now = new Date(0)): JsonObject {
  const { manager, subresource, force } = step;
  const versions = versionsOf('example.com/v1', roots[step.schema], true);
  const reset = subresource === '' ? ['f:status'] : ['f:spec'];
  const write = { live, manager, apiVersion: 'example.com/v1', subresource, now, versions, reset };
  const object = cloneJson(step.object);
  if (step.op === 'apply') return cloneJson(applyObject({ ...write, sent: object, force }));
  updateManagedFields({ ...write, object });
  return cloneJson(object);
}

function run(steps: readonly Step[]): JsonObject[] {
  let live: JsonObject | undefined;
  return steps.map((step) => {
    try {
      live = after(live, step);
      (live['metadata'] as JsonObject)['uid'] = 'u';
      return live;
    } catch (error) {
      if (error instanceof ApplyConflict) return { error: conflictMessage(error.conflicts) };
      throw error;
    }
  });
}

/** Without the order of entries, which follows from the clock, and with its times as the vectors have them. */
function comparable(object: JsonObject): JsonObject {
  const copy = cloneJson(object);
  const { metadata } = copy;
  const entries = isJsonObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(entries)) return copy;
  for (const entry of entries as JsonObject[]) if (entry['time'] !== undefined) entry['time'] = 'now';
  const identity = ({ manager, operation, subresource = '' }: JsonObject): string =>
    JSON.stringify([manager, operation, subresource]);
  (entries as JsonObject[]).sort((a, b) => (identity(a) < identity(b) ? -1 : 1));
  return copy;
}

describe('applyObject', () => {
  it.each(vectors.cases)('$name, as kube has it', ({ steps, expected }) => {
    expect(run(steps).map(comparable)).toEqual(expected.map(comparable));
  });
});

const text = fc.constantFrom('x', 'y', 'z');
const texts = fc.uniqueArray(text, { minLength: 1 });
const map = fc.dictionary(fc.constantFrom('p', 'q', 'r'), text, { minKeys: 1 });
const port = fc.record(
  { port: fc.constantFrom(1, 2), protocol: fc.constantFrom('TCP', 'UDP'), name: text, tags: texts },
  { requiredKeys: ['port'] },
);
const ports = fc.uniqueArray(port, { minLength: 1, selector: (one) => `${one.port}/${one.protocol ?? 'TCP'}` });
const struct = fc.record({ x: text, y: text }, { requiredKeys: ['x'] });
const structs = fc.dictionary(fc.constantFrom('k', 'l'), struct, { minKeys: 1 });
const nested = fc.record(
  { a: fc.record({ b: text, c: text }, { requiredKeys: ['b'] }), structs },
  { requiredKeys: ['a'] },
);
const free = fc.dictionary(text, fc.constantFrom(1, 'a'), { minKeys: 1 });
const n = fc.constantFrom(1, 2);
// nothing is empty: an empty part is owned although it is not stored
const spec = fc.record(
  { n, s: text, list: texts, set: texts, ports, map, atomic: map, nested, free },
  { requiredKeys: ['n'] },
);
const step: fc.Arbitrary<Step> = fc.record({
  op: fc.constantFrom('apply' as const, 'apply' as const, 'update' as const),
  object: fc.record({ spec, labels: map }).map(({ spec, labels }) => ({
    apiVersion: 'example.com/v1',
    kind: 'Thing',
    metadata: { name: 'x', labels },
    spec,
  })),
  manager: fc.constantFrom('a', 'b', 'kubectl'),
  force: fc.boolean(),
  subresource: fc.constant(''),
  schema: fc.constant(0),
});

/** Paths of the object that exist, containers included. */
function pathsOf(object: JsonObject): FieldSet {
  return compareObjects({}, object, fieldTypeOf(roots[0])).added;
}

function ownedBy(object: JsonObject): { manager: string; operation: string; fields: FieldSet }[] {
  const entries = ((object['metadata'] as JsonObject)['managedFields'] ?? []) as JsonObject[];
  return entries.map((entry) => ({
    manager: entry['manager'] as string,
    operation: entry['operation'] as string,
    fields: entry['fieldsV1'] as FieldSet,
  }));
}

/** What holds fields: kube, too, leaves it with its owner when another takes out the last of them (see the vectors). */
const PART =
  /^\.(metadata\.labels|spec(\.set|\.map|\.free|\.ports(\[[^\]]*\](\.tags)?)?|\.nested(\.a|\.structs(\.\w)?)?)?)$/;

/** As the server stores it: no nulls, which parts are that lost their last field; nothing that is empty, no times. */
function stored(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(stored);
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value)
    .map(([key, item]) => [key, key === 'fieldsV1' ? item : stored(item)] as const)
    .filter(
      ([key, item]) =>
        key !== 'time' && item !== null && JSON.stringify(item) !== '{}' && JSON.stringify(item) !== '[]',
    );
  return Object.fromEntries(kept);
}

describe('any sequence of applies and updates', { timeout: 60_000 }, () => {
  const sequence = (check: (live: JsonObject, step: Step) => void): void => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
        let live: JsonObject | undefined;
        for (const one of steps) {
          try {
            live = after(live, one);
          } catch (error) {
            if (!(error instanceof ApplyConflict)) throw error;
            live = after(live, { ...one, force: true });
          }
          check(live, one);
        }
      }),
      { numRuns: 60 },
    );
  };

  it('leaves nobody with a field that is not there, but for parts that lost all that was in them', () => {
    sequence((live) => {
      for (const { fields } of ownedBy(live)) {
        const gone = pathTexts(subtractSet(fields, pathsOf(live)));
        expect(gone.filter((path) => !PART.test(path))).toEqual([]);
      }
    });
  });

  it('gives an applier what it says, and the same again changes nothing', () => {
    sequence((live, one) => {
      if (one.op !== 'apply') return;
      const again = after(live, { ...one, force: false }, new Date(60_000));
      expect(stored(again)).toEqual(stored(live));
    });
  });

  it('never changes the live object that it is given', () => {
    sequence((live, one) => {
      const before = JSON.stringify(live);
      after(live, { ...one, manager: 'c', force: true });
      expect(JSON.stringify(live)).toBe(before);
    });
  });

  it('leaves no field whose value differs with two appliers', () => {
    sequence((live, one) => {
      const other = { ...one, op: 'apply' as const, manager: 'other' };
      const changed = after(live, { ...other, force: true });
      const comparison = compareObjects(live, changed, fieldTypeOf(roots[0]));
      for (const { manager, fields } of ownedBy(changed)) {
        if (manager !== 'other') expect(intersectSets(fields, comparison.modified)).toEqual({});
      }
    });
  });
});
