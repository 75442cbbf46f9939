import { interactions } from './harness/interactions.ts';
import {
  applyPatch,
  configMap,
  create,
  get,
  jsonPatch,
  kubectl,
  mergePatch,
  replace,
  widget,
  without,
} from './harness/step.ts';

const map = (data: object, metadata: object = {}): object => configMap('a', data, metadata);
const byA = (data: object, query = ''): ReturnType<typeof applyPatch> =>
  applyPatch('a', `configmaps/a${query}`, map(data));
const byB = (data: object, query = ''): ReturnType<typeof applyPatch> =>
  applyPatch('b', `configmaps/a${query}`, map(data));
const widgetBy = (manager: string, spec: object, query = ''): ReturnType<typeof applyPatch> =>
  applyPatch(manager, `widgets/a${query}`, widget('a', spec));
const status = (manager: string, body: object, query = ''): ReturnType<typeof applyPatch> =>
  applyPatch(manager, `widgets/a/status${query}`, { ...without(widget('a'), 'spec'), status: body });
const scale = (replicas: unknown): object => ({
  apiVersion: 'autoscaling/v1',
  kind: 'Scale',
  metadata: { name: 'a' },
  spec: { replicas },
});
const REPEATED =
  'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: "1"\n  a: "2"\n  b: "3"\n  b: "4"\n';
const LARGE = map(
  Object.fromEntries(Array.from({ length: 9999 }, (_, index) => [`${'long-name-'.repeat(7)}${index}`, 'x'])),
);
const FORCE = '?force=true';
const CONFIG = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {l: x}}\ndata: {a: "1"}\n';

interactions('apply', {
  'creates, again, changes': [byA({ a: '1' }), byA({ a: '1' }), byA({ a: '2', b: '1' }), get('configmaps/a')],
  'shared fields and fields that go': [
    byA({ a: '1', b: '1', c: '1' }),
    byB({ b: '1', d: '1' }),
    byA({ a: '1' }),
    byA({}),
    byB({}),
  ],
  'a conflict, and by force': [byA({ a: '1' }), byB({ a: '2' }), byB({ a: '2' }, FORCE), byA({ a: '1' })],
  'conflicts with several': [
    create('configmaps?fieldManager=e', map({ a: '1', b: '1' })),
    byA({ b: '1', c: '1' }),
    byB({ a: '2', b: '2', c: '2' }),
    byB({ a: '2', b: '2', c: '2' }, FORCE),
  ],
  'the last entry of a map of another': [
    create('configmaps?fieldManager=e', map({ a: '1' })),
    byB({ a: '2' }, FORCE),
    applyPatch('b', 'configmaps/a', without(map({}), 'data')),
    mergePatch('configmaps/a?fieldManager=e', { metadata: { labels: { l: '1' } } }),
  ],
  'an update takes fields': [
    byA({ a: '1', b: '1' }),
    mergePatch('configmaps/a?fieldManager=e', { data: { a: '2', b: null } }),
    byA({ a: '2', b: '1' }),
    replace('configmaps/a?fieldManager=e', map({ z: '1' })),
  ],
  'before the first apply': [
    create('configmaps?fieldManager=e', map({ a: '1' })),
    mergePatch('configmaps/a', { metadata: { managedFields: [{}] } }),
    byA({ a: '2' }),
    byA({ a: '1', b: '1' }),
  ],
  'labels, finalizers and owners': [
    applyPatch('a', 'configmaps/a', map({}, { labels: { l: '1' }, annotations: { n: '1' }, finalizers: ['x.io/a'] })),
    applyPatch('b', 'configmaps/a', map({}, { labels: { l: '1', m: '1' }, finalizers: ['x.io/b'] })),
    applyPatch('b', 'configmaps/a', map({}, { labels: { l: '2' } })),
    applyPatch('a', 'configmaps/a', map({})),
    applyPatch('b', 'configmaps/a', map({})),
  ],
  'dry run': [
    byA({ a: '1' }, '?dryRun=All'),
    get('configmaps/a'),
    byA({ a: '1' }),
    byB({ a: '2' }, '?dryRun=All&force=true'),
    byB({ a: '2' }, '?dryRun=All'),
    get('configmaps/a'),
  ],
  'with a resourceVersion': [
    byA({ a: '1' }),
    applyPatch('a', 'configmaps/a', map({ a: '2' }, { resourceVersion: '{rv.0}' })),
    applyPatch('a', 'configmaps/a', map({ a: '3' }, { resourceVersion: '{rv.0}' })),
  ],
  'with a uid': [
    applyPatch('a', 'configmaps/a', map({}, { uid: '11111111-1111-1111-1111-111111111111' })),
    byA({ a: '1' }),
    applyPatch('a', 'configmaps/a', map({}, { uid: '11111111-1111-1111-1111-111111111111' })),
  ],
  'without a manager': [applyPatch('', 'configmaps/a', map({}))],
  'of another kind': [applyPatch('a', 'configmaps/a', { ...map({}), kind: 'Secret' })],
  'of no kind': [applyPatch('a', 'configmaps/a', { metadata: { name: 'a' } })],
  'of another name': [applyPatch('a', 'configmaps/b', map({}))],
  'in another namespace': [applyPatch('a', 'configmaps/a', map({}, { namespace: 'default' }))],
  'with managedFields': [applyPatch('a', 'configmaps/a', map({}, { managedFields: [{ manager: 'x' }] }))],
  'with an unknown field': [applyPatch('a', 'configmaps/a', { ...map({}), odd: 1 })],
  'with a value of the wrong type': [byA({ a: 1 }), widgetBy('a', { replicas: 'x' }), widgetBy('a', { on: 'x' })],
  'with repeated keys': [
    applyPatch('m', 'configmaps/a', REPEATED),
    applyPatch('m', 'configmaps/a', REPEATED),
    applyPatch('m', 'configmaps/a?fieldValidation=Strict', REPEATED),
    applyPatch('m', 'configmaps/a?fieldValidation=Ignore', REPEATED),
  ],
  'with repeated keys, as JSON patch': [
    byA({ a: '1' }),
    jsonPatch(
      'configmaps/a',
      '[{"op":"add","path":"/data/x","value":"1","odd":"x"},{"op":"add","path":"/data/y","path":"/data/z","value":"1"}]',
    ),
    jsonPatch('configmaps/a?fieldValidation=Strict', '[{"op":"add","path":"/data/x","value":"1","odd":"x"}]'),
  ],
  'to what is too large with owners of all fields': [
    create('configmaps', LARGE, { pick: ({ metadata }) => metadata.managedFields?.length ?? 0 }),
    applyPatch('m', 'configmaps/a', map({}), { pick: () => '' }),
    mergePatch(
      'configmaps/a',
      { data: { more: 'x' } },
      { pick: ({ metadata }) => metadata.managedFields?.length ?? 0 },
    ),
  ],
  'with repeated items': [
    widgetBy('a', { tags: ['x', 'x'] }),
    widgetBy('a', { parts: [{ name: 'x' }, { name: 'x' }] }),
  ],
  'force on another patch': [byA({ a: '1' }), mergePatch('configmaps/a?force=true', {})],
  'a Secret': [
    applyPatch('a', 'secrets/a', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { a: 'MQ==' } }),
    applyPatch('b', 'secrets/a', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { b: '2' } }),
  ],
  'a ServiceAccount': [
    applyPatch('a', 'serviceaccounts/a', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'a' },
      secrets: [{ name: 's' }],
      imagePullSecrets: [{ name: 'p' }],
    }),
    applyPatch('b', 'serviceaccounts/a', {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'a' },
      secrets: [{ name: 't' }],
    }),
  ],
  'a Role': [
    applyPatch('a', 'roles/a', {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: 'a' },
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }],
    }),
  ],
});

interactions('apply of custom resources', {
  'the last entry of a map of another': [
    create('widgets?fieldManager=e', widget('a', { settings: { s: '1' } })),
    widgetBy('b', { settings: { s: '2' } }, FORCE),
    widgetBy('b', {}),
  ],
  'sets and lists by keys': [
    widgetBy('a', { tags: ['x', 'y'], parts: [{ name: 'p', size: 1 }, { name: 'q' }] }),
    widgetBy('b', { tags: ['y', 'z'], parts: [{ name: 'r', colour: 'c' }] }),
    widgetBy('a', { tags: ['y'], parts: [{ name: 'q' }] }),
    widgetBy('b', { parts: [{ name: 'q', size: 9 }] }),
    widgetBy('b', {}),
  ],
  'atomic parts, maps and what has no schema': [
    widgetBy('a', { plain: [1, 2], atom: { a: '1' }, settings: { s: '1' }, free: { deep: { x: 1, y: [1] } } }),
    widgetBy('b', { plain: [1], atom: { a: '1', b: '1' } }),
    widgetBy('b', { settings: { t: '1' }, free: { known: 1, deep: { z: 1 } } }),
    widgetBy('a', { size: '5%', settings: {} }),
  ],
  'defaults and rules': [
    widgetBy('a', { note: 'some' }),
    widgetBy('b', { color: 'blue', replicas: 9 }, FORCE),
    widgetBy('b', { replicas: 1 }),
    widgetBy('a', {}),
  ],
  status: [
    widgetBy('a', { color: 'red' }),
    status('s', { phase: 'Ready', conditions: [{ type: 'A', status: 'True' }] }),
    status('t', { phase: 'Waiting', conditions: [{ type: 'B', status: 'True' }] }),
    status('t', { phase: 'Waiting', conditions: [{ type: 'B', status: 'True' }] }, FORCE),
    applyPatch('a', 'widgets/a', { ...widget('a', { color: 'green' }), status: { phase: 'Ready' } }),
    applyPatch('a', 'widgets/b/status', { ...widget('b'), status: {} }),
  ],
  scale: [
    widgetBy('a', { replicas: 2, color: 'red' }),
    applyPatch('h', 'widgets/a/scale', scale(5)),
    applyPatch('h', 'widgets/a/scale?force=true', scale(5)),
    get('widgets/a'),
    widgetBy('a', { replicas: 2, color: 'red' }),
    widgetBy('a', { color: 'green' }),
  ],
});

for (const version of ['1.35'] as const) {
  interactions(`kubectl ${version} apply --server-side`, {
    'creates, changes, conflicts, force': [
      kubectl('apply --server-side -f -', CONFIG),
      kubectl('apply --server-side -f - --field-manager=other', CONFIG.replace('"1"', '"2"')),
      kubectl('apply --server-side -f - --field-manager=other --force-conflicts', CONFIG.replace('"1"', '"2"')),
      get('configmaps/a'),
    ],
    'after client-side apply, and back': [
      kubectl('apply -f -', CONFIG),
      kubectl('apply --server-side -f -', CONFIG.replace('"1"', '"2"')),
      get('configmaps/a'),
      kubectl('apply -f -', CONFIG),
      get('configmaps/a'),
    ],
    diff: [kubectl('apply --server-side -f -', CONFIG), kubectl('diff --server-side -f -', CONFIG)],
  });
}
