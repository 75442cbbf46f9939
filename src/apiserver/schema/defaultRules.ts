import { cloneJson, equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject } from '../codec/json.ts';
import { checkValue } from './check.ts';
import { compileCheck } from './checkNode.ts';
import { checkEmbedded } from './embeddedMeta.ts';
import { invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { pruneValue } from './prune.ts';
import { objectAt } from './read.ts';
import { parseStructural } from './structural.ts';

/**
 * Validates every default of a schema against the schema around it, without rules: it must be pruned and valid.
 * Defaults inside metadata of embedded resources are only checked for their type.
 */
export function checkDefaults(schema: JsonObject, path: string): FieldError[] {
  const items = objectAt(schema, 'items');
  const errors = checkDefault(schema, `${path}.default`);
  if (items !== undefined) errors.push(...checkDefaults(items, `${path}.items`));
  for (const [key, property] of Object.entries(objectAt(schema, 'properties') ?? {})) {
    if (isJsonObject(property)) errors.push(...checkDefaults(property, `${path}.properties[${key}]`));
  }
  return errors;
}

function checkDefault(schema: JsonObject, path: string): FieldError[] {
  const value = member(schema, 'default');
  if (value === undefined || value === null) return [];
  const node = parseStructural(schema);
  const pruned = cloneJson(value);
  pruneValue(pruned, node);
  return [
    ...(equalJson(pruned, value) ? [] : [invalid(path, value, 'must not have unknown fields')]),
    ...[...checkValue(value, compileCheck(schema)), ...checkEmbedded(value, node)].map((error) => within(error, path)),
  ];
}

function within(error: FieldError, path: string): FieldError {
  if (error.field === '<nil>') return { ...error, field: path };
  return { ...error, field: `${path}.${error.field}` };
}
