import { CRDS, definition, established, ONE, served, spec, thing, THING } from './harness/definitions.ts';
import { interactions } from './harness/interactions.ts';
import {
  applyPatch,
  create,
  get,
  gone,
  jsonPatch,
  mergePatch,
  remove,
  watch,
  type Json,
  type Step,
} from './harness/step.ts';

const TEXT = { type: 'string' };
const V2 = THING.replace('/v1/', '/v2/');
const TABLE = { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } };
const quiet = { pick: () => '' };

const version = (name: string, properties: object, rest: object = {}): object => ({
  name,
  served: true,
  storage: name === 'v1',
  schema: { openAPIV3Schema: spec(properties) },
  ...rest,
});
/** Installs a definition with these versions, v1 among them. */
const installed = (...versions: object[]): Step[] => [
  create(CRDS, definition({ spec: { versions } }), quiet),
  get(ONE, { until: established, ...quiet }),
  get(THING, { until: served, ...quiet }),
];
const ofV1 = (name: string, its: object): object => ({ ...thing({ spec: its }), metadata: { name } });
const ofV2 = (name: string, its: object): object => ({ ...ofV1(name, its), apiVersion: '{ns}.example.com/v2' });
const standing = ({ status }: Json): unknown => [
  status.conditions.map(({ type, status: is, reason }: Json) => [type, is, reason]),
  status.storedVersions,
  status.acceptedNames,
];
const count = (body: Json): unknown => body.items?.length ?? body;

interactions('versions of a definition', {
  'that know different members': [
    ...installed(version('v1', { a: TEXT }), version('v2', { a: TEXT, b: TEXT })),
    create(THING, ofV1('a', { a: '1', b: '2' })),
    get(`${V2}/a`, { until: served }),
    create(V2, ofV2('b', { a: '1', b: '2' })),
    get(`${THING}/b`),
    mergePatch(`${V2}/b`, { spec: { b: '3' } }),
    get(V2),
    get(V2, TABLE),
    create(THING, ofV2('c', {})),
    watch(`${V2}?watch=true&timeoutSeconds=1`, 2),
  ],
  'with different defaults': [
    ...installed(
      version('v1', { a: TEXT, b: { ...TEXT, default: 'stored' }, c: TEXT }),
      version('v2', { a: TEXT, b: TEXT, c: { ...TEXT, default: 'served' } }),
    ),
    create(THING, ofV1('a', { a: '1' })),
    get(`${V2}/a`, { until: served }),
    get(V2),
    mergePatch(`${V2}/a`, { metadata: { labels: { x: 'y' } } }),
    get(`${THING}/a`),
    create(THING, ofV1('b', { a: '1' })),
    applyPatch('m', `${V2}/b`, ofV2('b', { a: '2' })),
    create(V2, ofV2('c', {})),
    get(`${THING}/c`),
  ],
  'of which another is stored from now on': [
    ...installed(version('v1', { a: TEXT }), version('v2', { a: TEXT })),
    create(THING, ofV1('a', { a: '1' })),
    mergePatch(
      ONE,
      {
        spec: {
          versions: [version('v1', { a: TEXT }, { storage: false }), version('v2', { a: TEXT }, { storage: true })],
        },
      },
      quiet,
    ),
    get(ONE, { until: ({ body }) => (body as Json).status.storedVersions.length === 2, pick: standing }),
    get(`${V2}/a`),
    mergePatch(ONE, { spec: { versions: [version('v2', { a: TEXT }, { storage: true })] } }),
  ],
  'whose scale is beyond what a number holds': [
    ...installed(
      version(
        'v1',
        { replicas: { type: 'integer' } },
        { subresources: { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } } },
      ),
    ),
    create(THING, ofV1('a', { replicas: 1 })),
    mergePatch(`${THING}/a`, '{"spec":{"replicas":9223372036854775807}}'),
    get(`${THING}/a/scale`),
  ],
  'of which one is not served any more': [
    ...installed(version('v1', { a: TEXT }), version('v2', { a: TEXT })),
    jsonPatch(ONE, [{ op: 'replace', path: '/spec/versions/0/served', value: false }], quiet),
    get(THING, { until: gone }),
    get('/apis/{ns}.example.com', { until: ({ body }) => (body as Json).versions?.length === 1 }),
  ],
  'of which none is served any more, take their objects along': [
    ...installed(version('v1', { a: TEXT })),
    create(THING, ofV1('a', { a: '1' })),
    jsonPatch(ONE, [{ op: 'replace', path: '/spec/versions/0/served', value: false }], quiet),
    get(THING, { until: gone, ...quiet }),
    remove(ONE, undefined, quiet),
    get(ONE, { until: gone, ...quiet }),
    ...installed(version('v1', { a: TEXT })),
    get(`${THING}/a`, { pick: ({ reason }) => reason }),
  ],
  'in the order of discovery': [
    ...installed(...['v1', 'v2', 'v1beta1', 'v10', 'v2alpha1', 'foo', 'v11beta2'].map((name) => version(name, {}))),
    get('/apis/{ns}.example.com', { until: ({ body }) => (body as Json).versions?.length === 7 }),
  ],
  'that are deprecated': [
    ...installed(
      version('v1', {}, { deprecated: true }),
      version('v2', {}, { deprecated: true, deprecationWarning: 'go away' }),
    ),
    get(THING),
    get(V2, { until: served }),
    remove(`${V2}/none`),
  ],
  'with other fields to select by': [
    ...installed(
      version('v1', { a: TEXT }, { selectableFields: [{ jsonPath: '.spec.a' }] }),
      version('v2', { b: { type: 'integer' } }, { selectableFields: [{ jsonPath: '.spec.b' }] }),
    ),
    create(THING, ofV1('a', { a: 'x' })),
    create(V2, ofV2('b', { b: 5 }), { until: ({ code }) => code !== 404 }),
    ...['spec.a=x', 'spec.b=5', 'spec.b!=5', 'spec.b=05', 'spec.b='].flatMap((selector) =>
      [THING, V2].map((path) => get(`${path}?fieldSelector=${encodeURIComponent(selector)}`, { pick: count })),
    ),
  ],
});

interactions('names of a definition', {
  'that are free again': [
    ...installed(version('v1', {})),
    create(
      CRDS,
      definition({
        name: 'others.{ns}.example.com',
        names: { plural: 'others', listKind: 'ThingList', kind: 'Other' },
      }),
      quiet,
    ),
    get(`${CRDS}/others.{ns}.example.com`, {
      until: ({ body }) => (body as Json).status?.conditions?.length > 0,
      pick: standing,
    }),
    remove(ONE, undefined, quiet),
    get(`${CRDS}/others.{ns}.example.com`, { until: established, pick: standing }),
  ],
  'that change': [
    ...installed(version('v1', {})),
    mergePatch(ONE, { spec: { names: { shortNames: ['q{ns}'], categories: ['z'], singular: 'thingy' } } }, quiet),
    get('/apis/{ns}.example.com/v1', { until: ({ body }) => (body as Json).resources?.[0]?.singularName === 'thingy' }),
    mergePatch(ONE, { spec: { names: { listKind: 'Things' } } }, { pick: (body) => body.spec?.names ?? body }),
  ],
});
