import { interactions } from './harness/interactions.ts';
import { binding, BINDINGS, enforce, POLICIES, policy } from './harness/policies.ts';
import { applyPatch, configMap, create, mergePatch, remove, replace, widget, type HttpStep } from './harness/step.ts';

const SCALES = {
  matchConstraints: {
    resourceRules: [
      {
        apiGroups: ['conformance.example.com'],
        apiVersions: ['v1'],
        operations: ['UPDATE'],
        resources: ['widgets/scale'],
      },
    ],
  },
};
const scaled = (replicas: number, rest: object = {}): HttpStep =>
  mergePatch('widgets/a/scale?dryRun=All', { spec: { replicas } }, { pick: (body) => body.spec ?? body, ...rest });

interactions('policies of scales', {
  'that see Scales': [
    create('widgets', widget('a', { replicas: 2, color: 'red' }, { labels: { a: 'b' } }), { pick: () => '' }),
    create(
      POLICIES,
      policy({
        ...SCALES,
        validations: [
          { expression: 'object.spec.replicas != 9', message: 'not 9' },
          {
            expression: 'object.spec.replicas != 8',
            messageExpression:
              "request.kind.group + request.kind.version + request.kind.kind + ' ' + request.resource.resource + ' ' + request.subResource + ' ' + request.requestKind.kind + ' ' + object.kind + ' ' + object.apiVersion + ' ' + oldObject.kind",
          },
          {
            expression: 'object.spec.replicas != 7',
            messageExpression:
              'string(oldObject.spec.replicas) + string(has(object.metadata.labels)) + string(has(object.spec.color)) + string(has(object.metadata.uid)) + object.metadata.name + object.metadata.namespace',
          },
        ],
      }),
    ),
    create(BINDINGS, binding()),
    scaled(9, { until: ({ code }: { code: number }) => code === 422 }),
    scaled(8),
    scaled(7),
    scaled(6),
    replace('widgets/a/scale', {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'a', namespace: '{ns}' },
      spec: { replicas: 9 },
    }),
    mergePatch('widgets/a', { spec: { replicas: 9 } }, { pick: ({ spec }) => spec }),
  ],
  'by label of the objects': [
    create('widgets', widget('a', { replicas: 2 }, { labels: { a: 'b' } }), { pick: () => '' }),
    create(POLICIES, policy({ ...SCALES, validations: [{ expression: 'object.spec.replicas != 9' }] })),
    create(
      BINDINGS,
      binding({
        matchResources: {
          ...binding().spec.matchResources,
          objectSelector: { matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] },
        },
      }),
    ),
    scaled(9, { until: ({ code }: { code: number }) => code === 422 }),
  ],
});

const TOLD = ['fieldManager', 'fieldValidation', 'propagationPolicy', 'force']
  .map((name) => `request.options.?${name}.orValue('-')`)
  .join(" + ' ' + ");

interactions('policies of options', {
  'that see what the client said': [
    create('configmaps', configMap('a')),
    ...enforce(
      {
        validations: [
          {
            expression: 'false',
            messageExpression: `request.options.kind + ' ' + request.options.apiVersion + ' ' + ${TOLD} + ' ' + string(request.options.?dryRun.orValue([]).size()) + ' ' + string(request.options.?gracePeriodSeconds.orValue(7)) + ' ' + request.options.?preconditions.?uid.orValue('-')`,
          },
        ],
      },
      configMap('x'),
    ),
    create('configmaps', configMap('x')),
    create('configmaps?fieldManager=me&fieldValidation=Strict', configMap('x')),
    replace('configmaps/a?fieldManager=me', configMap('a', { b: '2' })),
    mergePatch('configmaps/a?fieldManager=me&dryRun=All', { data: { b: '2' } }),
    applyPatch('me', 'configmaps/a?force=true', { apiVersion: 'v1', kind: 'ConfigMap', data: { c: '3' } }),
    applyPatch('me', 'configmaps/x?force=true', { apiVersion: 'v1', kind: 'ConfigMap', data: { c: '3' } }),
    remove('configmaps/a'),
    remove('configmaps/a?propagationPolicy=Background&dryRun=All'),
    remove('configmaps/a', { gracePeriodSeconds: 5, propagationPolicy: 'Orphan', preconditions: { uid: '{uid.0}' } }),
    remove('configmaps?gracePeriodSeconds=0&labelSelector=!none'),
  ],
});
