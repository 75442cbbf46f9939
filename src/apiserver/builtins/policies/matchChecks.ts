import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { listAt, objectAt, textAt, textsAt } from '../../registry/object.ts';
import { duplicate, notSupported, type FieldError } from '../../schema/fieldErrors.ts';
import { checkPathSegment } from '../../schema/names.ts';
import { selectorErrors } from '../../selectors/selectorObject.ts';
import { invalidValue, requiredValue } from '../fieldChecks.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];
const MATCH_POLICIES = ['Equivalent', 'Exact'];

/** What is wrong with a MatchResources at `field`. */
export function matchErrors(match: JsonObject | undefined, field: string): FieldError[] {
  if (match === undefined) return [];
  const policy = textAt(match, 'matchPolicy');
  return [
    ...(MATCH_POLICIES.includes(policy) ? [] : [notSupported(`${field}.matchPolicy`, policy, MATCH_POLICIES)]),
    ...['namespaceSelector', 'objectSelector'].flatMap((member) =>
      selectorErrors(objectAt(match, member), `${field}.${member}`),
    ),
    ...['resourceRules', 'excludeResourceRules'].flatMap((member) =>
      listAt(match, member).flatMap((rule, index) => ruleErrors(rule, `${field}.${member}[${index}]`)),
    ),
  ];
}

function ruleErrors(rule: JsonValue, field: string): FieldError[] {
  const scope = textAt(rule, 'scope');
  const names = textsAt(rule, 'resourceNames');
  return [
    ...names.flatMap((name, index) => [
      ...checkPathSegment(name).map((text) => invalidValue(`${field}.resourceNames[${index}]`, name, text)),
      ...(names.indexOf(name) < index ? [duplicate(`${field}.resourceNames[${index}]`, name)] : []),
    ]),
    ...listErrors(rule, 'operations', field, 'operations'),
    ...textsAt(rule, 'operations').flatMap((one, index) =>
      OPERATIONS.includes(one) ? [] : [notSupported(`${field}.operations[${index}]`, one, OPERATIONS)],
    ),
    ...listErrors(rule, 'apiGroups', field, 'API groups'),
    ...listErrors(rule, 'apiVersions', field, 'API versions'),
    ...textsAt(rule, 'apiVersions').flatMap((one, index) =>
      one === '' ? [requiredValue(`${field}.apiVersions[${index}]`)] : [],
    ),
    ...resourceErrors(textsAt(rule, 'resources'), `${field}.resources`),
    ...(SCOPES.includes(scope) ? [] : [notSupported(`${field}.scope`, scope, SCOPES)]),
  ];
}

/** @param others  What may not stand beside `*`. */
function listErrors(rule: JsonValue, member: string, at: string, others: string): FieldError[] {
  const values = textsAt(rule, member);
  const field = `${at}.${member}`;
  if (values.length === 0) return [requiredValue(field)];
  if (values.length < 2 || !values.includes('*')) return [];
  return [invalidValue(field, values, `if '*' is present, must not specify other ${others}`)];
}

function resourceErrors(resources: string[], field: string): FieldError[] {
  if (resources.length === 0) return [requiredValue(field)];
  const refuse = (any: string, others: string): FieldError =>
    invalidValue(field, resources, `if '${any}' is present, must not specify other resources${others}`);
  // as kube-apiserver: of those without a subresource the last one counts
  const last = resources.findLast((name) => name !== '' && !name.includes('/'));
  return [
    ...resources.flatMap((name, index) => coveredErrors(name, resources.slice(0, index), `${field}[${index}]`)),
    ...(resources.length > 1 && resources.includes('*/*') ? [refuse('*/*', '')] : []),
    ...(resources.includes('*') && last !== '*' ? [refuse('*', ' without subresources')] : []),
  ];
}

/** Says that what is `before` means this one, too. */
function coveredErrors(name: string, before: readonly string[], field: string): FieldError[] {
  if (name === '') return [requiredValue(field)];
  const slash = name.indexOf('/');
  if (slash < 0) return [];
  return [`${name.slice(0, slash)}/*`, `*/${name.slice(slash + 1)}`]
    .filter((wider) => before.includes(wider))
    .map((wider) => invalidValue(field, name, `if '${wider}' is present, must not specify ${name}`));
}
