import { isJsonObject, type JsonObject } from '../codec/json.ts';
import { listAt, objectAt, textAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { bindingErrors } from './policies/bindingChecks.ts';
import { policyErrors } from './policies/policyChecks.ts';
import { policyStatusErrors } from './policies/statusChecks.ts';

function defaultMatch(match: JsonObject | undefined): void {
  if (match === undefined) return;
  match['matchPolicy'] ??= 'Equivalent';
  match['namespaceSelector'] ??= {};
  match['objectSelector'] ??= {};
  for (const rule of [...listAt(match, 'resourceRules'), ...listAt(match, 'excludeResourceRules')]) {
    if (isJsonObject(rule)) rule['scope'] ??= '*';
  }
}

function defaultPolicy(object: JsonObject): void {
  const spec = objectAt(object, 'spec') ?? {};
  object['spec'] = spec;
  spec['failurePolicy'] ??= 'Fail';
  defaultMatch(objectAt(spec, 'matchConstraints'));
}

function defaultBinding(object: JsonObject): void {
  defaultMatch(objectAt(objectAt(object, 'spec'), 'matchResources'));
}

function strategyOf(setDefaults: (object: JsonObject) => void, validate: Strategy['validate'] & object): Strategy {
  return {
    nameRule: 'DNS1123Subdomain',
    allowUnconditionalUpdate: false,
    tracksGeneration: true,
    prepareForCreate: setDefaults,
    prepareForUpdate: setDefaults,
    validate,
  };
}

const base = { group: 'admissionregistration.k8s.io', version: 'v1', namespaced: false };
const specText = (name: string, path: string, description: string) => ({
  name,
  type: 'string' as const,
  description,
  cell: (object: JsonObject) => textAt(objectAt(object, 'spec'), path) || '<unset>',
});

/** admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy. */
export const validatingAdmissionPolicies: BuiltinDefinition = {
  ...base,
  names: namesOf('ValidatingAdmissionPolicy', 'validatingadmissionpolicies'),
  component: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  strategy: { ...strategyOf(defaultPolicy, policyErrors), validateStatus: policyStatusErrors },
  status: true,
  resetFields: (subresource) => (subresource === '' ? ['f:status'] : ['f:metadata', 'f:spec']),
  columns: [
    {
      name: 'Validations',
      type: 'integer',
      description: 'Number of rules.',
      cell: (object) => listAt(objectAt(object, 'spec'), 'validations').length,
    },
    {
      name: 'ParamKind',
      type: 'string',
      description: 'Kind of the objects that configure the policy.',
      cell: (object) => {
        const kind = objectAt(objectAt(object, 'spec'), 'paramKind');
        return kind === undefined ? '<unset>' : `${textAt(kind, 'apiVersion')}/${textAt(kind, 'kind')}`;
      },
    },
    AGE,
  ],
};

/** admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding. */
export const validatingAdmissionPolicyBindings: BuiltinDefinition = {
  ...base,
  names: namesOf('ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'),
  component: 'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  strategy: strategyOf(defaultBinding, bindingErrors),
  columns: [
    specText('PolicyName', 'policyName', 'The policy that is in force.'),
    {
      name: 'ParamRef',
      type: 'string',
      description: 'The objects that configure it.',
      cell: (object) => {
        const ref = objectAt(objectAt(object, 'spec'), 'paramRef');
        if (ref === undefined) return '<unset>';
        const name = textAt(ref, 'name') || '*';
        return textAt(ref, 'namespace') === '' ? name : `${textAt(ref, 'namespace')}/${name}`;
      },
    },
    AGE,
  ],
};
