import { interactions } from './harness/interactions.ts';
import { POLICIES, policy } from './harness/policies.ts';
import {
  applyPatch,
  create,
  get,
  mergePatch,
  remove,
  replace,
  strategicPatch,
  type HttpStep,
  type Json,
  type Step,
} from './harness/step.ts';

const POLICY = `${POLICIES}/p-{ns}`;

/** kube-controller-manager puts a number behind the kind in names of types. */
const withoutNumbers = (body: Json): Json =>
  JSON.parse(JSON.stringify(body).replaceAll(/([A-Z][A-Za-z]+)\d{3,}/g, '$1'));
const observed: HttpStep = get(POLICY, {
  until: ({ body }) => {
    const { metadata, status } = body as Json;
    return status?.observedGeneration === metadata.generation;
  },
  pick: ({ metadata, status }) => withoutNumbers([metadata.generation, status, metadata.managedFields]),
});
const checked = (spec: object): Step[] => [create(POLICIES, policy(spec)), observed, remove(POLICY)];
const rules = (...expressions: string[]): object => ({
  validations: expressions.map((expression) => ({ expression })),
});
type Named = string | readonly string[];
const about = (...named: readonly (readonly [groups: Named, versions: Named, resources: Named])[]): object => ({
  matchConstraints: {
    resourceRules: named.map(([apiGroups, apiVersions, resources]) => ({
      apiGroups: [apiGroups].flat(),
      apiVersions: [apiVersions].flat(),
      resources: [resources].flat(),
      operations: ['CREATE'],
    })),
  },
});
const WIDGETS = about(['conformance.example.com', 'v1', 'widgets']);
const RBAC = 'rbac.authorization.k8s.io';
const TYPE = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicy' };
const NO_SUCH = rules('object.nosuch == 1');

interactions('status of policies', {
  'without a doubt': checked(rules("object.data.a == 'x' && oldObject != null")),
  'about a built-in kind': checked(
    rules(
      'object.nosuch == 1 || oldObject.nosuch == 1',
      'object.data.a == 1',
      'object.metadata.creationTimestamp == 1 || object.metadata.labels.a == 1',
      'object.metadata.managedFields[0].fieldsV1.x == 1',
      'object.metadata.managedFields[0] == 1 || object.metadata == 1 || object == 1',
      'object.binaryData.x == 1 || object.immutable == 1 || object.kind == 1',
      'object == oldObject',
    ),
  ),
  'about a custom resource': checked({
    ...WIDGETS,
    ...rules(
      'object.spec.nosuch == 1 || object.spec.color == 1 || object.spec.size == 1 || object.spec.when == 1',
      "object.spec.free.known == 'x' || object.spec.free.x == 1",
      'object.spec.template.spec == 1 || object.spec.template.metadata.labels == 1',
      "object.spec.parts[0].size == 'a' || object.spec.settings.a == 1 || object.metadata.labels.a == 1",
      "object.spec == 1 || object.spec.parts == 1 || object.spec.big == 'a' || object.spec.ratio == 'a'",
    ),
  }),
  'about versions that say nothing': checked({
    ...about(['conformance.example.com', ['v1', 'v1beta1'], 'gears']),
    ...rules('object.spec == 1 || object.metadata.labels == 1'),
  }),
  'about several kinds': checked({
    ...about(
      ['conformance.example.com', ['v1', 'v1beta1'], ['gears', 'widgets']],
      ['', 'v1', ['configmaps', 'secrets']],
    ),
    ...rules('object.nosuch == 1 || object.data.x == 1'),
  }),
  'about anything': [
    ...checked({ ...about(['*', 'v1', 'configmaps'], ['', '*', 'configmaps'], ['', 'v1', '*']), ...NO_SUCH }),
    ...checked({ ...about(['', 'v1', ['secrets/*', 'configmaps']], ['', 'v1', 'secrets/status']), ...NO_SUCH }),
  ],
  'about what is not served': checked({
    ...about(['', 'v1', ['nosuch', 'secrets']], ['no.such', 'v1', 'x'], ['', 'v2', 'configmaps']),
    ...NO_SUCH,
  }),
  'about many kinds': [
    [RBAC, ['roles', 'clusterroles', 'rolebindings', 'clusterrolebindings']] as const,
    ['', ['configmaps', 'secrets', 'namespaces', 'events', 'serviceaccounts', 'configmap', 'Secrets']] as const,
    [
      ['', RBAC, 'coordination.k8s.io', 'apiextensions.k8s.io', 'admissionregistration.k8s.io'],
      [
        'configmaps',
        'namespaces',
        'events',
        'roles',
        'leases',
        'customresourcedefinitions',
        'rolebindings',
        'secrets',
      ].concat('clusterroles', 'clusterrolebindings', 'validatingadmissionpolicies', 'serviceaccounts'),
    ] as const,
  ].flatMap(([groups, resources]) => checked({ ...about([groups, 'v1', resources]), ...NO_SUCH })),
  'about schemas inside of schemas': checked({
    ...about(['apiextensions.k8s.io', 'v1', 'customresourcedefinitions']),
    ...rules(
      'object.spec.versions[0].schema.openAPIV3Schema.properties.a.properties == 1',
      'object.spec.versions[0].schema.openAPIV3Schema.default == 1',
      'object.spec.versions[0].schema.openAPIV3Schema.x__dash__kubernetes__dash__validations == 1',
    ),
  }),
  'with parameters': [
    ['conformance.example.com/v1', 'Widget'],
    ['no.such/v1', 'Widget'],
  ].flatMap(([apiVersion, kind]) =>
    checked({ paramKind: { apiVersion, kind }, ...rules('params.spec.nosuch == 1', 'params.spec.color == 1') }),
  ),
  'with messages': checked({
    validations: [
      { expression: 'true', messageExpression: "'a' + object.nosuch" },
      { expression: 'object.nosuch == 1', messageExpression: "'a' + object.data.x" },
    ],
  }),
  'with variables': checked({
    variables: [
      { name: 'a', expression: 'object.nosuch' },
      { name: 'b', expression: 'object.data' },
      { name: 'c', expression: 'object.metadata' },
    ],
    ...rules('variables.a == 1', 'variables.b == 1', 'variables.c.nosuch == 1', 'variables.b.x == 1 || object.y == 2'),
  }),
  'with doubts where nobody looks': checked({
    matchConditions: [{ name: 'a', expression: 'object.nosuch == 1' }],
    auditAnnotations: [{ key: 'a', valueExpression: 'string(object.nosuch)' }],
    ...rules('true'),
  }),
  'that ask the authorizer': checked({
    ...WIDGETS,
    ...rules("authorizer.requestResource.check('get').allowed() && authorizer.path('/').check('get').allowed()"),
  }),
  'that change': [
    create(POLICIES, policy(rules('object.nosuch == 1'))),
    observed,
    mergePatch(POLICY, { metadata: { labels: { a: 'b' } } }, { pick: ({ metadata }) => metadata.generation }),
    mergePatch(POLICY, { spec: rules('object.data.a == 1') }, { pick: ({ metadata }) => metadata.generation }),
    observed,
    mergePatch(POLICY, { spec: rules('true') }, { pick: ({ metadata }) => metadata.generation }),
    observed,
    remove(POLICY),
  ],
  'that are applied': [
    applyPatch('me', POLICY, { ...TYPE, ...policy(rules('object.nosuch == 1')) }),
    observed,
    applyPatch('me', POLICY, { ...TYPE, ...policy(rules('true')) }),
    observed,
  ],
});

const STATUS = `${POLICY}/status`;
const CONDITION = {
  type: 'A',
  status: 'True',
  reason: 'X',
  message: 'm',
  lastTransitionTime: '2024-01-01T00:00:00Z',
};
const made: Step[] = [create(POLICIES, policy(rules('true'))), observed];
const summary = ({ metadata, status, message }: Json): Json => [metadata?.generation, status, message];

interactions('writes of the status of policies', {
  'at creation': [create(POLICIES, { ...policy(rules('true')), status: { observedGeneration: 5 } })],
  'with the rest': [
    ...made,
    mergePatch(POLICY, { metadata: { generation: 77 }, status: { observedGeneration: 9 } }, { pick: summary }),
    mergePatch(STATUS, { status: { conditions: [CONDITION] } }),
    mergePatch(STATUS, { spec: { failurePolicy: 'Ignore' }, metadata: { labels: { a: 'b' }, finalizers: ['a/b'] } }),
    mergePatch(STATUS, { status: null }),
    observed,
    mergePatch(STATUS, { status: { observedGeneration: 7 } }, { pick: summary }),
    mergePatch(POLICY, { spec: { failurePolicy: 'Ignore' } }, { pick: summary }),
    get(POLICY, { pick: summary }),
    get(STATUS),
  ],
  'by replacing it': [
    ...made,
    replace(STATUS, { metadata: { name: 'p-{ns}' } }),
    replace(STATUS, { metadata: { name: 'p-{ns}', resourceVersion: '{rv.1}' }, status: { observedGeneration: 1 } }),
    replace(STATUS, {
      metadata: { name: 'p-{ns}', resourceVersion: '{rv.1}' },
      spec: {},
      status: {
        observedGeneration: 1,
        typeChecking: { expressionWarnings: [{ fieldRef: 'spec.a[0].b', warning: 'w' }] },
      },
    }),
    get(POLICY),
  ],
  'by patches': [
    ...made,
    applyPatch('me', STATUS, { ...TYPE, metadata: { name: 'p-{ns}' }, status: { observedGeneration: 3 } }),
    applyPatch('me', `${STATUS}?force=true`, {
      ...TYPE,
      metadata: { name: 'p-{ns}', labels: { a: 'b' } },
      status: { observedGeneration: 3 },
    }),
    strategicPatch(STATUS, { status: { conditions: [CONDITION] } }),
    get(POLICY),
  ],
  'that are refused': [
    ...made,
    ...[
      { typeChecking: { expressionWarnings: [{}] } },
      { typeChecking: { expressionWarnings: [{ fieldRef: ' ', warning: ' ' }] } },
      { typeChecking: { expressionWarnings: [{ fieldRef: 'a[', warning: 'x' }] } },
      { conditions: [{}] },
      { conditions: [{ ...CONDITION, type: 'a b', status: 'x', reason: 'a b' }] },
      { conditions: [{ ...CONDITION, observedGeneration: -1 }] },
      { conditions: [{ ...CONDITION, reason: 'a'.repeat(1025), message: 'a'.repeat(32_769) }] },
      { conditions: [CONDITION, CONDITION] },
      { nosuch: 1 },
    ].map((status) => mergePatch(STATUS, { status }, { pick: ({ message, details }) => [message, details?.causes] })),
  ],
});
