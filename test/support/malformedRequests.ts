import fc from 'fast-check';

/** A request that is wrong somewhere, or turned out right by chance. */
export interface MalformedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: Buffer;
}

const CORE = '/api/v1';
export const RESOURCES = [
  `${CORE}/namespaces`,
  `${CORE}/namespaces/default/configmaps`,
  `${CORE}/namespaces/default/secrets`,
  `${CORE}/namespaces/default/events`,
  `${CORE}/namespaces/default/serviceaccounts`,
  `${CORE}/configmaps`,
  '/apis/coordination.k8s.io/v1/namespaces/default/leases',
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
  '/apis/authentication.k8s.io/v1/tokenreviews',
  '/apis/example.com/v1/namespaces/default/widgets',
];
/** What follows a resource; `one` may be there, `two` never is. */
const ENDINGS = [
  '',
  '/two',
  '/one/status',
  '/one/scale',
  '/one/token',
  '/one/finalize',
  '/a/b/c',
  '/%zz',
  '/%00',
  '/..',
];
const PARAMETERS = [
  // no `watch`, which would go on
  ...['limit', 'continue', 'resourceVersion', 'resourceVersionMatch', 'labelSelector', 'fieldSelector'],
  ...['allowWatchBookmarks', 'sendInitialEvents', 'timeoutSeconds', 'timeout', 'dryRun', 'fieldManager', 'force'],
  ...['fieldValidation', 'propagationPolicy', 'gracePeriodSeconds', 'orphanDependents', 'pretty', 'includeObject'],
];
const TYPES = [
  ...[
    'application/json',
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'application/cbor',
    'text/plain',
    '',
  ],
  ...['application/json-patch+json', 'application/merge-patch+json', 'application/strategic-merge-patch+json'],
  ...['application/apply-patch+yaml', 'application/json;charset=utf-7', 'multipart/form-data', '\u00e9'],
];
const ACCEPTED = [
  ...['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf', '*/*', 'text/*', ';q=', 'a/b;q=9'],
  ...['application/json;as=Table;v=v1;g=meta.k8s.io', 'application/json;as=PartialObjectMetadata;v=v9;g=meta.k8s.io'],
];

/** Words that mean something somewhere. */
const WORDS = [
  ...[
    'name',
    'namespace',
    'kind',
    'apiVersion',
    'metadata',
    'spec',
    'status',
    'data',
    'labels',
    'annotations',
    'rules',
  ],
  ...[
    'finalizers',
    'ownerReferences',
    'managedFields',
    'fieldsV1',
    'f:spec',
    'k:{"name":"a"}',
    '$patch',
    '$retainKeys',
  ],
  ...['$setElementOrder/x', '__proto__', 'constructor', 'toString', 'uid', 'resourceVersion', 'generation', 'type'],
  ...[
    'deletionTimestamp',
    'creationTimestamp',
    'group',
    'versions',
    'names',
    'schema',
    'openAPIV3Schema',
    'properties',
  ],
  ...[
    'x-kubernetes-validations',
    'rule',
    'self.x > 1',
    'self.all(a, a)',
    'default',
    'pattern',
    '(',
    '^(a+)+$',
    'op',
    'path',
  ],
  ...[
    'add',
    'remove',
    'replace',
    'test',
    '/metadata/labels/a~1b',
    '/spec/-',
    'value',
    'from',
    'Foreground',
    'All',
    'one',
  ],
  ...['2026-01-01T00:00:00Z', '0001-01-01T00:00:00Z', 'v1', 'ConfigMap', 'Widget', 'example.com/v1', 'items', 'List'],
];

const word = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);
const scalar = fc.oneof(
  word,
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1e300, 2 ** 53, -0, 0.1, '9223372036854775808', '\ud800', ''),
  fc.integer(),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(word, tie('any'), { maxKeys: 5 }),
  ),
})).any;

/** An object that looks like one, but for what stands in its members. */
const lookalike = fc.record(
  {
    apiVersion: fc.oneof(fc.constantFrom<unknown>('v1', 'example.com/v1', 'rbac.authorization.k8s.io/v1'), value),
    kind: fc.oneof(fc.constantFrom<unknown>('ConfigMap', 'Widget', 'Namespace', 'Lease', 'ClusterRole'), value),
    metadata: fc.oneof(
      fc.record({ name: fc.oneof(fc.constant<unknown>('one'), value), labels: value, annotations: value }),
      fc.record({ name: fc.constant('one'), finalizers: value, ownerReferences: value, managedFields: value }),
      value,
    ),
    spec: value,
    status: value,
    data: value,
    rules: value,
  },
  { requiredKeys: [] },
);
const operations = fc.array(
  fc.record({ op: word, path: fc.oneof(word, value), from: word, value }, { requiredKeys: [] }),
  { maxLength: 4 },
);
/** Deeper than any parser should go by calling itself. */
const deep = fc
  .tuple(fc.constantFrom('[', '{"a":', '- ', 'a: {'), fc.constantFrom(50, 20_000))
  .map(([piece, times]) => piece.repeat(times));

const body = fc.oneof(
  { weight: 6, arbitrary: lookalike.map((object) => Buffer.from(JSON.stringify(object))) },
  { weight: 2, arbitrary: operations.map((list) => Buffer.from(JSON.stringify(list))) },
  { weight: 2, arbitrary: value.map((any) => Buffer.from(JSON.stringify(any))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(lookalike, fc.nat(400))
      .map(([object, length]) => Buffer.from(JSON.stringify(object)).subarray(0, length)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.from('k8s\0'), bytes])),
  },
  { weight: 1, arbitrary: deep.map((text) => Buffer.from(text)) },
);

const query = fc
  .array(fc.tuple(fc.constantFrom(...PARAMETERS), fc.oneof(word, fc.integer().map(String), fc.constant('true'))), {
    maxLength: 3,
  })
  .map((pairs) =>
    pairs.map(([name, text]) => `${name}=${encodeURIComponent(text.replace(/\p{Surrogate}/gu, ''))}`).join('&'),
  );

/** Four of five where something answers to the method. */
function pathFor(method: string): fc.Arbitrary<string> {
  const fitting = method === 'POST' ? '' : method === 'DELETE' ? '/two' : '/one';
  const ending = fc.oneof(
    { weight: 4, arbitrary: fc.constant(fitting) },
    { weight: 1, arbitrary: fc.constantFrom(...ENDINGS) },
  );
  return fc
    .tuple(fc.constantFrom(...RESOURCES), ending, query)
    .map(([resource, end, asked]) => `${resource}${end}${asked === '' ? '' : `?${asked}`}`);
}

const PATCHES = TYPES.filter((type) => type.includes('patch'));
const accept = fc.oneof(
  { weight: 3, arbitrary: fc.constant('application/json') },
  { weight: 1, arbitrary: fc.constantFrom(...ACCEPTED) },
);
const strange: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 9, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.record({ 'accept-encoding': fc.constantFrom('gzip', 'br', 'gzip;q=0', '*') }),
      fc.record({ 'content-encoding': fc.constantFrom('gzip', 'deflate', 'nonsense') }),
      fc.record({ 'impersonate-user': word.map((text) => text.replace(/[^\x20-\x7e]/g, '')) }),
      fc.record({ 'audit-id': fc.constantFrom('', 'x'.repeat(300)) }),
    ),
  },
);

/** Nine of ten with a type of content that fits. */
function typeFor(method: string): fc.Arbitrary<string> {
  const fitting = method === 'PATCH' ? fc.constantFrom(...PATCHES) : fc.constant('application/json');
  return fc.oneof({ weight: 9, arbitrary: fitting }, { weight: 1, arbitrary: fc.constantFrom(...TYPES) });
}

const request = fc
  .constantFrom('GET', 'POST', 'POST', 'PUT', 'PUT', 'PATCH', 'PATCH', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS')
  .chain((method) =>
    fc.record({
      method: fc.constant(method),
      path: pathFor(method),
      type: typeFor(method),
      accept,
      strange,
      body: fc.option(body),
    }),
  )
  .map(({ type, accept: accepted, strange: others, body: sent, ...rest }): MalformedRequest => ({
    ...rest,
    headers: { 'content-type': type, accept: accepted, ...others },
    ...(sent === null ? {} : { body: sent }),
  }));

/** Collections in which an object `one` can be made, with what it takes. */
export const COLLECTIONS = RESOURCES.filter((path) => !/reviews$|^\/api\/v1\/configmaps$/.test(path));

/** Requests of every kind and resource; each run of one `seed` gives the same ones. */
export function malformedRequests(count: number, seed: number): MalformedRequest[] {
  return fc.sample(request, { numRuns: count, seed });
}
