import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { errorText, forbidden, invalid, required } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkPattern } from './patterns.ts';
import { objectAt, objectsAt, textAt } from './read.ts';

type Level = 'root' | 'item' | 'field';

const INT_OR_STRING: JsonValue = [{ type: 'integer' }, { type: 'string' }];
const JUNCTORS = ['allOf', 'anyOf', 'oneOf'] as const;
const NO_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};
/** What a schema inside allOf, anyOf, oneOf or not may not say, and how kube words it. */
const NOT_NESTED: readonly (readonly [string, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

/**
 * Reports where `schema` is not structural: every node has a type, value validation restricts only what is declared,
 * metadata is left alone. Sorted by text, as in kube.
 * Source: apiextensions-apiserver pkg/apiserver/schema/validation.go (v0.35).
 */
export function checkStructural(schema: JsonObject, path: string): FieldError[] {
  const errors = [...checkNode(schema, 'root', path), ...checkCompleteness(schema, schema, { at: path, said: path })];
  return errors.sort((a, b) => (errorText(a) < errorText(b) ? -1 : 1));
}

function checkNode(schema: JsonObject, level: Level, path: string): FieldError[] {
  const items = objectAt(schema, 'items');
  const errors = [
    ...checkType(schema, level, path),
    ...checkExtensions(schema, path),
    ...checkValues(schema, path, intOrStringJunctors(schema)),
    ...checkMetadata(schema, level, path),
  ];
  if (textAt(schema, 'type') === 'array' && items === undefined)
    errors.push(required(`${path}.items`, 'must be specified'));
  if (items !== undefined) errors.push(...checkNode(items, 'item', `${path}.items`));
  for (const [key, property] of properties(schema)) {
    errors.push(...checkNode(property, 'field', `${path}.properties[${key}]`));
  }
  return [...errors, ...checkAdditional(schema, level, path)];
}

function checkAdditional(schema: JsonObject, level: Level, path: string): FieldError[] {
  const additional = member(schema, 'additionalProperties');
  if (additional === undefined) return [];
  const where = `${path}.additionalProperties`;
  const errors: FieldError[] = [];
  if (level === 'root') errors.push(forbidden(where, 'must not be used at the root'));
  if (isEmbedded(schema)) errors.push(forbidden(where, 'must not be used if x-kubernetes-embedded-resource is set'));
  if (isJsonObject(additional)) errors.push(...checkNode(additional, 'field', where));
  return errors;
}

function checkType(schema: JsonObject, level: Level, path: string): FieldError[] {
  const type = textAt(schema, 'type');
  const where = `${path}.type`;
  if (isEmbedded(schema) && type !== 'object') {
    const text = 'must be object if x-kubernetes-embedded-resource is true';
    return [type === '' ? required(where, text) : invalid(where, type, text)];
  }
  if (type === '') {
    const isFree =
      isTrue(schema, 'x-kubernetes-int-or-string') || isTrue(schema, 'x-kubernetes-preserve-unknown-fields');
    return isFree ? [] : [required(where, NO_TYPE[level])];
  }
  return level === 'root' && type !== 'object' ? [invalid(where, type, 'must be object at the root')] : [];
}

function checkExtensions(schema: JsonObject, path: string): FieldError[] {
  if (!isTrue(schema, 'x-kubernetes-int-or-string')) return [];
  return ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource']
    .filter((key) => isTrue(schema, key))
    .map((key) => invalid(`${path}.${key}`, true, 'must be false if x-kubernetes-int-or-string is true'));
}

/** The paths of the two forms that int-or-string may state its types in. */
function intOrStringJunctors(schema: JsonObject): string[] {
  const [first] = objectsAt(schema, 'allOf');
  return [
    ...(equalJson(member(schema, 'anyOf'), INT_OR_STRING) ? ['.anyOf'] : []),
    ...(first !== undefined && equalJson(member(first, 'anyOf'), INT_OR_STRING) ? ['.allOf[0].anyOf'] : []),
  ];
}

/** @param skip  Junctors, relative to `path`, that are not judged. */
function checkValues(schema: JsonObject, path: string, skip: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const junctor of JUNCTORS) {
    if (skip.includes(`.${junctor}`)) continue;
    objectsAt(schema, junctor).forEach((nested, index) => {
      const prefix = `.${junctor}[${index}]`;
      const below = skip.filter((one) => one.startsWith(prefix)).map((one) => one.slice(prefix.length));
      errors.push(...checkNested(nested, `${path}${prefix}`, below));
    });
  }
  const not = objectAt(schema, 'not');
  if (not !== undefined) errors.push(...checkNested(not, `${path}.not`, []));
  const pattern = textAt(schema, 'pattern');
  const problem = pattern === '' ? undefined : checkPattern(pattern);
  if (problem !== undefined) {
    errors.push(invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${problem}`));
  }
  return errors;
}

function checkNested(schema: JsonObject, path: string, skip: readonly string[]): FieldError[] {
  const errors = checkValues(schema, path, skip);
  const items = objectAt(schema, 'items');
  if (items !== undefined) errors.push(...checkNested(items, `${path}.items`, []));
  for (const [key, property] of properties(schema)) {
    errors.push(...checkNested(property, `${path}.properties[${key}]`, []));
  }
  for (const [key, text] of NOT_NESTED) {
    if (isSaid(member(schema, key))) errors.push(forbidden(`${path}.${key}`, text));
  }
  if (objectAt(schema, 'properties')?.['metadata'] !== undefined) {
    errors.push(forbidden(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  }
  return errors;
}

function isSaid(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== '' && value !== false && !(Array.isArray(value) && value.length === 0);
}

function checkMetadata(schema: JsonObject, level: Level, path: string): FieldError[] {
  if (level !== 'root' && !isEmbedded(schema)) return [];
  const declared = objectAt(schema, 'properties') ?? {};
  const errors = ['kind', 'apiVersion'].flatMap((key) => {
    const type = textAt(objectAt(declared, key), 'type');
    if (!Object.hasOwn(declared, key) || type === 'string') return [];
    return [invalid(`${path}.properties[${key}].type`, type, 'must be string')];
  });
  const metadata = objectAt(declared, 'metadata');
  if (metadata !== undefined) errors.push(...checkMetadataSchema(metadata, level, `${path}.properties[metadata]`));
  const keeps = level === 'root' || isTrue(schema, 'x-kubernetes-preserve-unknown-fields');
  if (!keeps && Object.keys(declared).length === 0) {
    const text =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(`${path}.properties`, text));
  }
  return errors;
}

function checkMetadataSchema(metadata: JsonObject, level: Level, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const type = textAt(metadata, 'type');
  if (type !== 'object') errors.push(invalid(`${path}.type`, type, 'must be object'));
  if (level !== 'root') return errors;
  const names = Object.keys(objectAt(metadata, 'properties') ?? {});
  const says = Object.keys(metadata).filter((key) => !['type', 'default', 'properties'].includes(key));
  if (says.length > 0 || names.some((name) => name !== 'name' && name !== 'generateName')) {
    const text = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbidden(path, text));
  }
  return errors;
}

/**
 * Everything that value validation at the root speaks of must be declared in the schema proper. kube-apiserver does not
 * look at validation further down, and definitions that it takes must be taken here.
 */
function checkCompleteness(value: JsonObject, schema: JsonObject, where: Where): FieldError[] {
  const errors: FieldError[] = [];
  for (const junctor of JUNCTORS) {
    objectsAt(value, junctor).forEach((nested, index) => {
      errors.push(...checkDeclared(nested, schema, { at: where.at, said: `${where.said}.${junctor}[${index}]` }));
    });
  }
  const not = objectAt(value, 'not');
  if (not !== undefined) errors.push(...checkDeclared(not, schema, { at: where.at, said: `${where.said}.not` }));
  return errors;
}

/** Path in the schema proper, and path of what was said about it. */
interface Where {
  at: string;
  said: string;
}

function both(where: Where, step: string): Where {
  return { at: where.at + step, said: where.said + step };
}

function checkDeclared(nested: JsonObject, schema: JsonObject | undefined, where: Where): FieldError[] {
  if (schema === undefined) return [required(where.at, `because it is defined in ${where.said}`)];
  const errors = checkCompleteness(nested, schema, where);
  const items = objectAt(nested, 'items');
  if (items !== undefined) errors.push(...checkDeclared(items, objectAt(schema, 'items'), both(where, '.items')));
  const declared = objectAt(schema, 'properties');
  for (const [key, property] of properties(nested)) {
    errors.push(...checkDeclared(property, objectAt(declared, key), both(where, `.properties[${key}]`)));
  }
  return errors;
}

function properties(schema: JsonObject): [string, JsonObject][] {
  return Object.entries(objectAt(schema, 'properties') ?? {}).flatMap(([key, value]) =>
    isJsonObject(value) ? [[key, value]] : [],
  );
}

function isEmbedded(schema: JsonObject): boolean {
  return isTrue(schema, 'x-kubernetes-embedded-resource');
}

function isTrue(schema: JsonObject, key: string): boolean {
  return member(schema, key) === true;
}
