import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/apiserver/codec/json.ts';
import { parseJson } from '../../../../src/apiserver/codec/jsonParser.ts';
import { compileExpression } from '../../../../src/apiserver/schema/cel/expression.ts';
import { compileRules } from '../../../../src/apiserver/schema/cel/ruleSet.ts';
import { declare } from '../../../../src/apiserver/schema/cel/schema/declared.ts';
import { withResourceMeta } from '../../../../src/apiserver/schema/cel/schema/resourceMeta.ts';
import { typedValue } from '../../../../src/apiserver/schema/cel/schema/typedValue.ts';
import { CompileError } from '../../../../src/apiserver/schema/cel/syntax/issues.ts';
import { typeText } from '../../../../src/apiserver/schema/cel/types/type.ts';
import { EvaluationError } from '../../../../src/apiserver/schema/cel/values/errors.ts';
import { checkVersionSchema } from '../../../../src/apiserver/schema/crdSchema.ts';
import { applyDefaults } from '../../../../src/apiserver/schema/defaults.ts';
import { errorText } from '../../../../src/apiserver/schema/fieldErrors.ts';
import type { FieldError } from '../../../../src/apiserver/schema/fieldErrors.ts';
import { parseStructural } from '../../../../src/apiserver/schema/structural.ts';
import { celText } from '../../../support/celText.ts';

interface Result {
  issues?: string;
  type?: string;
  estimate?: number | bigint;
  cost?: number;
  value?: string;
  error?: string;
}

interface Vectors {
  schema: JsonObject;
  object: JsonObject;
  expressions: { source: string; expected: Result }[];
  admissions: { name: string; schema: JsonObject; expected: Expected[] }[];
  evaluations: { name: string; schema: JsonObject; object: JsonObject; old?: JsonObject; expected: Expected[] }[];
}

interface Expected {
  type: string;
  text: string;
}

// What kube's own code answers. To add a case, write it without `expected` and run, in test/tools/celVectors:
// go run . ../../unit/apiserver/schema/cel.vectors.json
const text = readFileSync(new URL('./cel.vectors.json', import.meta.url), 'utf8');
const vectors = parseJson(text).value as unknown as Vectors;

/** Where the words differ, but not the verdict; the reason behind each. */
const OTHER_WORDS: readonly (readonly [pattern: RegExp, words: string])[] = [
  // cel-go prints the tables of its generated parser: which tokens could have followed
  [/Syntax error: [^]*$/, 'Syntax error'],
  // messages of Protocol Buffers do not exist here: `Foo{}` is a syntax error and no unknown name
  [/<input>:\d+:\d+: (?:undeclared reference to 'Foo'|'selfType' is not a type)[^]*$/, 'Syntax error'],
  [/<input>:\d+:\d+: Syntax error/, 'Syntax error'],
];

function sameWords(message: string): string {
  return OTHER_WORDS.reduce((result, [pattern, words]) => result.replace(pattern, words), message);
}

const root = parseStructural(vectors.schema);
const declared = declare(root, true)!;
const self = typedValue(vectors.object, withResourceMeta(root));
/** The vectors cut costs there. */
const MAX_COST = 2 ** 53;

function evaluate(source: string): Result {
  try {
    const expression = compileExpression(source, { declared, optionalOldSelf: false });
    const { value, error, cost } = expression.evaluate({ self, oldSelf: undefined });
    const result = { type: typeText(expression.type), estimate: Math.min(expression.maxCost, MAX_COST) };
    return error === undefined ? { ...result, cost, value: celText(value) } : { ...result, error: error.message };
  } catch (error) {
    if (error instanceof CompileError) return { issues: sameWords(error.message) };
    if (error instanceof EvaluationError) return { error: `program: ${error.message}` };
    throw error;
  }
}

/** What is compared: cel-go counts the cost of a failed evaluation up to where it happened to notice. */
function comparable({ issues, type, estimate, cost, value, error }: Result): Result {
  if (issues !== undefined) return { issues: sameWords(issues) };
  if (error?.startsWith('program: ') === true) return { error };
  const known = { ...(type !== undefined && { type }), ...(estimate !== undefined && { estimate: Number(estimate) }) };
  if (error !== undefined) return { ...known, error };
  return { ...known, ...(cost !== undefined && { cost }), ...(value !== undefined && { value }) };
}

function lines(errors: readonly FieldError[]): string[] {
  return errors.map((error) => sameWords(`${error.type} ${errorText(error)}`)).sort();
}

function expectedLines(expected: readonly Expected[]): string[] {
  return expected.map((error) => sameWords(`${error.type} ${error.text}`)).sort();
}

describe('an expression has the type, the cost, the value or the error that it has in kube', () => {
  it.each(vectors.expressions)('$source', ({ source, expected }) => {
    expect(evaluate(source)).toEqual(comparable(expected));
  });
});

describe('rules of a CRD are admitted as by kube', () => {
  it.each(vectors.admissions)('$name', ({ schema, expected }) => {
    const errors = checkVersionSchema(schema, 'spec.versions[0].schema.openAPIV3Schema', false);
    expect(lines(errors)).toEqual(expectedLines(expected));
  });
});

describe('rules judge an object as in kube', () => {
  it.each(vectors.evaluations)('$name', ({ schema, object, old, expected }) => {
    const node = parseStructural(schema);
    applyDefaults(object, node);
    if (old !== undefined) applyDefaults(old, node);
    const pair = old && { value: object, old, node };
    expect(lines(compileRules(node)!.evaluate(object, pair))).toEqual(expectedLines(expected));
  });
});
