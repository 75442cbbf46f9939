import { interactions } from './harness/interactions.ts';
import {
  applyPatch,
  configMap,
  create,
  gear,
  get,
  jsonPatch,
  mergePatch,
  remove,
  replace,
  send,
  strategicPatch,
  widget,
  type Json,
} from './harness/step.ts';

const MADE_NAME = /(mmmmm|xxxxx|UP-|a_|"[.-])[bcdfghjklmnpqrstvwxz2456789]{5}(?=\\?")/g;
/** Without the end of a name that the server made. */
const unmade = {
  pick: (body: Json) => JSON.parse(JSON.stringify(body).replaceAll(MADE_NAME, '$1<made>')) as unknown,
};
const MADE = create('configmaps', configMap('a', { a: '1', b: '2' }));
const LEASE = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: { name: 'a' },
  spec: { holderIdentity: 'x' },
};
const SLASHED = { apiVersion: '/v1', kind: 'ConfigMap', metadata: { name: 'a' } };
const ownedBy = (name: string, uid: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid });
const twins = (uid: string): object[] => [ownedBy('o', uid), ownedBy('o', uid)];
const json = { 'content-type': 'application/json' };

interactions('create', {
  'an object, and reads it': [MADE, get('configmaps/a')],
  'the same name twice': [MADE, MADE],
  'by generateName': [create('configmaps', { metadata: { generateName: 'made-' }, data: { a: '1' } })],
  'by a long generateName': [create('configmaps', { metadata: { generateName: `${'m'.repeat(100)}-` } }, unmade)],
  'by name and generateName': [create('configmaps', { metadata: { name: 'a', generateName: 'made-' } })],
  'without a name': [create('configmaps', { metadata: {} })],
  'without metadata': [create('configmaps', { data: { a: '1' } })],
  'without apiVersion and kind': [create('configmaps', { metadata: { name: 'a' } })],
  'of the core group before a slash': [
    create('configmaps', SLASHED),
    replace('configmaps/a', SLASHED),
    mergePatch('configmaps/a', SLASHED),
    applyPatch('m', 'configmaps/a', SLASHED),
    create(
      '/apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
      { ...LEASE, apiVersion: '/coordination.k8s.io/v1' },
      { pick: () => '' },
    ),
    create('widgets', { ...widget('a'), apiVersion: '/v1' }),
  ],
  'of another kind': [create('configmaps', { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } })],
  'of another version': [create('configmaps', { apiVersion: 'v2', kind: 'ConfigMap', metadata: { name: 'a' } })],
  'of another group': [create('configmaps', { apiVersion: 'apps/v1', kind: 'ConfigMap', metadata: { name: 'a' } })],
  'in another namespace': [create('configmaps', configMap('a', {}, { namespace: 'default' }))],
  'in the same namespace, named': [create('configmaps', configMap('a', {}, { namespace: '{ns}' }))],
  'in a namespace that is not there': [create('/api/v1/namespaces/nowhere/configmaps', configMap('a'))],
  'with a resourceVersion': [create('configmaps', configMap('a', {}, { resourceVersion: '5' }))],
  'with a uid and times of its own': [
    create(
      'configmaps',
      configMap(
        'a',
        {},
        {
          uid: '11111111-1111-1111-1111-111111111111',
          creationTimestamp: '2001-01-01T00:00:00Z',
          deletionTimestamp: '2001-01-01T00:00:00Z',
          deletionGracePeriodSeconds: 5,
          generation: 7,
          selfLink: '/x',
        },
      ),
    ),
  ],
  'with managedFields of its own': [
    create(
      'configmaps',
      configMap(
        'a',
        {},
        {
          managedFields: [
            { manager: 'x', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: {} },
          ],
        },
      ),
    ),
  ],
  'with a null value': [create('configmaps', configMap('a', { a: null, b: '1' }))],
  'with null metadata members': [create('configmaps', configMap('a', { a: '1' }, { labels: null, annotations: {} }))],
  'with a number for text': [create('configmaps', configMap('a', { a: 1 }))],
  'with text for a map': [create('configmaps', configMap('a', 'text'))],
  'with a bad key': [create('configmaps', configMap('a', { 'a b': '1' }))],
  'with text and bytes under one key': [create('configmaps', { ...configMap('a'), binaryData: { a: 'YQ==' } })],
  'with bytes that are no base64': [create('configmaps', { ...configMap('a'), binaryData: { b: '%%' } })],
  'immutable, then changed': [
    create('configmaps', { ...configMap('a'), immutable: true }),
    mergePatch('configmaps/a', { data: { a: '2' } }),
    mergePatch('configmaps/a', { immutable: false }),
    mergePatch('configmaps/a', { metadata: { labels: { x: 'y' } } }),
  ],
  'an array': [create('configmaps', [])],
  'a number': [create('configmaps', '5')],
  'no JSON': [create('configmaps', '{"metadata":')],
  'an empty body': [create('configmaps', '')],
  null: [create('configmaps', 'null')],
  YAML: [
    create('configmaps', 'metadata: {name: a}\ndata:\n  a: "1"\n', { headers: { 'content-type': 'application/yaml' } }),
  ],
  'no YAML': [create('configmaps', 'a: [', { headers: { 'content-type': 'application/yaml' } })],
  XML: [create('configmaps', '<a/>', { headers: { 'content-type': 'application/xml' } })],
  'with a charset': [
    create('configmaps', configMap('a'), { headers: { 'content-type': 'application/json; charset=utf-8' } }),
  ],
  'with a name in the path': [send('POST', 'configmaps/a', configMap('a'))],
  'too much': [create('configmaps', configMap('a', { a: 'x'.repeat(1_100_000) }))],
  'more than any request may hold': [create('configmaps', configMap('a', { a: 'x'.repeat(3_200_000) }))],
});

interactions('names and metadata', {
  ...Object.fromEntries(
    ['A', 'a_b', '-a', 'a-', 'a..b', 'a/b', '.', '..', 'a%', 'x'.repeat(254), 'x'.repeat(253), 'a.b', ' a', ''].map(
      (name) => [`name ${JSON.stringify(name.slice(0, 5))} of ${name.length}`, [create('configmaps', configMap(name))]],
    ),
  ),
  ...Object.fromEntries(
    ['UP-', 'a_', '.', '-', '', 'x'.repeat(260)].map((name) => [
      `generateName ${JSON.stringify(name.slice(0, 5))} of ${name.length}`,
      [create('configmaps', { metadata: { generateName: name } }, unmade)],
    ]),
  ),
  ...Object.fromEntries(
    [
      { 'a b': 'c' },
      { a: 'b c' },
      { a: '' },
      { 'example.com/a': 'b' },
      { 'example.com/a/b': 'c' },
      { '/a': 'b' },
      { 'UP.com/a': 'b' },
      { ['x'.repeat(64)]: 'b' },
      { a: 'x'.repeat(64) },
      { a: '-b' },
      { a: 1 },
      ['a'],
    ].map((labels, index) => [
      `labels ${index} ${JSON.stringify(labels).slice(0, 30)}`,
      [create('configmaps', configMap('a', {}, { labels }))],
    ]),
  ),
  'annotations with a bad key': [create('configmaps', configMap('a', {}, { annotations: { 'a b': 'c', A: 'd' } }))],
  'annotations with any value': [create('configmaps', configMap('a', {}, { annotations: { a: 'b c\n{}' } }))],
  'annotations of too much': [create('configmaps', configMap('a', {}, { annotations: { a: 'x'.repeat(270_000) } }))],
  'annotations of a number': [create('configmaps', configMap('a', {}, { annotations: { a: true } }))],
  'a finalizer without a domain': [create('configmaps', configMap('a', {}, { finalizers: ['a'] }))],
  'a bad finalizer': [create('configmaps', configMap('a', {}, { finalizers: ['example.com/a b'] }))],
  'both finalizers of the collector': [
    create('configmaps', configMap('a', {}, { finalizers: ['orphan', 'foregroundDeletion'] })),
  ],
  'the same finalizer twice': [
    create('configmaps', configMap('a', {}, { finalizers: ['example.com/a', 'example.com/a'] })),
  ],
  'an owner without uid': [
    create('configmaps', configMap('a', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x' }] })),
  ],
  'an owner without anything': [create('configmaps', configMap('a', {}, { ownerReferences: [{}] }))],
  'an owner of kind Event': [
    create(
      'configmaps',
      configMap('a', {}, { ownerReferences: [{ apiVersion: 'v1', kind: 'Event', name: 'x', uid: 'y' }] }),
    ),
  ],
  'two controllers': [
    create(
      'configmaps',
      configMap(
        'a',
        {},
        {
          ownerReferences: ['x', 'y'].map((name) => ({
            apiVersion: 'v1',
            kind: 'ConfigMap',
            name,
            uid: name,
            controller: true,
          })),
        },
      ),
    ),
  ],
  'an owner with an apiVersion of three parts': [
    create(
      'configmaps',
      configMap('a', {}, { ownerReferences: [{ apiVersion: 'a/b/c', kind: 'X', name: 'x', uid: 'y' }] }),
    ),
  ],
  'unknown member of metadata': [create('configmaps', configMap('a', {}, { colour: 'red' }))],
  'a time that is none': [create('configmaps', configMap('a', {}, { creationTimestamp: 'yesterday' }))],
  'a generation that is text': [create('configmaps', configMap('a', {}, { generation: 'x' }))],
});

interactions('replace', {
  'an object': [MADE, replace('configmaps/a', configMap('a', { a: '2' }))],
  'without a resourceVersion': [MADE, replace('configmaps/a', configMap('a', { a: '2' })), get('configmaps/a')],
  'with the resourceVersion': [
    MADE,
    replace('configmaps/a', configMap('a', { a: '2' }, { resourceVersion: '{rv.0}' })),
  ],
  'with an older resourceVersion': [
    MADE,
    replace('configmaps/a', configMap('a', { a: '2' })),
    replace('configmaps/a', configMap('a', { a: '3' }, { resourceVersion: '{rv.0}' })),
  ],
  'with a resourceVersion that is none': [MADE, replace('configmaps/a', configMap('a', {}, { resourceVersion: 'x' }))],
  'with resourceVersion 0': [MADE, replace('configmaps/a', configMap('a', {}, { resourceVersion: '0' }))],
  'with the uid': [MADE, replace('configmaps/a', configMap('a', {}, { uid: '{uid.0}' }))],
  'with another uid': [
    MADE,
    replace('configmaps/a', configMap('a', {}, { uid: '11111111-1111-1111-1111-111111111111' })),
  ],
  'with another name': [MADE, replace('configmaps/a', configMap('b'))],
  'without a name': [MADE, replace('configmaps/a', { data: {} })],
  'with another namespace': [MADE, replace('configmaps/a', configMap('a', {}, { namespace: 'default' }))],
  'that is not there': [replace('configmaps/a', configMap('a'))],
  'that is not there, with resourceVersion': [replace('configmaps/a', configMap('a', {}, { resourceVersion: '5' }))],
  'that is not there, with uid': [replace('configmaps/a', configMap('a', {}, { uid: 'x' }))],
  'that is not there, of a kind that it creates': [
    replace('leases/a?dryRun=All', LEASE),
    replace('leases/a', LEASE),
    replace('leases/a', LEASE),
    replace('events/a', { metadata: { name: 'a' }, involvedObject: { namespace: '{ns}' }, odd: 1 }),
    replace('roles/a', { metadata: { name: 'a' }, rules: [] }),
    replace('rolebindings/a', {
      metadata: { name: 'a' },
      roleRef: { kind: 'Role', name: 'a', apiGroup: 'rbac.authorization.k8s.io' },
    }),
    replace('serviceaccounts/a', { metadata: { name: 'a' } }),
  ],
  'that is not there, of a kind that it creates, on a condition': [
    replace('leases/a', { ...LEASE, metadata: { name: 'a', uid: 'x' } }),
    replace('leases/a', { ...LEASE, metadata: { name: 'a', resourceVersion: '5' } }),
    replace('/apis/coordination.k8s.io/v1/namespaces/nowhere/leases/a', LEASE),
    replace('leases/a', { ...LEASE, metadata: { name: 'b' } }),
    mergePatch('leases/a', { spec: { holderIdentity: 'x' } }),
  ],
  'without a change': [MADE, replace('configmaps/a', configMap('a', { a: '1', b: '2' })), get('configmaps/a')],
  'with another creationTimestamp': [
    MADE,
    replace('configmaps/a', configMap('a', {}, { creationTimestamp: '2001-01-01T00:00:00Z' })),
  ],
  'with other managedFields': [
    MADE,
    replace('configmaps/a', configMap('a', {}, { managedFields: [{}] })),
    get('configmaps/a'),
  ],
  'a collection': [replace('configmaps', configMap('a'))],
  'a namespace that is not there': [replace('/api/v1/namespaces/nowhere/configmaps/a', configMap('a'))],
});

interactions('patch', {
  'by merge': [MADE, mergePatch('configmaps/a', { data: { a: null, c: '3' }, metadata: { labels: { x: 'y' } } })],
  'by merge without a change': [MADE, mergePatch('configmaps/a', { data: { a: '1' } }), get('configmaps/a')],
  'by merge to nothing': [MADE, mergePatch('configmaps/a', { data: null })],
  'by merge with something that is no object': [
    MADE,
    mergePatch('configmaps/a', '[]'),
    mergePatch('configmaps/a', '5'),
    mergePatch('configmaps/a', '{'),
  ],
  'by merge with a bad value': [MADE, mergePatch('configmaps/a', { data: { a: 1 } })],
  'by merge with another name': [MADE, mergePatch('configmaps/a', { metadata: { name: 'b' } })],
  'by merge with another namespace': [MADE, mergePatch('configmaps/a', { metadata: { namespace: 'default' } })],
  'by merge with another kind': [MADE, mergePatch('configmaps/a', { kind: 'Secret' })],
  'by merge with another apiVersion': [MADE, mergePatch('configmaps/a', { apiVersion: 'v2' })],
  'by merge with an unknown member': [MADE, mergePatch('configmaps/a', { colour: 'red' })],
  'by merge with the resourceVersion': [
    MADE,
    mergePatch('configmaps/a', { metadata: { resourceVersion: '{rv.0}' }, data: { a: '2' } }),
  ],
  'by merge with an older resourceVersion': [
    MADE,
    mergePatch('configmaps/a', { data: { a: '2' } }),
    mergePatch('configmaps/a', { metadata: { resourceVersion: '{rv.0}' }, data: { a: '3' } }),
  ],
  'by merge with another uid': [
    MADE,
    mergePatch('configmaps/a', { metadata: { uid: '11111111-1111-1111-1111-111111111111' } }),
  ],
  'by merge of what is not there': [mergePatch('configmaps/a', { data: {} })],
  'by JSON patch': [
    MADE,
    jsonPatch('configmaps/a', [
      { op: 'test', path: '/data/a', value: '1' },
      { op: 'replace', path: '/data/a', value: '2' },
      { op: 'add', path: '/data/c', value: '3' },
      { op: 'remove', path: '/data/b' },
      { op: 'copy', from: '/data/a', path: '/data/d' },
      { op: 'move', from: '/data/c', path: '/data/e' },
    ]),
  ],
  'by JSON patch whose test fails': [MADE, jsonPatch('configmaps/a', [{ op: 'test', path: '/data/a', value: 'x' }])],
  'by JSON patch of a member that is not there': [
    MADE,
    jsonPatch('configmaps/a', [{ op: 'replace', path: '/data/x', value: '2' }]),
    jsonPatch('configmaps/a', [{ op: 'remove', path: '/data/x' }]),
    jsonPatch('configmaps/a', [{ op: 'add', path: '/x/y', value: '2' }]),
    jsonPatch('configmaps/a', [{ op: 'test', path: '/data/x', value: '2' }]),
    jsonPatch('configmaps/a', [{ op: 'move', from: '/data/x', path: '/data/y' }]),
    jsonPatch('configmaps/a', [{ op: 'copy', from: '/data/x', path: '/data/y' }]),
  ],
  'by JSON patch with an unknown operation': [MADE, jsonPatch('configmaps/a', [{ op: 'break', path: '/data/a' }])],
  'by JSON patch without a path': [MADE, jsonPatch('configmaps/a', [{ op: 'add', value: '1' }])],
  'by JSON patch that is an object': [MADE, jsonPatch('configmaps/a', { op: 'add' })],
  'by JSON patch that is no JSON': [MADE, jsonPatch('configmaps/a', '[')],
  'by JSON patch from the end of a list': [
    create('gears', gear('a', { list: [1, 2, 3] })),
    jsonPatch('gears/a', [
      { op: 'test', path: '/spec/list/-1', value: 3 },
      { op: 'remove', path: '/spec/list/-2' },
      { op: 'add', path: '/spec/list/-1', value: 4 },
      { op: 'replace', path: '/spec/list/-3', value: 5 },
    ]),
  ],
  'by merge with nulls within lists': [
    create('gears', gear('a', { list: [1], map: { a: 1 } })),
    mergePatch('gears/a', { spec: { list: [null, { x: null, y: [{ z: null }] }], map: { b: { c: null } } } }),
  ],
  'by JSON patch that copies too much': [
    create('configmaps', configMap('a', { a: 'x'.repeat(900_000) })),
    jsonPatch(
      'configmaps/a',
      ['b', 'c', 'd', 'e'].map((key) => ({ op: 'copy', from: '/data/a', path: `/data/${key}` })),
    ),
  ],
  'by an empty JSON patch': [MADE, jsonPatch('configmaps/a', [])],
  'by JSON patch with escapes': [
    create('configmaps', configMap('a', {}, { annotations: { 'example.com/x': '1' } })),
    jsonPatch('configmaps/a', [{ op: 'replace', path: '/metadata/annotations/example.com~1x', value: '2' }]),
  ],
  'by strategic merge': [MADE, strategicPatch('configmaps/a', { data: { a: null, c: '3' } })],
  'by strategic merge with $patch replace': [
    MADE,
    strategicPatch('configmaps/a', { data: { $patch: 'replace', z: '1' } }),
  ],
  'by strategic merge with $patch delete': [MADE, strategicPatch('configmaps/a', { data: { $patch: 'delete' } })],
  'by strategic merge with an unknown $patch': [MADE, strategicPatch('configmaps/a', { data: { $patch: 'break' } })],
  'by strategic merge of finalizers': [
    create('configmaps', configMap('a', {}, { finalizers: ['example.com/a'] })),
    strategicPatch('configmaps/a', { metadata: { finalizers: ['example.com/b'] } }),
    strategicPatch('configmaps/a', { metadata: { '$deleteFromPrimitiveList/finalizers': ['example.com/a'] } }),
  ],
  'by strategic merge of owners': [
    create('configmaps', configMap('o')),
    create('configmaps', configMap('a', {}, { ownerReferences: [ownedBy('o', '{uid.0}')] })),
    strategicPatch('configmaps/a?dryRun=All', { metadata: { ownerReferences: [ownedBy('p', 'u2')] } }),
    strategicPatch('configmaps/a?dryRun=All', {
      metadata: { ownerReferences: [{ $patch: 'delete', uid: '{uid.0}' }] },
    }),
  ],
  'of owners that are twice there': [
    create('configmaps', configMap('o')),
    create('configmaps', configMap('a', {}, { ownerReferences: twins('{uid.0}') })),
    mergePatch('configmaps/a', { metadata: { ownerReferences: twins('{uid.0}') } }),
    jsonPatch('configmaps/a', [{ op: 'add', path: '/metadata/ownerReferences/-', value: ownedBy('o', '{uid.0}') }]),
    replace('configmaps/a', configMap('a', {}, { ownerReferences: twins('{uid.0}') })),
    get('configmaps/a'),
  ],
  'by strategic merge that is no JSON': [MADE, strategicPatch('configmaps/a', '{')],
  'of no type': [MADE, send('PATCH', 'configmaps/a', {}, { headers: json })],
  'of an unknown type': [MADE, send('PATCH', 'configmaps/a', {}, { headers: { 'content-type': 'text/plain' } })],
  'a collection': [mergePatch('configmaps', {})],
});

interactions('dry run', {
  create: [create('configmaps?dryRun=All', configMap('a')), get('configmaps/a')],
  'create by generateName': [create('configmaps?dryRun=All', { metadata: { generateName: 'made-' } })],
  'create of what is there': [MADE, create('configmaps?dryRun=All', configMap('a'))],
  replace: [MADE, replace('configmaps/a?dryRun=All', configMap('a', { z: '1' })), get('configmaps/a')],
  patch: [MADE, mergePatch('configmaps/a?dryRun=All', { data: { z: '1' } }), get('configmaps/a')],
  delete: [MADE, remove('configmaps/a?dryRun=All'), get('configmaps/a')],
  'delete by body': [MADE, remove('configmaps/a', { dryRun: ['All'] }, { headers: json }), get('configmaps/a')],
  'delete of a collection': [
    create('configmaps', configMap('a', {}, { labels: { t: '1' } })),
    remove('configmaps?dryRun=All&labelSelector=t%3D1'),
    get('configmaps/a'),
  ],
  'of another value': [create('configmaps?dryRun=Some', configMap('a')), remove('configmaps/a?dryRun=Some')],
  'of two values': [create('configmaps?dryRun=All&dryRun=All', configMap('a'))],
  'of an empty value': [create('configmaps?dryRun=', configMap('a'))],
});

const FAULTY = '{"metadata":{"name":"a","colour":"red"},"data":{"a":"1","a":"2"},"extra":1}';

interactions('field validation', {
  ...Object.fromEntries(
    ['Strict', 'Warn', 'Ignore', '', 'Some'].map((mode) => [
      `of a ConfigMap: ${mode}`,
      [create(`configmaps?fieldValidation=${mode}`, FAULTY), replace(`configmaps/a?fieldValidation=${mode}`, FAULTY)],
    ]),
  ),
  'without a mode': [create('configmaps', FAULTY)],
  'of a patch': [
    MADE,
    mergePatch('configmaps/a?fieldValidation=Strict', { data: { a: '2' }, extra: 1 }),
    mergePatch('configmaps/a?fieldValidation=Warn', { data: { a: '3' }, extra: 1 }),
    mergePatch('configmaps/a?fieldValidation=Strict', '{"data":{"a":"4","a":"5"}}'),
    strategicPatch('configmaps/a?fieldValidation=Strict', { extra: 1 }),
    jsonPatch('configmaps/a?fieldValidation=Strict', [{ op: 'add', path: '/extra', value: 1 }]),
    jsonPatch('configmaps/a?fieldValidation=Warn', '[{"op":"add","path":"/extra","value":1,"value":2,"more":1}]'),
  ],
  'of YAML': [
    create('configmaps?fieldValidation=Strict', 'metadata: {name: a}\nextra: 1\ndata: {a: "1", a: "2"}\n', {
      headers: { 'content-type': 'application/yaml' },
    }),
    create('configmaps?fieldValidation=Warn', 'metadata: {name: a}\nextra: 1\ndata: {a: "1", a: "2"}\n', {
      headers: { 'content-type': 'application/yaml' },
    }),
  ],
  'fieldManager that is too long': [create(`configmaps?fieldManager=${'m'.repeat(129)}`, configMap('a'))],
  'fieldManager that cannot be printed': [create('configmaps?fieldManager=a%07b', configMap('a'))],
  'fieldManager by User-Agent': [
    create('configmaps', configMap('a'), { headers: { 'user-agent': 'my-tool/v1 (linux)' } }),
  ],
  'fieldManager given': [create('configmaps?fieldManager=mine', configMap('a'))],
});
