import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

beforeAll(async () => {
  server = await startTestServer({ crds: [parse(WIDGETS_CRD) as object] });
});
afterAll(async () => {
  await server.close();
});

const gone = (path: string): Promise<void> => eventually(async () => expect((await server.get(path)).code).toBe(404));

/** A small definition of `plural` in group test.io. */
function definition(
  plural: string,
  options: { versions?: object[]; names?: object; spec?: object; group?: string } = {},
): object {
  const group = options.group ?? 'test.io';
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Cluster',
      names: { plural, kind, ...options.names },
      versions: options.versions ?? [{ name: 'v1', served: true, storage: true, schema }],
      ...options.spec,
    },
  };
}

const condition = async (name: string, type: string) => {
  const { body } = await server.get(`${CRDS}/${name}`);
  return body.status.conditions?.find((one) => one.type === type);
};
const established = (name: string): Promise<void> =>
  eventually(async () => expect((await condition(name, 'Established'))?.status).toBe('True'));

describe('namespaces', () => {
  it('have an account and the CA, from the start and again when somebody deletes or changes them', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'ns1' } });
    const ca = '/api/v1/namespaces/ns1/configmaps/kube-root-ca.crt';
    await eventually(async () =>
      expect((await server.get('/api/v1/namespaces/ns1/serviceaccounts/default')).code).toBe(200),
    );
    await eventually(async () => expect((await server.get(ca)).body.data['ca.crt']).toBe(server.pki.ca));
    await server.delete(ca);
    await eventually(async () => expect((await server.get(ca)).code).toBe(200));
    await server.patch(ca, 'merge', { data: { 'ca.crt': 'wrong' } });
    await eventually(async () => expect((await server.get(ca)).body.data['ca.crt']).toBe(server.pki.ca));
  });

  it('take nothing new while they end, and wait for finalizers, saying so', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'ns2' } });
    const at = '/api/v1/namespaces/ns2/configmaps';
    await server.post(at, { metadata: { name: 'held', finalizers: ['example.com/hold'] } });
    const marked = await server.delete('/api/v1/namespaces/ns2');
    expect(marked.body.status['phase']).toBe('Terminating');
    const refused = await server.post(at, { metadata: { name: 'late' } });
    expect(refused.body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      details: { causes: [{ reason: 'NamespaceTerminating' }] },
    });
    await eventually(async () => {
      const { body } = await server.get('/api/v1/namespaces/ns2');
      const waiting = body.status.conditions?.find((one) => one.type === 'NamespaceFinalizersRemaining');
      expect(waiting?.message).toContain('example.com/hold in 1 resource instances');
    });
    await server.patch(`${at}/held`, 'merge', { metadata: { finalizers: null } });
    await gone('/api/v1/namespaces/ns2');
    expect((await server.post('/api/v1/namespaces', { metadata: { name: 'ns2' } })).code).toBe(201);
  });

  it('lose their finalizers only through /finalize', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'ns3' }, spec: { finalizers: ['example.com/x'] } });
    const { body } = await server.patch('/api/v1/namespaces/ns3', 'merge', { spec: { finalizers: [] } });
    expect(body.spec['finalizers']).toEqual(['example.com/x', 'kubernetes']);
    await server.delete('/api/v1/namespaces/ns3');
    await eventually(async () =>
      expect((await server.get('/api/v1/namespaces/ns3')).body.spec['finalizers']).toEqual(['example.com/x']),
    );
    const current = (await server.get('/api/v1/namespaces/ns3')).body;
    await server.put('/api/v1/namespaces/ns3/finalize', { ...current, spec: { finalizers: [] } });
    await gone('/api/v1/namespaces/ns3');
  });

  it('carry their name as a label and keep status to /status', async () => {
    const { body } = await server.post('/api/v1/namespaces', { metadata: { name: 'ns4' }, status: { phase: 'Odd' } });
    expect(body.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'ns4' });
    expect(body.status['phase']).toBe('Active');
  });
});

describe('the garbage collector', () => {
  const owner = (name: string, uid: string, more: object = {}): object => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name,
    uid,
    ...more,
  });

  it('deletes dependents, over several kinds and levels, also of owners that never were', async () => {
    const top = (await server.post(MAPS, { metadata: { name: 'gc-top' } })).body;
    const middle = (
      await server.post(WIDGETS, widget('gc-middle', {}, { ownerReferences: [owner('gc-top', top.metadata.uid)] }))
    ).body;
    const reference = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'gc-middle', uid: middle.metadata.uid };
    await server.post(MAPS, { metadata: { name: 'gc-leaf', ownerReferences: [reference] } });
    await server.post(MAPS, { metadata: { name: 'gc-lost', ownerReferences: [owner('gc-top', 'no-such-uid')] } });
    await gone(`${MAPS}/gc-lost`);
    expect((await server.get(`${MAPS}/gc-leaf`)).code).toBe(200);
    await server.delete(`${MAPS}/gc-top`, { propagationPolicy: 'Background' });
    await gone(`${MAPS}/gc-leaf`);
    await gone(`${WIDGETS}/gc-middle`);
  });

  it('keeps what has another living owner and forgets the dead one', async () => {
    const one = (await server.post(MAPS, { metadata: { name: 'gc-one' } })).body;
    const two = (await server.post(MAPS, { metadata: { name: 'gc-two' } })).body;
    const owners = [owner('gc-one', one.metadata.uid), owner('gc-two', two.metadata.uid)];
    await server.post(MAPS, { metadata: { name: 'gc-both', ownerReferences: owners } });
    await server.delete(`${MAPS}/gc-one`);
    await eventually(async () =>
      expect((await server.get(`${MAPS}/gc-both`)).body.metadata.ownerReferences?.map((entry) => entry.name)).toEqual([
        'gc-two',
      ]),
    );
  });

  it('lets blocking dependents go before their owner in a foreground deletion', async () => {
    const top = (await server.post(MAPS, { metadata: { name: 'fg-top' } })).body;
    const held = {
      ownerReferences: [owner('fg-top', top.metadata.uid, { blockOwnerDeletion: true })],
      finalizers: ['example.com/x'],
    };
    await server.post(MAPS, { metadata: { name: 'fg-held', ...held } });
    const marked = await server.delete(`${MAPS}/fg-top`, { propagationPolicy: 'Foreground' });
    expect(marked.body.metadata.finalizers).toEqual(['foregroundDeletion']);
    await eventually(async () =>
      expect((await server.get(`${MAPS}/fg-held`)).body.metadata.deletionTimestamp).toBeDefined(),
    );
    expect((await server.get(`${MAPS}/fg-top`)).code).toBe(200);
    await server.patch(`${MAPS}/fg-held`, 'merge', { metadata: { finalizers: null } });
    await gone(`${MAPS}/fg-top`);
  });

  it('lets dependents live when asked to orphan them', async () => {
    const top = (await server.post(MAPS, { metadata: { name: 'or-top' } })).body;
    await server.post(MAPS, { metadata: { name: 'or-leaf', ownerReferences: [owner('or-top', top.metadata.uid)] } });
    await server.delete(`${MAPS}/or-top`, { propagationPolicy: 'Orphan' });
    await gone(`${MAPS}/or-top`);
    const { body } = await server.get(`${MAPS}/or-leaf`);
    expect(body.metadata.ownerReferences).toBeUndefined();
  });

  it('does not touch what belongs to a kind that is not served', async () => {
    const reference = { apiVersion: 'nowhere.io/v1', kind: 'Thing', name: 'x', uid: 'y' };
    await server.post(MAPS, { metadata: { name: 'gc-unknown', ownerReferences: [reference] } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await server.get(`${MAPS}/gc-unknown`)).code).toBe(200);
  });
});

describe('definitions', () => {
  it('are accepted, established and served; discovery and OpenAPI follow', async () => {
    const before = (await server.get('/apis', { headers: { accept: AGGREGATED } })).headers['etag'];
    await server.post(CRDS, definition('things', { names: { shortNames: ['th'] } }));
    await established('things.test.io');
    const { body } = await server.get(`${CRDS}/things.test.io`);
    expect(body.status).toMatchObject({
      acceptedNames: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList', shortNames: ['th'] },
      storedVersions: ['v1'],
    });
    const discovery = await server.get('/apis', { headers: { accept: AGGREGATED } });
    expect(discovery.headers['content-type']).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    expect(discovery.headers['etag']).not.toBe(before);
    expect(discovery.headers['vary']).toContain('Accept');
    expect(discovery.text).toContain('"resource":"things"');
    const unchanged = await server.get('/apis', {
      headers: { accept: AGGREGATED, 'if-none-match': discovery.headers['etag'] ?? '' },
    });
    expect(unchanged.code).toBe(304);
    expect((await server.get('/apis/test.io')).body).toMatchObject({
      kind: 'APIGroup',
      preferredVersion: { version: 'v1' },
    });
    expect((await server.get('/apis/test.io/v1')).body['resources']).toMatchObject([
      { name: 'things', shortNames: ['th'], namespaced: false },
    ]);
    const index = await server.get('/openapi/v3');
    const paths = index.body['paths'] as Record<string, { serverRelativeURL: string }>;
    const document = await server.get(paths['apis/test.io/v1']?.serverRelativeURL ?? '');
    const item = (document.body['paths'] as Record<string, { patch: { parameters: { name: string }[] } }>)[
      '/apis/test.io/v1/things/{name}'
    ];
    expect(item?.patch).toMatchObject({
      'x-kubernetes-group-version-kind': { group: 'test.io', version: 'v1', kind: 'Thing' },
    });
    expect(item?.patch.parameters.map((parameter) => parameter.name)).toContain('fieldValidation');
  });

  it('show legacy discovery to those who ask for it', async () => {
    expect((await server.get('/api')).body).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
    expect((await server.get('/apis')).body.kind).toBe('APIGroupList');
    const core = await server.get('/api/v1');
    const names = (core.body['resources'] as { name: string }[]).map((resource) => resource.name);
    expect(names).toEqual(
      expect.arrayContaining(['namespaces', 'namespaces/status', 'namespaces/finalize', 'secrets']),
    );
    const v2beta1 = AGGREGATED.replace('v=v2;', 'v=v2beta1;');
    expect((await server.get('/api', { headers: { accept: v2beta1 } })).body.apiVersion).toBe(
      'apidiscovery.k8s.io/v2beta1',
    );
  });

  it('with taken names wait, and get them when they are free', async () => {
    await server.post(CRDS, definition('firsts', { names: { shortNames: ['fi'] } }));
    await established('firsts.test.io');
    await server.post(CRDS, definition('seconds', { names: { shortNames: ['fi'], kind: 'First' } }));
    await eventually(async () =>
      expect(await condition('seconds.test.io', 'NamesAccepted')).toMatchObject({ status: 'False' }),
    );
    expect(await condition('seconds.test.io', 'Established')).toMatchObject({ status: 'False', reason: 'NotAccepted' });
    expect((await server.get('/apis/test.io/v1/seconds')).code).toBe(404);
    await server.delete(`${CRDS}/firsts.test.io`);
    await established('seconds.test.io');
    expect((await server.get('/apis/test.io/v1/seconds')).code).toBe(200);
  });

  it('apply a changed schema at once: new defaults show on old objects, removed fields go, watches begin anew', async () => {
    const schema = (properties: object): object => ({
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
    });
    const version = (properties: object): object => ({
      name: 'v1',
      served: true,
      storage: true,
      schema: schema(properties),
    });
    const text = { type: 'string' };
    await server.post(CRDS, definition('movings', { versions: [version({ a: text, b: text })] }));
    await established('movings.test.io');
    const at = '/apis/test.io/v1/movings';
    await server.post(at, {
      apiVersion: 'test.io/v1',
      kind: 'Moving',
      metadata: { name: 'm' },
      spec: { a: '1', b: '2' },
    });
    const watch = server.watch(`${at}?watch=1&resourceVersion=0`);
    await watch.until(1);
    const changed = { spec: { versions: [version({ a: text, c: { type: 'string', default: 'new' } })] } };
    expect((await server.patch(`${CRDS}/movings.test.io`, 'merge', changed)).code).toBe(200);
    await watch.ended;
    await eventually(async () => expect((await server.get(`${at}/m`)).body.spec).toEqual({ a: '1', c: 'new' }));
    expect((await server.get(at)).body.items[0]?.spec).toEqual({ a: '1', c: 'new' });
  });

  it('serve several versions of one object with conversion None', async () => {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const versions = [
      { name: 'v1', served: true, storage: true, schema },
      { name: 'v1beta1', served: true, storage: false, schema, deprecated: true, deprecationWarning: 'use v1' },
      { name: 'v1alpha1', served: true, storage: false, schema, deprecated: true },
      { name: 'v0', served: false, storage: false, schema },
    ];
    await server.post(CRDS, definition('olds', { versions }));
    await established('olds.test.io');
    const made = await server.post('/apis/test.io/v1beta1/olds', {
      apiVersion: 'test.io/v1beta1',
      kind: 'Old',
      metadata: { name: 'o' },
      x: 1,
    });
    expect(made.headers['warning']).toContain('use v1');
    const { headers } = await server.get('/apis/test.io/v1alpha1/olds');
    expect(headers['warning']).toBe('299 - "test.io/v1alpha1 Old is deprecated; use test.io/v1 Old"');
    expect(made.body.apiVersion).toBe('test.io/v1beta1');
    expect((await server.get('/apis/test.io/v1/olds/o')).body).toMatchObject({ apiVersion: 'test.io/v1', x: 1 });
    expect((await server.get('/apis/test.io/v1beta1/olds')).body.items[0]?.apiVersion).toBe('test.io/v1beta1');
    expect((await server.get('/apis/test.io/v0/olds')).code).toBe(404);
    expect((await server.get('/apis/test.io')).body['preferredVersion']).toMatchObject({ version: 'v1' });
    const changed = versions.map((version) => ({ ...version, storage: version.name === 'v1beta1' }));
    await server.patch(`${CRDS}/olds.test.io`, 'merge', { spec: { versions: changed } });
    await eventually(async () =>
      expect((await server.get(`${CRDS}/olds.test.io`)).body.status['storedVersions']).toEqual(['v1', 'v1beta1']),
    );
    await eventually(async () =>
      expect((await server.get('/apis/test.io/v1/olds/o')).body).toMatchObject({ apiVersion: 'test.io/v1', x: 1 }),
    );
    const removed = await server.patch(`${CRDS}/olds.test.io`, 'merge', {
      spec: { versions: changed.filter((version) => version.name !== 'v1') },
    });
    expect(removed.body.code).toBe(422);
  });

  it('that want a conversion webhook are served in the version that is stored, and in no other', async () => {
    const schema = { openAPIV3Schema: { type: 'object' } };
    const versions = (storage: string): object[] =>
      ['v1', 'v2'].map((name) => ({ name, served: true, storage: name === storage, schema }));
    const conversion = {
      strategy: 'Webhook',
      webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://example.com/convert' } },
    };
    const made = await server.post(CRDS, definition('hookeds', { versions: versions('v1'), spec: { conversion } }));
    expect(made.headers['warning']).toBe(
      '299 - "spec.conversion.strategy: this server calls no webhooks, so that it serves only version \\"v1\\""',
    );
    const path = '/apis/test.io/v1/hookeds';
    await eventually(async () => expect((await server.get(path)).code).toBe(200));
    expect((await server.post(path, { apiVersion: 'test.io/v1', kind: 'Hooked', metadata: { name: 'a' } })).code).toBe(
      201,
    );
    expect((await server.get('/apis/test.io/v2/hookeds')).code).toBe(404);
    // what is stored as v1 would have to be converted
    await server.patch(`${CRDS}/hookeds.test.io`, 'merge', { spec: { versions: versions('v2') } });
    await eventually(async () =>
      expect(await condition('hookeds.test.io', 'Established')).toMatchObject({
        status: 'False',
        reason: 'ConversionWebhookNotSupported',
      }),
    );
    expect((await server.get(path)).code).toBe(404);
    await server.patch(`${CRDS}/hookeds.test.io`, 'merge', { spec: { versions: versions('v1') } });
    await server.patch(`${CRDS}/hookeds.test.io/status`, 'merge', { status: { storedVersions: ['v1'] } });
    await eventually(async () => expect((await server.get(`${path}/a`)).code).toBe(200));
    // and when they go their objects go with them, served or not
    await server.patch(`${CRDS}/hookeds.test.io`, 'merge', { spec: { versions: versions('v2') } });
    await gone(path);
    await server.delete(`${CRDS}/hookeds.test.io`);
    await gone(`${CRDS}/hookeds.test.io`);
    await server.post(CRDS, definition('hookeds', { versions: versions('v1') }));
    await eventually(async () => expect((await server.get(path)).code).toBe(200));
    expect((await server.get(path)).body.items).toEqual([]);
  });

  it('have no name of a built-in resource, whose objects they would take over and delete', async () => {
    const lease = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    await server.post(lease, { metadata: { name: 'kept' } });
    const crd = definition('leases', { group: 'coordination.k8s.io' }) as { metadata: object };
    crd.metadata = { ...crd.metadata, annotations: { 'api-approved.kubernetes.io': 'https://example.com/review' } };
    expect((await server.post(CRDS, crd)).code).toBe(201);
    const name = 'leases.coordination.k8s.io';
    await eventually(async () =>
      expect(await condition(name, 'NamesAccepted')).toMatchObject({ status: 'False', reason: 'PluralConflict' }),
    );
    expect((await server.get(`${lease}/kept`)).code).toBe(200);
    await server.delete(`${CRDS}/${name}`);
    await gone(`${CRDS}/${name}`);
    expect((await server.get(`${lease}/kept`)).code).toBe(200);
  });

  it('are refused when the schema is not structural, the name wrong or a rule broken', async () => {
    const bad = (schema: object): object =>
      definition('bads', {
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      });
    expect((await server.post(CRDS, bad({ type: 'object', properties: { a: {} } }))).body.code).toBe(422);
    expect(
      (await server.post(CRDS, bad({ type: 'object', 'x-kubernetes-validations': [{ rule: 'self.nothing >' }] }))).body
        .code,
    ).toBe(422);
    const named = { ...definition('bads'), metadata: { name: 'others.test.io' } };
    expect((await server.post(CRDS, named)).body).toMatchObject({ code: 422 });
    const protectedGroup = await server.post(CRDS, definition('bads', { group: 'bads.k8s.io' }));
    expect(protectedGroup.body.code).toBe(422);
  });

  it('are taken with validation further down that speaks of what is not declared, and warned of unknown formats', async () => {
    const a = { type: 'object', anyOf: [{ properties: { undeclared: { minLength: 1 } } }] };
    const b = { type: 'string', format: 'made-up' };
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { a, b } } } },
    };
    const versions = [{ name: 'v1', served: true, storage: true, schema }];
    const made = await server.post(CRDS, definition('loose', { versions, names: { kind: 'Loose' } }));
    expect(made.code, made.text).toBe(201);
    expect(made.headers['warning']).toBe('299 - "unrecognized format \\"made-up\\""');
  });

  it('end by deleting their objects first; nothing is created meanwhile', async () => {
    await server.post(CRDS, definition('endings'));
    await established('endings.test.io');
    const at = '/apis/test.io/v1/endings';
    const object = (name: string, finalizers: string[]): object => ({
      apiVersion: 'test.io/v1',
      kind: 'Ending',
      metadata: { name, finalizers },
    });
    await server.post(at, object('free', []));
    await server.post(at, object('held', ['example.com/x']));
    const marked = await server.delete(`${CRDS}/endings.test.io`);
    expect(marked.body.metadata.finalizers).toContain('customresourcecleanup.apiextensions.k8s.io');
    await gone(`${at}/free`);
    await eventually(async () =>
      expect(await condition('endings.test.io', 'Terminating')).toMatchObject({
        status: 'True',
        reason: 'InstanceDeletionInProgress',
      }),
    );
    const refused = await server.post(at, object('late', []));
    expect(refused.body).toMatchObject({ code: 403 });
    expect(refused.body.message).toContain('create not allowed while custom resource definition is terminating');
    await server.patch(`${at}/held`, 'merge', { metadata: { finalizers: null } });
    await gone(`${CRDS}/endings.test.io`);
    await gone(at);
  });

  it('survive a restart, with their objects', async () => {
    await server.post(WIDGETS, widget('kept', { note: 'n' }));
    await server.restart();
    expect((await server.get(`${WIDGETS}/kept`)).body.spec['note']).toBe('n');
    expect((await server.get('/apis/example.com/v1')).code).toBe(200);
  });
});

describe('events', () => {
  it('are one set of objects in two groups', async () => {
    const at = '/apis/events.k8s.io/v1/namespaces/default/events';
    const event = {
      metadata: { name: 'e1' },
      eventTime: '2026-01-01T00:00:00.123456Z',
      regarding: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', namespace: 'default' },
      note: 'hello',
      reason: 'Tested',
      action: 'Test',
      type: 'Normal',
      reportingController: 'test.io/tester',
      reportingInstance: 'tester-1',
    };
    expect((await server.post(at, event)).code).toBe(201);
    const core = await server.get('/api/v1/namespaces/default/events/e1');
    expect(core.body).toMatchObject({
      apiVersion: 'v1',
      message: 'hello',
      eventTime: '2026-01-01T00:00:00.123456Z',
      involvedObject: { name: 'x' },
      reportingComponent: 'test.io/tester',
    });
    const list = await server.get(`${at}?fieldSelector=regarding.name%3Dx`);
    expect(list.body.items[0]).not.toHaveProperty('apiVersion');
    expect(list.body.items[0]).toMatchObject({
      note: 'hello',
      regarding: { name: 'x' },
    });
    const watch = server.watch(`/api/v1/namespaces/default/events?watch=1&fieldSelector=reason%3DTested`);
    const [seen] = await watch.until(1);
    watch.close();
    expect(seen?.object).toMatchObject({ kind: 'Event', apiVersion: 'v1', message: 'hello' });
  });
});

describe('leases', () => {
  it('keep microseconds and refuse a stale holder', async () => {
    const at = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    const spec = {
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.123456Z',
      renewTime: '2026-01-01T00:00:00.654321Z',
      leaseTransitions: 0,
    };
    const { body } = await server.post(at, { metadata: { name: 'l' }, spec });
    expect(body.spec).toEqual(spec);
    await server.put(`${at}/l`, { ...body, spec: { ...spec, renewTime: '2026-01-01T00:00:10.000001Z' } });
    const late = await server.put(`${at}/l`, { ...body, spec: { ...spec, holderIdentity: 'b' } });
    expect(late.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect((await server.post(at, { metadata: { name: 'bad' }, spec: { leaseDurationSeconds: 0 } })).body.code).toBe(
      422,
    );
  });
});
