import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { isJsonObject } from '../../../../src/apiserver/codec/json.ts';
import { sharingWith } from '../../../../src/apiserver/registry/object.ts';
import { parseJson } from '../../../../src/apiserver/codec/jsonParser.ts';
import { errorText } from '../../../../src/apiserver/schema/fieldErrors.ts';
import { compileStructuralSchema } from '../../../../src/apiserver/schema/resourceSchema.ts';

interface Case {
  name: string;
  schema: number;
  object: JsonObject;
  old?: JsonObject;
  expected: { unknown?: string[]; object: JsonObject; metaError?: string; errors?: string[]; types?: string[] };
}

// What kube's own code answers; made once by running it on these inputs.
const text = readFileSync(new URL('./schema.vectors.json', import.meta.url), 'utf8');
const vectors = parseJson(text).value as unknown as { schemas: JsonObject[]; cases: Case[] };
const schemas = vectors.schemas.map((schema) => compileStructuralSchema(schema));

describe('compileStructuralSchema', () => {
  it.each(vectors.cases.map((one): [string, Case] => [one.name, one]))(
    '%s: as kube',
    (_name, { schema, object, old, expected }) => {
      const compiled = schemas[schema]!;
      if (old !== undefined) compiled.admitRequest(old);
      const { unknownFields, malformed } = compiled.admitRequest(object);
      expect(unknownFields).toEqual((expected.unknown ?? []).toSorted());
      expect(object).toEqual(expected.object);
      expect(malformed === undefined).toBe(expected.metaError === undefined);
      const errors = old === undefined ? compiled.validateCreate(object) : compiled.validateUpdate(object, old);
      if (old !== undefined) expect(compiled.validateUpdate(sharingWith(old, object), old)).toEqual(errors);
      expect(errors.map((error) => `${error.type} ${errorText(error)}`).sort()).toEqual(
        (expected.errors ?? []).map((error, index) => `${expected.types?.[index] ?? ''} ${error}`).sort(),
      );
      expect(isJsonObject(object)).toBe(true);
    },
  );
});
