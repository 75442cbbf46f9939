import { interactions } from './harness/interactions.ts';
import { binding, BINDINGS, POLICIES, policy } from './harness/policies.ts';
import { create, type Json, type Step } from './harness/step.ts';

const TRUE = [{ expression: 'true' }];
const RULE = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] };

const said = (body: Json): Json => [body.message, body.details?.causes];
const tried = (spec: object): Step =>
  create(`${POLICIES}?dryRun=All`, policy({ validations: TRUE, ...spec }), { pick: said });
const bound = (spec: object): Step => create(`${BINDINGS}?dryRun=All`, binding(spec), { pick: said });
const annotations = (...keys: string[]): object => ({
  auditAnnotations: keys.map((key) => ({ key, valueExpression: "'a'" })),
});
const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `a${index}`);

interactions('checks of policies', {
  'everything at once': [
    tried({
      failurePolicy: 'X',
      paramKind: {},
      matchConditions: [
        { name: '', expression: '' },
        { name: 'a b', expression: '1' },
      ],
      variables: [
        { name: '', expression: '' },
        { name: 'x y', expression: 'z' },
      ],
      validations: [
        { expression: '1', message: ' ', messageExpression: ' ', reason: 'no' },
        { expression: '', messageExpression: '1', message: 'a\nb' },
      ],
      auditAnnotations: [
        { key: 'a b', valueExpression: '1' },
        { key: '', valueExpression: ' ' },
      ],
    }),
    tried({
      matchConstraints: {
        matchPolicy: 'X',
        namespaceSelector: { matchLabels: { 'a b': 'c' } },
        objectSelector: { matchExpressions: [{ key: 'a', operator: 'No' }] },
        resourceRules: [{}],
        excludeResourceRules: [{ scope: 'x', resourceNames: ['a/b', 'a', 'a'] }],
      },
    }),
  ],
  nothing: [
    create(POLICIES, { metadata: { name: 'p-{ns}' } }, { pick: said }),
    create(POLICIES, { metadata: { name: 'p-{ns}' }, spec: { matchConstraints: {} } }, { pick: said }),
    create(BINDINGS, { metadata: { name: 'p-{ns}' } }, { pick: said }),
  ],
  'too much': [
    tried({ matchConditions: numbered(65).map((name) => ({ name, expression: 'true' })) }),
    tried(annotations(...numbered(21))),
    tried({ auditAnnotations: [{ key: 'a', valueExpression: `'${'a'.repeat(5 * 1024)}'` }] }),
    tried(annotations('a'.repeat(64))),
    tried({ validations: [{ expression: 'true', message: 'a\rb' }] }),
  ],
  'the same again': [
    tried({ matchConditions: ['a', 'a'].map((name) => ({ name, expression: 'true' })) }),
    tried({ variables: ['a', 'a'].map((name) => ({ name, expression: 'true' })) }),
    tried(annotations('a', 'a')),
    bound({ validationActions: ['Audit', 'Audit'] }),
    bound({ validationActions: ['X', 'X'] }),
  ],
  'names that are none': ['for', 'if', 'a b', '1', ' ', 'a.b', '_', 'namespace'].map((name) =>
    tried({ variables: [{ name, expression: '1' }] }),
  ),
  'kinds of parameters': [
    ['v1', ''],
    ['', 'X'],
    ['a/b/c', 'X'],
    ['/', 'X'],
    ['A_b/v1', 'X'],
    ['a/V1', 'X'],
    ['a/', 'X'],
    ['v1', 'X_y'],
    ['no.such/v1', 'NoSuch'],
  ].map(([apiVersion, kind]) => tried({ paramKind: { apiVersion, kind } })),
  rules: [
    ...[['a/b'], ['a', 'a'], ['..']].map((resourceNames) => ({ resourceNames })),
    ...[[], [''], ['a', '*']].map((apiVersions) => ({ apiVersions })),
    ...[[], ['*', 'a']].map((apiGroups) => ({ apiGroups })),
    ...[[], [''], ['CREATE', 'CREATE'], ['CREATE', '*']].map((operations) => ({ operations })),
    ...['', 'x'].map((scope) => ({ scope })),
    ...[
      ...[[], [''], ['a/b/c'], ['/b'], ['a/'], ['a', 'a'], ['*/*', 'a'], ['*/*', '*/*'], ['*', '*/status']],
      ...[
        ['*/status', 'a/status'],
        ['a/*', 'a/status'],
        ['*', 'a'],
        ['a', '*'],
      ],
    ].map((resources) => ({ resources })),
  ].map((rule) => tried({ matchConstraints: { resourceRules: [{ ...RULE, ...rule }] } })),
  bindings: [
    ...['a/b', '..', 'A'].map((policyName) => ({ policyName })),
    ...[[], ['Deny', 'Warn', 'X']].map((validationActions) => ({ validationActions })),
    { paramRef: {} },
    { paramRef: { name: 'a/b', selector: {}, parameterNotFoundAction: 'Deny' } },
    { paramRef: { name: 'a', namespace: 'A b', parameterNotFoundAction: 'X' } },
    { paramRef: { selector: { matchLabels: { 'a b': '' } }, parameterNotFoundAction: 'Allow' } },
    { matchResources: { resourceRules: [{}], matchPolicy: 'x' } },
    { matchResources: { resourceRules: [] } },
  ].map(bound),
});
