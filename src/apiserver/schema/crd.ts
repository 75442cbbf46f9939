import { equalJson, isJsonObject, member } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { checkApproval } from './crdApproval.ts';
import { checkColumn, checkConversion, checkScale, checkSelectableFields } from './crdParts.ts';
import { checkVersionSchema } from './crdSchema.ts';
import { invalid, notSupported, required } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { isPrintable } from './goText.ts';
import { byteLength, checkDns1035Label, checkDns1123Subdomain } from './names.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from './objectMeta.ts';
import { listAt, objectAt, objectsAt, textAt, textsAt } from './read.ts';

/**
 * Validates a CustomResourceDefinition (apiextensions.k8s.io/v1) after {@link defaultCustomResourceDefinition}: names,
 * versions, structural schemas, defaults, CEL rules and their cost, columns, selectable fields, scale paths.
 * @param old  The stored object on update: immutable fields are compared, and old mistakes in unchanged schemas pass.
 * Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go (v0.35).
 */
export function validateCustomResourceDefinition(crd: JsonObject, old?: JsonObject): FieldError[] {
  const spec = objectAt(crd, 'spec') ?? {};
  return [
    ...(old === undefined ? checkMeta(crd, spec) : validateObjectMetaUpdate(crd, old)),
    ...checkSpec(spec, objectAt(old, 'spec')),
    ...(old === undefined ? [] : checkImmutable(spec, old)),
    ...checkStoredVersions(crd, spec),
    ...checkApproval(crd, old),
  ];
}

/** Fills in what kube defaults in place: singular, listKind, conversion None, status.storedVersions. */
export function defaultCustomResourceDefinition(crd: JsonObject): void {
  const spec = objectAt(crd, 'spec');
  if (spec === undefined) return;
  const names = objectAt(spec, 'names');
  if (names !== undefined) {
    const kind = textAt(names, 'kind');
    if (textAt(names, 'singular') === '') names['singular'] = kind.toLowerCase();
    if (textAt(names, 'listKind') === '' && kind !== '') names['listKind'] = `${kind}List`;
  }
  if (objectAt(spec, 'conversion') === undefined) spec['conversion'] = { strategy: 'None' };
  defaultStoredVersions(crd, spec);
}

function defaultStoredVersions(crd: JsonObject, spec: JsonObject): void {
  const status = objectAt(crd, 'status') ?? {};
  if (listAt(status, 'storedVersions').length > 0) return;
  const storage = objectsAt(spec, 'versions').find((version) => version['storage'] === true);
  if (storage === undefined) return;
  status['storedVersions'] = [textAt(storage, 'name')];
  crd['status'] = status;
}

function checkMeta(crd: JsonObject, spec: JsonObject): FieldError[] {
  const errors = validateObjectMeta(crd, 'DNS1123Subdomain', false);
  const name = textAt(objectAt(crd, 'metadata'), 'name');
  const wanted = `${textAt(objectAt(spec, 'names'), 'plural')}.${textAt(spec, 'group')}`;
  if (name !== '' && name !== wanted) {
    errors.push(invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  }
  return errors;
}

function checkSpec(spec: JsonObject, old: JsonObject | undefined): FieldError[] {
  return [
    ...checkGroup(textAt(spec, 'group')),
    ...checkScope(textAt(spec, 'scope')),
    ...checkPreserve(spec, old),
    ...checkVersions(spec, old),
    ...checkNames(objectAt(spec, 'names') ?? {}),
    ...checkConversion(objectAt(spec, 'conversion'), 'spec.conversion'),
  ];
}

function checkGroup(group: string): FieldError[] {
  if (group === '') return [required('spec.group')];
  const errors = checkDns1123Subdomain(group);
  if (errors.length > 0) return [invalid('spec.group', group, errors.join(','))];
  return group.includes('.') ? [] : [invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function checkScope(scope: string): FieldError[] {
  if (scope === '') return [required('spec.scope')];
  const allowed = ['Cluster', 'Namespaced'];
  return allowed.includes(scope) ? [] : [notSupported('spec.scope', scope, allowed)];
}

function checkPreserve(spec: JsonObject, old: JsonObject | undefined): FieldError[] {
  if (spec['preserveUnknownFields'] !== true || old?.['preserveUnknownFields'] === true) return [];
  const text =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalid('spec.preserveUnknownFields', true, text)];
}

function checkVersions(spec: JsonObject, old: JsonObject | undefined): FieldError[] {
  const versions = objectsAt(spec, 'versions');
  const names = versions.map((version) => textAt(version, 'name'));
  const errors = versions.flatMap((version, index) =>
    checkVersion(version, `spec.versions[${index}]`, oldVersion(old, textAt(version, 'name'))),
  );
  const shown: JsonValue = names;
  if (new Set(names).size < names.length) {
    errors.push(invalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (versions.filter((version) => version['storage'] === true).length !== 1) {
    errors.push(invalid('spec.versions', shown, 'must have exactly one version marked as storage version'));
  }
  return errors;
}

function oldVersion(old: JsonObject | undefined, name: string): JsonObject | undefined {
  return objectsAt(old, 'versions').find((version) => textAt(version, 'name') === name);
}

function checkVersion(version: JsonObject, path: string, old: JsonObject | undefined): FieldError[] {
  const name = textAt(version, 'name');
  const nameErrors = checkDns1035Label(name);
  const schema = objectAt(objectAt(version, 'schema'), 'openAPIV3Schema');
  const subresources = objectAt(version, 'subresources');
  const schemaPath = `${path}.schema.openAPIV3Schema`;
  const isUnchanged = old !== undefined && equalJson(member(old, 'schema'), member(version, 'schema'));
  return [
    ...(nameErrors.length === 0 ? [] : [invalid(`${path}.name`, name, nameErrors.join(','))]),
    ...checkDeprecation(version, `${path}.deprecationWarning`),
    ...checkFlags(version, path),
    ...(schema === undefined ? [required(schemaPath)] : []),
    ...(schema === undefined || isUnchanged
      ? []
      : checkVersionSchema(schema, schemaPath, objectAt(subresources, 'status') !== undefined)),
    ...checkScale(objectAt(subresources, 'scale'), `${path}.subresources`),
    ...objectsAt(version, 'additionalPrinterColumns').flatMap((column, index) =>
      checkColumn(column, `${path}.additionalPrinterColumns[${index}]`),
    ),
    ...checkSelectableFields(version, schema, { path: `${path}.selectableFields`, old }),
  ];
}

function checkFlags(version: JsonObject, path: string): FieldError[] {
  return ['served', 'storage', 'deprecated'].flatMap((key) => {
    const value = member(version, key);
    return value === undefined || typeof value === 'boolean' || value === null
      ? []
      : [invalid(`${path}.${key}`, value, 'must be of type boolean')];
  });
}

function checkDeprecation(version: JsonObject, path: string): FieldError[] {
  const warning = member(version, 'deprecationWarning');
  if (warning === undefined || warning === null) return [];
  if (typeof warning !== 'string') return [invalid(path, warning, 'must be of type string')];
  if (version['deprecated'] !== true) return [invalid(path, warning, 'can only be set for deprecated versions')];
  const errors: FieldError[] = [];
  if (byteLength(warning) > 256) errors.push(invalid(path, warning, 'must be <= 256 characters long'));
  if (warning === '') errors.push(invalid(path, warning, 'must not be an empty string'));
  const index = Array.from(warning).findIndex((char) => !isPrintable(char));
  if (index >= 0) {
    const text = `must only contain printable UTF-8 characters; non-printable character found at index ${index}`;
    errors.push(invalid(path, warning, text));
  }
  return errors;
}

function checkNames(names: JsonObject): FieldError[] {
  const path = 'spec.names';
  const errors = ['plural', 'singular', 'kind', 'listKind']
    .filter((key) => textAt(names, key) === '')
    .map((key) => required(`${path}.${key}`));
  for (const key of ['plural', 'singular']) errors.push(...checkLabel(textAt(names, key), `${path}.${key}`));
  for (const key of ['kind', 'listKind']) errors.push(...checkKind(textAt(names, key), `${path}.${key}`));
  const kind = textAt(names, 'kind');
  if (kind !== '' && kind === textAt(names, 'listKind')) {
    errors.push(invalid(`${path}.listKind`, kind, 'kind and listKind may not be the same'));
  }
  for (const key of ['shortNames', 'categories']) {
    textsAt(names, key).forEach((name, index) => {
      const bad = checkDns1035Label(name);
      if (bad.length > 0) errors.push(invalid(`${path}.${key}[${index}]`, name, bad.join(',')));
    });
  }
  return errors;
}

function checkLabel(name: string, path: string): FieldError[] {
  const errors = name === '' ? [] : checkDns1035Label(name);
  return errors.length === 0 ? [] : [invalid(path, name, errors.join(','))];
}

function checkKind(kind: string, path: string): FieldError[] {
  const errors = kind === '' ? [] : checkDns1035Label(kind.toLowerCase());
  if (errors.length === 0) return [];
  return [invalid(path, kind, `may have mixed case, but should otherwise match: ${errors.join(',')}`)];
}

function checkImmutable(spec: JsonObject, old: JsonObject): FieldError[] {
  const before = objectAt(old, 'spec') ?? {};
  const isEstablished = objectsAt(objectAt(old, 'status'), 'conditions').some(
    (condition) => condition['type'] === 'Established' && condition['status'] === 'True',
  );
  const fields = [...(isEstablished ? ['scope', 'names.kind'] : []), 'group', 'names.plural'];
  return fields.flatMap((field) => {
    const value = at(spec, field);
    return equalJson(value, at(before, field)) ? [] : [invalid(`spec.${field}`, value ?? '', 'field is immutable')];
  });
}

function at(object: JsonObject, path: string): JsonValue | undefined {
  return path
    .split('.')
    .reduce<JsonValue | undefined>((value, key) => (isJsonObject(value) ? member(value, key) : undefined), object);
}

function checkStoredVersions(crd: JsonObject, spec: JsonObject): FieldError[] {
  const path = 'status.storedVersions';
  const stored = textsAt(objectAt(crd, 'status'), 'storedVersions');
  if (stored.length === 0) return [invalid(path, stored, 'must have at least one stored version')];
  const versions = objectsAt(spec, 'versions');
  const names = versions.map((version) => textAt(version, 'name'));
  const errors = versions
    .filter((version) => version['storage'] === true && !stored.includes(textAt(version, 'name')))
    .map((version) => invalid(path, stored, `must have the storage version ${textAt(version, 'name')}`));
  stored.forEach((name, index) => {
    if (names.includes(name)) return;
    const text = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(invalid(`${path}[${index}]`, name, text));
  });
  return errors;
}
