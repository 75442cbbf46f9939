import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { forbidden, invalid, required, tooLong } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkManagedFields } from './managedFieldsMeta.ts';
import {
  byteLength,
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkPathSegment,
  checkQualifiedName,
} from './names.ts';

/** How names of a resource are judged: most are DNS subdomains, namespaces DNS labels, RBAC path segments. */
export type NameRule = 'DNS1123Subdomain' | 'DNS1123Label' | 'DNS1035Label' | 'PathSegment';

const MAX_ANNOTATIONS_BYTES = 256 * 1024;
const IMMUTABLE = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/**
 * Validates `object.metadata` as apimachinery does on create, once the name is generated: name, generateName,
 * namespace, labels, annotations (256 KiB in total), ownerReferences, finalizers, managedFields.
 * @param path  Of the metadata; differs for embedded resources.
 */
export function validateObjectMeta(
  object: JsonObject,
  rule: NameRule,
  namespaced: boolean,
  path = 'metadata',
): FieldError[] {
  const meta = metadataOf(object);
  return [
    ...checkNames(meta, rule, path),
    ...checkNamespace(textOf(meta, 'namespace'), namespaced, path),
    ...checkGeneration(meta, path),
    ...checkLists(meta, path),
    ...checkFinalizers(textsOf(meta, 'finalizers'), `${path}.finalizers`),
    ...checkManagedFields(member(meta, 'managedFields'), `${path}.managedFields`),
  ];
}

/** Validates the metadata of an update: what may not change, no new finalizers while deleting, labels and the like. */
export function validateObjectMetaUpdate(object: JsonObject, old: JsonObject): FieldError[] {
  const path = 'metadata';
  const meta = metadataOf(object);
  const before = metadataOf(old);
  const errors = checkNewFinalizers(meta, before, `${path}.finalizers`);
  if (textOf(meta, 'resourceVersion') === '') {
    errors.push(invalid(`${path}.resourceVersion`, '', 'must be specified for an update'));
  }
  if (Number(member(meta, 'generation') ?? 0) < Number(member(before, 'generation') ?? 0)) {
    errors.push(invalid(`${path}.generation`, member(meta, 'generation') ?? 0, 'must not be decremented'));
  }
  for (const key of IMMUTABLE) {
    if (equalJson(member(meta, key), member(before, key))) continue;
    errors.push(invalid(`${path}.${key}`, member(meta, key) ?? '', 'field is immutable'));
  }
  return [
    ...errors,
    ...checkLists(meta, path),
    ...checkManagedFields(member(meta, 'managedFields'), `${path}.managedFields`),
  ];
}

const NAME_CHECKS: Readonly<Record<NameRule, (name: string, prefix: boolean) => string[]>> = {
  DNS1123Subdomain: (name) => checkDns1123Subdomain(name),
  DNS1123Label: (name) => checkDns1123Label(name),
  DNS1035Label: (name) => checkDns1035Label(name),
  PathSegment: checkPathSegment,
};

function checkNames(meta: JsonObject, rule: NameRule, path: string): FieldError[] {
  const check = NAME_CHECKS[rule];
  const generateName = textOf(meta, 'generateName');
  const name = textOf(meta, 'name');
  const errors: FieldError[] = [];
  if (generateName !== '') {
    // A trailing dash is fine: characters follow it.
    const masked = rule === 'PathSegment' ? generateName : generateName.replace(/(?<=.).?-$/, 'a');
    errors.push(...check(masked, true).map((text) => invalid(`${path}.generateName`, generateName, text)));
  }
  if (name === '') errors.push(required(`${path}.name`, 'name or generateName is required'));
  else errors.push(...check(name, false).map((text) => invalid(`${path}.name`, name, text)));
  return errors;
}

function checkNamespace(namespace: string, namespaced: boolean, path: string): FieldError[] {
  const field = `${path}.namespace`;
  if (!namespaced) return namespace === '' ? [] : [forbidden(field, 'not allowed on this type')];
  if (namespace === '') return [required(field)];
  return checkDns1123Label(namespace).map((text) => invalid(field, namespace, text));
}

function checkGeneration(meta: JsonObject, path: string): FieldError[] {
  const generation = member(meta, 'generation') ?? 0;
  return Number(generation) < 0
    ? [invalid(`${path}.generation`, generation, 'must be greater than or equal to 0')]
    : [];
}

/** What is checked alike on create and update. */
function checkLists(meta: JsonObject, path: string): FieldError[] {
  return [
    ...checkLabels(mapOf(meta, 'labels'), `${path}.labels`),
    ...checkAnnotations(mapOf(meta, 'annotations'), `${path}.annotations`),
    ...checkOwners(member(meta, 'ownerReferences'), `${path}.ownerReferences`),
  ];
}

function checkLabels(labels: readonly (readonly [string, string])[], path: string): FieldError[] {
  return labels.flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalid(path, key, text)),
    ...checkLabelValue(value).map((text) => invalid(path, value, text)),
  ]);
}

function checkAnnotations(annotations: readonly (readonly [string, string])[], path: string): FieldError[] {
  const errors = annotations.flatMap(([key]) =>
    checkQualifiedName(key.toLowerCase()).map((text) => invalid(path, key, text)),
  );
  const bytes = annotations.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0);
  return bytes > MAX_ANNOTATIONS_BYTES ? [...errors, tooLong(path, MAX_ANNOTATIONS_BYTES)] : errors;
}

function checkOwners(owners: JsonValue | undefined, path: string): FieldError[] {
  const list = Array.isArray(owners) ? owners.filter(isJsonObject) : [];
  const errors = list.flatMap((owner) => checkOwner(owner, path));
  const [first, ...others] = list
    .filter((owner) => owner['controller'] === true)
    .map((owner) => `${textOf(owner, 'kind')}/${textOf(owner, 'name')}`);
  for (const other of others) {
    const text = `Only one reference can have Controller set to true. Found "true" in references for ${first ?? ''} and ${other}`;
    errors.push(invalid(path, list, text));
  }
  return errors;
}

function checkOwner(owner: JsonObject, path: string): FieldError[] {
  const texts = {
    apiVersion: 'version must not be empty',
    kind: 'must not be empty',
    name: 'must not be empty',
    uid: 'must not be empty',
  };
  const errors = Object.entries(texts)
    .filter(([key]) => textOf(owner, key) === '')
    .map(([key, text]) => invalid(`${path}.${key}`, '', text));
  if (textOf(owner, 'apiVersion') === 'v1' && textOf(owner, 'kind') === 'Event') {
    errors.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function checkFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  const errors = finalizers.flatMap((name) => checkQualifiedName(name).map((text) => invalid(path, name, text)));
  if (finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND)) {
    errors.push(invalid(path, [...finalizers], `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`));
  }
  return errors;
}

function checkNewFinalizers(meta: JsonObject, before: JsonObject, path: string): FieldError[] {
  if (member(before, 'deletionTimestamp') === undefined) return [];
  const known = new Set(textsOf(before, 'finalizers'));
  const added = textsOf(meta, 'finalizers')
    .filter((name) => !known.has(name))
    .sort();
  if (added.length === 0) return [];
  const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
  return [
    forbidden(path, `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`),
  ];
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = member(object, 'metadata');
  return isJsonObject(metadata) ? metadata : {};
}

function textOf(object: JsonObject, key: string): string {
  const value = member(object, key);
  return typeof value === 'string' ? value : '';
}

function textsOf(object: JsonObject, key: string): string[] {
  const value = member(object, key);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function mapOf(object: JsonObject, key: string): [string, string][] {
  const value = member(object, key);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).map(([name, text]) => [name, typeof text === 'string' ? text : '']);
}
