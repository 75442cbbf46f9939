import { interactions } from './harness/interactions.ts';
import {
  configMap,
  create,
  get,
  mergePatch,
  remove,
  send,
  watch,
  widget,
  jsonPatch,
  NOBODY,
  webSocket,
} from './harness/step.ts';

const A = create('widgets', widget('a'));

interactions('watches', {
  'of what is to come': [
    A,
    watch('widgets?watch=true&resourceVersion={rv.0}', 3, [
      create('widgets', widget('b')),
      mergePatch('widgets/b', { spec: { note: 'xx' } }),
      remove('widgets/b'),
    ]),
  ],
  'from now on, with what is there': [A, watch('widgets?watch=true', 2, [create('widgets', widget('b'))])],
  'from 0': [A, watch('widgets?watch=true&resourceVersion=0', 2, [create('widgets', widget('b'))])],
  'of one by name': [
    A,
    watch('widgets?watch=true&fieldSelector=metadata.name%3Da&resourceVersion={rv.0}', 1, [
      create('widgets', widget('b')),
      mergePatch('widgets/a', { spec: { note: 'xx' } }),
    ]),
  ],
  'that an object enters and leaves by its label': [
    A,
    watch('widgets?watch=true&labelSelector=t%3D1&resourceVersion={rv.0}', 3, [
      mergePatch('widgets/a', { metadata: { labels: { t: '1' } } }),
      mergePatch('widgets/a', { spec: { note: 'xx' } }),
      mergePatch('widgets/a', { metadata: { labels: { t: '2' } } }),
      mergePatch('widgets/a', { spec: { note: 'yy' } }),
    ]),
  ],
  'that an object leaves by a field': [
    A,
    watch('widgets?watch=true&fieldSelector=spec.color%3Dred&resourceVersion={rv.0}', 2, [
      mergePatch('widgets/a', { spec: { color: 'green' } }),
      mergePatch('widgets/a', { spec: { color: 'red' } }),
    ]),
  ],
  'of a change that is none': [
    A,
    watch('widgets?watch=true&resourceVersion={rv.0}', 1, [
      mergePatch('widgets/a', { spec: { color: 'red' } }),
      mergePatch('widgets/a', { spec: { color: 'green' } }),
    ]),
  ],
  'of a deletion with a finalizer': [
    create('widgets', widget('a', {}, { finalizers: ['example.com/hold'] })),
    watch('widgets?watch=true&resourceVersion={rv.0}', 2, [
      remove('widgets/a'),
      jsonPatch('widgets/a', [{ op: 'remove', path: '/metadata/finalizers' }]),
    ]),
  ],
  'with initial events': [
    A,
    watch('widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', 2),
  ],
  'over a WebSocket': [
    A,
    webSocket('widgets?watch=true&resourceVersion={rv.0}', 3, [
      create('widgets', widget('b')),
      mergePatch('widgets/b', { spec: { note: 'xx' } }),
      remove('widgets/b'),
    ]),
  ],
  'over a WebSocket, with initial events': [
    A,
    webSocket(
      'widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
      2,
    ),
  ],
  'over a WebSocket, with a protocol': [
    A,
    webSocket('widgets?watch=true', 1, [], { origin: 'null://x', 'sec-websocket-protocol': 'one' }),
  ],
  'over a WebSocket that is refused': [
    webSocket('/apis/conformance.example.com/v1/nothing?watch=true', 1),
    webSocket('widgets?watch=true', 1, [], {}),
    { ...webSocket('widgets?watch=true', 1), as: { name: 'eve' } },
    { ...webSocket('widgets?watch=true', 1), as: NOBODY },
  ],
  'over a WebSocket of what is no watch': [A, webSocket('widgets', 1), webSocket('widgets/a', 1)],
  'with initial events of nothing': [
    watch('widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true', 1),
  ],
  'with initial events without bookmarks': [
    A,
    watch('widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', 1),
  ],
  'with initial events from a revision': [
    A,
    create('widgets', widget('b')),
    watch(
      'widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion={rv.1}',
      3,
    ),
  ],
  'with initial events without a match': [watch('widgets?watch=true&sendInitialEvents=true', 1)],
  'with a match without initial events': [
    watch('widgets?watch=true&resourceVersionMatch=NotOlderThan', 1),
    watch('widgets?watch=true&resourceVersionMatch=Exact&resourceVersion=5', 1),
  ],
  'with an exact match': [
    watch('widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=1', 1),
  ],
  'without initial events': [
    A,
    watch('widgets?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan', 1, [
      create('widgets', widget('b')),
    ]),
  ],
  'with a match that is none': [
    watch('widgets?watch=true&resourceVersionMatch=Odd', 1),
    watch('widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=Odd&allowWatchBookmarks=true', 1),
    get('widgets?resourceVersionMatch=Odd'),
  ],
  'of a later page': [
    A,
    create('widgets', widget('b')),
    get('widgets?limit=1'),
    watch(`widgets?watch=true&continue={continue.2}`, 1),
  ],
  'with initial events of a revision to come': [
    get('widgets?watch=true&resourceVersion=999999999999&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', {
      pick: ([{ type, object }]) => [type, { ...object, message: object.message.replace(/\d+$/, '') }],
    }),
  ],
  'with initial events, as Tables': [
    A,
    ...['None', 'Object'].map((include) =>
      get(
        `widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1&includeObject=${include}`,
        { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }, pick: (events) => events.slice(0, 2) },
      ),
    ),
  ],
  'with initial events, as metadata': [
    A,
    get(
      `widgets?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1`,
      {
        headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
        pick: (events) => events.slice(0, 2),
      },
    ),
  ],
  'of one by name in two ways': [
    A,
    create('widgets', widget('b')),
    watch('widgets/a?watch=true&fieldSelector=metadata.name%3Da', 1),
    watch('widgets/a?watch=true&fieldSelector=metadata.name%3Db', 0),
    watch('widgets?watch=true&fieldSelector=metadata.name%3Da,spec.color%3Dgreen', 0),
  ],
  'of a revision that is none': [watch('widgets?watch=true&resourceVersion=x', 1)],
  'of a name in the path': [
    A,
    watch('widgets/a?watch=true&resourceVersion={rv.0}', 1, [mergePatch('widgets/a', { spec: { note: 'xx' } })]),
  ],
  'by the old path': [
    A,
    watch('/apis/conformance.example.com/v1/watch/namespaces/{ns}/widgets?resourceVersion={rv.0}', 1, [
      create('widgets', widget('b')),
    ]),
  ],
  'of ConfigMaps by the old path': [
    create('configmaps', configMap('a')),
    watch('/api/v1/watch/namespaces/{ns}/configmaps/a?resourceVersion={rv.0}', 1, [
      mergePatch('configmaps/a', { data: { z: '1' } }),
    ]),
  ],
  'by the old path, other than to read': [
    create('configmaps', configMap('a')),
    send('POST', '/api/v1/watch/namespaces/{ns}/configmaps', configMap('b')),
    send('DELETE', '/api/v1/watch/namespaces/{ns}/configmaps/a'),
    get('/apis/conformance.example.com/v1/watch/namespaces/{ns}/widgets/a/status', { pick: ({ reason }) => reason }),
    get('configmaps/a'),
  ],
  'that ends': [A, watch('widgets?watch=true&timeoutSeconds=1&resourceVersion={rv.0}', 9)],
  'of what is not served': [watch('/api/v1/namespaces/{ns}/nothings?watch=true', 1)],
  'over all namespaces': [
    A,
    watch(
      '/apis/conformance.example.com/v1/widgets?watch=true&fieldSelector=metadata.namespace%3D{ns}&resourceVersion={rv.0}',
      1,
      [create('widgets', widget('b'))],
    ),
  ],
  'of Namespaces': [
    create('/api/v1/namespaces', { metadata: { name: '{ns}-w', labels: { t: '{ns}' } } }),
    watch('/api/v1/namespaces?watch=true&labelSelector=t%3D{ns}&resourceVersion={rv.0}', 1, [
      mergePatch('/api/v1/namespaces/{ns}-w', { metadata: { annotations: { a: 'b' } } }),
    ]),
  ],
  'with a limit': [A, watch('widgets?watch=true&limit=1', 1)],
  'with watch=1 and watch=false': [A, watch('widgets?watch=1', 1), get('widgets?watch=false')],
});
