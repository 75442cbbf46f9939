import { compilePolicy } from '../admission/policies/compiledPolicy.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { listAt, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { Strategy } from '../registry/resource.ts';
import { notSupported, type FieldError } from '../schema/fieldErrors.ts';
import { checkPathSegment, checkQualifiedName } from '../schema/names.ts';
import { selectorErrors } from '../selectors/selectorObject.ts';
import { AGE, namesOf, type BuiltinDefinition } from './definition.ts';
import { forbiddenValue, invalidValue, requiredValue } from './fieldChecks.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

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
  const spec = objectAt(object, 'spec');
  if (spec === undefined) return;
  spec['failurePolicy'] ??= 'Fail';
  defaultMatch(objectAt(spec, 'matchConstraints'));
}

function defaultBinding(object: JsonObject): void {
  defaultMatch(objectAt(objectAt(object, 'spec'), 'matchResources'));
}

function policyErrors(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const failurePolicy = textAt(spec, 'failurePolicy');
  const constraints = objectAt(spec, 'matchConstraints');
  const rules = listAt(constraints, 'resourceRules');
  return [
    ...(['Fail', 'Ignore'].includes(failurePolicy)
      ? []
      : [notSupported('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])]),
    ...paramKindErrors(objectAt(spec, 'paramKind')),
    ...(constraints === undefined ? [requiredValue('spec.matchConstraints')] : []),
    ...(constraints !== undefined && rules.length === 0 ? [requiredValue('spec.matchConstraints.resourceRules')] : []),
    ...matchErrors(constraints, 'spec.matchConstraints'),
    ...expressionErrors(spec, textAt(metaOf(object), 'name')),
    ...compilePolicy(object).errors,
  ];
}

function paramKindErrors(kind: JsonObject | undefined): FieldError[] {
  if (kind === undefined) return [];
  return ['apiVersion', 'kind']
    .filter((key) => textAt(kind, key) === '')
    .map((key) => requiredValue(`spec.paramKind.${key}`));
}

function expressionErrors(spec: JsonObject | undefined, policyName: string): FieldError[] {
  const errors: FieldError[] = [];
  const validations = listAt(spec, 'validations');
  const annotations = listAt(spec, 'auditAnnotations');
  if (validations.length === 0 && annotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item';
    errors.push(requiredValue('spec.validations', detail), requiredValue('spec.auditAnnotations', detail));
  }
  errors.push(...each(spec, 'validations', (one, field) => validationErrors(one, field)));
  errors.push(
    ...each(spec, 'auditAnnotations', (one, field) => [
      ...needed(one, field, 'valueExpression'),
      ...annotationKeyErrors(`${policyName}/${textAt(one, 'key')}`, `${field}.key`),
    ]),
  );
  errors.push(
    ...each(spec, 'matchConditions', (one, field) => [
      ...needed(one, field, 'expression'),
      ...(textAt(one, 'name') === ''
        ? [requiredValue(`${field}.name`)]
        : checkQualifiedName(textAt(one, 'name')).map((text) =>
            invalidValue(`${field}.name`, textAt(one, 'name'), text),
          )),
    ]),
  );
  errors.push(
    ...each(spec, 'variables', (one, field) => {
      const name = textAt(one, 'name');
      if (name === '') return [requiredValue(`${field}.name`, 'name is not specified')];
      const valid = NAME.test(name) ? [] : [invalidValue(`${field}.name`, name, 'must be a valid CEL identifier')];
      return [...valid, ...needed(one, field, 'expression')];
    }),
  );
  return errors;
}

/** Of an annotation in the audit log, which stands there under the name of its policy. */
function annotationKeyErrors(key: string, field: string): FieldError[] {
  return checkQualifiedName(key).map((text) => invalidValue(field, key, text));
}

function each(
  spec: JsonObject | undefined,
  member: string,
  check: (one: JsonValue, field: string) => FieldError[],
): FieldError[] {
  return listAt(spec, member).flatMap((one, index) => check(one, `spec.${member}[${index}]`));
}

function needed(one: JsonValue, field: string, member: string): FieldError[] {
  return textAt(one, member).trim() === '' ? [requiredValue(`${field}.${member}`, `${member} is not specified`)] : [];
}

function validationErrors(one: JsonValue, field: string): FieldError[] {
  const reason = textAt(one, 'reason');
  const message = textAt(one, 'message');
  return [
    ...needed(one, field, 'expression'),
    ...messageErrors(message, `${field}.message`),
    ...blankErrors(textAt(one, 'messageExpression'), `${field}.messageExpression`),
    ...(reason === '' || REASONS.includes(reason) ? [] : [notSupported(`${field}.reason`, reason, REASONS)]),
  ];
}

function messageErrors(message: string, field: string): FieldError[] {
  if (message.trim().includes('\n')) return [invalidValue(field, message, 'must not contain line breaks')];
  return blankErrors(message, field);
}

function blankErrors(text: string, field: string): FieldError[] {
  const isBlank = text !== '' && text.trim() === '';
  return isBlank ? [invalidValue(field, text, 'must be non-empty if specified')] : [];
}

function matchErrors(match: JsonObject | undefined, field: string): FieldError[] {
  if (match === undefined) return [];
  const policy = textAt(match, 'matchPolicy');
  return [
    ...['resourceRules', 'excludeResourceRules'].flatMap((member) =>
      listAt(match, member).flatMap((rule, index) => ruleErrors(rule, `${field}.${member}[${index}]`)),
    ),
    ...(['Equivalent', 'Exact'].includes(policy)
      ? []
      : [notSupported(`${field}.matchPolicy`, policy, ['Equivalent', 'Exact'])]),
    ...['namespaceSelector', 'objectSelector'].flatMap((member) =>
      selectorErrors(objectAt(match, member), `${field}.${member}`),
    ),
  ];
}

function ruleErrors(rule: JsonValue, field: string): FieldError[] {
  const operations = textsAt(rule, 'operations');
  const scope = textAt(rule, 'scope');
  return [
    ...['operations', 'apiGroups', 'apiVersions', 'resources']
      .filter((member) => textsAt(rule, member).length === 0)
      .map((member) => requiredValue(`${field}.${member}`)),
    ...unsupported(operations, `${field}.operations`, OPERATIONS),
    ...Object.entries(BESIDE_ANY).flatMap(([member, others]) => wildcardErrors(rule, member, field, others)),
    ...resourceErrors(textsAt(rule, 'resources'), `${field}.resources`),
    ...(['Cluster', 'Namespaced', '*'].includes(scope)
      ? []
      : [notSupported(`${field}.scope`, scope, ['*', 'Cluster', 'Namespaced'])]),
  ];
}

/** What may not stand beside `*`. */
const BESIDE_ANY = { operations: 'operations', apiGroups: 'API groups', apiVersions: 'API versions' } as const;

function wildcardErrors(rule: JsonValue, member: string, field: string, others: string): FieldError[] {
  const values = textsAt(rule, member);
  if (values.length < 2 || !values.includes('*')) return [];
  return [invalidValue(`${field}.${member}`, values, `if '*' is present, must not specify other ${others}`)];
}

function resourceErrors(resources: string[], field: string): FieldError[] {
  const refuse = (any: string, others: string): FieldError =>
    invalidValue(field, resources, `if '${any}' is present, must not specify other resources${others}`);
  const hasPlain = resources.some((name) => name !== '*' && !name.includes('/'));
  return [
    ...(resources.length > 1 && resources.includes('*/*') ? [refuse('*/*', '')] : []),
    ...(hasPlain && resources.includes('*') ? [refuse('*', ' without subresources')] : []),
  ];
}

function unsupported(values: readonly string[], field: string, allowed: readonly string[]): FieldError[] {
  return values.flatMap((value, index) =>
    allowed.includes(value) ? [] : [notSupported(`${field}[${index}]`, value, allowed)],
  );
}

function bindingErrors(object: JsonObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const policyName = textAt(spec, 'policyName');
  const actions = textsAt(spec, 'validationActions');
  const paramRef = objectAt(spec, 'paramRef');
  const errors =
    policyName === ''
      ? [requiredValue('spec.policyName')]
      : checkPathSegment(policyName).map((text) => invalidValue('spec.policyName', policyName, text));
  if (paramRef !== undefined) errors.push(...paramRefErrors(paramRef));
  errors.push(...matchErrors(objectAt(spec, 'matchResources'), 'spec.matchResources'));
  if (actions.length === 0) {
    errors.push(requiredValue('spec.validationActions', 'at least one validation action is required'));
  }
  errors.push(...unsupported(actions, 'spec.validationActions', ACTIONS));
  if (actions.includes('Deny') && actions.includes('Warn')) {
    errors.push(
      invalidValue(
        'spec.validationActions',
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    );
  }
  return errors;
}

function paramRefErrors(paramRef: JsonObject): FieldError[] {
  const named = textAt(paramRef, 'name') !== '';
  const selector = objectAt(paramRef, 'selector');
  const action = textAt(paramRef, 'parameterNotFoundAction');
  const errors: FieldError[] = [];
  if (named && selector !== undefined) {
    const members = ['spec.paramRef.name', 'spec.paramRef.selector'];
    errors.push(...members.map((field) => forbiddenValue(field, 'name and selector are mutually exclusive')));
  }
  if (!named && selector === undefined) {
    errors.push(requiredValue('spec.paramRef', 'one of name or selector must be specified'));
  }
  if (action === '') errors.push(requiredValue('spec.paramRef.parameterNotFoundAction'));
  else if (!['Allow', 'Deny'].includes(action)) {
    errors.push(notSupported('spec.paramRef.parameterNotFoundAction', action, ['Deny', 'Allow']));
  }
  return [...errors, ...selectorErrors(selector, 'spec.paramRef.selector')];
}

function strategyOf(setDefaults: (object: JsonObject) => void, validate: Strategy['validate'] & object): Strategy {
  return {
    nameRule: 'DNS1123Subdomain',
    allowUnconditionalUpdate: false,
    tracksGeneration: true,
    statusWritesMetadata: true,
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
  strategy: strategyOf(defaultPolicy, policyErrors),
  status: true,
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
