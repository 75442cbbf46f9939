import { interactions } from './harness/interactions.ts';
import { get, without, type Json, type Step } from './harness/step.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
const accept = (value: string): { headers: { accept: string } } => ({ headers: { accept: value } });

/** Groups that both serve in full, as far as Hostler serves them. */
const SHARED = [
  'conformance.example.com',
  'hostler.dev',
  'coordination.k8s.io',
  'events.k8s.io',
  'apiextensions.k8s.io',
];
/** Of the core group: what Hostler serves of it. */
const CORE = [
  'configmaps',
  'events',
  'namespaces',
  'namespaces/status',
  'namespaces/finalize',
  'secrets',
  'serviceaccounts',
  'serviceaccounts/token',
];

/** Of a list of resources: those that Hostler means to serve, in order of name, without what only peers read. */
const resources =
  (among?: readonly string[]) =>
  (body: Json): unknown => ({
    ...body,
    resources: body.resources
      ?.filter(({ name }: Json) => among === undefined || among.includes(name))
      .map((one: Json) => ({ ...one, verbs: [...one.verbs].sort() }))
      .sort((a: Json, b: Json) => (a.name < b.name ? -1 : 1)),
  });

const ofGroups = (body: Json): unknown =>
  body.groups.filter(({ name }: Json) => SHARED.includes(name)).sort((a: Json, b: Json) => (a.name < b.name ? -1 : 1));

const aggregated = (body: Json): unknown =>
  body.items
    .filter(({ metadata }: Json) => ['conformance.example.com', 'hostler.dev'].includes(metadata.name))
    .map((item: Json) => ({
      ...item,
      versions: item.versions.map((version: Json) => ({ ...version, resources: sorted(version.resources) })),
    }))
    .sort((a: Json, b: Json) => (a.metadata.name < b.metadata.name ? -1 : 1));

const sorted = (list: Json[]): Json[] =>
  list
    .map((one) => ({
      ...one,
      verbs: [...one.verbs].sort(),
      subresources: one.subresources
        ?.map((sub: Json) => ({ ...sub, verbs: [...sub.verbs].sort() }))
        .sort((a: Json, b: Json) => (a.subresource < b.subresource ? -1 : 1)),
    }))
    .sort((a, b) => (a.resource < b.resource ? -1 : 1));

const schemasOf =
  (...names: string[]) =>
  (body: Json): unknown =>
    names.map((name) => withoutOwnWords(body.components.schemas[name] ?? { missing: name }));

/** Without the descriptions that every kind has, whose words are ours. */
const withoutOwnWords = (schema: Json): unknown => ({
  ...schema,
  properties: without(schema.properties ?? {}, 'apiVersion', 'kind', 'metadata'),
});

/** The operations that a client looks for: by path, their verbs, kinds and parameters. */
const operations = (body: Json): unknown =>
  Object.fromEntries(
    Object.entries(body.paths as Record<string, Json>).map(([path, item]) => [
      path,
      Object.fromEntries(
        Object.entries(item)
          .filter(([verb]) => verb !== 'parameters')
          .map(([verb, operation]: [string, Json]) => [
            verb,
            {
              kind: operation['x-kubernetes-group-version-kind'],
              action: operation['x-kubernetes-action'],
              // what kubectl looks for before it lets the server validate
              validates: operation.parameters?.some(({ name }: Json) => name === 'fieldValidation') === true,
            },
          ]),
      ),
    ]),
  );

const lists = (path: string, among?: readonly string[]): Step => get(path, { pick: resources(among) });

interactions('discovery', {
  'the core group': [
    lists('/api/v1', CORE),
    get('/api', { pick: (body) => without(body, 'serverAddressByClientCIDRs') }),
  ],
  'the group of custom resources': [
    lists('/apis/conformance.example.com/v1'),
    lists('/apis/conformance.example.com/v1beta1'),
    get('/apis/conformance.example.com'),
  ],
  'subresources of custom resources, in their order': [
    get('/apis/conformance.example.com/v1', {
      pick: (body) => body.resources.map(({ name }: Json) => name).filter((name: string) => name.startsWith('widgets')),
    }),
  ],
  "Hostler's group": [lists('/apis/hostler.dev/v1alpha1'), get('/apis/hostler.dev')],
  'other groups': [
    lists('/apis/coordination.k8s.io/v1'),
    lists('/apis/events.k8s.io/v1'),
    lists('/apis/apiextensions.k8s.io/v1'),
    get('/apis/coordination.k8s.io'),
    get('/apis/events.k8s.io'),
  ],
  'all groups': [get('/apis', { pick: ofGroups })],
  aggregated: [get('/apis', { ...accept(`${AGGREGATED},application/json`), pick: aggregated })],
  'aggregated, of the core group': [
    get('/api', {
      ...accept(`${AGGREGATED},application/json`),
      pick: (body) =>
        sorted(body.items[0].versions[0].resources.filter(({ resource }: Json) => CORE.includes(resource))),
    }),
  ],
  'aggregated in no version': [
    get('/apis', { ...accept('application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList'), pick: () => '' }),
  ],
  'by who accepts no JSON': [get('/apis', accept('application/xml')), get('/api/v1', accept('text/html'))],
  'the version': [
    get('/version', {
      pick: (body) =>
        Object.keys(body)
          .filter((key) =>
            [
              'major',
              'minor',
              'gitVersion',
              'platform',
              'goVersion',
              'gitCommit',
              'buildDate',
              'gitTreeState',
              'compiler',
            ].includes(key),
          )
          .sort(),
    }),
  ],
  health: [
    get('/healthz'),
    get('/livez'),
    get('/readyz'),
    get('/livez/ping'),
    get('/readyz/nothing'),
    get('/healthz?exclude=ping'),
  ],
});

const GV = '/openapi/v3/apis/conformance.example.com/v1';

/** How lists of these kinds are merged by strategic merge, by their paths, as clients read it before they patch. */
const merges =
  (...kinds: string[]) =>
  ({ components: { schemas } }: Json): unknown =>
    Object.fromEntries(kinds.map((kind) => [kind, mergesIn(schemas, { $ref: `/${kind}` })]));

/** @param within  Components around this place: a schema may hold itself. */
function mergesIn(schemas: Json, schema: Json, path = '', within: readonly string[] = []): string[] {
  const refs = [schema.$ref, ...(schema.allOf ?? []).map((one: Json) => one.$ref)].filter((one) => one !== undefined);
  const own = [schema['x-kubernetes-patch-merge-key'], schema['x-kubernetes-patch-strategy']].filter(Boolean);
  const members = Object.entries<Json>({ ...schema.properties, '[]': schema.items, '*': schema.additionalProperties });
  return [
    ...(own.length === 0 ? [] : [`${path} ${own.join(' ')}`]),
    ...members
      .filter(([, member]) => member !== undefined)
      .flatMap(([name, member]) => mergesIn(schemas, member, `${path}.${name}`, within)),
    ...refs
      .map((ref: string) => ref.replace(/.*\//, ''))
      .filter((name: string) => !within.includes(name))
      .flatMap((name: string) => mergesIn(schemas, schemas[name], path, [...within, name])),
  ].sort();
}

interactions('OpenAPI', {
  'the index': [
    get('/openapi/v3', {
      pick: (body) =>
        ['api/v1', 'apis/conformance.example.com/v1', 'apis/hostler.dev/v1alpha1', 'apis/coordination.k8s.io/v1'].map(
          // kube-apiserver sends it as text
          (name) =>
            String((typeof body === 'string' ? JSON.parse(body) : body).paths[name]?.serverRelativeURL).replace(
              /hash=.*/,
              'hash=',
            ),
        ),
    }),
  ],
  'schemas of custom resources': [
    get(GV, {
      pick: schemasOf(
        'com.example.conformance.v1.Widget',
        'com.example.conformance.v1.WidgetList',
        'com.example.conformance.v1.Gear',
      ),
    }),
  ],
  'operations of custom resources': [get(GV, { pick: operations })],
  "schemas of Hostler's kinds": [
    get('/openapi/v3/apis/hostler.dev/v1alpha1', {
      pick: schemasOf(
        'dev.hostler.v1alpha1.Server',
        'dev.hostler.v1alpha1.KnownHost',
        'dev.hostler.v1alpha1.ServerOperation',
      ),
    }),
  ],
  'definitions of OpenAPI v2': [
    get('/openapi/v2', {
      pick: ({ swagger, definitions }) => [
        swagger,
        ...['com.example.conformance.v1.Widget', 'com.example.conformance.v1.Gear', 'dev.hostler.v1alpha1.Server'].map(
          (name) => withoutOwnWords(definitions[name] ?? { missing: name }),
        ),
      ],
    }),
  ],
  'how lists are merged': [
    get('/openapi/v3/api/v1', {
      pick: merges(
        ...['Namespace', 'ConfigMap', 'Secret', 'ServiceAccount', 'Event'].map((kind) => `io.k8s.api.core.v1.${kind}`),
      ),
    }),
    get('/openapi/v3/apis/rbac.authorization.k8s.io/v1', {
      pick: merges(
        ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => `io.k8s.api.rbac.v1.${kind}`),
      ),
    }),
    get('/openapi/v3/apis/coordination.k8s.io/v1', { pick: merges('io.k8s.api.coordination.v1.Lease') }),
    get('/openapi/v3/apis/events.k8s.io/v1', { pick: merges('io.k8s.api.events.v1.Event') }),
    get('/openapi/v3/apis/apiextensions.k8s.io/v1', {
      pick: merges('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition'),
    }),
    get('/openapi/v3/apis/admissionregistration.k8s.io/v1', {
      pick: merges(
        ...['', 'Binding'].map((what) => `io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy${what}`),
      ),
    }),
  ],
  'by an old hash': [get(`${GV}?hash=ABC`)],
  'what is not there': [get('/openapi/v3/apis/nothing.example.com/v1')],
  protobuf: [get(GV, { ...accept('application/com.github.proto-openapi.spec.v3@v1.0+protobuf'), pick: () => '' })],
  'something else': [get(GV, { ...accept('application/xml'), pick: () => '' })],
});
