import { isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { forbidden, invalid, notSupported, required } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkFieldPath } from './fieldPath.ts';
import { listAt, objectAt, objectsAt, textAt, textsAt } from './read.ts';
import { parseStructural } from './structural.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];
const META: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);
const UNSUPPORTED = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'];

/** The JSON type that a keyword must have; what else is sent cannot be decoded. */
const KEYWORD_TYPES: Readonly<Record<string, 'string' | 'number' | 'boolean' | 'object' | 'array'>> = {
  type: 'string',
  format: 'string',
  title: 'string',
  description: 'string',
  pattern: 'string',
  maximum: 'number',
  minimum: 'number',
  multipleOf: 'number',
  maxLength: 'number',
  minLength: 'number',
  maxItems: 'number',
  minItems: 'number',
  maxProperties: 'number',
  minProperties: 'number',
  exclusiveMaximum: 'boolean',
  exclusiveMinimum: 'boolean',
  uniqueItems: 'boolean',
  nullable: 'boolean',
  'x-kubernetes-preserve-unknown-fields': 'boolean',
  'x-kubernetes-embedded-resource': 'boolean',
  'x-kubernetes-int-or-string': 'boolean',
  'x-kubernetes-list-type': 'string',
  'x-kubernetes-map-type': 'string',
  'x-kubernetes-list-map-keys': 'array',
  'x-kubernetes-validations': 'array',
  required: 'array',
  enum: 'array',
  allOf: 'array',
  anyOf: 'array',
  oneOf: 'array',
  not: 'object',
  properties: 'object',
};

/** What holds around a node. */
interface Around {
  isRoot: boolean;
  /** Why no default may be set here; undefined = it may. */
  noDefaults: string | undefined;
  insideMeta: boolean;
}

/**
 * Reports what apiextensions refuses in a schema beside its structure: unsupported keywords, list and map types, rules
 * that are not well-formed (not whether they compile).
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go (v0.35).
 */
export function checkOpenApi(schema: JsonObject, path: string): FieldError[] {
  return checkSchema(schema, path, { isRoot: true, noDefaults: undefined, insideMeta: false });
}

function checkSchema(schema: JsonObject, path: string, around: Around): FieldError[] {
  return [
    ...checkKeywordTypes(schema, path),
    ...checkKeywords(schema, path, around),
    ...checkChildren(schema, path, around),
    ...checkMapType(schema, path),
    ...checkListType(schema, path),
    ...checkRules(schema, `${path}.x-kubernetes-validations`),
  ];
}

function checkKeywordTypes(schema: JsonObject, path: string): FieldError[] {
  return Object.entries(schema).flatMap(([key, value]) => {
    const expected = Object.hasOwn(KEYWORD_TYPES, key) ? KEYWORD_TYPES[key] : undefined;
    if (expected === undefined || typeOf(value) === expected || value === null) return [];
    return [{ ...invalid(`${path}.${key}`, value, `must be of type ${expected}`), type: 'FieldValueTypeInvalid' }];
  });
}

function typeOf(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** Values that are refused wherever they stand: keyword, value, text. */
const REFUSED: readonly (readonly [string, JsonValue, string])[] = [
  ['type', 'null', 'type cannot be set to null, use nullable as an alternative'],
  ['uniqueItems', true, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'],
];

function checkKeywords(schema: JsonObject, path: string, around: Around): FieldError[] {
  const type = textAt(schema, 'type');
  const errors = type !== '' && !TYPES.includes(type) ? [notSupported(`${path}.type`, type, TYPES)] : [];
  for (const [key, value, text] of REFUSED) {
    if (member(schema, key) === value) errors.push(forbidden(`${path}.${key}`, text));
  }
  for (const key of UNSUPPORTED) {
    if (Object.hasOwn(schema, key)) errors.push(forbidden(`${path}.${key}`, `${key} is not supported`));
  }
  if (Array.isArray(member(schema, 'items'))) {
    errors.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
  }
  if (member(schema, 'x-kubernetes-preserve-unknown-fields') === false) {
    errors.push(invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'));
  }
  return [...errors, ...checkPlace(schema, path, around)];
}

/** What depends on where the node stands. */
function checkPlace(schema: JsonObject, path: string, around: Around): FieldError[] {
  const errors: FieldError[] = [];
  if (member(schema, 'default') !== undefined && around.noDefaults !== undefined) {
    errors.push(forbidden(`${path}.default`, `must not be set ${around.noDefaults}`));
  }
  if (around.insideMeta && member(schema, 'x-kubernetes-embedded-resource') === true) {
    errors.push(forbidden(`${path}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta'));
  }
  return errors;
}

function checkChildren(schema: JsonObject, path: string, around: Around): FieldError[] {
  const inside: Around = { ...around, isRoot: false };
  const errors: FieldError[] = [...checkAdditional(schema, path, inside), ...checkProperties(schema, path, around)];
  for (const key of ['not', 'items']) {
    const child = objectAt(schema, key);
    if (child !== undefined) errors.push(...checkSchema(child, `${path}.${key}`, inside));
  }
  for (const key of ['allOf', 'oneOf', 'anyOf']) {
    objectsAt(schema, key).forEach((child, index) => {
      errors.push(...checkSchema(child, `${path}.${key}[${index}]`, inside));
    });
  }
  return errors;
}

function checkProperties(schema: JsonObject, path: string, around: Around): FieldError[] {
  const isResource = around.isRoot || member(schema, 'x-kubernetes-embedded-resource') === true;
  return Object.entries(objectAt(schema, 'properties') ?? {}).flatMap(([key, value]) => {
    const isMeta = isResource && META.has(key);
    const noDefaults = isMeta && around.isRoot ? `in top-level ${key}` : around.noDefaults;
    const child = { isRoot: false, noDefaults, insideMeta: around.insideMeta || isMeta };
    const where = `${path}.properties[${key}]`;
    return isJsonObject(value) ? checkSchema(value, where, child) : [invalid(where, value, 'must be a schema object')];
  });
}

function checkAdditional(schema: JsonObject, path: string, inside: Around): FieldError[] {
  const additional = member(schema, 'additionalProperties');
  const where = `${path}.additionalProperties`;
  const errors: FieldError[] = [];
  const hasProperties = Object.keys(objectAt(schema, 'properties') ?? {}).length > 0;
  if (hasProperties && additional !== undefined && additional !== true) {
    errors.push(forbidden(where, 'additionalProperties and properties are mutual exclusive'));
  }
  if (!isJsonObject(additional)) return errors;
  const noDefaults = inside.insideMeta ? 'inside additionalProperties applying to object metadata' : inside.noDefaults;
  return [...errors, ...checkSchema(additional, where, { ...inside, noDefaults })];
}

function checkMapType(schema: JsonObject, path: string): FieldError[] {
  const mapType = textAt(schema, 'x-kubernetes-map-type');
  if (mapType === '') return [];
  const errors = checkTypeIs(schema, path, ['object', 'must be object if x-kubernetes-map-type is specified']);
  if (mapType !== 'atomic' && mapType !== 'granular') {
    errors.push(notSupported(`${path}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']));
  }
  return errors;
}

function checkTypeIs(schema: JsonObject, path: string, [type, text]: readonly [string, string]): FieldError[] {
  const actual = textAt(schema, 'type');
  if (actual === type) return [];
  return [actual === '' ? required(`${path}.type`, text) : invalid(`${path}.type`, actual, text)];
}

function checkListType(schema: JsonObject, path: string): FieldError[] {
  const listType = textAt(schema, 'x-kubernetes-list-type');
  const keys = textsAt(schema, 'x-kubernetes-list-map-keys');
  const where = `${path}.x-kubernetes-list-type`;
  const errors: FieldError[] = [];
  if (keys.length > 0 && listType !== 'map') {
    const text = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === '' ? required(where, text) : invalid(where, listType, text));
  }
  if (listType === '') return errors;
  errors.push(...checkTypeIs(schema, path, ['array', 'must be array if x-kubernetes-list-type is specified']));
  if (!['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(where, listType, ['atomic', 'set', 'map']));
  }
  const items = objectAt(schema, 'items');
  if (listType === 'set') errors.push(...checkSetItems(items, `${path}.items`));
  if (listType === 'map') errors.push(...checkMapItems(items, keys, path));
  return errors;
}

function checkSetItems(items: JsonObject | undefined, path: string): FieldError[] {
  if (items === undefined) return [];
  const errors: FieldError[] = [];
  const text = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const listType = textAt(items, 'x-kubernetes-list-type');
  if (textAt(items, 'type') === 'array' && listType !== '' && listType !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-list-type`, listType, text));
  }
  if (textAt(items, 'type') === 'object' && textAt(items, 'x-kubernetes-map-type') !== 'atomic') {
    errors.push(invalid(`${path}.x-kubernetes-map-type`, member(items, 'x-kubernetes-map-type') ?? null, text));
  }
  if (items['nullable'] === true) {
    errors.push(forbidden(`${path}.nullable`, 'cannot be nullable when x-kubernetes-list-type is set'));
  }
  return errors;
}

function checkMapItems(items: JsonObject | undefined, keys: readonly string[], path: string): FieldError[] {
  const where = `${path}.x-kubernetes-list-map-keys`;
  const errors: FieldError[] = [];
  if (keys.length === 0) errors.push(required(where, 'must not be empty if x-kubernetes-list-type is map'));
  if (items === undefined) {
    return [...errors, required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map')];
  }
  const type = textAt(items, 'type');
  if (type !== 'object') {
    const text = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalid(`${path}.items.type`, type, text)];
  }
  if (items['nullable'] === true) {
    errors.push(forbidden(`${path}.items.nullable`, 'cannot be nullable when x-kubernetes-list-type is map'));
  }
  if (new Set(keys).size < keys.length) errors.push(invalid(where, [...keys], 'must not contain duplicate entries'));
  return [...errors, ...keys.flatMap((key) => checkMapKey(items, key, { path, keys }))];
}

function checkMapKey(
  items: JsonObject,
  key: string,
  { path, keys }: { path: string; keys: readonly string[] },
): FieldError[] {
  const property = objectAt(objectAt(items, 'properties'), key);
  if (property === undefined) {
    return [invalid(`${path}.x-kubernetes-list-map-keys`, [...keys], 'entries must all be names of item properties')];
  }
  const where = `${path}.items.properties[${key}]`;
  const errors: FieldError[] = [];
  if (['array', 'object'].includes(textAt(property, 'type'))) {
    const text = "must be a scalar type if parent array's x-kubernetes-list-type is map";
    errors.push(invalid(`${where}.type`, textAt(items, 'type'), text));
  }
  if (!textsAt(items, 'required').includes(key) && member(property, 'default') === undefined) {
    const text = 'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property';
    errors.push(required(`${where}.default`, text));
  }
  if (property['nullable'] === true) {
    const text = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable';
    errors.push(forbidden(`${where}.nullable`, text));
  }
  return errors;
}

function checkRules(schema: JsonObject, path: string): FieldError[] {
  return listAt(schema, 'x-kubernetes-validations').flatMap((rule, index) =>
    isJsonObject(rule)
      ? [...checkRuleTexts(rule, `${path}[${index}]`), ...checkRuleFieldPath(schema, rule, `${path}[${index}]`)]
      : [invalid(`${path}[${index}]`, rule, 'must be an object')],
  );
}

const NEWLINE = /[\n\r]/;

function checkRuleTexts(rule: JsonObject, path: string): FieldError[] {
  const errors = checkRuleText(textAt(rule, 'rule'), textAt(rule, 'message'), path);
  const messageExpression = textAt(rule, 'messageExpression');
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(required(`${path}.messageExpression`, 'messageExpression must be non-empty if specified'));
  }
  const reason = member(rule, 'reason');
  if (reason !== undefined && !REASONS.includes(textAt(rule, 'reason'))) {
    errors.push(notSupported(`${path}.reason`, reason, REASONS));
  }
  return errors;
}

function checkRuleText(text: string, message: string, path: string): FieldError[] {
  if (text.trim() === '') return [required(`${path}.rule`, 'rule is not specified')];
  if (message !== '' && message.trim() === '') {
    return [invalid(`${path}.message`, message, 'must be non-empty if specified')];
  }
  if (NEWLINE.test(message.trim())) return [invalid(`${path}.message`, message, 'must not contain line breaks')];
  if (!NEWLINE.test(text.trim()) || message !== '') return [];
  return [required(`${path}.message`, 'message must be specified if rule contains line breaks')];
}

function checkRuleFieldPath(schema: JsonObject, rule: JsonObject, path: string): FieldError[] {
  const fieldPath = textAt(rule, 'fieldPath');
  if (fieldPath === '') return [];
  const where = `${path}.fieldPath`;
  const errors: FieldError[] = [];
  if (fieldPath.trim() === '') errors.push(invalid(where, fieldPath, 'must be non-empty if specified'));
  if (NEWLINE.test(fieldPath)) errors.push(invalid(where, fieldPath, 'must not contain line breaks'));
  if ('problem' in checkFieldPath(fieldPath, parseStructural(schema), true)) {
    errors.push(invalid(where, fieldPath, 'must be a valid path'));
  }
  return errors;
}
