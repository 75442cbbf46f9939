import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, byKey, int64, keyed, list, object, ref, text } from './build.ts';
import { kindSchema, META } from './meta.ts';

const PREFIX = 'io.k8s.api.admissionregistration.v1.';
const strings = (description: string): JsonObject => list(description, { type: 'string' }, ATOMIC);

const rule = object(
  'Requests, by operation and resource.',
  {
    apiGroups: strings('API groups; `*` = all.'),
    apiVersions: strings('API versions; `*` = all.'),
    operations: strings('CREATE, UPDATE, DELETE, CONNECT; `*` = all.'),
    resources: strings('Resources, or `resource/subresource`; `*` = all.'),
    resourceNames: strings('Names; none = all.'),
    scope: text('Cluster, Namespaced or `*`.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

const matchResources = object(
  'Which requests are meant.',
  {
    resourceRules: list('One of these must match.', ref(`${PREFIX}NamedRuleWithOperations`), ATOMIC),
    excludeResourceRules: list('None of these may match.', ref(`${PREFIX}NamedRuleWithOperations`), ATOMIC),
    matchPolicy: text('Exact, or Equivalent: also in other versions.'),
    namespaceSelector: ref(META.LabelSelector, 'Labels of the namespace.'),
    objectSelector: ref(META.LabelSelector, 'Labels of the object, old or new.'),
  },
  { 'x-kubernetes-map-type': 'atomic' },
);

const named = (description: string, members: Record<string, JsonObject>): JsonObject => object(description, members);

const policySpec = object('What is to hold.', {
  paramKind: object(
    'Kind of the objects that configure the policy.',
    { apiVersion: text('API version.'), kind: text('Kind.') },
    { 'x-kubernetes-map-type': 'atomic' },
  ),
  matchConstraints: ref(`${PREFIX}MatchResources`, 'Which requests the policy is about.'),
  matchConditions: list(
    'Conditions that a request must meet to be judged.',
    named('One condition.', { name: text('Name of the condition.'), expression: text('CEL; a bool.') }),
    byKey('name'),
  ),
  variables: list(
    'Values that expressions may use as `variables.<name>`.',
    object(
      'One variable.',
      { name: text('Name of the variable.'), expression: text('CEL.') },
      { 'x-kubernetes-map-type': 'atomic' },
    ),
    byKey('name'),
  ),
  validations: list(
    'What must hold.',
    named('One rule.', {
      expression: text('CEL; true = it holds.'),
      message: text('What is told when it does not.'),
      messageExpression: text('CEL; makes the message.'),
      reason: text('Reason of the Status: Unauthorized, Forbidden, Invalid or RequestEntityTooLarge.'),
    }),
    ATOMIC,
  ),
  auditAnnotations: list(
    'What goes to the audit log.',
    named('One annotation.', { key: text('Key.'), valueExpression: text('CEL; a string, or null for none.') }),
    ATOMIC,
  ),
  failurePolicy: text('Fail or Ignore: what follows from an expression that has no value.'),
});

const policyStatus = object('What the server found in the policy.', {
  observedGeneration: int64('Generation that was looked at.'),
  conditions: list('Conditions of the policy.', ref(META.Condition), keyed('type')),
  typeChecking: object('What type checking found.', {
    expressionWarnings: list(
      'Doubtful expressions.',
      object('One.', { fieldRef: text('Where.'), warning: text('What.') }),
      ATOMIC,
    ),
  }),
});

const bindingSpec = object('Which policy is in force, and where.', {
  policyName: text('Name of the policy.'),
  paramRef: object(
    'The objects that configure it.',
    {
      name: text('Name; or a selector.'),
      namespace: text('Namespace; empty = that of the request.'),
      selector: ref(META.LabelSelector, 'Labels; each object found is used.'),
      parameterNotFoundAction: text('Allow or Deny when there is none.'),
    },
    { 'x-kubernetes-map-type': 'atomic' },
  ),
  matchResources: ref(`${PREFIX}MatchResources`, 'Limits the policy further.'),
  validationActions: list('Deny, Warn, Audit.', { type: 'string' }, { 'x-kubernetes-list-type': 'set' }),
});

/** Components of admissionregistration.k8s.io/v1. */
export const admissionregistrationComponents: Readonly<Record<string, JsonObject>> = {
  [`${PREFIX}NamedRuleWithOperations`]: rule,
  [`${PREFIX}MatchResources`]: matchResources,
  [`${PREFIX}ValidatingAdmissionPolicy`]: kindSchema('What must hold for changes to be accepted, in CEL.', {
    spec: policySpec,
    status: policyStatus,
  }),
  [`${PREFIX}ValidatingAdmissionPolicyBinding`]: kindSchema('Puts a ValidatingAdmissionPolicy in force.', {
    spec: bindingSpec,
  }),
};
