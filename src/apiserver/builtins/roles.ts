import type { JsonObject } from '../codec/json.ts';
import { rulesOf, type PolicyRule } from '../authorization/rules.ts';
import { listAt, metaOf, objectAt, textAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { selectorErrors } from '../selectors/selectorObject.ts';
import type { PrinterColumn } from '../table/table.ts';
import { namesOf, type BuiltinDefinition } from './definition.ts';
import { invalidValue, requiredValue } from './fieldChecks.ts';

/** A role without rules says so. */
function nameRules(object: JsonObject): void {
  object['rules'] ??= null;
}

function strategyOf(validate: (object: JsonObject) => FieldError[]): Strategy {
  return {
    nameRule: 'PathSegment',
    allowUnconditionalUpdate: true,
    createOnUpdate: true,
    tracksGeneration: false,
    prepareForCreate: nameRules,
    prepareForUpdate: nameRules,
    validate,
  };
}

function ruleErrors(object: JsonObject, namespaced: boolean): FieldError[] {
  return rulesOf(object).flatMap((rule, index) => errorsOf(rule, `rules[${index}]`, namespaced));
}

function errorsOf(rule: PolicyRule, field: string, namespaced: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (rule.verbs.length === 0) errors.push(requiredValue(`${field}.verbs`, 'verbs must contain at least one value'));
  if (rule.nonResourceURLs.length > 0) return [...errors, ...pathErrors(rule, `${field}.nonResourceURLs`, namespaced)];
  if (rule.apiGroups.length === 0) {
    errors.push(requiredValue(`${field}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if (rule.resources.length === 0) {
    errors.push(requiredValue(`${field}.resources`, 'resource rules must supply at least one resource'));
  }
  return errors;
}

function pathErrors(rule: PolicyRule, field: string, namespaced: boolean): FieldError[] {
  const urls = [...rule.nonResourceURLs];
  const mixed = rule.apiGroups.length + rule.resources.length + rule.resourceNames.length > 0;
  return [
    ...(namespaced ? [invalidValue(field, urls, 'namespaced rules cannot apply to non-resource URLs')] : []),
    ...(mixed ? [invalidValue(field, urls, 'rules cannot apply to both regular resources and non-resource URLs')] : []),
  ];
}

function aggregationErrors(object: JsonObject): FieldError[] {
  const rule = objectAt(object, 'aggregationRule');
  if (rule === undefined) return [];
  const field = 'aggregationRule.clusterRoleSelectors';
  const selectors = listAt(rule, 'clusterRoleSelectors');
  if (selectors.length === 0) {
    return [requiredValue(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  }
  return selectors.flatMap((selector, index) => selectorErrors(selector, `${field}[${index}]`));
}

const CREATED_AT: PrinterColumn = {
  name: 'Created At',
  type: 'string',
  description: 'When the role was created.',
  cell: (object) => textAt(metaOf(object), 'creationTimestamp'),
};

const base = { group: 'rbac.authorization.k8s.io', version: 'v1' };

/** rbac.authorization.k8s.io/v1 Role. */
export const roles: BuiltinDefinition = {
  ...base,
  names: namesOf('Role', 'roles'),
  namespaced: true,
  component: 'io.k8s.api.rbac.v1.Role',
  strategy: strategyOf((object) => ruleErrors(object, true)),
  columns: [CREATED_AT],
};

/** rbac.authorization.k8s.io/v1 ClusterRole. */
export const clusterRoles: BuiltinDefinition = {
  ...base,
  names: namesOf('ClusterRole', 'clusterroles'),
  namespaced: false,
  component: 'io.k8s.api.rbac.v1.ClusterRole',
  strategy: strategyOf((object) => [...ruleErrors(object, false), ...aggregationErrors(object)]),
  columns: [CREATED_AT],
};
