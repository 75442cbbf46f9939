import { interactions } from './harness/interactions.ts';
import {
  configMap,
  create,
  get,
  gear,
  gone,
  jsonPatch,
  mergePatch,
  remove,
  replace,
  widget,
  type Json,
} from './harness/step.ts';

const MADE = create('configmaps', configMap('a'));
const HELD = create('configmaps', configMap('a', {}, { finalizers: ['example.com/hold'] }));
const FREED = jsonPatch('configmaps/a', [{ op: 'remove', path: '/metadata/finalizers' }]);
const CLUSTER_ROLES = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
const NO_UID = '11111111-1111-1111-1111-111111111111';
const owned = (name: string, owner: object): object => configMap(name, {}, { ownerReferences: [owner] });
const BY_A = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: '{uid.0}' };

interactions('delete', {
  'an object': [MADE, remove('configmaps/a'), get('configmaps/a')],
  'what is not there': [remove('configmaps/a')],
  'with the uid': [MADE, remove('configmaps/a', { preconditions: { uid: '{uid.0}' } })],
  'with another uid': [
    MADE,
    remove('configmaps/a', { preconditions: { uid: '11111111-1111-1111-1111-111111111111' } }),
  ],
  'with the resourceVersion': [MADE, remove('configmaps/a', { preconditions: { resourceVersion: '{rv.0}' } })],
  'with another resourceVersion': [
    MADE,
    mergePatch('configmaps/a', { data: { x: 'y' } }),
    remove('configmaps/a', { preconditions: { resourceVersion: '{rv.0}' } }),
  ],
  'with a body that is none': [MADE, remove('configmaps/a', '{'), remove('configmaps/a', '[]')],
  'with options of another kind': [MADE, remove('configmaps/a', { apiVersion: 'v1', kind: 'ConfigMap' })],
  'with options of some group': [MADE, remove('configmaps/a', { apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions' })],
  'with an unknown policy': [MADE, remove('configmaps/a', { propagationPolicy: 'Sideways' })],
  'with policy and orphanDependents': [
    MADE,
    remove('configmaps/a', { propagationPolicy: 'Orphan', orphanDependents: true }),
  ],
  'with a negative grace period': [MADE, remove('configmaps/a?gracePeriodSeconds=-1')],
  'with a grace period that is no number': [MADE, remove('configmaps/a?gracePeriodSeconds=x')],
  'with an empty policy in the query': [MADE, remove('configmaps/a?propagationPolicy=')],
  'with a policy in the query': [MADE, remove('configmaps/a?propagationPolicy=Background')],
  'with unknown options': [MADE, remove('configmaps/a', { colour: 'red' })],
  'with options that cannot be read': [
    MADE,
    ...[
      { kind: 5 },
      { apiVersion: 'a/b/c' },
      { gracePeriodSeconds: 'x' },
      { gracePeriodSeconds: 1.5 },
      { preconditions: 'x' },
      { preconditions: { uid: 5 } },
      { orphanDependents: 'x' },
      { propagationPolicy: 5 },
      { dryRun: 'All' },
    ].map((options) => remove('configmaps/a', options, { pick: ({ reason }) => reason })),
    remove('configmaps/a?dryRun='),
    remove('configmaps/a?gracePeriodSeconds=', undefined, { pick: ({ reason }) => reason }),
    get('configmaps/a'),
  ],
  'with preconditions in the query': [
    MADE,
    remove('configmaps/a?uid=x'),
    remove('configmaps/a?resourceVersion=9', undefined, { pick: ({ reason }) => reason }),
    remove('configmaps/a?uid={uid.0}&resourceVersion={rv.0}'),
  ],
  'with preconditions that are empty': [
    MADE,
    remove('configmaps/a', { preconditions: { uid: '' } }),
    remove('configmaps/a', { preconditions: { resourceVersion: '' } }, { pick: ({ reason }) => reason }),
    remove('configmaps/a', { preconditions: {} }),
  ],
  'with null for options': [MADE, remove('configmaps/a', 'null')],
  'with a finalizer': [HELD, remove('configmaps/a'), get('configmaps/a'), FREED, get('configmaps/a')],
  'twice with a finalizer': [HELD, remove('configmaps/a'), remove('configmaps/a'), FREED],
  'with a finalizer, by a replace that drops it': [
    HELD,
    remove('configmaps/a'),
    replace('configmaps/a', configMap('a')),
    get('configmaps/a'),
  ],
  'and add a finalizer': [
    HELD,
    remove('configmaps/a'),
    mergePatch('configmaps/a', { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } }),
    FREED,
  ],
  'and change while it waits': [HELD, remove('configmaps/a'), mergePatch('configmaps/a', { data: { z: '1' } }), FREED],
  'and create while it waits': [HELD, remove('configmaps/a'), MADE, FREED],
  'a collection by label': [
    create('configmaps', configMap('a', {}, { labels: { t: '1' } })),
    create('configmaps', configMap('b', {}, { labels: { t: '1' } })),
    create('configmaps', configMap('c', {}, { labels: { t: '2' } })),
    remove('configmaps?labelSelector=t%3D1'),
    get('configmaps/a'),
    get('configmaps/c'),
  ],
  'a collection by field': [
    MADE,
    create('configmaps', configMap('b')),
    remove('configmaps?fieldSelector=metadata.name%3Da'),
    get('configmaps/a'),
    get('configmaps/b'),
  ],
  'a collection on conditions': [
    create('gears', gear('a')),
    create('gears', gear('b')),
    remove('gears?resourceVersion={rv.1}'),
    remove('gears', { preconditions: { uid: '{uid.0}' } }),
    get('gears'),
  ],
  'a collection without doing so': [
    create('gears', gear('a')),
    remove('gears?dryRun=All'),
    remove('gears', { dryRun: ['All'], propagationPolicy: 'Foreground' }),
    get('gears'),
  ],
  'a collection in pages': [
    create('gears', gear('a')),
    create('gears', gear('b')),
    create('gears', gear('c')),
    remove('gears?limit=1'),
    get('gears?limit=1'),
    remove('gears?limit=1&continue={continue.4}'),
    get('gears'),
  ],
  'a collection that is empty': [remove('configmaps?labelSelector=t%3D1')],
  'a custom resource': [create('widgets', widget('a')), remove('widgets/a'), get('widgets/a')],
  'a custom resource with a finalizer': [
    create('widgets', widget('a', {}, { finalizers: ['example.com/hold'] })),
    remove('widgets/a'),
    mergePatch('widgets/a', { metadata: { finalizers: null } }),
    get('widgets/a'),
  ],
  'a collection of custom resources': [
    create('gears', gear('a')),
    create('gears', gear('b')),
    remove('gears'),
    get('gears'),
  ],
});

interactions('garbage collection', {
  'a dependent goes with its owner': [
    MADE,
    create('configmaps', owned('b', BY_A)),
    remove('configmaps/a'),
    get('configmaps/b', { until: gone }),
  ],
  'a dependent of a custom resource goes with it': [
    create('widgets', widget('a')),
    create(
      'configmaps',
      owned('b', { apiVersion: 'conformance.example.com/v1', kind: 'Widget', name: 'a', uid: '{uid.0}' }),
    ),
    remove('widgets/a'),
    get('configmaps/b', { until: gone }),
  ],
  'an orphan stays': [
    MADE,
    create('configmaps', owned('b', BY_A)),
    remove('configmaps/a', { propagationPolicy: 'Orphan' }),
    get('configmaps/a', { until: gone }),
    get('configmaps/b'),
  ],
  'in the foreground': [
    MADE,
    create('configmaps', owned('b', { ...BY_A, blockOwnerDeletion: true })),
    remove('configmaps/a', { propagationPolicy: 'Foreground' }),
    get('configmaps/a', { until: gone }),
    get('configmaps/b'),
  ],
  'in the foreground, held by a dependent': [
    MADE,
    create(
      'configmaps',
      configMap(
        'b',
        {},
        { ownerReferences: [{ ...BY_A, blockOwnerDeletion: true }], finalizers: ['example.com/hold'] },
      ),
    ),
    remove('configmaps/a', { propagationPolicy: 'Foreground' }),
    get('configmaps/b', {
      until: ({ body }) => (body as Json).metadata?.deletionTimestamp !== undefined,
    }),
    get('configmaps/a'),
    jsonPatch('configmaps/b', [{ op: 'remove', path: '/metadata/finalizers' }]),
    get('configmaps/a', { until: gone }),
  ],
  'a dependent of two owners stays while one is there': [
    MADE,
    create('configmaps', configMap('o')),
    create(
      'configmaps',
      configMap(
        'b',
        {},
        { ownerReferences: [BY_A, { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: '{uid.1}' }] },
      ),
    ),
    remove('configmaps/a'),
    get('configmaps/b', {
      until: ({ body }) => (body as { metadata: { ownerReferences: object[] } }).metadata.ownerReferences.length === 1,
    }),
  ],
  'a dependent of an owner that never was goes': [
    create('configmaps', owned('b', { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: NO_UID })),
    get('configmaps/b', { until: gone }),
  ],
  'what is in no namespace stays, whatever owner in one it names': [
    MADE,
    create(CLUSTER_ROLES, { metadata: { name: 'a-{ns}', ownerReferences: [BY_A] }, rules: [] }),
    create(CLUSTER_ROLES, {
      metadata: { name: 'b-{ns}', ownerReferences: [{ ...BY_A, uid: NO_UID }] },
      rules: [],
    }),
    remove('configmaps/a'),
    // by then the collector has come by the others
    create('configmaps', owned('b', { ...BY_A, uid: NO_UID })),
    get('configmaps/b', { until: gone }),
    get(`${CLUSTER_ROLES}/a-{ns}`),
    get(`${CLUSTER_ROLES}/b-{ns}`),
    remove(`${CLUSTER_ROLES}/a-{ns}`),
    remove(`${CLUSTER_ROLES}/b-{ns}`),
  ],
});

const keysOfData = (body: Json): Json => Object.keys(body.data as object);
const hasCondition =
  (status: string) =>
  ({ body }: { body: unknown }): boolean =>
    ((body as Json).status.conditions ?? []).some(
      (one: Json) => one.type === 'NamespaceFinalizersRemaining' && one.status === status,
    );

interactions('namespaces', {
  'deleting one deletes what is in it': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-x' } }),
    create('/api/v1/namespaces/{ns}-x/configmaps', configMap('a')),
    remove('/api/v1/namespaces/{ns}-x', undefined, {
      pick: ({ status, ...rest }) => ({ ...rest, phase: status.phase }),
    }),
    create('/api/v1/namespaces/{ns}-x/configmaps', configMap('b'), { until: gone }),
    get('/api/v1/namespaces/{ns}-x', { until: gone }),
    get('/api/v1/namespaces/{ns}-x/configmaps/a'),
  ],
  'creating in one that is ending': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-y' } }),
    create('/api/v1/namespaces/{ns}-y/configmaps', configMap('a', {}, { finalizers: ['example.com/hold'] })),
    remove('/api/v1/namespaces/{ns}-y', undefined, { pick: (body) => body.status.phase }),
    create('/api/v1/namespaces/{ns}-y/configmaps', configMap('b')),
    jsonPatch('/api/v1/namespaces/{ns}-y/configmaps/a', [{ op: 'remove', path: '/metadata/finalizers' }], {
      pick: (body) => body.data,
    }),
    get('/api/v1/namespaces/{ns}-y', { until: gone }),
  ],
  'what a new one is': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-z', labels: { a: 'b' } } }),
    get('/api/v1/namespaces/{ns}-z'),
  ],
  'one with a bad name': [create('/api/v1/namespaces', { metadata: { name: 'a.b' } })],
  'one with its label wrong': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-w', labels: { 'kubernetes.io/metadata.name': 'x' } } }),
  ],
  'the label of its name cannot go': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-v' } }),
    mergePatch('/api/v1/namespaces/{ns}-v', { metadata: { labels: { 'kubernetes.io/metadata.name': null } } }),
  ],
  'status by its subresource': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-s' } }),
    mergePatch('/api/v1/namespaces/{ns}-s/status', { status: { conditions: [{ type: 'X', status: 'True' }] } }),
    mergePatch('/api/v1/namespaces/{ns}-s', { status: { phase: 'Terminating' }, spec: { finalizers: [] } }),
  ],
  'why one has not gone yet': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-h', finalizers: ['example.com/own'] } }),
    create('/api/v1/namespaces/{ns}-h/configmaps', configMap('a', {}, { finalizers: ['example.com/hold'] })),
    remove('/api/v1/namespaces/{ns}-h', undefined, { pick: (body) => body.status.phase }),
    get('/api/v1/namespaces/{ns}-h', { until: hasCondition('True'), pick: (body) => body.status }),
    jsonPatch('/api/v1/namespaces/{ns}-h/configmaps/a', [{ op: 'remove', path: '/metadata/finalizers' }], {
      pick: (body) => body.data,
    }),
    get('/api/v1/namespaces/{ns}-h', { until: hasCondition('False'), pick: (body) => body.status }),
    jsonPatch('/api/v1/namespaces/{ns}-h', [{ op: 'remove', path: '/metadata/finalizers' }], { pick: () => '' }),
    get('/api/v1/namespaces/{ns}-h', { until: gone }),
  ],
  'the CA that is published in each is restored': [
    get('configmaps/kube-root-ca.crt', { until: ({ code }) => code === 200, pick: keysOfData }),
    mergePatch('configmaps/kube-root-ca.crt', { data: { more: 'x' } }, { pick: () => '' }),
    get('configmaps/kube-root-ca.crt', {
      until: ({ body }) => (body as Json).data.more === undefined,
      pick: keysOfData,
    }),
  ],
  'system ones cannot be deleted': [remove('/api/v1/namespaces/default'), remove('/api/v1/namespaces/kube-system')],
  'their collection cannot be deleted': [remove('/api/v1/namespaces')],
  'a bad finalizer': [create('/api/v1/namespaces', { metadata: { name: '{ns}-f' }, spec: { finalizers: ['x'] } })],
});
