import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../registry/object.ts';
import { parseFieldSelector } from '../selectors/fields.ts';
import { parseLabelSelector } from '../selectors/labels.ts';
import { SelectorError } from '../selectors/selectorError.ts';
import { OPERATORS, requirementErrors, valuesErrors } from '../selectors/selectorObject.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { invalidValue, requiredValue } from './fieldChecks.ts';

/** One of the two selectors that a question about a list may have. */
interface SelectorKind {
  name: 'fieldSelector' | 'labelSelector';
  /** What is wrong with one requirement; an operator that is unknown here may be known to a newer client. */
  errors(requirement: JsonValue, field: string): FieldError[];
  /** Whether the text can be parsed. @throws SelectorError */
  parse(text: string): unknown;
  /** Whether a requirement is one that lists can be limited by. */
  isUsable(requirement: JsonValue): boolean;
}

const KINDS: readonly SelectorKind[] = [
  {
    name: 'fieldSelector',
    errors: (requirement, field) => {
      const missing = textAt(requirement, 'key') === '' ? [requiredValue(`${field}.key`, 'must be specified')] : [];
      return [...valuesErrors(requirement, field), ...missing];
    },
    parse: parseFieldSelector,
    isUsable: (requirement) =>
      /^(Not)?In$/.test(textAt(requirement, 'operator')) && textsAt(requirement, 'values').length === 1,
  },
  {
    name: 'labelSelector',
    errors: requirementErrors,
    parse: parseLabelSelector,
    isUsable: (requirement) => OPERATORS.has(textAt(requirement, 'operator')),
  },
];

/** Checks the selectors of `resourceAttributes`, in the words of Kubernetes. */
export function reviewSelectorErrors(attributes: JsonObject | undefined): FieldError[] {
  return KINDS.flatMap((kind) => {
    const selector = objectAt(attributes, kind.name);
    return selector === undefined ? [] : selectorErrors(selector, kind);
  });
}

function selectorErrors(selector: JsonObject, kind: SelectorKind): FieldError[] {
  const field = `spec.resourceAttributes.${kind.name}`;
  const raw = textAt(selector, 'rawSelector');
  const requirements = listAt(selector, 'requirements');
  const errors: FieldError[] = [];
  if (raw !== '' && requirements.length > 0) {
    errors.push(invalidValue(`${field}.rawSelector`, raw, 'may not specified at the same time as requirements'));
  }
  if (raw === '' && requirements.length === 0) {
    const detail = `when ${field} is specified, requirements or rawSelector is required`;
    errors.push(requiredValue(`${field}.requirements`, detail));
  }
  return [...errors, ...requirements.flatMap((one, index) => kind.errors(one, `${field}.requirements[${index}]`))];
}

/**
 * What of the selectors is not understood, for `evaluationError`; '' when nothing is wrong. Roles know nothing of
 * selectors, so that what is ignored makes no difference to the answer.
 */
export function selectorProblems(attributes: JsonObject | undefined): string {
  const problems = KINDS.flatMap((kind) => {
    const selector = attributes?.[kind.name];
    const ignored = isJsonObject(selector) ? ignoredOf(selector, kind) : undefined;
    return ignored === undefined ? [] : [`spec.resourceAttributes.${kind.name} ${ignored} due to parse error`];
  });
  return problems.join('; ');
}

function ignoredOf(selector: JsonObject, kind: SelectorKind): string | undefined {
  const requirements = listAt(selector, 'requirements');
  if (requirements.length === 0) return isParsed(textAt(selector, 'rawSelector'), kind) ? undefined : 'ignored';
  const usable = requirements.filter((one) => kind.isUsable(one)).length;
  if (usable === requirements.length) return undefined;
  return usable === 0 ? 'ignored' : 'partially ignored';
}

function isParsed(text: string, kind: SelectorKind): boolean {
  try {
    kind.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SelectorError) return false;
    throw error;
  }
}
