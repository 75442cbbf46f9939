import { interactions } from './harness/interactions.ts';
import {
  configMap,
  create,
  get,
  gone,
  mergePatch,
  remove,
  replace,
  widget,
  type Json,
  type Step,
} from './harness/step.ts';

const GROUP = 'rbac.authorization.k8s.io';
const CLUSTER_ROLES = `/apis/${GROUP}/v1/clusterroles`;
const CLUSTER_BINDINGS = `/apis/${GROUP}/v1/clusterrolebindings`;

const JANE = { name: 'jane', groups: ['developers'] };
const as = { as: JANE };
/** kube-apiserver sees a new role or binding a moment later. */
const allowed = { as: JANE, until: ({ code }: { code: number }): boolean => code !== 403 };

const rule = (verbs: string[], resources: string[], rest: object = {}): object => ({
  apiGroups: [''],
  resources,
  verbs,
  ...rest,
});
const role = (rules: object[], name = 'r'): Json => ({ metadata: { name }, rules });
const user = { kind: 'User', name: 'jane', apiGroup: GROUP };
const binding = (rest: object = {}, name = 'b'): Json => ({
  metadata: { name },
  subjects: [user],
  roleRef: { kind: 'Role', name: 'r', apiGroup: GROUP },
  ...rest,
});
const grant = (...rules: object[]): Step[] => [create('roles', role(rules)), create('rolebindings', binding())];
const A = create('configmaps', configMap('a'));

interactions('decisions', {
  'somebody without rights': [
    get('configmaps', as),
    get('configmaps/a', as),
    create('configmaps', configMap('a'), as),
    mergePatch('configmaps/a', {}, as),
    remove('configmaps/a', undefined, as),
    remove('configmaps', undefined, as),
    get('widgets/a/status', as),
    get('/api/v1/configmaps', as),
    get('/api/v1/namespaces/{ns}', as),
    get('/metrics', as),
  ],
  'what everybody may': [
    get('/version', { ...as, pick: () => '' }),
    get('/api', { ...as, pick: () => '' }),
    get('/healthz', as),
    get('/openapi/v3', { ...as, pick: () => '' }),
  ],
  'a verb of a resource': [
    ...grant(rule(['get'], ['configmaps'])),
    A,
    get('configmaps/a', allowed),
    get('configmaps', as),
    mergePatch('configmaps/a', { data: { b: '2' } }, as),
    get('secrets/a', as),
    get('/api/v1/namespaces/default/configmaps/a', as),
  ],
  'update without create': [
    ...grant(rule(['update'], ['leases'], { apiGroups: ['coordination.k8s.io'] })),
    create('leases', { metadata: { name: 'a' }, spec: { holderIdentity: 'x' } }),
    replace('leases/a', { metadata: { name: 'a', resourceVersion: '{rv.2}' }, spec: { holderIdentity: 'y' } }, allowed),
    replace('leases/b', { metadata: { name: 'b' } }, as),
  ],
  'one by name': [
    ...grant(rule(['get', 'list', 'delete', 'create'], ['configmaps'], { resourceNames: ['a'] })),
    A,
    get('configmaps/a', allowed),
    get('configmaps/b', as),
    get('configmaps', as),
    ...[
      'metadata.name=a',
      'metadata.name==a',
      'metadata.namespace={ns},metadata.name=a',
      'metadata.name=a,metadata.namespace!=x',
      'metadata.name=a,metadata.name=b',
      'metadata.name=b,metadata.name=a',
      'metadata.name!=b',
      'metadata.name=a/b',
      'metadata.name=a\\\\',
    ].map((selector) =>
      get(`configmaps?fieldSelector=${encodeURIComponent(selector)}`.replaceAll('%7B', '{').replaceAll('%7D', '}'), {
        ...as,
        pick: (body) => body.items?.length ?? body,
      }),
    ),
    remove('configmaps?fieldSelector=metadata.name%3Da', undefined, as),
    create('configmaps', configMap('a'), as),
    remove('configmaps/a', undefined, as),
  ],
  'every verb': [
    ...grant(rule(['*'], ['configmaps'])),
    create('configmaps', configMap('a'), allowed),
    remove('configmaps/a', undefined, as),
  ],
  'every resource of a group': [
    ...grant(rule(['get'], ['*'], { apiGroups: ['conformance.example.com'] })),
    create('widgets', widget('a')),
    get('widgets/a', allowed),
    get('widgets/a/status', { ...as, pick: (body) => body.kind }),
    get('configmaps/a', as),
  ],
  'a subresource only': [
    ...grant(rule(['get', 'patch'], ['widgets/status'], { apiGroups: ['conformance.example.com'] })),
    create('widgets', widget('a')),
    mergePatch('widgets/a/status', { status: { phase: 'Ready' } }, { ...allowed, pick: (body) => body.status }),
    get('widgets/a', as),
    mergePatch('widgets/a', {}, as),
  ],
  'every status': [
    ...grant(rule(['get'], ['*/status'], { apiGroups: ['*'] })),
    create('widgets', widget('a')),
    get('widgets/a/status', { ...allowed, pick: (body) => body.kind }),
    get('widgets/a', as),
  ],
  'by a group': [
    create('roles', role([rule(['get'], ['configmaps'])])),
    create('rolebindings', binding({ subjects: [{ kind: 'Group', name: 'developers', apiGroup: GROUP }] })),
    A,
    get('configmaps/a', allowed),
  ],
  'everybody who is known': [
    create('roles', role([rule(['get'], ['configmaps'])])),
    create('rolebindings', binding({ subjects: [{ kind: 'Group', name: 'system:authenticated', apiGroup: GROUP }] })),
    A,
    get('configmaps/a', allowed),
  ],
  'a cluster role in one namespace': [
    create(CLUSTER_ROLES, role([rule(['get'], ['configmaps'])], '{ns}-c')),
    create('rolebindings', binding({ roleRef: { kind: 'ClusterRole', name: '{ns}-c', apiGroup: GROUP } })),
    A,
    get('configmaps/a', allowed),
    get('/api/v1/namespaces/default/configmaps/a', as),
    get('/api/v1/configmaps', as),
  ],
  'a cluster role in the cluster, until it is unbound': [
    create(CLUSTER_ROLES, { ...role([rule(['get'], ['namespaces'])], '{ns}-d') }),
    create(CLUSTER_BINDINGS, binding({ roleRef: { kind: 'ClusterRole', name: '{ns}-d', apiGroup: GROUP } }, '{ns}-d')),
    get('/api/v1/namespaces/{ns}', { ...allowed, pick: (body) => body.kind }),
    remove(`${CLUSTER_BINDINGS}/{ns}-d`),
    get('/api/v1/namespaces/{ns}', { as: JANE, until: ({ code }) => code === 403 }),
  ],
  'a role that is not there': [
    create('rolebindings', binding()),
    // the message names the role as soon as the authorizer knows of the binding
    get('configmaps/a', { as: JANE, until: ({ body }) => JSON.stringify(body).includes('RBAC:') }),
  ],
  'a watch': [
    ...grant(rule(['list'], ['configmaps'])),
    get('configmaps?labelSelector=none', allowed),
    get('configmaps?watch=true', as),
  ],
});

const MANAGER = rule(['create', 'update', 'patch', 'get'], ['roles', 'rolebindings'], { apiGroups: [GROUP] });

interactions('escalation', {
  'a role with more than one has': [
    ...grant(MANAGER, rule(['get'], ['configmaps'])),
    create('roles', role([rule(['get'], ['configmaps'])], 'same'), allowed),
    create('roles', role([rule(['get', 'list'], ['configmaps'])], 'more'), as),
    create('roles', role([rule(['*'], ['*'], { apiGroups: ['*'] })], 'all'), as),
    mergePatch('roles/same', { rules: [rule(['delete'], ['secrets'])] }, as),
  ],
  'a role with more than one has, by escalate': [
    ...grant(MANAGER, rule(['escalate'], ['roles'], { apiGroups: [GROUP] })),
    create('roles', role([rule(['delete'], ['secrets'])], 'more'), allowed),
  ],
  'a binding to a role with more than one has': [
    ...grant(MANAGER, rule(['get'], ['configmaps'])),
    create('roles', role([rule(['get'], ['secrets'])], 'more')),
    create('roles', role([rule(['get'], ['configmaps'])], 'same')),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'same', apiGroup: GROUP } }, 'c'), allowed),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'more', apiGroup: GROUP } }, 'd'), as),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'none', apiGroup: GROUP } }, 'e'), as),
    create(
      'rolebindings',
      binding({ roleRef: { kind: 'ClusterRole', name: 'cluster-admin', apiGroup: GROUP } }, 'f'),
      as,
    ),
  ],
  'a binding by bind': [
    ...grant(MANAGER, rule(['bind'], ['roles'], { apiGroups: [GROUP], resourceNames: ['more'] })),
    create('roles', role([rule(['get'], ['secrets'])], 'more')),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'more', apiGroup: GROUP } }, 'd'), allowed),
  ],
});

interactions('roles and bindings', {
  'what is stored': [
    create('roles', role([rule(['get'], ['configmaps'])])),
    get('roles/r'),
    create('rolebindings', binding()),
    get('rolebindings/b'),
  ],
  'without rules': [
    create('roles', { metadata: { name: 'r' } }),
    create('roles', { metadata: { name: 's' }, rules: [] }),
  ],
  'bad rules': [
    create('roles', role([{}])),
    create('roles', role([{ verbs: ['get'] }])),
    create('roles', role([{ verbs: ['get'], apiGroups: [''] }])),
    create('roles', role([{ verbs: [], apiGroups: [''], resources: ['x'] }])),
    create('roles', role([{ verbs: ['get'], nonResourceURLs: ['/x'] }])),
    create(
      CLUSTER_ROLES,
      role([{ verbs: ['get'], nonResourceURLs: ['/x'], resources: ['y'], apiGroups: [''] }], '{ns}-x'),
    ),
    create(CLUSTER_ROLES, role([{ verbs: ['get'], nonResourceURLs: ['/x*'] }], '{ns}-y')),
  ],
  'bad subjects': [
    create('rolebindings', binding({ subjects: [{ kind: 'Robot', name: 'x' }] })),
    create('rolebindings', binding({ subjects: [{ kind: 'User' }] })),
    create('rolebindings', binding({ subjects: [{ kind: 'ServiceAccount', name: 'x' }] })),
    create('rolebindings', binding({ subjects: [{ kind: 'User', name: 'x', apiGroup: 'other' }] })),
    create(
      'rolebindings',
      binding({ subjects: [{ kind: 'ServiceAccount', name: 'x', namespace: 'y', apiGroup: GROUP }] }),
    ),
  ],
  'defaults of subjects': [
    create(
      'rolebindings',
      binding({
        subjects: [
          { kind: 'User', name: 'x' },
          { kind: 'ServiceAccount', name: 'x', namespace: 'y' },
        ],
        roleRef: { kind: 'Role', name: 'r' },
      }),
    ),
  ],
  'bad references': [
    create('rolebindings', binding({ roleRef: {} })),
    create('rolebindings', binding({ roleRef: { kind: 'Thing', name: 'r', apiGroup: GROUP } })),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'a/b', apiGroup: GROUP } })),
    create('rolebindings', binding({ roleRef: { kind: 'Role', name: 'r', apiGroup: 'x' } })),
    create(CLUSTER_BINDINGS, binding({}, '{ns}-z')),
  ],
  'a reference that changes': [
    create('rolebindings', binding()),
    mergePatch('rolebindings/b', { roleRef: { name: 's' } }),
  ],
  'names that others may not have': [
    create('roles', role([], 'system:a:b')),
    create('roles', role([], 'a/b')),
    create('roles', role([], '..')),
  ],
  'an aggregate': [
    create(CLUSTER_ROLES, {
      ...role([rule(['get'], ['configmaps'])], '{ns}-part'),
      metadata: { name: '{ns}-part', labels: { '{ns}': 'yes' } },
    }),
    create(CLUSTER_ROLES, {
      metadata: { name: '{ns}-sum' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { '{ns}': 'yes' } }] },
    }),
    get(`${CLUSTER_ROLES}/{ns}-sum`, {
      until: ({ body }) => (body as Json).rules?.length > 0,
      pick: ({ rules }) => rules,
    }),
  ],
  'a bad aggregate': [
    create(CLUSTER_ROLES, { metadata: { name: '{ns}-bad' }, aggregationRule: { clusterRoleSelectors: [] } }),
  ],
  'those that are there from the beginning': [
    'cluster-admin',
    'system:discovery',
    'system:basic-user',
    'system:public-info-viewer',
  ].map((name) => get(`${CLUSTER_ROLES}/${name}`, { pick: ({ rules }) => rules })),
  'one that is deleted': [create('roles', role([])), remove('roles/r'), get('roles/r', { until: gone })],
  Tables: [
    ...grant(rule(['get'], ['configmaps'])),
    get('roles', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      pick: ({ rows }) => rows.map(({ cells }: Json) => String(cells[0])),
    }),
    get('rolebindings', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      pick: ({ rows, columnDefinitions }) => [
        columnDefinitions.map(({ name, priority }: Json) => [name, priority]),
        rows.map(({ cells }: Json) => [
          cells[0],
          ...cells.slice(1).filter((cell: unknown) => !/^\d+s$/.test(String(cell))),
        ]),
      ],
    }),
  ],
});

const whoAmI = (headers: Record<string, string>): Step =>
  create('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { headers, pick: (body) => body.status ?? body });

interactions('impersonation', {
  'of all parts': [
    whoAmI({
      'impersonate-user': 'jane',
      'impersonate-group': 'developers',
      'impersonate-uid': 'u1',
      'impersonate-extra-scopes': 'read',
      'impersonate-extra-example.com%2fx': 'y',
    }),
  ],
  'of a service account': [whoAmI({ 'impersonate-user': 'system:serviceaccount:{ns}:default' })],
  'of nobody': [
    ...['group', 'uid', 'extra-scopes'].map((part) => whoAmI({ [`impersonate-${part}`]: 'x' })),
    whoAmI({ 'impersonate-group': 'x', 'impersonate-extra-a%2fb': 'y', 'impersonate-uid': 'z' }),
  ],
  'by who may not': [get('configmaps', { ...as, headers: { 'impersonate-user': 'a "name"' } })],
  'of who may not': [get('configmaps', { headers: { 'impersonate-user': 'a "name"' } })],
});
