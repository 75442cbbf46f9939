import { interactions } from './harness/interactions.ts';
import { create, get, jsonPatch, mergePatch, remove, replace, strategicPatch, type Json } from './harness/step.ts';

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (rest: object, name = 'a'): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  ...rest,
});
const lease = (spec: object): object => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'a' },
  spec,
});
const event = (rest: object): object => ({
  apiVersion: 'v1',
  kind: 'Event',
  metadata: { name: 'a' },
  involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: '{ns}', uid: 'u1' },
  reason: 'Tested',
  message: 'it was tested',
  type: 'Normal',
  source: { component: 'me' },
  firstTimestamp: '2020-01-01T00:00:00Z',
  lastTimestamp: '2020-01-01T00:00:00Z',
  count: 1,
  ...rest,
});
const newEvent = (rest: object): object => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'n' },
  regarding: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: '{ns}' },
  reason: 'Tested',
  note: 'it was tested',
  type: 'Normal',
  action: 'Testing',
  eventTime: '2020-01-01T00:00:00.123456Z',
  reportingController: 'example.com/me',
  reportingInstance: 'me-1',
  ...rest,
});
const EVENTS = '/apis/events.k8s.io/v1/namespaces/{ns}/events';

interactions('secrets', {
  'by stringData': [create('secrets', secret({ stringData: { x: 'y' }, data: { z: b64('1') } })), get('secrets/a')],
  'stringData wins': [create('secrets', secret({ stringData: { x: 'y' }, data: { x: b64('1') } }))],
  'no base64': [create('secrets', secret({ data: { x: '%%' } })), create('secrets', secret({ data: { x: 'YQ' } }))],
  'bad key': [create('secrets', secret({ data: { 'a b': b64('x') } }))],
  'null value': [create('secrets', secret({ data: { a: null } }))],
  'an empty type': [create('secrets', secret({ type: '' }))],
  'a key that is too long': [create('secrets', secret({ data: { ['k'.repeat(254)]: b64('x') } }))],
  'type cannot change': [create('secrets', secret({})), mergePatch('secrets/a', { type: 'example.com/x' })],
  immutable: [
    create('secrets', secret({ immutable: true, data: { a: b64('1') } })),
    mergePatch('secrets/a', { data: { a: b64('2') } }),
    mergePatch('secrets/a', { immutable: null }),
  ],
  'too much': [create('secrets', secret({ data: { a: b64('x'.repeat(1_100_000)) } }))],
  ...Object.fromEntries(
    [
      { type: 'kubernetes.io/ssh-auth' },
      { type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': '' } },
      { type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': b64('key') } },
      { type: 'kubernetes.io/basic-auth' },
      { type: 'kubernetes.io/basic-auth', data: { username: b64('me') } },
      { type: 'kubernetes.io/tls' },
      { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } },
      { type: 'kubernetes.io/dockerconfigjson' },
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': b64('x') } },
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': b64('{}') } },
      { type: 'kubernetes.io/dockercfg', data: { '.dockercfg': b64('x') } },
      { type: 'kubernetes.io/service-account-token' },
      { type: 'bootstrap.kubernetes.io/token' },
      ...['constructor', 'toString', '__proto__'].map((type) => ({ type })),
    ].map((rest) => [`of type ${JSON.stringify(rest)}`, [create('secrets', secret(rest))]]),
  ),
});

interactions('service accounts', {
  'create and read': [
    create('serviceaccounts', { metadata: { name: 'a' }, automountServiceAccountToken: false }),
    get('serviceaccounts/a'),
  ],
  'secrets are only named': [
    create('serviceaccounts', { metadata: { name: 'a' }, secrets: [{ name: 'x', namespace: 'n', kind: 'K' }] }),
    mergePatch('serviceaccounts/a', { secrets: [{ name: 'y', uid: 'u' }] }),
  ],
  'a secret twice': [
    create('serviceaccounts', { metadata: { name: 'a' }, secrets: [{ name: 'x' }, { name: 'x' }] }),
    mergePatch('serviceaccounts/a', { metadata: { labels: { a: 'b' } } }),
    mergePatch('serviceaccounts/a', { secrets: [{ name: 'y' }, { name: 'x' }, { name: 'x' }] }),
    strategicPatch('serviceaccounts/a', { secrets: [{ name: 'x', uid: 'u' }] }),
  ],
  'tokens with metadata': [
    create('serviceaccounts', { metadata: { name: 'a' } }),
    create(
      'serviceaccounts/a/token',
      { metadata: { labels: { b: 'c' } }, spec: {} },
      { pick: ({ metadata, status }) => [{ ...metadata, managedFields: undefined }, Object.keys(status).sort()] },
    ),
    create('serviceaccounts/a/token', { metadata: { namespace: 'other' } }),
    create('serviceaccounts/a/token', { spec: { boundObjectRef: { kind: 'Secret', name: 'x' } } }),
  ],
  'tokens that cannot be': [
    create('serviceaccounts', { metadata: { name: 'a' } }),
    create('serviceaccounts/a/token', { metadata: { name: 'b' } }),
    create('serviceaccounts/a/token', { metadata: { uid: 'other' } }),
    ...['Pod', 'Other'].map((kind) =>
      create('serviceaccounts/a/token', { spec: { boundObjectRef: { kind, apiVersion: 'v1', name: 'x' } } }),
    ),
  ],
  'secrets of one': [
    create('serviceaccounts', { metadata: { name: 'a' }, secrets: [{ name: 'x' }], imagePullSecrets: [{ name: 'y' }] }),
  ],
  'a bad name': [create('serviceaccounts', { metadata: { name: 'A' } })],
  'every namespace has one': [
    get('serviceaccounts/default', { until: ({ code }) => code === 200 }),
    get('configmaps/kube-root-ca.crt', {
      until: ({ code }) => code === 200,
      pick: ({ data, ...rest }) => ({ ...rest, data: Object.keys(data as object) }),
    }),
  ],
  'deleting one shows it': [
    create('serviceaccounts', { metadata: { name: 'a' } }),
    remove('serviceaccounts/a?dryRun=All'),
    remove('serviceaccounts/a'),
    get('serviceaccounts/a'),
  ],
  'the one of a namespace comes again': [
    get('serviceaccounts/default', { until: ({ code }) => code === 200 }),
    remove('serviceaccounts/default', undefined, { pick: (body) => body.kind }),
    get('serviceaccounts/default', { until: ({ code }) => code === 200 }),
  ],
});

interactions('leases', {
  'in another zone': [
    create(
      'leases',
      lease({ renewTime: '2020-01-01T00:00:00.123456+02:00', acquireTime: '2020-01-01T00:00:00.000001Z' }),
    ),
  ],
  'create, renew, read': [
    create(
      'leases',
      lease({
        holderIdentity: 'me',
        leaseDurationSeconds: 15,
        acquireTime: '2020-01-01T00:00:00.123456Z',
        renewTime: '2020-01-01T00:00:00.000000Z',
        leaseTransitions: 0,
      }),
    ),
    mergePatch('leases/a', { spec: { renewTime: '2020-01-01T00:00:01.5Z', leaseTransitions: 1 } }),
    get('leases/a'),
  ],
  'bad numbers': [create('leases', lease({ leaseDurationSeconds: 0, leaseTransitions: -1 }))],
  'a time without a fraction': [create('leases', lease({ renewTime: '2020-01-01T00:00:00Z' }))],
  'a time in another zone': [create('leases', lease({ renewTime: '2020-01-01T02:00:00.25+02:00' }))],
  'a time that is none': [create('leases', lease({ renewTime: 'now' }))],
  'a number that is text': [create('leases', lease({ leaseDurationSeconds: '15' }))],
  'a number with a fraction': [create('leases', lease({ leaseDurationSeconds: 1.5 }))],
  'a number that is too big': [create('leases', lease({ leaseDurationSeconds: 3_000_000_000 }))],
  strategy: [
    create('leases', lease({ strategy: 'OldestEmulationVersion', preferredHolder: 'x' })),
    create('leases', lease({ preferredHolder: 'x' })),
  ],
  'an old revision loses': [
    create('leases', lease({ holderIdentity: 'me' })),
    mergePatch('leases/a', { spec: { holderIdentity: 'you' } }),
    replace('leases/a', { ...lease({ holderIdentity: 'them' }), metadata: { name: 'a', resourceVersion: '{rv.0}' } }),
    replace('leases/a', lease({ holderIdentity: 'them' })),
  ],
});

interactions('events', {
  'create and read': [create('events', event({})), get('events/a')],
  'in both groups': [create('events', event({})), get(`${EVENTS}/a`), create(EVENTS, newEvent({})), get('events/n')],
  'without an object': [create('events', event({ involvedObject: {} }))],
  'in another namespace than its object': [
    create('events', event({ involvedObject: { kind: 'ConfigMap', name: 'x', namespace: 'other' } })),
  ],
  'of something without a namespace': [
    create('events', event({ involvedObject: { kind: 'Node', name: 'x' } })),
    create('/api/v1/namespaces/default/events', {
      ...event({ involvedObject: { kind: 'Node', name: 'x' } }),
      metadata: { generateName: 'x-' },
    }),
  ],
  'of an unknown type': [create('events', event({ type: 'Odd' }))],
  'selected by their object': [
    create('events', event({})),
    get(
      'events?fieldSelector=involvedObject.kind%3DConfigMap,involvedObject.name%3Dx,involvedObject.uid%3Du1,involvedObject.namespace%3D{ns}',
    ),
    get('events?fieldSelector=reason%3DTested,type%3DNormal,source%3Dme'),
    get('events?fieldSelector=message%3Dx'),
  ],
  'counted up': [
    create('events', event({})),
    mergePatch('events/a', { count: 2, lastTimestamp: '2020-01-01T00:01:00Z' }),
  ],
  'of the newer group, faulty': [
    create(EVENTS, newEvent({ eventTime: null })),
    create(EVENTS, newEvent({ reportingController: '' })),
    create(EVENTS, newEvent({ reportingController: 'a b' })),
    create(EVENTS, newEvent({ type: 'Odd' })),
    create(EVENTS, newEvent({ action: '' })),
    create(EVENTS, newEvent({ reason: '' })),
    create(EVENTS, newEvent({ note: 'x'.repeat(1100) })),
    create(EVENTS, newEvent({ reportingInstance: 'x'.repeat(130) })),
    create(EVENTS, newEvent({ deprecatedCount: 3 })),
  ],
  'of the newer group, changed': [
    create(EVENTS, newEvent({})),
    mergePatch(`${EVENTS}/n`, { series: { count: 2, lastObservedTime: '2020-01-01T00:01:00.000000Z' } }),
    mergePatch(`${EVENTS}/n`, { note: 'another' }),
  ],
  'deleted as a collection': [create('events', event({})), jsonPatch('events/a', []), remove('events'), get('events')],
});

const AUTHORIZATION = '/apis/authorization.k8s.io/v1';

/** Without what is of the certificate alone. */
const knownUser = ({ status, ...rest }: Json): unknown => ({
  ...rest,
  user: status?.userInfo.username,
  groups: status?.userInfo.groups,
});

/** As field or label selectors. */
const SELECTORS: readonly object[] = [
  {},
  { rawSelector: 'a=b' },
  { rawSelector: 'a in (b' },
  { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'Exists' }] },
  { requirements: [] },
  { requirements: [{ key: 'a', operator: 'In', values: ['b'] }] },
  { requirements: [{ key: 'a', operator: 'In' }] },
  { requirements: [{ key: 'a', operator: 'NotIn', values: ['b', 'c'] }] },
  { requirements: [{ key: 'a', operator: 'Exists' }] },
  { requirements: [{ key: 'a', operator: 'DoesNotExist', values: ['b'] }] },
  {
    requirements: [
      { key: 'a', operator: 'Odd' },
      { key: 'a', operator: 'In', values: ['b'] },
    ],
  },
  { requirements: [{ key: '', operator: 'Exists' }] },
  { requirements: [{ key: 'a b', operator: 'Exists' }] },
  { rawSelector: 'a', odd: 1 },
];

interactions('reviews', {
  'who am I': [
    create('/apis/authentication.k8s.io/v1/selfsubjectreviews', {}, { pick: knownUser }),
    create(
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { metadata: { name: 'a', labels: { b: 'c' }, creationTimestamp: '2020-01-01T00:00:00Z' } },
      { pick: knownUser },
    ),
  ],
  'may I': [
    create(
      `${AUTHORIZATION}/selfsubjectaccessreviews`,
      { spec: { resourceAttributes: { verb: 'get', resource: 'configmaps', namespace: '{ns}' } } },
      { pick: (body) => body.status.allowed },
    ),
    create(
      `${AUTHORIZATION}/selfsubjectaccessreviews`,
      { spec: { nonResourceAttributes: { verb: 'get', path: '/healthz' } } },
      { pick: (body) => body.status.allowed },
    ),
  ],
  'with what is unknown': [
    ...['', '?fieldValidation=Strict'].map((query) =>
      create(
        `${AUTHORIZATION}/selfsubjectaccessreviews${query}`,
        { spec: { resourceAttributes: { verb: 'get', resource: 'x' }, odd: 1 } },
        { pick: ({ message, status }) => message ?? status },
      ),
    ),
  ],
  'of one namespace': [
    ...[
      { metadata: { namespace: 'other' }, spec: { user: 'x', resourceAttributes: { namespace: '{ns}' } } },
      { spec: { user: 'x', resourceAttributes: { verb: 'get' } } },
      { spec: { user: 'x', nonResourceAttributes: { verb: 'get' } } },
    ].map((body) =>
      create(`${AUTHORIZATION}/namespaces/{ns}/localsubjectaccessreviews`, body, {
        pick: ({ reason, details }) => [reason, details?.causes?.map(({ field }: Json) => field)],
      }),
    ),
  ],
  'of rules': [
    create(
      `${AUTHORIZATION}/selfsubjectrulesreviews`,
      { spec: { namespace: '{ns}' } },
      { pick: ({ metadata, spec }) => [metadata, spec] },
    ),
    create(`${AUTHORIZATION}/selfsubjectrulesreviews`, {}),
  ],
  'of a list by selectors': [
    ...SELECTORS.flatMap((selector) =>
      ['fieldSelector', 'labelSelector'].map((kind) =>
        create(`${AUTHORIZATION}/subjectaccessreviews`, {
          spec: { user: 'x', resourceAttributes: { verb: 'list', resource: 'configmaps', [kind]: selector } },
        }),
      ),
    ),
  ],
  'of nothing, of nobody, of too much': [
    ...['selfsubjectaccessreviews', 'subjectaccessreviews', 'namespaces/{ns}/localsubjectaccessreviews'].flatMap(
      (resource) =>
        [
          {},
          { spec: null },
          { spec: { user: 'x' } },
          { spec: { resourceAttributes: { verb: 'get', namespace: '{ns}' } } },
          { spec: { groups: ['x'], resourceAttributes: { verb: 'get', namespace: '{ns}' } } },
        ].map((body) => create(`${AUTHORIZATION}/${resource}`, body)),
    ),
    create(
      `${AUTHORIZATION}/selfsubjectaccessreviews`,
      { spec: { resourceAttributes: { verb: 'get' }, nonResourceAttributes: { path: '/x' } } },
      { pick: ({ details }) => details.causes.map(({ field }: Json) => field) },
    ),
  ],
  'with metadata': [
    ...['selfsubjectaccessreviews', 'subjectaccessreviews', 'namespaces/{ns}/localsubjectaccessreviews'].flatMap(
      (resource) =>
        [{ name: 'x' }, { labels: { a: 'b' } }, { namespace: '{ns}' }, { labels: {}, creationTimestamp: null }].map(
          (metadata) =>
            create(
              `${AUTHORIZATION}/${resource}?fieldManager=m`,
              { metadata, spec: { user: 'x', resourceAttributes: { verb: 'get', namespace: '{ns}' } } },
              { pick: ({ reason, details, ...rest }) => (reason === undefined ? rest : details.causes[0].field) },
            ),
        ),
    ),
  ],
  'cannot be read': [
    get(`${AUTHORIZATION}/selfsubjectaccessreviews`),
    get('/apis/authentication.k8s.io/v1/selfsubjectreviews/x'),
  ],
});
