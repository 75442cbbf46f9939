import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';
import { parse } from 'yaml';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer({ crds: [parse(WIDGETS_CRD) as object] });
});
afterAll(async () => {
  await server.close();
});

const map = (name: string, data: object = {}, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

describe('create', () => {
  it('lets the server decide uid, times and versions, whatever was sent', async () => {
    const sent = {
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      generation: 7,
    };
    const { code, body } = await server.post(MAPS, map('create-1', { a: 'b' }, sent));
    expect(code).toBe(201);
    expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(Date.parse(body.metadata.creationTimestamp)).toBeGreaterThan(Date.now() - 60_000);
    expect(body.metadata.creationTimestamp).toMatch(/T\d\d:\d\d:\d\dZ$/);
    expect(body.metadata.deletionTimestamp).toBeUndefined();
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(0);
    expect((await server.get(`${MAPS}/create-1`)).body).toEqual(body);
  });

  it('refuses what exists, and a resourceVersion', async () => {
    await server.post(MAPS, map('create-2'));
    const again = await server.post(MAPS, map('create-2'));
    expect(again.body).toMatchObject({
      code: 409,
      reason: 'AlreadyExists',
      message: 'configmaps "create-2" already exists',
    });
    expect((await server.post(MAPS, map('create-3', {}, { resourceVersion: '5' }))).code).toBe(400);
  });

  it('answers in the form asked for, with what was stored', async () => {
    const as = (form: string) => ({ accept: `application/json;as=${form};v=v1;g=meta.k8s.io` });
    const partial = await server.post(MAPS, map('partial', { a: 'b' }), as('PartialObjectMetadata'));
    const { body } = await server.get(`${MAPS}/partial`);
    expect(partial.body).toEqual({
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: body.metadata,
    });
    const table = await server.put(`${MAPS}/partial`, map('partial', { a: 'c' }), as('Table'));
    const after = await server.get(`${MAPS}/partial`);
    expect(table.body).toMatchObject({
      kind: 'Table',
      metadata: { resourceVersion: after.body.metadata.resourceVersion },
      rows: [{ object: { metadata: after.body.metadata } }],
    });
  });

  it('answers in the version asked for, whatever version is stored', async () => {
    const note = {
      note: 'x',
      reason: 'R',
      type: 'Normal',
      action: 'a',
      reportingController: 'c',
      reportingInstance: 'i',
    };
    const event = { metadata: { name: 'versions' }, regarding: {}, eventTime: '2026-01-01T00:00:00.000000Z', ...note };
    const path = '/apis/events.k8s.io/v1/namespaces/default/events';
    const { code, body } = await server.post(path, event);
    expect(code).toBe(201);
    expect(body).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'x' });
    expect(body).toEqual((await server.get(`${path}/versions`)).body);
  });

  it('takes the namespace off what has none, as manifests often name one', async () => {
    const { code, body } = await server.post('/api/v1/namespaces', {
      metadata: { name: 'cluster', namespace: 'other' },
    });
    expect(code).toBe(201);
    expect(body.metadata.namespace).toBeUndefined();
  });

  it('completes generateName', async () => {
    const { body } = await server.post(MAPS, { metadata: { generateName: 'gen-' } });
    expect(body.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    const custom = await server.post(WIDGETS, {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { generateName: 'w-' },
    });
    expect(custom.body.metadata.name).toMatch(/^w-.{5}$/);
  });

  it('refuses bad names with a cause', async () => {
    const reply = await server.post(MAPS, map('Not_A_Name'));
    expect(reply.body).toMatchObject({
      code: 422,
      reason: 'Invalid',
      details: { kind: 'ConfigMap', name: 'Not_A_Name' },
    });
    expect(reply.body.details?.causes?.[0]).toMatchObject({ reason: 'FieldValueInvalid', field: 'metadata.name' });
    expect((await server.post(MAPS, { metadata: {} })).body).toMatchObject({ code: 422 });
  });

  it('refuses values of the wrong type before looking at anything else', async () => {
    const text = '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"BAD"},"data":{"a":1}}';
    const { body } = await server.post(MAPS, text);
    expect(body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(body.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    );
  });

  it('needs a namespace that exists', async () => {
    const reply = await server.post('/api/v1/namespaces/none/configmaps', map('x'));
    expect(reply.body).toMatchObject({ code: 404, message: 'namespaces "none" not found' });
  });

  it('stores nothing and shows no resourceVersion on a dry run', async () => {
    const { code, body } = await server.post(`${MAPS}?dryRun=All`, map('dry'));
    expect(code).toBe(201);
    expect(body.metadata.resourceVersion).toBeUndefined();
    expect(body.metadata.uid).toBeDefined();
    expect((await server.get(`${MAPS}/dry`)).code).toBe(404);
    expect((await server.post(`${MAPS}?dryRun=Some`, map('dry'))).code).toBe(422);
  });
});

describe('update', () => {
  it('answers 409 to a stale resourceVersion and keeps the newer object', async () => {
    const { body } = await server.post(MAPS, map('up-1', { a: '1' }));
    await server.put(`${MAPS}/up-1`, { ...body, data: { a: '2' } });
    const stale = await server.put(`${MAPS}/up-1`, { ...body, data: { a: '3' } });
    expect(stale.body).toMatchObject({ code: 409, reason: 'Conflict' });
    expect(stale.body.message).toContain(
      'the object has been modified; please apply your changes to the latest version',
    );
    expect((await server.get(`${MAPS}/up-1`)).body.data).toEqual({ a: '2' });
  });

  it('overwrites without a resourceVersion for built-ins and refuses it for custom resources', async () => {
    await server.post(MAPS, map('up-2', { a: '1' }));
    expect((await server.put(`${MAPS}/up-2`, map('up-2', { a: '9' }))).code).toBe(200);
    await server.post(WIDGETS, widget('up-2'));
    const refused = await server.put(`${WIDGETS}/up-2`, widget('up-2', { replicas: 2 }));
    expect(refused.body).toMatchObject({ code: 422 });
    expect(refused.body.details?.causes?.[0]).toMatchObject({ field: 'metadata.resourceVersion' });
    expect(refused.body.message).toContain('must be specified for an update');
  });

  it('keeps the time of creation, whatever is sent', async () => {
    const { body } = await server.post(MAPS, { metadata: { name: 'up-time' } });
    const sent = { ...body, metadata: { ...body.metadata, creationTimestamp: '2020-01-01T00:00:00Z' } };
    const kept = await server.put(`${MAPS}/up-time`, sent);
    expect(kept.code, kept.text).toBe(200);
    expect(kept.body.metadata).toEqual(body.metadata);
  });

  it('takes the uid of the body as a precondition', async () => {
    const { body } = await server.post(MAPS, map('up-3'));
    const other = { ...body, metadata: { ...body.metadata, uid: 'somebody-else' } };
    expect((await server.put(`${MAPS}/up-3`, other)).body).toMatchObject({ code: 409, reason: 'Conflict' });
  });

  it('writes nothing when nothing changes: same resourceVersion, no event', async () => {
    const { body } = await server.post(WIDGETS, widget('same', { color: 'red' }));
    const watch = server.watch(`${WIDGETS}?watch=1&resourceVersion=${body.metadata.resourceVersion}`);
    await watch.code;
    const put = await server.put(`${WIDGETS}/same?fieldManager=other`, body);
    expect(put.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    const patched = await server.patch(`${WIDGETS}/same`, 'merge', { spec: { color: 'red' } });
    expect(patched.body).toEqual(body);
    await server.patch(`${WIDGETS}/same`, 'merge', { spec: { color: 'green' } });
    const events = await watch.until(1);
    watch.close();
    expect(events).toHaveLength(1);
    expect(events[0]?.object.spec['color']).toBe('green');
  });

  it('404s for what is not there and 400s for another name in the body', async () => {
    expect((await server.put(`${MAPS}/none`, map('none'))).body).toMatchObject({
      code: 404,
      details: { kind: 'configmaps', name: 'none' },
    });
    await server.post(MAPS, map('up-4'));
    expect((await server.put(`${MAPS}/up-4`, map('other'))).code).toBe(400);
    expect((await server.put(`${MAPS}/up-4`, { data: {} })).code).toBe(400);
  });

  it('keeps the old version on a dry run', async () => {
    const { body } = await server.post(MAPS, map('up-5', { a: '1' }));
    const dry = await server.put(`${MAPS}/up-5?dryRun=All`, { ...body, data: { a: '2' } });
    expect(dry.body.data).toEqual({ a: '2' });
    expect(dry.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    expect((await server.get(`${MAPS}/up-5`)).body.data).toEqual({ a: '1' });
  });
});

describe('patch', () => {
  it('takes JSON, merge and, for built-ins only, strategic patches', async () => {
    await server.post(MAPS, map('patch-1', { a: '1' }));
    await server.patch(`${MAPS}/patch-1`, 'merge', { data: { b: '2' } });
    await server.patch(`${MAPS}/patch-1`, 'strategic-merge', { data: { c: '3' } });
    const { body } = await server.patch(`${MAPS}/patch-1`, 'json', [{ op: 'remove', path: '/data/a' }]);
    expect(body.data).toEqual({ b: '2', c: '3' });
    await server.post(WIDGETS, widget('patch-1'));
    const refused = await server.patch(`${WIDGETS}/patch-1`, 'strategic-merge', { spec: { replicas: 3 } });
    expect(refused.body).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' });
    expect(refused.body.message).toContain('application/json-patch+json, application/merge-patch+json');
  });

  it('404s for a missing object, 422s for a failed test, 409s for a stale version in the patch', async () => {
    expect((await server.patch(`${MAPS}/none`, 'merge', {})).code).toBe(404);
    await server.post(MAPS, map('patch-2', { a: '1' }));
    expect((await server.patch(`${MAPS}/patch-2`, 'json', [{ op: 'test', path: '/data/a', value: '2' }])).code).toBe(
      422,
    );
    expect(
      (await server.patch(`${MAPS}/patch-2`, 'merge', { metadata: { resourceVersion: '1' }, data: { a: '2' } })).code,
    ).toBe(409);
  });

  it('applies every one of many patches at once to one object', async () => {
    await server.post(MAPS, map('patch-3'));
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`);
    const replies = await Promise.all(
      keys.map((key) => server.patch(`${MAPS}/patch-3`, 'merge', { data: { [key]: key } })),
    );
    expect(replies.every((reply) => reply.code === 200)).toBe(true);
    const { body } = await server.get(`${MAPS}/patch-3`);
    expect(Object.keys(body.data).sort()).toEqual(keys.sort());
  });
});

describe('delete', () => {
  it('answers with a Status that names the uid', async () => {
    const { body } = await server.post(MAPS, map('del-1'));
    const reply = await server.delete(`${MAPS}/del-1`, { propagationPolicy: 'Background' });
    expect(reply.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'del-1', kind: 'configmaps', uid: body.metadata.uid },
    });
    expect((await server.delete(`${MAPS}/del-1`)).code).toBe(404);
  });

  it('checks preconditions', async () => {
    const { body } = await server.post(MAPS, map('del-2'));
    expect((await server.delete(`${MAPS}/del-2`, { preconditions: { uid: 'x' } })).code).toBe(409);
    expect((await server.delete(`${MAPS}/del-2`, { preconditions: { resourceVersion: '1' } })).code).toBe(409);
    const dry = await server.ask('DELETE', `${MAPS}/del-2?dryRun=All`);
    expect(dry.code).toBe(200);
    expect((await server.get(`${MAPS}/del-2`)).code).toBe(200);
    const right = { preconditions: { uid: body.metadata.uid, resourceVersion: body.metadata.resourceVersion } };
    expect((await server.delete(`${MAPS}/del-2`, right)).code).toBe(200);
  });

  it('is what a creation of the same name hears of while it goes on', async () => {
    await server.post(MAPS, { metadata: { name: 'ending', finalizers: ['example.com/hold'] } });
    await server.delete(`${MAPS}/ending`);
    await eventually(async () => {
      const { body } = await server.post(MAPS, { metadata: { name: 'ending' } });
      expect(body.message).toBe('object is being deleted: configmaps "ending" already exists');
    });
  });

  it('waits for finalizers and lets nobody add one meanwhile', async () => {
    await server.post(WIDGETS, widget('del-3', {}, { finalizers: ['example.com/a', 'example.com/b'] }));
    const marked = await server.delete(`${WIDGETS}/del-3`);
    expect(marked.code).toBe(200);
    expect(marked.body.kind).toBe('Widget');
    expect(marked.body.metadata.deletionTimestamp).toBeDefined();
    expect(marked.body.metadata.generation).toBe(2);
    const again = await server.delete(`${WIDGETS}/del-3`);
    expect(again.body.metadata.resourceVersion).toBe(marked.body.metadata.resourceVersion);
    const more = await server.patch(`${WIDGETS}/del-3`, 'merge', {
      metadata: { finalizers: ['example.com/a', 'example.com/c'] },
    });
    expect(more.code).toBe(422);
    await server.patch(`${WIDGETS}/del-3`, 'merge', { metadata: { finalizers: ['example.com/b'] } });
    expect((await server.get(`${WIDGETS}/del-3`)).code).toBe(200);
    const last = await server.patch(`${WIDGETS}/del-3`, 'merge', { metadata: { finalizers: null } });
    expect(last.code).toBe(200);
    expect((await server.get(`${WIDGETS}/del-3`)).code).toBe(404);
  });

  it('deletes collections by selector and returns what it deleted', async () => {
    for (const i of [1, 2, 3]) await server.post(MAPS, map(`many-${i}`, {}, { labels: { set: i < 3 ? 'a' : 'b' } }));
    const reply = await server.delete(`${MAPS}?labelSelector=set%3Da`);
    expect(reply.body.items.map((item) => item.metadata.name)).toEqual(['many-1', 'many-2']);
    expect((await server.get(`${MAPS}?labelSelector=set`)).body.items.map((item) => item.metadata.name)).toEqual([
      'many-3',
    ]);
  });
});

describe('custom resources', () => {
  it('begin with the default of their status, whatever status was sent', async () => {
    const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const status = {
      type: 'object',
      default: { observed: -1 },
      properties: { observed: { type: 'integer' }, phase: { type: 'string', default: 'New' } },
    };
    const schema = { openAPIV3Schema: { type: 'object', properties: { status } } };
    const version = { name: 'v1', served: true, storage: true, subresources: { status: {} }, schema };
    const names = { plural: 'observers', kind: 'Observer' };
    const spec = { group: 'example.com', scope: 'Cluster', names, versions: [version] };
    await server.post(crds, { metadata: { name: 'observers.example.com' }, spec });
    const at = '/apis/example.com/v1/observers';
    await eventually(async () => expect((await server.get(at)).code).toBe(200));
    const type = { apiVersion: 'example.com/v1', kind: 'Observer' };
    const made = await server.post(at, { ...type, metadata: { name: 'o' }, status: { observed: 7 } });
    expect(made.body.status).toEqual({ observed: -1, phase: 'New' });
    expect((await server.get(`${at}/o`)).body.status).toEqual({ observed: -1, phase: 'New' });
  });

  it('count generations for spec, not for metadata and status', async () => {
    const { body } = await server.post(WIDGETS, { ...widget('gen'), status: { replicas: 9 } });
    expect(body.metadata.generation).toBe(1);
    expect(body.status).toBeUndefined();
    const labelled = await server.patch(`${WIDGETS}/gen`, 'merge', { metadata: { labels: { a: 'b' } } });
    expect(labelled.body.metadata.generation).toBe(1);
    const ignored = await server.patch(`${WIDGETS}/gen`, 'merge', { status: { replicas: 5 } });
    expect(ignored.body.status).toBeUndefined();
    const status = await server.patch(`${WIDGETS}/gen/status`, 'merge', {
      metadata: { labels: { a: 'c' } },
      spec: { replicas: 8 },
      status: { replicas: 5 },
    });
    expect(status.body.metadata).toMatchObject({ generation: 1, labels: { a: 'b' } });
    expect(status.body.spec['replicas']).toBe(1);
    expect(status.body.status).toEqual({ replicas: 5 });
    const changed = await server.patch(`${WIDGETS}/gen`, 'merge', { spec: { replicas: 8 } });
    expect(changed.body.metadata.generation).toBe(2);
    expect(changed.body.status).toEqual({ replicas: 5 });
  });

  it('are defaulted, pruned and validated by schema and CEL', async () => {
    const { body, headers } = await server.post(WIDGETS, widget('cel', { parts: [{ name: 'a' }], unknown: 1 }));
    expect(body.spec).toEqual({ color: 'red', replicas: 1, parts: [{ name: 'a', size: 3 }] });
    expect(headers['warning']).toContain('unknown field \\"spec.unknown\\"');
    const wrong = await server.post(WIDGETS, widget('wrong', { color: 'pink', replicas: -1 }));
    expect(wrong.body).toMatchObject({ code: 422, details: { group: 'example.com', kind: 'Widget' } });
    expect(wrong.body.details?.causes?.map((cause) => cause.field)).toEqual(
      expect.arrayContaining(['spec.color', 'spec.replicas']),
    );
    const rule = await server.patch(`${WIDGETS}/cel`, 'merge', { spec: { color: 'blue', replicas: 7 } });
    expect(rule.body.code).toBe(422);
    expect(rule.body.message).toContain('blue widgets are rare');
  });

  it('refuse unknown and duplicate fields under Strict, drop them in silence under Ignore', async () => {
    const doubled =
      '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"strict"},"spec":{"color":"red","color":"green","x":1}}';
    const strict = await server.post(`${WIDGETS}?fieldValidation=Strict`, doubled);
    expect(strict.body.code).toBe(400);
    expect(strict.body.message).toContain('strict decoding error: ');
    expect(strict.body.message).toContain('unknown field "spec.x"');
    expect(strict.body.message).toContain('duplicate field "spec.color"');
    const ignored = await server.post(`${WIDGETS}?fieldValidation=Ignore`, doubled);
    expect(ignored.code).toBe(201);
    expect(ignored.headers['warning']).toBeUndefined();
  });

  it('keep integers beyond 2^53', async () => {
    const text =
      '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"big"},"spec":{"big":9007199254740993}}';
    expect((await server.post(WIDGETS, text)).text).toContain('"big":9007199254740993');
    expect((await server.get(`${WIDGETS}/big`)).text).toContain('"big":9007199254740993');
    expect((await server.get(WIDGETS)).text).toContain('"big":9007199254740993');
    const patched = await server.patch(`${WIDGETS}/big`, 'merge', { spec: { note: 'x' } });
    expect(patched.text).toContain('"big":9007199254740993');
  });

  it('have replicas that a scale can show', async () => {
    const { body } = await server.post(WIDGETS, { ...widget('many'), spec: { replicas: 2 ** 31 } });
    expect(body.details?.causes).toEqual([
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 2147483648: should be less than or equal to 2147483647',
        field: '.spec.replicas',
      },
    ]);
  });

  it('have a scale', async () => {
    await server.post(WIDGETS, widget('scale', { replicas: 2 }));
    await server.patch(`${WIDGETS}/scale/status`, 'merge', { status: { replicas: 1, selector: 'a=b' } });
    const { body } = await server.get(`${WIDGETS}/scale/scale`);
    expect(body).toMatchObject({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      spec: { replicas: 2 },
      status: { replicas: 1, selector: 'a=b' },
    });
    const scaled = await server.patch(`${WIDGETS}/scale/scale`, 'merge', { spec: { replicas: 4 } });
    expect(scaled.body.spec).toEqual({ replicas: 4 });
    expect((await server.put(`${WIDGETS}/scale/scale`, body)).body.code).toBe(409);
    expect((await server.patch(`${WIDGETS}/scale/scale`, 'merge', { spec: { replicas: -4 } })).code).toBe(422);
    const after = await server.get(`${WIDGETS}/scale`);
    expect(after.body.spec['replicas']).toBe(4);
    expect(after.body.metadata.generation).toBe(2);
  });
});

describe('managedFields', () => {
  it('say who set what, on create, update and status', async () => {
    await server.post(`${WIDGETS}?fieldManager=maker`, widget('managed', { color: 'red' }));
    await server.patch(`${WIDGETS}/managed?fieldManager=changer`, 'merge', { spec: { color: 'green' } });
    await server.patch(`${WIDGETS}/managed/status?fieldManager=observer`, 'merge', { status: { replicas: 1 } });
    const { body } = await server.get(`${WIDGETS}/managed`);
    const of = (manager: string) => body.metadata.managedFields?.find((entry) => entry.manager === manager);
    expect(of('maker')).toMatchObject({ operation: 'Update', apiVersion: 'example.com/v1', fieldsType: 'FieldsV1' });
    expect(JSON.stringify(of('maker')?.fieldsV1)).not.toContain('f:color');
    expect(of('changer')?.fieldsV1).toEqual({ 'f:spec': { 'f:color': {} } });
    expect(of('observer')).toMatchObject({ subresource: 'status' });
  });

  it('take the User-Agent when no manager is named, and can be reset', async () => {
    await server.post(MAPS, map('managed', { a: '1' }), { 'user-agent': 'kubectl/v1.35 (linux)' });
    const { body } = await server.get(`${MAPS}/managed`);
    expect(body.metadata.managedFields?.[0]?.manager).toBe('kubectl');
    const reset = await server.patch(`${MAPS}/managed`, 'merge', { metadata: { managedFields: [{}] } });
    expect(reset.body.metadata.managedFields).toBeUndefined();
  });

  it('refuse a manager’s name of more than 128 characters', async () => {
    expect((await server.post(`${MAPS}?fieldManager=${'x'.repeat(129)}`, map('m'))).code).toBe(422);
  });
});
