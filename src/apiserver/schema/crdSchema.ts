import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject } from '../codec/json.ts';
import { checkRules } from './cel/checkRules.ts';
import { checkDefaults } from './defaultRules.ts';
import { forbidden, invalid } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkOpenApi } from './openApiRules.ts';
import { textAt } from './read.ts';
import { parseStructural } from './structural.ts';
import { checkStructural } from './structuralRules.ts';

/** Keywords that the root may have when the status subresource is on, so that status can be judged alone. */
const ROOT_KEYWORDS = [
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
];
const SHOWN =
  '[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]';

/** Validates the schema of one version of a CRD. */
export function checkVersionSchema(schema: JsonObject, path: string, statusEnabled: boolean): FieldError[] {
  const structural = checkStructural(schema, path);
  const openApi = checkOpenApi(schema, path);
  const errors = [...checkRoot(schema, path, statusEnabled), ...structural, ...openApi];
  if (errors.length > 0) return unique(errors);
  const defaults = checkDefaults(schema, path);
  return defaults.length > 0 ? defaults : checkRules(parseStructural(schema), path);
}

function checkRoot(schema: JsonObject, path: string, statusEnabled: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (statusEnabled && textAt(schema, 'type') !== 'object') {
    const text = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    errors.push(invalid(`${path}.type`, textAt(schema, 'type'), text));
  }
  if (statusEnabled && Object.keys(schema).some((key) => !ROOT_KEYWORDS.includes(key) && isSet(schema, key))) {
    const text = `only ${SHOWN} fields are allowed at the root of the schema if the status subresource is enabled`;
    errors.push(invalid(path, schema, text));
  }
  if (schema['nullable'] === true) errors.push(forbidden(`${path}.nullable`, 'nullable cannot be true at the root'));
  return errors;
}

function isSet(schema: JsonObject, key: string): boolean {
  const value = member(schema, key);
  return value !== undefined && value !== false && value !== null && value !== '' && !equalJson(value, []);
}

function unique(errors: readonly FieldError[]): FieldError[] {
  const seen = new Set<string>();
  return errors.filter(({ type, field, detail, badValue }) => {
    const id = [type, field, detail, isJsonObject(badValue) ? '' : typeof badValue].join('\n');
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}
