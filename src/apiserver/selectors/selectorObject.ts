import type { JsonValue } from '../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../registry/object.ts';
import { invalid, required, type FieldError } from '../schema/fieldErrors.ts';
import { checkLabelValue, checkQualifiedName } from '../schema/names.ts';
import { parseLabelSelector, type LabelSelector } from './labels.ts';

const WORDS: Readonly<Record<string, (key: string, values: string) => string>> = {
  In: (key, values) => `${key} in (${values})`,
  NotIn: (key, values) => `${key} notin (${values})`,
  Exists: (key) => key,
  DoesNotExist: (key) => `!${key}`,
};

/** A meta/v1 LabelSelector, compiled; an empty one selects everything. @throws SelectorError when it is not valid. */
export function compileSelector(selector: JsonValue | undefined): LabelSelector {
  const labels = Object.entries(labelsOf(selector)).map(([key, value]) => `${key}=${value}`);
  const others = listAt(selector, 'matchExpressions').map((one) => {
    const word = WORDS[textAt(one, 'operator')];
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
    requirementErrors(one, `${field}.matchExpressions[${index}]`),
  );
  return [...labels, ...others];
}

function labelsOf(selector: JsonValue | undefined): Record<string, string> {
  const labels = objectAt(selector, 'matchLabels') ?? {};
  return Object.fromEntries(Object.keys(labels).map((key) => [key, textAt(labels, key)]));
}

function requirementErrors(requirement: JsonValue, field: string): FieldError[] {
  const operator = textAt(requirement, 'operator');
  const key = textAt(requirement, 'key');
  const values = textsAt(requirement, 'values');
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push({ type: 'FieldValueForbidden', field: `${field}.values`, detail });
    }
  } else errors.push(invalid(`${field}.operator`, operator, 'not a valid selector operator'));
  errors.push(...checkQualifiedName(key).map((text) => invalid(`${field}.key`, key, text)));
  values.forEach((value, index) => {
    errors.push(...checkLabelValue(value).map((text) => invalid(`${field}.values[${index}]`, value, text)));
  });
  return errors;
}
