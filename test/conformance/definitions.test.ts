import { interactions } from './harness/interactions.ts';
import { CRDS, definition, established, OBJECT, ONE, served, spec, thing, THING } from './harness/definitions.ts';
import { create, get, gone, jsonPatch, mergePatch, remove, type Step } from './harness/step.ts';

const dry = (change: Parameters<typeof definition>[0]): Step => create(`${CRDS}?dryRun=All`, definition(change));

interactions('a definition', {
  least: [dry({})],
  'without a schema': [dry({ version: { schema: undefined } })],
  'with an empty schema': [dry({ schema: {} })],
  'of type string': [dry({ schema: { type: 'string' } })],
  'that constrains metadata': [
    dry({
      schema: {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { name: { type: 'string', maxLength: 10 } } } },
      },
    }),
  ],
  'that constrains labels': [
    dry({
      schema: {
        type: 'object',
        properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
      },
    }),
  ],
  'that constrains kind': [
    dry({ schema: { type: 'object', properties: { kind: { type: 'string', enum: ['Thing'] } } } }),
  ],
  'with a default in metadata': [
    dry({ schema: { type: 'object', properties: { metadata: { type: 'object', default: {} } } } }),
  ],
  'with another name': [dry({ name: 'other.{ns}.example.com' })],
  'without names': [dry({ spec: { names: {} } })],
  'with bad names': [
    dry({
      names: {
        plural: 'Things',
        singular: 'A B',
        kind: 'thing',
        listKind: 'x y',
        shortNames: ['A'],
        categories: ['B C'],
      },
    }),
  ],
  'whose kind is its list': [dry({ names: { listKind: 'Thing' } })],
  'without a group': [dry({ spec: { group: '' } })],
  'with a bad group': [dry({ spec: { group: 'A_B' } })],
  'with a group of one part': [
    create(`${CRDS}?dryRun=All`, definition({ name: 'things.example', spec: { group: 'example' } })),
  ],
  'with a group of Kubernetes': [
    create(`${CRDS}?dryRun=All`, definition({ name: 'things.x.k8s.io', spec: { group: 'x.k8s.io' } })),
  ],
  'with an unknown scope': [dry({ spec: { scope: 'Everywhere' } })],
  'without a scope': [dry({ spec: { scope: undefined } })],
  'without versions': [dry({ spec: { versions: [] } })],
  'without a storage version': [dry({ version: { storage: false } })],
  'with two storage versions': [
    dry({
      spec: {
        versions: ['v1', 'v2'].map((name) => ({
          name,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: OBJECT },
        })),
      },
    }),
  ],
  'with the same version twice': [
    dry({
      spec: {
        versions: [true, false].map((storage) => ({
          name: 'v1',
          served: true,
          storage,
          schema: { openAPIV3Schema: OBJECT },
        })),
      },
    }),
  ],
  'with a bad version name': [dry({ version: { name: 'V 1' } })],
  'with preserveUnknownFields': [dry({ spec: { preserveUnknownFields: true } })],
  'with an unknown conversion': [dry({ spec: { conversion: { strategy: 'Magic' } } })],
  'with a webhook without a client': [dry({ spec: { conversion: { strategy: 'Webhook' } } })],
  'with a webhook of no version': [
    dry({ spec: { conversion: { strategy: 'Webhook', webhook: { clientConfig: { url: 'https://example.com/x' } } } } }),
  ],
  'with a webhook by http': [
    dry({
      spec: {
        conversion: {
          strategy: 'Webhook',
          webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'http://example.com/x' } },
        },
      },
    }),
  ],
  'with columns': [
    dry({ version: { additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a' }] } }),
  ],
  'with bad columns': [
    dry({
      version: {
        additionalPrinterColumns: [
          { name: '', type: 'odd', jsonPath: 'x[', format: 'y' },
          { name: 'B', type: 'string' },
        ],
      },
    }),
  ],
  'with scale': [
    dry({ version: { subresources: { scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' } } } }),
  ],
  'with a bad scale': [
    dry({
      version: {
        subresources: {
          scale: { specReplicasPath: '.x.n', statusReplicasPath: 'status.n', labelSelectorPath: '.status.a[0]' },
        },
      },
    }),
  ],
  'with selectable fields': [
    dry({
      schema: spec({ a: { type: 'string' }, b: { type: 'object' } }),
      version: { selectableFields: [{ jsonPath: '.spec.a' }] },
    }),
  ],
  'with bad selectable fields': [
    dry({
      schema: spec({ a: { type: 'string' }, b: { type: 'object' } }),
      version: { selectableFields: [{ jsonPath: '.spec.b' }] },
    }),
    dry({
      schema: spec({ a: { type: 'string' } }),
      version: { selectableFields: [{ jsonPath: '.spec.c' }, { jsonPath: '' }, { jsonPath: '.metadata.name' }] },
    }),
    dry({
      schema: spec({ a: { type: 'string' } }),
      version: { selectableFields: [{ jsonPath: '.spec.a' }, { jsonPath: '.spec.a' }] },
    }),
  ],
  'with a deprecation that is none': [dry({ version: { deprecationWarning: 'old' } })],
  'with a long deprecation': [dry({ version: { deprecated: true, deprecationWarning: 'x'.repeat(300) } })],
  'with unknown members in depth': [
    dry({
      schema: spec({
        a: { type: 'array', items: { type: 'object', colour: 'red', properties: { b: { type: 'string', odd: 1 } } } },
      }),
    }),
    dry({
      schema: spec({
        a: { type: 'object', properties: { b: { type: 'string', odd: 1 } }, not: { required: ['x'], odd: 2 } },
      }),
    }),
    create(
      `${CRDS}?dryRun=All&fieldValidation=Strict`,
      definition({ schema: spec({ a: { type: 'string', odd: 1 } }) }),
    ),
  ],
  'with unknown members': [
    create(`${CRDS}?dryRun=All&fieldValidation=Strict`, definition({ spec: { colour: 'red' } })),
    create(`${CRDS}?dryRun=All&fieldValidation=Strict`, definition({ schema: { type: 'object', colour: 'red' } })),
  ],
});

interactions('the life of a definition', {
  'from create to delete': [
    create(CRDS, definition({ schema: spec({ a: { type: 'string' } }) })),
    get(ONE, { until: established }),
    get(THING, { until: served }),
    create(THING, thing({ spec: { a: 'x' } }), { until: ({ code }) => code !== 404 }),
    remove(ONE, undefined, { pick: (body) => body.kind }),
    get(ONE, { until: gone }),
    get(THING, { until: gone }),
  ],
  'defaults that come later': [
    create(CRDS, definition({ schema: spec({ a: { type: 'string' } }) })),
    get(THING, { until: served }),
    create(THING, thing({ spec: {} })),
    jsonPatch(
      ONE,
      [
        {
          op: 'add',
          path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/b',
          value: { type: 'string', default: 'later' },
        },
      ],
      { pick: (body) => body.metadata.generation },
    ),
    get(`${THING}/a`, { until: ({ body }) => (body as { spec: { b?: string } }).spec.b === 'later' }),
  ],
  'ratcheting of what was good before': [
    create(CRDS, definition({ schema: spec({ a: { type: 'string' }, b: { type: 'string' } }) })),
    get(THING, { until: served }),
    create(THING, thing({ spec: { a: 'long text', b: 'x' } })),
    jsonPatch(
      ONE,
      [{ op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/a/maxLength', value: 3 }],
      { pick: (body) => body.metadata.generation },
    ),
    create(
      `${THING}?dryRun=All`,
      { ...thing({ spec: { a: 'long text' } }), metadata: { name: 'b' } },
      { until: ({ code }) => code === 422 },
    ),
    mergePatch(`${THING}/a`, { spec: { b: 'y' } }),
    mergePatch(`${THING}/a`, { spec: { a: 'other long text' } }),
  ],
  'changes that are refused': [
    create(CRDS, definition({})),
    get(ONE, { until: established }),
    mergePatch(ONE, { spec: { scope: 'Cluster' } }),
    mergePatch(ONE, { spec: { group: 'other.example.com' } }),
    mergePatch(ONE, { spec: { names: { plural: 'others' } } }),
    mergePatch(ONE, { spec: { names: { kind: 'Other' } } }),
    jsonPatch(ONE, [{ op: 'replace', path: '/spec/versions/0/name', value: 'v2' }]),
  ],
  'a name that is taken': [
    create(CRDS, definition({ names: { shortNames: ['th{ns}'] } })),
    get(ONE, { until: established }),
    create(CRDS, {
      ...definition({
        name: 'others.{ns}.example.com',
        names: { plural: 'others', singular: 'thing', kind: 'Thing', shortNames: ['th{ns}'] },
      }),
    }),
    get(`${CRDS}/others.{ns}.example.com`, {
      until: ({ body }) => ((body as { status?: { conditions?: unknown[] } }).status?.conditions?.length ?? 0) > 0,
    }),
  ],
  'a cluster resource': [
    create(CRDS, definition({ spec: { scope: 'Cluster' } })),
    get('/apis/{ns}.example.com/v1/things', { until: served }),
    create('/apis/{ns}.example.com/v1/things', thing({})),
    get('/apis/{ns}.example.com/v1/namespaces/{ns}/things'),
    create('/apis/{ns}.example.com/v1/things', { ...thing({}), metadata: { name: 'b', namespace: '{ns}' } }),
  ],
  'a version that is not served': [
    create(
      CRDS,
      definition({
        spec: {
          versions: [
            { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: OBJECT } },
            { name: 'v2', served: false, storage: false, schema: { openAPIV3Schema: OBJECT } },
          ],
        },
      }),
    ),
    get(THING, { until: served }),
    get('/apis/{ns}.example.com/v2/namespaces/{ns}/things'),
    get('/apis/{ns}.example.com', { until: served }),
  ],
});
