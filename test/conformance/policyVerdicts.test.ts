import { interactions } from './harness/interactions.ts';
import { binding, BINDINGS, enforce, POLICIES, policy } from './harness/policies.ts';
import { configMap, create, mergePatch, remove, widget, type HttpStep, type Step } from './harness/step.ts';

const NO = [{ expression: 'false', message: 'no' }];
const tried = (name: string, data?: object, metadata?: object): HttpStep =>
  create('configmaps?dryRun=All', configMap(name, data, metadata));
const until = (step: HttpStep, code: number): HttpStep => ({ ...step, until: (reply) => reply.code === code });
const refused = (step: HttpStep): HttpStep => until(step, 422);
const warned = (step: HttpStep): HttpStep => ({ ...step, until: ({ headers }) => headers.warning !== undefined });
const bound = (name: string, spec: object = {}): Step =>
  create(BINDINGS, { ...binding(spec), metadata: { name: `${name}-{ns}` } });
const names = (...expressions: string[]): object[] =>
  expressions.map((expression, index) => ({ expression: `object.metadata.name != 'n${index}' || ${expression}` }));
const LOOP = '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]';
/** Costs some 700,000. */
const EXPENSIVE = `object.metadata.name == 'x' || ${LOOP}.all(a, ${LOOP}.all(b, ${LOOP}.all(c, ${LOOP}.all(d, ${LOOP}.exists(e, e == 9)))))`;
const many = (count: number): string[] => Array.from({ length: count }, () => EXPENSIVE);
const NOT_X = { expression: "object.metadata.name != 'x'" };

/** Holds what is no parameter itself against one. */
const BY_PARAMS = {
  paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
  matchConditions: [
    { name: 'no-param', expression: "object == null || !('p' in object.metadata.?labels.orValue({}))" },
  ],
  validations: [
    {
      expression: 'object == null || params == null || object.data.a != params.data.a',
      messageExpression: "'not ' + params.data.a + ' of ' + params.metadata.name",
    },
  ],
};
const param = (name: string, a: string, p = 'p'): Step =>
  create('configmaps', configMap(name, { a }, { labels: { p } }));
const byName = (name: string, parameterNotFoundAction = 'Deny'): object => ({
  paramRef: { name, parameterNotFoundAction },
});

interactions('verdicts of policies', {
  'with errors in variables': [
    ...enforce(
      {
        variables: [
          { name: 'a', expression: 'object.data.none' },
          { name: 'b', expression: "variables.a + 'x'" },
          { name: 'c', expression: 'int(object.data.a) / 0' },
          { name: 'unused', expression: 'object.data.none' },
        ],
        validations: [NOT_X, ...names("variables.b == 'x'", 'variables.c == 1 || true', 'variables.c == 1')],
      },
      configMap('x'),
    ),
    ...['n0', 'n1', 'n2', 'n3'].map((name) => tried(name)),
  ],
  'with errors in conditions': [
    ...enforce(
      {
        matchConditions: [
          { name: 'a', expression: "object.metadata.name == 'x' || object.data.none == 'a'" },
          { name: 'b', expression: "object.metadata.name != 'z'" },
          { name: 'c', expression: "object.metadata.name == 'x' || object.data.other == 'a'" },
        ],
        validations: NO,
      },
      configMap('x'),
    ),
    tried('y'),
    tried('z'),
  ],
  'with errors in conditions, by Ignore': [
    ...enforce(
      {
        failurePolicy: 'Ignore',
        matchConditions: [{ name: 'a', expression: "object.metadata.name == 'x' || object.data.none == 'a'" }],
        validations: NO,
      },
      configMap('x'),
    ),
    tried('y'),
  ],
  'with errors of all kinds': [
    ...enforce(
      {
        validations: [
          NOT_X,
          ...names(
            'int(object.data.a) == 1',
            "object.data['q'] == ''",
            '[1, 2][5] == 1',
            'object.data.a + 1 == 2',
            "duration(object.data.a) == duration('1s')",
            'object.nope.b == 1',
            "object.data.a.matches(object.data.a + '(')",
            '!object.data.a',
          ),
        ],
      },
      configMap('x'),
    ),
    ...['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'].map((name) => tried(name, { a: 'z' })),
  ],
  'with messages that nobody can use': [
    ...enforce(
      {
        validations: [
          ...["''", "'a\\nb'", 'string(object.data.none)', `'${'é'.repeat(2561)}'`, `'${'é'.repeat(2560)}'`].map(
            (messageExpression, index) => ({
              expression: `object.metadata.name != 'n${index}'`,
              messageExpression,
              ...(index === 0 ? {} : { message: ' own ' }),
            }),
          ),
          NOT_X,
        ],
      },
      configMap('x'),
    ),
    ...['n0', 'n1', 'n2', 'n3', 'n4'].map((name) => tried(name)),
  ],
  'with every reason': [
    ...enforce(
      {
        validations: ['Forbidden', 'Invalid', 'RequestEntityTooLarge'].map((reason) => ({
          expression: `object.metadata.name != '${reason.toLowerCase()}'`,
          reason,
        })),
      },
      configMap('invalid'),
    ),
    tried('forbidden'),
    tried('requestentitytoolarge'),
  ],
  'that only warn': [
    create(
      POLICIES,
      policy({
        validations: [...NO, { expression: 'false', message: 'ü "quoted"' }, { expression: "object.a == ''" }],
      }),
    ),
    create(BINDINGS, binding({ validationActions: ['Warn'] })),
    warned(tried('x')),
  ],
  'of several policies': [
    create(POLICIES, policy({ validations: NO })),
    create(BINDINGS, binding()),
    create(POLICIES, policy({ validations: [{ expression: 'false', message: 'warned' }] }, 'w-{ns}')),
    bound('w', { policyName: 'w-{ns}', validationActions: ['Warn'] }),
    { ...tried('x'), until: ({ code, headers }) => code === 422 && headers.warning !== undefined },
  ],
  'of several bindings': [
    param('p1', '1'),
    param('p2', '2'),
    create(POLICIES, policy(BY_PARAMS)),
    bound('b', byName('p2')),
    bound('a', byName('p1')),
    refused(tried('x', { a: '1' })),
    refused(tried('x', { a: '2' })),
    tried('x', { a: '3' }),
  ],
  'on annotations that cannot be made': [
    create(
      POLICIES,
      policy({ auditAnnotations: [{ key: 'k', valueExpression: "object.data.none + 'a'" }], validations: NO }),
    ),
    create(BINDINGS, binding({ validationActions: ['Warn'] })),
    refused(tried('x')),
  ],
  'with parameters by label': [
    param('p1', '1'),
    param('p2', '2'),
    param('p3', '3', 'other'),
    create(POLICIES, policy(BY_PARAMS)),
    create(BINDINGS, binding({ paramRef: { selector: { matchLabels: { p: 'p' } }, parameterNotFoundAction: 'Deny' } })),
    refused(tried('x', { a: '1' })),
    refused(tried('x', { a: '2' })),
    until(tried('x', { a: '3' }), 201),
    remove('configmaps/p1'),
    remove('configmaps/p2'),
    refused(tried('x', { a: '4' })),
  ],
  'without parameters that may be missing': [
    create(POLICIES, policy(BY_PARAMS)),
    create(BINDINGS, binding(byName('none', 'Allow'))),
    tried('x'),
    param('none', '1'),
    refused(tried('x')),
  ],
  'without parameters that may not, and only warn': [
    create(POLICIES, policy(BY_PARAMS)),
    create(BINDINGS, binding({ ...byName('none'), validationActions: ['Warn'] })),
    refused(tried('x')),
    tried('x', {}, { labels: { p: 'p' } }),
  ],
  'without a reference to parameters': [
    create(POLICIES, policy({ ...BY_PARAMS, validations: [{ expression: 'params != null', message: 'none' }] })),
    create(BINDINGS, binding()),
    refused(tried('x')),
  ],
  'with a reference for nothing': [...enforce({ validations: [NOT_X] }, configMap('x'), byName('none')), tried('y')],
  'with parameters of kinds': [
    create('widgets', widget('w', { color: 'red' })),
    ...enforce(
      {
        paramKind: { apiVersion: 'conformance.example.com/v1', kind: 'Widget' },
        validations: [
          {
            expression: 'object.data.a != params.spec.color',
            messageExpression: 'string(params.spec.replicas) + params.apiVersion',
          },
        ],
      },
      configMap('x', { a: 'red' }),
      byName('w'),
    ),
    tried('y'),
  ],
  'with parameters outside of namespaces': [
    create(
      POLICIES,
      policy({
        paramKind: { apiVersion: 'v1', kind: 'Namespace' },
        validations: [{ expression: 'object.metadata.name != params.metadata.name' }],
      }),
    ),
    bound('a', byName('{ns}')),
    refused(tried('{ns}')),
    until(tried('y'), 201),
    bound('b', { paramRef: { name: '{ns}', namespace: '{ns}', parameterNotFoundAction: 'Deny' } }),
    refused(tried('y')),
  ],
  'with parameters of a kind that is not served': [
    create(
      POLICIES,
      policy({
        // nobody else's: kube-apiserver refuses also what no binding means
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: [''],
              apiVersions: ['v1'],
              operations: ['CREATE'],
              resources: ['configmaps'],
              resourceNames: ['only-{ns}'],
            },
          ],
        },
        paramKind: { apiVersion: 'no.such/v1', kind: 'NoSuch' },
        validations: NO,
      }),
    ),
    create(BINDINGS, binding({ ...byName('none'), validationActions: ['Audit'] })),
    refused(tried('only-{ns}')),
  ],
  'on namespaces': [
    param('limits', '1'),
    create(
      POLICIES,
      policy({
        ...BY_PARAMS,
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['namespaces'] }],
        },
        validations: [
          {
            expression: "object.metadata.?annotations.?x.orValue('') != params.data.a",
            messageExpression: 'params.metadata.namespace + request.namespace + string(namespaceObject == null)',
          },
        ],
      }),
    ),
    create(BINDINGS, binding(byName('limits'))),
    ...['1', '2'].map((x) =>
      until(
        mergePatch(
          '/api/v1/namespaces/{ns}?dryRun=All',
          { metadata: { annotations: { x } } },
          { pick: ({ message }) => message },
        ),
        x === '1' ? 422 : 200,
      ),
    ),
  ],
  'on objects by label': [
    create('configmaps', configMap('old', {}, { labels: { l: 'a' } })),
    create(POLICIES, policy({ validations: NO })),
    create(
      BINDINGS,
      binding({ matchResources: { ...binding().spec.matchResources, objectSelector: { matchLabels: { l: 'a' } } } }),
    ),
    refused(tried('x', {}, { labels: { l: 'a' } })),
    tried('y'),
    mergePatch('configmaps/old', { metadata: { labels: null } }),
    mergePatch('configmaps/old', { data: { a: 'b' } }),
    remove('configmaps/old'),
  ],
  'that cost too much': [
    ...enforce({ validations: [NOT_X, ...many(20).map((expression) => ({ expression }))] }, configMap('x')),
    tried('y'),
  ],
  'that cost too much, in conditions': [
    ...enforce(
      { matchConditions: many(6).map((expression, index) => ({ name: `a${index}`, expression })), validations: NO },
      configMap('x'),
    ),
    tried('y'),
  ],
  'that cost too much, by Ignore': [
    ...enforce(
      {
        failurePolicy: 'Ignore',
        validations: [NOT_X, ...many(20).map((expression) => ({ expression })), { expression: 'false' }],
      },
      configMap('x'),
    ),
    tried('y'),
  ],
});
