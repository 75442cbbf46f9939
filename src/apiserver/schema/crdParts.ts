import { equalJson, member } from '../codec/json.ts';
import type { JsonObject } from '../codec/json.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooMany } from './fieldErrors.ts';
import type { FieldError } from './fieldErrors.ts';
import { checkFieldPath } from './fieldPath.ts';
import { checkDns1035Label } from './names.ts';
import { listAt, objectAt, objectsAt, textAt, textsAt } from './read.ts';
import { parseStructural } from './structural.ts';
import type { StructuralNode } from './structural.ts';

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];
const MAX_SELECTABLE = 8;
const SELECTABLE_TYPES = ['string', 'boolean', 'integer'];

/** Validates one entry of additionalPrinterColumns. */
export function checkColumn(column: JsonObject, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const type = textAt(column, 'type');
  const format = textAt(column, 'format');
  if (textAt(column, 'name') === '') errors.push(required(`${path}.name`));
  if (type === '') errors.push(required(`${path}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
  else if (!COLUMN_TYPES.includes(type)) {
    errors.push(invalid(`${path}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`));
  }
  if (format !== '' && !COLUMN_FORMATS.includes(format)) {
    errors.push(invalid(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`));
  }
  return [...errors, ...checkSimplePath(textAt(column, 'jsonPath'), `${path}.JSONPath`, [])];
}

/** Validates the paths of a scale subresource. @param path  Of `subresources`. */
export function checkScale(scale: JsonObject | undefined, path: string): FieldError[] {
  if (scale === undefined) return [];
  const selector = textAt(scale, 'labelSelectorPath');
  return [
    ...checkSimplePath(textAt(scale, 'specReplicasPath'), `${path}.scale.specReplicasPath`, ['.spec']),
    ...checkSimplePath(textAt(scale, 'statusReplicasPath'), `${path}.scale.statusReplicasPath`, ['.status']),
    ...(selector === '' ? [] : checkSimplePath(selector, `${path}.scale.labelSelectorPath`, ['.spec', '.status'])),
  ];
}

function checkSimplePath(text: string, path: string, roots: readonly string[]): FieldError[] {
  if (text === '') return [required(path)];
  if (!text.startsWith('.')) return [invalid(path, text, 'must be a simple json path starting with .')];
  if (roots.length === 0 || roots.some((root) => text.startsWith(`${root}.`))) return [];
  const where = roots.length > 1 ? `either ${roots.join(' or ')}` : (roots[0] ?? '');
  return [invalid(path, text, `should be a json path under ${where}`)];
}

/** Validates selectableFields: at most 8 different paths to declared scalars outside metadata. */
export function checkSelectableFields(
  version: JsonObject,
  schema: JsonObject | undefined,
  { path, old }: { path: string; old: JsonObject | undefined },
): FieldError[] {
  const fields = objectsAt(version, 'selectableFields');
  if (fields.length === 0) return [];
  if (schema === undefined) {
    return [invalid(path, '', 'may only be set when `version.schema.openAPIV3Schema` is not included')];
  }
  const root = parseStructural(schema);
  const seen = new Set<string>();
  const errors = fields.flatMap((field, index) =>
    checkSelectable(textAt(field, 'jsonPath'), root, { path: `${path}[${index}].jsonPath`, seen }),
  );
  const before = old === undefined ? undefined : member(old, 'selectableFields');
  if (seen.size > MAX_SELECTABLE && !equalJson(before, member(version, 'selectableFields'))) {
    errors.push(tooMany(path, seen.size, MAX_SELECTABLE));
  }
  return errors;
}

function checkSelectable(
  text: string,
  root: StructuralNode,
  { path, seen }: { path: string; seen: Set<string> },
): FieldError[] {
  if (text === '') return [required(path)];
  const found = checkFieldPath(text, root, false);
  if ('problem' in found) return [invalid(path, text, `is an invalid path: ${found.problem}`)];
  const errors: FieldError[] = [];
  if (found.steps[0] === 'metadata') errors.push(invalid(path, text, 'must not point to fields in metadata'));
  if (!SELECTABLE_TYPES.includes(found.node?.type ?? '')) {
    const expected =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
    errors.push(invalid(path, text, expected));
  }
  if (seen.has(found.text)) errors.push(duplicate(path, text));
  seen.add(found.text);
  return errors;
}

/** Validates `spec.conversion`. */
export function checkConversion(conversion: JsonObject | undefined, path: string): FieldError[] {
  if (conversion === undefined) return [];
  const strategy = textAt(conversion, 'strategy');
  const webhook = objectAt(conversion, 'webhook');
  if (strategy === 'Webhook') return checkWebhook(webhook, path);
  const errors = checkStrategy(strategy, `${path}.strategy`);
  if (objectAt(webhook, 'clientConfig') !== undefined) {
    errors.push(forbidden(`${path}.webhookClientConfig`, 'should not be set when strategy is not set to Webhook'));
  }
  if (listAt(webhook, 'conversionReviewVersions').length > 0) {
    errors.push(forbidden(`${path}.conversionReviewVersions`, 'should not be set when strategy is not set to Webhook'));
  }
  return errors;
}

function checkStrategy(strategy: string, path: string): FieldError[] {
  if (strategy === '') return [required(path)];
  return strategy === 'None' ? [] : [notSupported(path, strategy, ['None', 'Webhook'])];
}

function checkWebhook(webhook: JsonObject | undefined, path: string): FieldError[] {
  const where = `${path}.webhookClientConfig`;
  const client = objectAt(webhook, 'clientConfig');
  const errors: FieldError[] = [];
  if (client === undefined) errors.push(required(where, 'required when strategy is set to Webhook'));
  else if ((textAt(client, 'url') === '') === (objectAt(client, 'service') === undefined)) {
    errors.push(required(where, 'exactly one of url or service is required'));
  }
  return [
    ...errors,
    ...checkReviewVersions(textsAt(webhook, 'conversionReviewVersions'), `${path}.conversionReviewVersions`),
  ];
}

function checkReviewVersions(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path)];
  const errors = versions.flatMap((version, index) => {
    if (versions.indexOf(version) < index) return [invalid(`${path}[${index}]`, version, 'duplicate version')];
    return checkDns1035Label(version).map((text) => invalid(`${path}[${index}]`, version, text));
  });
  if (!versions.includes('v1') && !versions.includes('v1beta1')) {
    errors.push(invalid(path, [...versions], 'must include at least one of v1, v1beta1'));
  }
  return errors;
}
