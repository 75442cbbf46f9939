import type { JsonObject } from '../../codec/json.ts';
import { objectAt, textAt, textsAt } from '../../registry/object.ts';
import { duplicate, notSupported, type FieldError } from '../../schema/fieldErrors.ts';
import { checkDns1123Subdomain, checkPathSegment } from '../../schema/names.ts';
import { selectorErrors } from '../../selectors/selectorObject.ts';
import { forbiddenValue, invalidValue, requiredValue } from '../fieldChecks.ts';
import { matchErrors } from './matchChecks.ts';

const ACTIONS = ['Audit', 'Deny', 'Warn'];
const EXCLUSIVE = 'name and selector are mutually exclusive';
const DENY_AND_WARN =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

/** What is wrong with a ValidatingAdmissionPolicyBinding. */
export function bindingErrors(binding: JsonObject): FieldError[] {
  const spec = objectAt(binding, 'spec');
  const policyName = textAt(spec, 'policyName');
  return [
    ...(policyName === ''
      ? [requiredValue('spec.policyName')]
      : checkDns1123Subdomain(policyName).map((text) => invalidValue('spec.policyName', policyName, text))),
    ...paramRefErrors(objectAt(spec, 'paramRef')),
    ...matchErrors(objectAt(spec, 'matchResources'), 'spec.matchResources'),
    ...actionErrors(textsAt(spec, 'validationActions'), 'spec.validationActions'),
  ];
}

function actionErrors(actions: string[], field: string): FieldError[] {
  return [
    ...actions.flatMap((action, index) => [
      ...(ACTIONS.includes(action) ? [] : [notSupported(`${field}[${index}]`, action, ACTIONS)]),
      ...(actions.indexOf(action) < index ? [duplicate(`${field}[${index}]`, action)] : []),
    ]),
    ...(actions.includes('Deny') && actions.includes('Warn') ? [invalidValue(field, actions, DENY_AND_WARN)] : []),
    ...(actions.length === 0 ? [requiredValue(field, 'at least one validation action is required')] : []),
  ];
}

function paramRefErrors(paramRef: JsonObject | undefined): FieldError[] {
  if (paramRef === undefined) return [];
  const name = textAt(paramRef, 'name');
  const selector = objectAt(paramRef, 'selector');
  const both = (field: string): FieldError[] =>
    name !== '' && selector !== undefined ? [forbiddenValue(field, EXCLUSIVE)] : [];
  const neither = name === '' && selector === undefined;
  return [
    ...checkPathSegment(name).map((text) => invalidValue('spec.paramRef.name', name, text)),
    ...both('spec.paramRef.name'),
    ...selectorErrors(selector, 'spec.paramRef.selector'),
    ...both('spec.paramRef.selector'),
    ...(neither ? [requiredValue('spec.paramRef', 'one of name or selector must be specified')] : []),
    ...notFoundErrors(textAt(paramRef, 'parameterNotFoundAction'), 'spec.paramRef.parameterNotFoundAction'),
  ];
}

function notFoundErrors(action: string, field: string): FieldError[] {
  if (action === '') return [requiredValue(field)];
  return ['Allow', 'Deny'].includes(action) ? [] : [notSupported(field, action, ['Deny', 'Allow'])];
}
