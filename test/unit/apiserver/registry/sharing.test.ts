import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloneJson, isJsonObject, type JsonObject, type JsonValue } from '../../../../src/apiserver/codec/json.ts';
import { updateManagedFields } from '../../../../src/apiserver/fields/managedFields.ts';
import { applyMergePatch } from '../../../../src/apiserver/patch/patch.ts';
import { sharingWith } from '../../../../src/apiserver/registry/object.ts';
import { versionsOf } from '../../../support/fieldVersions.ts';
import { compileStructuralSchema } from '../../../../src/apiserver/schema/resourceSchema.ts';

/** Every kind of node that admission, validation and managedFields treat in a way of its own. */
const inner: JsonObject = {
  type: 'object',
  properties: {
    n: { type: 'integer', maximum: 5, default: 1 },
    s: { type: 'string', maxLength: 2, nullable: true },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'integer' } },
    map: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', required: ['k'], properties: { k: { type: 'string' }, v: { type: 'integer' } } },
    },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    atom: { type: 'object', 'x-kubernetes-map-type': 'atomic', additionalProperties: { type: 'integer' } },
    part: { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
    either: {
      anyOf: [{ required: ['n'] }, { properties: { n: { maximum: 3 } } }],
      type: 'object',
      properties: { n: {} },
    },
  },
};
const schema = compileStructuralSchema({ type: 'object', properties: { spec: inner, status: inner } });

const number = fc.integer({ min: 0, max: 7 });
const item = fc.record({ k: fc.constantFrom('a', 'b', 'c'), v: number }, { requiredKeys: [] });
const loose = fc
  .jsonValue({ maxDepth: 2 })
  .map((value) => JSON.stringify(value))
  .filter((text) => !text.includes('__proto__'))
  .map((text) => JSON.parse(text) as JsonValue);
const resource = fc.record({
  apiVersion: fc.constant('v1'),
  kind: fc.constant('Thing'),
  metadata: fc.record({ name: fc.constantFrom('x', 'Y') }),
});
const section = fc.record(
  {
    n: fc.option(number),
    s: fc.option(fc.constantFrom('a', 'abc')),
    set: fc.array(number, { maxLength: 3 }),
    map: fc.array(item, { maxLength: 3 }),
    free: fc.dictionary(fc.constantFrom('a', 'b'), loose),
    atom: fc.dictionary(fc.constantFrom('a', 'b'), number),
    part: fc.option(resource),
    either: fc.record({ n: number }),
    unknown: loose,
  },
  { requiredKeys: [] },
);
const metadata = fc.record(
  { labels: fc.dictionary(fc.constantFrom('a', 'b'), fc.option(fc.constant('x'))), stray: fc.constant(1) },
  { requiredKeys: [] },
);
const document = fc.record({ metadata, spec: section, status: section }, { requiredKeys: [] });

/** An object as the server has it stored. */
const stored = document.map((value): JsonObject => {
  const object = JSON.parse(
    JSON.stringify({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      ...value,
      metadata: { name: 'x', ...value.metadata },
    }),
  ) as JsonObject;
  schema.admitStored(object);
  const write = {
    live: undefined,
    manager: 'first',
    apiVersion: 'example.com/v1',
    subresource: '',
    versions: versionsOf('example.com/v1', schema.root),
    reset: [],
  };
  updateManagedFields({ ...write, object, now: new Date(0) });
  return object;
});
const patches = document.map((value) => JSON.parse(JSON.stringify(value)) as JsonObject);

function deepFreeze(value: JsonValue): void {
  if (Array.isArray(value)) value.forEach(deepFreeze);
  else if (isJsonObject(value)) Object.values(value).forEach(deepFreeze);
  Object.freeze(value);
}

function admit(object: JsonObject, old?: JsonObject): unknown {
  const { unknownFields, malformed } = schema.admitRequest(object, old);
  return { object, unknownFields, malformed };
}

function owners(live: JsonObject, object: JsonObject, manager: string): JsonObject {
  const next = sharingWith({}, object);
  const write = {
    live,
    object: next,
    manager,
    apiVersion: 'example.com/v1',
    versions: versionsOf('example.com/v1', schema.root),
    reset: [],
  };
  updateManagedFields({ ...write, subresource: '', now: new Date(1000) });
  return next;
}

describe('an update that shares nodes with the old object', () => {
  it('is admitted as a deep copy is, and never changes the old one', () => {
    fc.assert(
      fc.property(stored, patches, (old, patch) => {
        deepFreeze(old);
        const copied = admit(cloneJson(applyMergePatch(cloneJson(old), patch)));
        expect(admit(sharingWith(old, applyMergePatch(old, cloneJson(patch))), old)).toEqual(copied);
      }),
    );
  });

  it('keeps metadata that is no object, which admission refuses', () => {
    const old: JsonObject = { metadata: { name: 'x' } };
    for (const metadata of ['text', ['list'], 1]) {
      expect(sharingWith(old, applyMergePatch(old, { metadata }))).toEqual({ metadata });
    }
  });

  it('is validated as a deep copy is', () => {
    fc.assert(
      fc.property(stored, patches, (old, patch) => {
        deepFreeze(old);
        const object = sharingWith(old, applyMergePatch(old, patch));
        schema.admitRequest(object, old);
        const expected = schema.validateUpdate(cloneJson(object), cloneJson(old));
        expect(schema.validateUpdate(sharingWith(old, object), old)).toEqual(expected);
      }),
    );
  });

  it('has the same owners as a deep copy, also when they are read anew', () => {
    fc.assert(
      fc.property(stored, patches, fc.constantFrom('first', 'second'), (old, patch, manager) => {
        deepFreeze(old);
        const object = sharingWith(old, applyMergePatch(old, patch));
        schema.admitRequest(object, old);
        // a list that is not the very same is decoded, compared and encoded path by path
        expect(owners(old, sharingWith(old, object), manager)).toEqual(owners(old, cloneJson(object), manager));
      }),
    );
  });
});
