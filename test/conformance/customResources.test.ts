import { interactions, type Cases } from './harness/interactions.ts';
import { create, gear, get, jsonPatch, mergePatch, replace, send, strategicPatch, widget } from './harness/step.ts';

/** Specs that a schema judges; name → spec. */
const SPECS: Readonly<Record<string, unknown>> = {
  nothing: {},
  'all good': {
    color: 'green',
    replicas: 3,
    ratio: 1.5,
    note: 'a note',
    big: 7,
    on: true,
    when: '2020-01-01T00:00:00Z',
    size: '50%',
    tags: ['a', 'b'],
    plain: [1],
    parts: [{ name: 'x' }],
    settings: { a: 'b' },
  },
  'a wrong type': { color: 5 },
  'wrong types': { color: true, replicas: 'x', on: 'yes', tags: 'a', settings: [], parts: {} },
  'an unknown choice': { color: 'pink' },
  'a number too small': { replicas: -1 },
  'a number too large': { replicas: 101 },
  'a fraction for an integer': { replicas: 1.5 },
  'a whole fraction for an integer': '{"metadata":{"name":"a"},"spec":{"replicas":2.0}}',
  'an exponent for an integer': '{"metadata":{"name":"a"},"spec":{"replicas":1e1}}',
  'an excluded minimum': { ratio: 0 },
  'no multiple': { ratio: 0.7 },
  'text too long': { note: 'x'.repeat(21) },
  'text too short': { note: 'x' },
  'text that does not match': { note: 'NO!' },
  'text that is wrong in three ways': { note: 'X'.repeat(21), replicas: 200, color: 'pink' },
  'a large integer': '{"metadata":{"name":"a"},"spec":{"big":9007199254740993}}',
  'an integer that is too large': '{"metadata":{"name":"a"},"spec":{"big":9223372036854775808}}',
  'an int32 that is too large': { replicas: 3_000_000_000 },
  'a time that is none': { when: 'yesterday' },
  'an int or string': { size: 5 },
  'neither int nor string': { size: true },
  'a fraction for an int or string': { size: 1.5 },
  'null where it is allowed': { nothing: null },
  'null where it is not': { note: null },
  'null where there is a default': { color: null },
  'null for an object': null,
  'a set with the same twice': { tags: ['a', 'b', 'a'] },
  'a set with too many': { tags: ['a', 'b', 'c', 'd', 'e', 'f'] },
  'a list with too few': { plain: [] },
  'a list with a wrong item': { plain: [1, 'x'] },
  'a list with null': { plain: [null] },
  'a keyed list with the same key twice': { parts: [{ name: 'x' }, { name: 'x', size: 4 }] },
  'a keyed list without a key': { parts: [{ size: 4 }] },
  'a keyed list with an unknown member': { parts: [{ name: 'x', extra: 1 }] },
  'a map with too many': { settings: { a: '1', b: '2', c: '3', d: '4' } },
  'a map with a wrong value': { settings: { a: 1 } },
  'a map with a value too long': { settings: { a: 'x'.repeat(11) } },
  'unknown members': { extra: 1, atom: { a: 'x', c: 'y' } },
  'unknown members where they stay': { free: { known: 1, other: { deep: [1] } } },
  'a known member of the wrong type where others stay': { free: { known: 'x' } },
  'an embedded object': {
    template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', labels: { a: 'b' }, extra: 1 }, spec: { a: 1 } },
  },
  'an embedded object without a kind': { template: { apiVersion: 'v1', spec: {} } },
  'an embedded object with bad metadata': {
    template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'A B', labels: { 'a b': 'c' } } },
  },
  'an embedded object with metadata of a wrong type': {
    template: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: 'x' } },
  },
  'oneOf that fails': { either: 'a', or: 'b' },
  'a rule that fails': { color: 'blue', replicas: 5 },
  'a rule with a message of its own': { least: 5, most: 3 },
  'two rules that fail': { color: 'blue', replicas: 7, least: 5, most: 3 },
  'a rule and a schema that fail': { color: 'blue', replicas: 7, note: 'X' },
  'a rule beside a missing key': { color: 'blue', replicas: 7, parts: [{}] },
};

const bodyOf = (spec: unknown): unknown =>
  typeof spec === 'string'
    ? `{"apiVersion":"conformance.example.com/v1","kind":"Widget",${spec.slice(1)}`
    : widget('a', spec);

interactions(
  'a custom resource with',
  Object.fromEntries(
    Object.entries(SPECS).map(([name, spec]) => [name, [create('widgets', bodyOf(spec)), get('widgets/a')]]),
  ) satisfies Cases,
);

interactions('field validation of a custom resource', {
  ...Object.fromEntries(
    ['Strict', 'Warn', 'Ignore'].map((mode) => [
      mode,
      [
        create(
          `widgets?fieldValidation=${mode}`,
          '{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"a","colour":"x"},"extra":1,"spec":{"color":"red","color":"green","more":{"x":1},"parts":[{"name":"p","odd":1}]}}',
        ),
        mergePatch(`widgets/a?fieldValidation=${mode}`, { spec: { more: 1 } }),
        jsonPatch(`widgets/a?fieldValidation=${mode}`, [{ op: 'add', path: '/spec', value: { more: 1 } }]),
        replace(
          `widgets/a?fieldValidation=${mode}`,
          '{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"more":1,"note":"aa","note":"bb"}}',
        ),
      ],
    ]),
  ),
  'of what stays': [create('gears?fieldValidation=Strict', gear('a', { any: { thing: [1, null] } }))],
  'of an embedded object': [
    create(
      'widgets?fieldValidation=Strict',
      widget('a', { template: { apiVersion: 'v1', kind: 'X', metadata: { name: 'x', odd: 1 } } }),
    ),
  ],
});

const MADE = create('widgets', widget('a', { fixed: 'one', parts: [{ name: 'x' }] }));

interactions('custom resources', {
  'the metadata of every object': [create('gears', gear('a', { x: 1 })), get('gears/a')],
  'without apiVersion': [create('widgets', { kind: 'Widget', metadata: { name: 'a' } })],
  'without kind': [create('widgets', { apiVersion: 'conformance.example.com/v1', metadata: { name: 'a' } })],
  'of another kind': [
    create('widgets', { apiVersion: 'conformance.example.com/v1', kind: 'Gear', metadata: { name: 'a' } }),
  ],
  'of another version': [create('widgets', { ...(widget('a') as object), apiVersion: 'conformance.example.com/v2' })],
  'kind that is no text': [
    create('widgets', { apiVersion: 'conformance.example.com/v1', kind: 5, metadata: { name: 'a' } }),
  ],
  'metadata that is no object': [create('widgets', { ...(widget('a') as object), metadata: 'x' })],
  'labels that are no texts': [create('widgets', widget('a', {}, { labels: { a: 1 } }))],
  'a bad name': [create('widgets', widget('A'))],
  'in YAML': [
    create(
      'widgets',
      'apiVersion: conformance.example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {note: some}\n',
      { headers: { 'content-type': 'application/yaml' } },
    ),
  ],
  'generation counts the spec': [
    MADE,
    mergePatch('widgets/a', { metadata: { labels: { x: 'y' } } }),
    mergePatch('widgets/a', { spec: { note: 'new' } }),
    mergePatch('widgets/a/status', { status: { phase: 'Ready' } }),
    mergePatch('widgets/a', { spec: { note: 'new' } }),
  ],
  'generation counts everything where there is no status': [
    create('gears', gear('a')),
    mergePatch('gears/a', { metadata: { labels: { x: 'y' } } }),
    mergePatch('gears/a', { status: { x: 1 } }),
    mergePatch('gears/a', { metadata: { generation: 9 } }),
  ],
  'status is dropped where it is a subresource': [
    create('widgets', { ...(widget('a') as object), status: { phase: 'Ready' } }),
    mergePatch('widgets/a', { status: { phase: 'Ready' } }),
    mergePatch('widgets/a', { status: { phase: 'Nonsense' } }),
  ],
  'status by its subresource': [
    MADE,
    mergePatch('widgets/a/status', {
      spec: { note: 'no' },
      metadata: { labels: { x: 'y' }, annotations: { a: 'b' }, finalizers: ['example.com/x'] },
      status: { phase: 'Ready', conditions: [{ type: 'A', status: 'True' }] },
    }),
    get('widgets/a/status'),
    replace('widgets/a/status', {
      ...(widget('a', {}, { resourceVersion: '{rv.1}' }) as object),
      status: { phase: 'Waiting' },
    }),
    mergePatch('widgets/a/status', { status: { phase: 'Odd' } }),
    mergePatch('widgets/a/status', {
      status: {
        conditions: [
          { type: 'A', status: 'True' },
          { type: 'A', status: 'False' },
        ],
      },
    }),
    mergePatch('widgets/x/status', { status: {} }),
    send('POST', 'widgets/a/status', widget('a')),
    send('DELETE', 'widgets/a/status'),
  ],
  scale: [
    MADE,
    get('widgets/a/scale'),
    mergePatch('widgets/a/scale', { spec: { replicas: 5 } }),
    replace('widgets/a/scale', {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'a' },
      spec: { replicas: 7 },
    }),
    get('widgets/a'),
    mergePatch('widgets/a/status', { status: { replicas: 4, selector: 'app=x' } }),
    get('widgets/a/scale'),
    mergePatch('widgets/a/scale', { spec: { replicas: -1 } }),
    mergePatch('widgets/a/scale', { spec: { replicas: 200 } }),
    mergePatch('widgets/a/scale', { spec: { replicas: 'x' } }),
    replace('widgets/a/scale', {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'a', resourceVersion: '{rv.0}' },
      spec: { replicas: 1 },
    }),
    replace('widgets/a/scale', { apiVersion: 'v1', kind: 'Widget', metadata: { name: 'a' }, spec: { replicas: 1 } }),
    get('gears/a/scale'),
    get('widgets/x/scale'),
  ],
  'a transition rule': [
    MADE,
    mergePatch('widgets/a', { spec: { fixed: 'two' } }),
    mergePatch('widgets/a', { spec: { fixed: null } }),
    mergePatch('widgets/a', { spec: { fixed: 'two' } }),
  ],
  'a replace without a resourceVersion': [MADE, replace('widgets/a', widget('a'))],
  'a replace with one': [MADE, replace('widgets/a', widget('a', { note: 'new' }, { resourceVersion: '{rv.0}' }))],
  'a replace with an old one': [
    MADE,
    mergePatch('widgets/a', { spec: { note: 'new' } }),
    replace('widgets/a', widget('a', {}, { resourceVersion: '{rv.0}' })),
  ],
  'a replace without a change': [
    MADE,
    replace('widgets/a', widget('a', { fixed: 'one', parts: [{ name: 'x' }] }, { resourceVersion: '{rv.0}' })),
  ],
  'a replace of what is not there': [
    replace('widgets/a', widget('a')),
    replace('widgets/a', widget('a', {}, { resourceVersion: '5' })),
  ],
  'a strategic patch': [MADE, strategicPatch('widgets/a', { spec: { note: 'x' } })],
  'a merge patch': [
    MADE,
    mergePatch('widgets/a', { spec: { parts: [{ name: 'y' }], settings: { a: 'b' } } }),
    mergePatch('widgets/a', { spec: { settings: { a: null } } }),
  ],
  'a merge patch with a wrong type': [
    MADE,
    mergePatch('widgets/a', { spec: { color: 5 } }),
    mergePatch('widgets/a', { spec: 5 }),
    mergePatch('widgets/a', { metadata: { labels: 5 } }),
  ],
  'a merge patch of apiVersion and kind': [
    MADE,
    mergePatch('widgets/a', { apiVersion: 'x/v1' }),
    mergePatch('widgets/a', { kind: 'Y' }),
    mergePatch('widgets/a', { kind: null }),
  ],
  'a JSON patch': [
    MADE,
    jsonPatch('widgets/a', [
      { op: 'add', path: '/spec/parts/-', value: { name: 'y' } },
      { op: 'remove', path: '/spec/parts/0' },
    ]),
  ],
  'a JSON patch out of bounds': [
    MADE,
    jsonPatch('widgets/a', [{ op: 'add', path: '/spec/parts/7', value: { name: 'y' } }]),
    jsonPatch('widgets/a', [{ op: 'remove', path: '/spec/parts/7' }]),
    jsonPatch('widgets/a', [{ op: 'add', path: '/spec/parts/x', value: {} }]),
  ],
  'a JSON patch of everything': [
    MADE,
    jsonPatch('widgets/a', [{ op: 'replace', path: '', value: widget('a', { note: 'new' }) }]),
  ],
  'finalizers without a domain': [create('widgets', widget('a', {}, { finalizers: ['hold'] }))],
  'a deprecated version': [
    create('/apis/conformance.example.com/v1beta1/namespaces/{ns}/gears', {
      ...(gear('a', { x: 1 }) as object),
      apiVersion: 'conformance.example.com/v1beta1',
    }),
    get('gears/a'),
    get('/apis/conformance.example.com/v1beta1/namespaces/{ns}/gears'),
    mergePatch('/apis/conformance.example.com/v1beta1/namespaces/{ns}/gears/a', { spec: { x: 2 } }),
  ],
  'a body of the other version': [
    create('gears', { ...(gear('a') as object), apiVersion: 'conformance.example.com/v1beta1' }),
  ],
});
