import { interactions } from './harness/interactions.ts';
import { BINDINGS, binding, enforce, POLICIES, policy } from './harness/policies.ts';
import { configMap, create, get, mergePatch, remove, replace, type Json, type Step } from './harness/step.ts';

const JANE = { name: 'jane', groups: ['developers'] };
const fields = (body: Json): Json => [body.reason, body.details?.causes?.map(({ field }: Json) => field).sort()];
const bad = (spec: object): Step => create(POLICIES, policy(spec), { pick: fields });
const made = (name: string, data?: object): Step => create('configmaps', configMap(name, data));
const limits = (max: string, labels: object = {}): Step =>
  create('configmaps', configMap('limits', { max }, { labels }));
const AT_MOST = {
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  matchConditions: [{ name: 'not-the-limits', expression: "object == null || object.metadata.name != 'limits'" }],
  validations: [
    { expression: 'size(object.data) <= int(params.data.max)', messageExpression: "'at most ' + params.data.max" },
  ],
};
const TRUE = [{ expression: 'true' }];
const TWO = configMap('two', { a: '1', b: '2' });

interactions('ValidatingAdmissionPolicies', {
  'that deny': [
    ...enforce(
      { validations: [{ expression: "object.metadata.name != 'bad'", message: 'not this name' }] },
      configMap('bad'),
    ),
    made('good'),
    mergePatch('configmaps/good', { data: { b: '2' } }),
    remove(`${BINDINGS}/p-{ns}`),
  ],
  'that deny whoever calls himself the server': [
    ...enforce({ validations: [{ expression: "object.metadata.name != 'bad'" }] }, configMap('bad')),
    create('configmaps', configMap('bad'), { as: { name: 'system:apiserver', groups: ['system:masters'] } }),
    create('configmaps', configMap('bad'), {
      headers: { 'impersonate-user': 'system:apiserver', 'impersonate-group': 'system:masters' },
    }),
    create('configmaps', configMap('bad'), {
      as: { name: 'system:kube-controller-manager', groups: ['system:masters'] },
    }),
  ],
  'that judge changes': [
    ...enforce(
      { validations: [{ expression: "oldObject == null ? object.data.a == '1' : object.data.a == oldObject.data.a" }] },
      configMap('x', { a: '2' }),
    ),
    made('good'),
    mergePatch('configmaps/good', { data: { a: '3' } }),
    replace('configmaps/good', configMap('good', { a: '4' })),
    mergePatch('configmaps/good', { data: { b: '3' } }),
  ],
  'that judge deletions': [
    ...enforce(
      { validations: [{ expression: "request.operation != 'DELETE' && object.metadata.name != 'bad'" }] },
      configMap('bad'),
    ),
    made('good'),
    remove('configmaps/good'),
    get('configmaps/good'),
  ],
  'that refuse to delete one of a collection': [
    ...enforce(
      {
        validations: [
          {
            expression:
              "request.operation == 'DELETE' ? oldObject.metadata.name != 'b' && !has(request.name) : object.metadata.name != 'bad'",
            message: 'it stays',
          },
        ],
      },
      configMap('bad'),
    ),
    ...['a', 'b', 'c'].map((name) => create('configmaps', configMap(name, {}, { labels: { t: '1' } }))),
    remove('configmaps?labelSelector=t&dryRun=All'),
    remove('configmaps?labelSelector=t'),
    get('configmaps?labelSelector=t', { pick: ({ items }) => items.map(({ metadata }: Json) => metadata.name) }),
  ],
  'with variables and a message that is computed': [
    ...enforce(
      {
        variables: [
          { name: 'n', expression: 'size(object.data)' },
          { name: 'isBig', expression: 'variables.n > 1' },
        ],
        validations: [{ expression: '!variables.isBig', messageExpression: "string(variables.n) + ' are too many'" }],
      },
      TWO,
    ),
    made('one'),
  ],
  'with a reason': [
    ...enforce({ validations: [{ expression: 'false', message: 'no', reason: 'Forbidden' }] }, configMap('x')),
  ],
  'with several validations': [
    ...enforce(
      { validations: [{ expression: 'true' }, { expression: 'size(object.data) < 2' }, { expression: "'a' == 'b'" }] },
      TWO,
    ),
  ],
  'with conditions': [
    ...enforce(
      {
        matchConditions: [
          { name: 'not-jane', expression: "request.userInfo.username != 'jane'" },
          { name: 'has-label', expression: "has(object.metadata.labels) && 'a' in object.metadata.labels" },
        ],
        validations: [{ expression: 'false' }],
      },
      configMap('x', {}, { labels: { a: 'b' } }),
    ),
    made('without'),
  ],
  'with a parameter by name': [
    limits('1'),
    ...enforce(AT_MOST, TWO, { paramRef: { name: 'limits', namespace: '{ns}', parameterNotFoundAction: 'Deny' } }),
    made('one'),
  ],
  'with parameters by label': [
    limits('1', { is: 'limit' }),
    ...enforce(AT_MOST, TWO, {
      paramRef: { selector: { matchLabels: { is: 'limit' } }, parameterNotFoundAction: 'Deny' },
    }),
    made('one'),
  ],
  'with a parameter that is not there': [
    ...enforce(AT_MOST, configMap('one'), { paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } }),
  ],
  'that ask the authorizer': [
    create('/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings', {
      metadata: { name: 'jane' },
      roleRef: { kind: 'ClusterRole', name: 'edit', apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
    }),
    get('configmaps/none', { as: JANE, until: ({ code }) => code === 404 }),
    ...enforce(
      {
        validations: [
          {
            expression:
              "authorizer.group('').resource('secrets').namespace(request.namespace).check(object.data.verb).allowed()",
          },
          {
            expression: "object.data.verb != 'list' || authorizer.path('/metrics').check('get').allowed()",
            message: 'm',
          },
          { expression: "object.metadata.name != 'x'" },
        ],
      },
      configMap('x', { verb: 'get' }),
    ),
    create('configmaps', configMap('a', { verb: 'get' }), { as: JANE }),
    create('configmaps', configMap('b', { verb: 'fly' }), { as: JANE }),
    create('configmaps', configMap('c', { verb: 'list' }), { as: JANE }),
    create('configmaps', configMap('d', { verb: 'list' })),
  ],
  'without an answer': [...enforce({ validations: [{ expression: "object.data.nothing == 'x'" }] }, configMap('x'))],
  'without an answer, by Ignore': [
    ...enforce(
      {
        failurePolicy: 'Ignore',
        validations: [{ expression: "object.data.nothing == 'x'" }, { expression: "object.metadata.name != 'bad'" }],
      },
      configMap('bad'),
    ),
    made('good'),
  ],
  'that warn': [
    create(POLICIES, policy({ validations: [{ expression: 'false', message: 'think again' }] })),
    create(BINDINGS, binding({ validationActions: ['Warn', 'Audit'] })),
    create('configmaps?dryRun=All', configMap('x', { a: '1' }), {
      until: ({ headers }) => headers.warning !== undefined,
    }),
  ],
  'as they are stored': [
    create(POLICIES, policy({ validations: [{ expression: 'true' }] })),
    create(BINDINGS, binding()),
    get(`${BINDINGS}/p-{ns}`),
  ],
  'that do not compile': [
    bad({ validations: [{ expression: 'object.' }] }),
    bad({ validations: [{ expression: '1 + 1' }] }),
    bad({ validations: [{ expression: 'nothing == 1' }] }),
    bad({ validations: [{ expression: 'params.x == 1' }] }),
    bad({ validations: [{ expression: 'true', messageExpression: 'true' }] }),
    bad({ variables: [{ name: 'a', expression: 'variables.b' }], validations: [{ expression: 'true' }] }),
    bad({ matchConditions: [{ name: 'x', expression: 'variables.a' }], validations: [{ expression: 'true' }] }),
    bad({ auditAnnotations: [{ key: 'a', valueExpression: '1' }] }),
  ],
  'of other types': [
    ...[
      { validations: [{ expression: '1' }] },
      { auditAnnotations: [{ key: 'a', valueExpression: '1' }] },
      { auditAnnotations: [{ key: 'a b', valueExpression: "'x'" }] },
      { validations: [{ expression: 'true', message: 'a\nb' }] },
      { validations: [{ expression: 'true', message: ' ' }] },
      { validations: [{ expression: 'true', messageExpression: ' ' }] },
      { validations: [{ expression: 'variables.x' }] },
    ].map((spec) => create(POLICIES, policy(spec))),
  ],
  'for anything and more': [
    ...[
      { operations: ['*', 'CREATE'] },
      { operations: ['CONNECTED'] },
      { apiGroups: ['*', ''] },
      { apiVersions: ['v1', '*'] },
      { resources: ['*', 'configmaps'] },
      { resources: ['*/*', 'configmaps'] },
      { resources: ['*', 'configmaps/status'] },
    ].map((over) => {
      const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'], ...over };
      return create(
        `${POLICIES}?dryRun=All`,
        policy({ matchConstraints: { resourceRules: [rule] }, validations: TRUE }),
        {
          pick: (body: Json) => body.details?.causes ?? body.reason,
        },
      );
    }),
  ],
  'that ask for what is empty': [
    ...enforce(
      {
        matchConditions: [{ name: 'x', expression: "object.metadata.name == 'x' || object.data.a == '1'" }],
        validations: [
          { expression: "object.metadata.name != 'x'" },
          { expression: '!has(request.subResource) && !has(request.requestSubResource) && has(request.name)' },
          { expression: "request.subResource == ''", message: 'never told' },
        ],
      },
      configMap('x'),
    ),
    made('a', { a: '1' }),
    made('b', { b: '1' }),
  ],
  'that are incomplete': [
    bad({}),
    create(POLICIES, { metadata: { name: 'p-{ns}' }, spec: {} }, { pick: fields }),
    bad({ validations: [{ expression: '' }] }),
    bad({ validations: [{ expression: 'true', reason: 'Unauthorized' }] }),
    bad({ matchConstraints: { resourceRules: [{ operations: ['FLY'] }] }, validations: [{ expression: 'true' }] }),
    bad({ failurePolicy: 'Maybe', validations: [{ expression: 'true' }] }),
    bad({ variables: [{ name: 'a b', expression: 'true' }], validations: [{ expression: 'true' }] }),
    bad({
      matchConditions: [
        { name: 'a', expression: 'true' },
        { name: 'a', expression: 'true' },
      ],
      validations: [{ expression: 'true' }],
    }),
  ],
  'bound wrongly': [
    ...[
      { validationActions: [] },
      { validationActions: ['Deny', 'Warn'] },
      { validationActions: ['Deny', 'Deny'] },
      { validationActions: ['Shout'] },
      { policyName: '' },
      { paramRef: { name: 'a', selector: {}, parameterNotFoundAction: 'Deny' } },
      { paramRef: { parameterNotFoundAction: 'Deny' } },
      { paramRef: { name: 'a' } },
    ].map((spec) => create(BINDINGS, binding(spec), { pick: fields })),
  ],
});
