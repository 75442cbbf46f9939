import { parse as parseYaml } from 'yaml';
import { interactions } from './harness/interactions.ts';
import {
  configMap,
  create,
  get,
  mergePatch,
  NOBODY,
  remove,
  send,
  widget,
  type Json,
  type Step,
} from './harness/step.ts';

const labelled = (name: string, labels: object): Step => create('configmaps', configMap(name, { a: '1' }, { labels }));
const THREE: readonly Step[] = [
  labelled('a', { t: '1', tier: 'front' }),
  labelled('b', { t: '1', tier: 'back' }),
  labelled('c', { t: '1' }),
];
const names = (body: { items?: { metadata: { name: string } }[] }): unknown =>
  body.items?.map(({ metadata }) => metadata.name) ?? body;
const accept = (value: string): { headers: { accept: string } } => ({ headers: { accept: value } });
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const PARTIAL = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const PARTIALS = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

const saying = (authorization: string) => ({ headers: { authorization }, as: NOBODY });

interactions('authorization headers', {
  ...Object.fromEntries(
    ['Bearer x', 'bearer x', 'Bearer', 'Bearer ', 'Bearer x y', 'Basic eDp5', 'x', ''].map(
      (header): [string, Step[]] => [
        `of ${JSON.stringify(header)}`,
        [get('/version', { ...saying(header), pick: () => 'the version' }), get('configmaps', saying(header))],
      ],
    ),
  ),
});

interactions('selectors', {
  ...Object.fromEntries(
    [
      't=1,tier=front',
      't==1,tier!=front',
      't=1,tier',
      't=1,!tier',
      't=1,tier in (front,back)',
      't=1,tier notin (front)',
      't=1,tier in ()',
      't>0',
      't<1',
      't=1,tier in front',
      't=1,,',
      'a b',
      't=1,tier=%',
      '!',
      'T/=1',
      't=1,tier=-x',
      't=x y',
      'example.com/x/y=1',
      't notin (2),t',
    ].map((selector) => [
      `labels ${selector}`,
      [...THREE, get(`configmaps?labelSelector=${encodeURIComponent(selector)}`, { pick: names })],
    ]),
  ),
  ...Object.fromEntries(
    [
      'metadata.name=a',
      'metadata.name==a',
      'metadata.name!=a,metadata.name!=kube-root-ca.crt',
      'metadata.namespace={ns},metadata.name=a',
      'metadata.namespace=other',
      'data.a=1',
      'metadata.uid=x',
      'metadata.name',
      'metadata.name in (a)',
      'metadata.name=a,metadata.name=b',
      '=a',
      'metadata.name=a\\,b',
      'metadata.name=a\\x',
    ].map((selector) => [
      `fields ${selector}`,
      [
        ...THREE,
        get(`configmaps?fieldSelector=${encodeURIComponent(selector).replaceAll(/%7Bns%7D/g, '{ns}')}`, {
          pick: names,
        }),
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['spec.color=red', 'spec.color!=red', 'spec.note=x', 'metadata.name=a', 'metadata.uid=x'].map((selector) => [
      `fields of a custom resource ${selector}`,
      [
        create('widgets', widget('a')),
        create('widgets', widget('b', { color: 'green' })),
        get(`widgets?fieldSelector=${encodeURIComponent(selector)}`, { pick: names }),
      ],
    ]),
  ),
  'both kinds of selector': [
    ...THREE,
    get('configmaps?labelSelector=t%3D1&fieldSelector=metadata.name%3Db', { pick: names }),
  ],
  'fields of Secrets, by type': [
    create('secrets', { metadata: { name: 'a' }, type: 'example.com/x' }),
    get('secrets?fieldSelector=type%3Dexample.com/x', { pick: names }),
  ],
  'fields of Namespaces, by phase': [
    get('/api/v1/namespaces?fieldSelector=status.phase%3DActive,metadata.name%3Dkube-system', { pick: names }),
  ],
  'over all namespaces': [
    ...THREE,
    get('/api/v1/configmaps?labelSelector=t%3D1&fieldSelector=metadata.namespace%3D{ns}', { pick: names }),
  ],
});

interactions('lists', {
  'of nothing': [get('widgets'), get('leases')],
  'of a selector of 40 KB': [
    ...THREE,
    get(`configmaps?labelSelector=tier+in+(front,${Array.from({ length: 5_000 }, (_, i) => `v${i}`).join(',')})`, {
      pick: names,
    }),
  ],
  'of three': [...THREE, get('configmaps?labelSelector=t')],
  'in a namespace that is not there': [
    get('/api/v1/namespaces/nowhere/configmaps'),
    get('/api/v1/namespaces/nowhere/configmaps/a'),
  ],
  'in pages': [
    ...THREE,
    get('configmaps?labelSelector=t&limit=2'),
    get('configmaps?labelSelector=t&limit=2&continue={continue.3}'),
  ],
  'in pages, without a selector': [
    create('widgets', widget('a')),
    create('widgets', widget('b')),
    create('widgets', widget('c')),
    get('widgets?limit=1'),
    get('widgets?limit=1&continue={continue.3}'),
    get('widgets?limit=5&continue={continue.4}'),
  ],
  'pages that do not see what came later': [
    create('widgets', widget('a')),
    create('widgets', widget('c')),
    get('widgets?limit=1'),
    create('widgets', widget('b')),
    get('widgets?limit=5&continue={continue.2}', { pick: names }),
    get('widgets?limit=5', { pick: names }),
  ],
  'limit that is none': [get('configmaps?limit=x'), get('configmaps?limit=-1&labelSelector=t')],
  'continue that is none': [
    get('configmaps?continue=x'),
    get('configmaps?limit=1&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ'),
  ],
  'continue with a revision': [
    ...THREE,
    get('configmaps?labelSelector=t&limit=1'),
    get('configmaps?labelSelector=t&limit=1&continue={continue.3}&resourceVersion={rv.0}'),
    get('configmaps?labelSelector=t&limit=1&continue={continue.3}&resourceVersion=0', { pick: names }),
    get('configmaps?labelSelector=t&continue={continue.3}&resourceVersionMatch=NotOlderThan'),
  ],
  'at any revision': [
    ...THREE, // any revision will do: a cache may lag
    get('configmaps?labelSelector=t&resourceVersion=0&limit=1', {
      pick: names,
      until: ({ body }) => (body as Json).items?.length === 3,
    }),
  ],
  'not older than one': [
    ...THREE,
    get('configmaps?labelSelector=t&resourceVersion={rv.2}', { pick: names }),
    get('configmaps?labelSelector=t&resourceVersion={rv.2}&resourceVersionMatch=NotOlderThan', { pick: names }),
  ],
  'exactly at one': [
    ...THREE,
    get('configmaps?labelSelector=t&resourceVersion={rv.1}&resourceVersionMatch=Exact', { pick: names }),
  ],
  'exactly at one, by a limit': [
    ...THREE,
    get('configmaps?labelSelector=t&resourceVersion={rv.1}&limit=5', { pick: names }),
  ],
  'exactly at 0': [get('configmaps?resourceVersion=0&resourceVersionMatch=Exact')],
  'a match without a revision': [
    get('configmaps?resourceVersionMatch=Exact'),
    get('configmaps?resourceVersionMatch=NotOlderThan'),
  ],
  'a match that is none': [get('configmaps?resourceVersion=5&resourceVersionMatch=Somehow')],
  'a revision that is none': [
    get('configmaps?resourceVersion=x'),
    get('configmaps/kube-root-ca.crt?resourceVersion=x'),
  ],
  'a revision to come': [
    get('configmaps?resourceVersion=999999999999', {
      pick: ({ message, ...rest }) => ({ ...rest, message: String(message).replace(/current: \d+/, 'current') }),
    }),
    get('configmaps/a?resourceVersion=999999999999', {
      pick: ({ message, ...rest }) => ({ ...rest, message: String(message).replace(/current: \d+/, 'current') }),
    }),
  ],
  'sendInitialEvents on a list': [get('configmaps?sendInitialEvents=true'), get('configmaps?sendInitialEvents=x')],
  'an object by revision': [
    ...THREE,
    get('configmaps/a?resourceVersion=0'),
    get('configmaps/a?resourceVersion={rv.0}'),
  ],
  pretty: [
    create('configmaps', configMap('a')),
    get('configmaps/a?pretty=true', { pick: (body) => body.data }),
    get('configmaps/a?pretty=x', { pick: (body) => body.data }),
  ],
  'a timeout': [
    get('configmaps?timeout=5s&labelSelector=t'),
    get('configmaps?timeout=x'),
    get('configmaps?timeoutSeconds=x'),
    get('/version?timeout=1y'),
  ],
});

const W = create('widgets', widget('a', { note: 'some note', replicas: 3 }));

interactions('representations', {
  'a Table of a ConfigMap': [labelled('a', { t: '1' }), get('configmaps/a', accept(TABLE))],
  'a Table of ConfigMaps': [...THREE, get('configmaps?labelSelector=t', accept(TABLE))],
  'a Table of nothing': [get('configmaps?labelSelector=none', accept(TABLE)), get('widgets', accept(TABLE))],
  'a Table with objects': [...THREE, get('configmaps?labelSelector=t&includeObject=Object', accept(TABLE))],
  'a Table without objects': [...THREE, get('configmaps?labelSelector=t&includeObject=None', accept(TABLE))],
  'a Table with something': [get('configmaps?includeObject=Some', accept(TABLE))],
  'a Table in pages': [...THREE, get('configmaps?labelSelector=t&limit=2', accept(TABLE))],
  'a Table of a custom resource': [W, get('widgets', accept(TABLE)), get('widgets/a', accept(TABLE))],
  'a Table of a scale': [
    W,
    get('widgets/a/scale', accept(TABLE)),
    get('widgets/a/scale', accept(PARTIAL)),
    mergePatch('widgets/a/scale', { spec: { replicas: 4 } }, accept(TABLE)),
  ],
  'a Table with whole objects in cells': [
    create('widgets', widget('a', { settings: { b: '1', a: '2' } })),
    get('widgets', accept(TABLE)),
  ],
  'a Table of a custom resource without columns': [
    create('gears', { apiVersion: 'conformance.example.com/v1', kind: 'Gear', metadata: { name: 'a' } }),
    get('gears', accept(TABLE)),
  ],
  'a Table of Secrets': [
    create('secrets', { metadata: { name: 'a' }, stringData: { x: 'y' } }),
    get('secrets', accept(TABLE)),
  ],
  'a Table of ServiceAccounts': [
    create('serviceaccounts', { metadata: { name: 'a' } }),
    get('serviceaccounts?fieldSelector=metadata.name%3Da', accept(TABLE)),
  ],
  'a Table of Leases': [
    create('leases', { metadata: { name: 'a' }, spec: { holderIdentity: 'me' } }),
    get('leases', accept(TABLE)),
  ],
  'a Table of Namespaces': [get('/api/v1/namespaces?fieldSelector=metadata.name%3D{ns}', accept(TABLE))],
  'a Table of definitions': [
    get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.conformance.example.com', accept(TABLE)),
  ],
  'a Table of Events': [
    create('events', {
      metadata: { name: 'a' },
      involvedObject: { kind: 'ConfigMap', name: 'x', namespace: '{ns}' },
      reason: 'Tested',
      message: 'it was tested',
      type: 'Normal',
      count: 3,
      source: { component: 'me', host: 'here' },
      firstTimestamp: '2020-01-01T00:00:00Z',
      lastTimestamp: '2020-01-01T00:00:00Z',
    }),
    get('events', {
      ...accept(TABLE),
      pick: (body) => ({
        ...body,
        rows: body.rows.map(({ cells, ...row }: { cells: unknown[] }) => ({
          ...row,
          cells: cells.map((cell) => (/^\d+[dy]/.test(String(cell)) ? '<age>' : cell)),
        })),
      }),
    }),
  ],
  'a Table by v1beta1': [
    ...THREE,
    get('configmaps?labelSelector=t', accept('application/json;as=Table;v=v1beta1;g=meta.k8s.io')),
  ],
  'a Table of what is not there': [get('configmaps/x', accept(TABLE))],
  'a Table on create': [create('configmaps', configMap('a'), accept(TABLE))],
  'metadata of one': [W, get('widgets/a', accept(PARTIAL))],
  'metadata of many': [...THREE, get('configmaps?labelSelector=t', accept(PARTIALS))],
  'metadata of many, asked as of one': [...THREE, get('configmaps?labelSelector=t', accept(PARTIAL))],
  'metadata of one, asked as of many': [W, get('widgets/a', accept(PARTIALS))],
  'metadata in another version': [
    W,
    get('widgets/a', accept('application/json;as=PartialObjectMetadata;v=v2;g=meta.k8s.io')),
  ],
  'something else': [W, get('widgets/a', accept('application/json;as=Nothing;v=v1;g=meta.k8s.io'))],
  'something else or JSON': [
    W,
    get('widgets/a', accept('application/json;as=Nothing;v=v1;g=meta.k8s.io,application/json')),
  ],
  'Accept of anything': [W, get('widgets/a', accept('*/*')), get('widgets/a', accept('application/*'))],
  'Accept of YAML': [
    W,
    get('widgets/a', { ...accept('application/yaml'), pick: (text) => String(text).includes('note: some note') }),
  ],
  'Accept of XML': [W, get('widgets/a', accept('application/xml'))],
  'Accept of HTML and JSON': [W, get('widgets/a', { ...accept('text/html,application/json'), pick: () => '' })],
  'Accept of protobuf, of a custom resource': [W, get('widgets/a', accept('application/vnd.kubernetes.protobuf'))],
  'Accept of protobuf or JSON': [W, get('widgets/a', accept('application/vnd.kubernetes.protobuf,application/json'))],
  'Accept with a quality': [W, get('widgets/a', accept('application/xml;q=0.9,application/json;q=0.1'))],
  'Accept that is none': [W, get('widgets/a', accept('a/b/c')), get('widgets/a', accept(''))],
  'an error for who accepts XML': [get('widgets/x', accept('application/xml'))],
});

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const metadataIn = (media: string, list = ''): { headers: { accept: string } } =>
  accept(`${media};as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1`);
const A = create('configmaps', {
  ...configMap('a', { a: '1' }, { labels: { t: '1', e: '' }, annotations: { x: 'ä' }, finalizers: ['example.com/x'] }),
  binaryData: { b: 'AAEC' },
});
const lastSecond = 'watch=true&timeoutSeconds=1';
const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';

interactions('protobuf', {
  'metadata of one': [A, W, get('configmaps/a', metadataIn(PROTOBUF)), get('widgets/a', metadataIn(PROTOBUF))],
  'metadata of many': [
    ...[A, W, get('configmaps?labelSelector=t', metadataIn(PROTOBUF, 'List'))],
    get('widgets?limit=1', metadataIn(PROTOBUF, 'List')),
  ],
  'metadata by whoever takes JSON, too': [
    ...[W, get('widgets/a', accept(`${metadataIn(PROTOBUF).headers.accept},application/json`))],
  ],
  'metadata in a watch': [
    ...[W, get(`widgets?${lastSecond}`, metadataIn(PROTOBUF))],
    get(`widgets?${lastSecond}&${initial}`, metadataIn(PROTOBUF)),
  ],
  'metadata of what was deleted': [A, remove('configmaps/a', undefined, metadataIn(PROTOBUF))],
  'an object, a list, a watch': [
    ...[A, get('configmaps/a', accept(PROTOBUF)), get('configmaps?labelSelector=t', accept(PROTOBUF))],
    get(`configmaps?${lastSecond}&labelSelector=t`, accept(PROTOBUF)),
    create('secrets', { metadata: { name: 'a' }, stringData: { x: 'y' } }, accept(PROTOBUF)),
  ],
  'a watch that is too old': [
    get(`configmaps?${lastSecond}&resourceVersion=999999999999`, {
      ...accept(PROTOBUF),
      pick: ({ reason, code }) => [reason, code],
    }),
  ],
  'other kinds': [
    create('events', {
      metadata: { name: 'e' },
      involvedObject: { kind: 'ConfigMap', name: 'x', namespace: '{ns}' },
      count: 3,
      firstTimestamp: '2020-01-01T00:00:00Z',
    }),
    create('leases', {
      metadata: { name: 'l' },
      spec: { leaseDurationSeconds: 5, renewTime: '2020-01-01T00:00:00.5Z' },
    }),
    ...['/api/v1/namespaces/{ns}', 'events/e', 'leases/l'].map((path) => get(path, accept(PROTOBUF))),
    get('/apis/events.k8s.io/v1/namespaces/{ns}/events/e', accept(PROTOBUF)),
    get('/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin', accept(PROTOBUF)),
    get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.conformance.example.com', accept(PROTOBUF)),
  ],
  errors: [get('configmaps/x', accept(PROTOBUF)), get('widgets/x', accept(PROTOBUF))],
});

const fromYaml = (text: string): Json => parseYaml(text, { version: '1.1' });

interactions('YAML', {
  'an object as Go reads it': [
    create('configmaps', configMap('a', { y: 'n', on: '~', x: '0x1', t: '2020-01-01', f: '1_0', m: 'a\nb\n' })),
    get('configmaps/a', { ...accept('application/yaml'), pick: (text) => fromYaml(text).data }),
  ],
  'an error': [get('configmaps/x', accept('application/yaml'))],
  'a watch': [get(`configmaps?${lastSecond}`, { ...accept('application/yaml'), pick: fromYaml })],
});

interactions('paths', {
  'a resource that is not there': [
    get('/api/v1/namespaces/{ns}/nothings'),
    get('/apis/conformance.example.com/v1/namespaces/{ns}/nothings/a'),
  ],
  'a group that is not there': [get('/apis/nothing.example.com/v1'), get('/apis/nothing.example.com/v1/things')],
  'a version that is not there': [
    get('/apis/conformance.example.com/v7'),
    get('/apis/conformance.example.com/v7/widgets'),
  ],
  'a subresource that is not there': [W, get('widgets/a/nothing'), get('gears/a/status'), get('configmaps/a/status')],
  'no API at all': [get('/nothing'), get('/api/v2')],
  'a method that is none': [
    send('POST', 'configmaps/a', configMap('a')),
    send('OPTIONS', 'configmaps'),
    send('HEAD', 'configmaps/kube-root-ca.crt'),
    send('HEAD', 'gears'),
    send('DELETE', '/api/v1'),
    send('PUT', '/version', {}),
  ],
  'a namespaced resource without a namespace': [
    create('/api/v1/configmaps', configMap('a')),
    get('/apis/conformance.example.com/v1/widgets/a'),
    create('/apis/conformance.example.com/v1/widgets', widget('a')),
    remove('/apis/conformance.example.com/v1/widgets'),
    remove('/api/v1/configmaps'),
  ],
  'a cluster resource in a namespace': [
    get('/api/v1/namespaces/{ns}/namespaces/a'),
    get('/apis/apiextensions.k8s.io/v1/namespaces/{ns}/customresourcedefinitions'),
  ],
  'a trailing slash': [
    get('/api/v1/namespaces/{ns}/configmaps/?labelSelector=t'),
    ...['/api/', '/apis/conformance.example.com/v1/', '/version/', '/healthz/', '/metrics/', '/openapi/v2/'].map(
      (path) => get(path, { pick: ({ kind, major }) => kind ?? major }),
    ),
    ...['/api/', '/healthz/', '//'].map((path) => get(path, { as: NOBODY })),
  ],
  'slashes in the middle': [
    get('/api/v1/namespaces//configmaps?labelSelector=none'),
    get('/api//v1', { pick: ({ reason }) => reason }),
  ],
  'the paths that are served': [
    get('/', {
      pick: ({ paths }) =>
        paths.filter((path: string) =>
          /^\/(apis?|(api|apis\/(conformance|hostler|rbac)[^/]*)(\/v\w+)?|healthz|livez|readyz|version|metrics|open[^/]+(\/v\d(\/jwks)?)?|\.well.*)$/.test(
            path,
          ),
        ),
    }),
    get('/', { as: { name: 'jane' } }),
  ],
  'a name with an escape': [
    get('/api/v1/namespaces/{ns}/configmaps/a%2Fb'),
    get('/api/v1/namespaces/{ns}/configmaps/%zz'),
  ],
});
