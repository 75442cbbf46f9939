import { cloneJson, equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { compileRules } from './cel/ruleSet.ts';
import { checkValue } from './check.ts';
import { compileCheck } from './checkNode.ts';
import { coerceEmbedded } from './coerceMeta.ts';
import { checkEmbedded } from './embeddedMeta.ts';
import { aggregate, errorText, invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { pruneValue } from './prune.ts';
import { objectAt } from './read.ts';
import { parseStructural, type StructuralNode } from './structural.ts';

/** Where a schema lies inside that of an embedded resource. */
interface Embedded {
  root: JsonObject;
  /** From the resource to the value: names of members, and the only item of a list. */
  steps: readonly (string | typeof ITEM)[];
  /** Below apiVersion, kind or metadata, which have a shape of their own. */
  inMeta: boolean;
}

const ITEM = Symbol('item');
const META = ['apiVersion', 'kind', 'metadata'];

/**
 * Validates every default of a schema against the schema around it and its rules: it must be pruned and valid, or every
 * object that gets it would be refused. A default inside metadata must make valid metadata.
 * Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/validation.go (v0.35).
 */
export function checkDefaults(schema: JsonObject, path: string, around?: Embedded): FieldError[] {
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const embedded = isEmbedded ? { root: schema, steps: [], inMeta: false } : around;
  const items = objectAt(schema, 'items');
  const errors = checkDefault(schema, `${path}.default`, embedded);
  if (items !== undefined) errors.push(...checkDefaults(items, `${path}.items`, below(embedded, ITEM)));
  for (const [key, property] of Object.entries(objectAt(schema, 'properties') ?? {})) {
    const inside = below(embedded, key);
    if (isJsonObject(property)) errors.push(...checkDefaults(property, `${path}.properties[${key}]`, inside));
  }
  return errors;
}

function below(embedded: Embedded | undefined, step: string | typeof ITEM): Embedded | undefined {
  if (embedded === undefined) return undefined;
  const { root, steps, inMeta } = embedded;
  const entersMeta = steps.length === 0 && typeof step === 'string' && META.includes(step);
  return { root, steps: [...steps, step], inMeta: inMeta || entersMeta };
}

function checkDefault(schema: JsonObject, path: string, embedded: Embedded | undefined): FieldError[] {
  const value = member(schema, 'default');
  if (value === undefined || value === null) return [];
  const node = parseStructural(schema);
  const itself = (): FieldError[] =>
    first(
      () => checkValue(value, compileCheck(schema)),
      () => ruleErrors(value, node),
    ).map((error) => within(error, path));
  if (embedded?.inMeta === true) return first(() => metaErrors(value, embedded, path), itself);
  const found = first(() => embeddedErrors(value, node).map((error) => within(error, path)), itself);
  return isPruned(value, node) ? found : [invalid(path, value, 'must not have unknown fields'), ...found];
}

/** What the first of `checks` finds that finds anything: the others would only stumble over the same. */
function first(...checks: (() => FieldError[])[]): FieldError[] {
  for (const check of checks) {
    const found = check();
    if (found.length > 0) return found;
  }
  return [];
}

function isPruned(value: JsonValue, node: StructuralNode): boolean {
  const pruned = cloneJson(value);
  pruneValue(pruned, node);
  return equalJson(pruned, value);
}

function embeddedErrors(value: JsonValue, node: StructuralNode): FieldError[] {
  const copy = cloneJson(value);
  const malformed = coerceEmbedded(copy, node);
  return malformed === undefined ? checkEmbedded(copy, node) : [malformed];
}

/** What is wrong with a resource that has nothing but this default, which is somewhere in its metadata. */
function metaErrors(value: JsonValue, { root, steps }: Embedded, path: string): FieldError[] {
  const inside = steps.reduceRight<JsonValue>(
    (inner, step) => (step === ITEM ? [inner] : { [step]: inner }),
    cloneJson(value),
  );
  const resource = { apiVersion: 'validation/v1', kind: 'Validation', ...(isJsonObject(inside) ? inside : {}) };
  const errors = embeddedErrors(resource, parseStructural(root));
  if (errors.length === 0) return [];
  return [invalid(path, value, `must result in valid metadata: ${aggregate(errors.map(errorText))}`)];
}

/** Of an object that always was so, and of one that is new: some rules only hold of one of them. */
function ruleErrors(value: JsonValue, node: StructuralNode): FieldError[] {
  const rules = compileRules(node, node.embeddedResource);
  if (rules === undefined) return [];
  return first(
    () => rules.evaluateKept(value, node),
    () => rules.evaluate(value, undefined),
  );
}

function within(error: FieldError, path: string): FieldError {
  if (error.field === '<nil>') return { ...error, field: path };
  return { ...error, field: error.field.startsWith('[') ? `${path}${error.field}` : `${path}.${error.field}` };
}
