import type { JsonValue } from '../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../registry/object.ts';
import { forbidden, invalid, required, type FieldError } from '../schema/fieldErrors.ts';
import { checkLabelValue, checkQualifiedName } from '../schema/names.ts';
import { parseLabelSelector, type LabelSelector } from './labels.ts';

const WORDS: ReadonlyMap<string, (key: string, values: string) => string> = new Map([
  ['In', (key, values) => `${key} in (${values})`],
  ['NotIn', (key, values) => `${key} notin (${values})`],
  ['Exists', (key) => key],
  ['DoesNotExist', (key) => `!${key}`],
]);

/** What a requirement may say of values. */
export const OPERATORS: ReadonlyMap<string, 'with values' | 'without'> = new Map([
  ['In', 'with values'],
  ['NotIn', 'with values'],
  ['Exists', 'without'],
  ['DoesNotExist', 'without'],
]);

/** A meta/v1 LabelSelector, compiled; an empty one selects everything. @throws SelectorError when it is not valid. */
export function compileSelector(selector: JsonValue | undefined): LabelSelector {
  const labels = Object.entries(labelsOf(selector)).map(([key, value]) => `${key}=${value}`);
  const others = listAt(selector, 'matchExpressions').map((one) => {
    const word = WORDS.get(textAt(one, 'operator'));
    return word?.(textAt(one, 'key'), textsAt(one, 'values').join(',')) ?? '';
  });
  return parseLabelSelector([...labels, ...others].join(','));
}

/** Checks a meta/v1 LabelSelector at `field`, in the words of apimachinery. */
export function selectorErrors(selector: JsonValue | undefined, field: string): FieldError[] {
  const labels = Object.entries(labelsOf(selector)).flatMap(([key, value]) => [
    ...checkQualifiedName(key).map((text) => invalid(`${field}.matchLabels`, key, text)),
    ...checkLabelValue(value).map((text) => invalid(`${field}.matchLabels`, value, text)),
  ]);
  const others = listAt(selector, 'matchExpressions').flatMap((one, index) =>
    expressionErrors(one, `${field}.matchExpressions[${index}]`),
  );
  return [...labels, ...others];
}

function expressionErrors(expression: JsonValue, field: string): FieldError[] {
  const operator = textAt(expression, 'operator');
  const unknown = invalid(`${field}.operator`, operator, 'not a valid selector operator');
  return [...(OPERATORS.has(operator) ? [] : [unknown]), ...requirementErrors(expression, field)];
}

function labelsOf(selector: JsonValue | undefined): Record<string, string> {
  const labels = objectAt(selector, 'matchLabels') ?? {};
  return Object.fromEntries(Object.keys(labels).map((key) => [key, textAt(labels, key)]));
}

/** Checks one requirement of a selector; of an operator that is not known nothing can be wrong. */
export function requirementErrors(requirement: JsonValue, field: string): FieldError[] {
  const key = textAt(requirement, 'key');
  return [
    ...valuesErrors(requirement, field),
    ...checkQualifiedName(key).map((text) => invalid(`${field}.key`, key, text)),
    ...textsAt(requirement, 'values').flatMap((value, index) =>
      checkLabelValue(value).map((text) => invalid(`${field}.values[${index}]`, value, text)),
    ),
  ];
}

/** Checks that a requirement has values, where its operator wants some. */
export function valuesErrors(requirement: JsonValue, field: string): FieldError[] {
  const operator = textAt(requirement, 'operator');
  const hasValues = textsAt(requirement, 'values').length > 0;
  if (OPERATORS.get(operator) === 'with values' && !hasValues) {
    return [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  }
  if (OPERATORS.get(operator) === 'without' && hasValues) {
    return [forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  }
  return [];
}
