import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startTestServer({ crds: [parse(WIDGETS_CRD) as object] });
});
afterAll(async () => {
  await server.close();
});

function apply(path: string, body: unknown, query = 'fieldManager=a'): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'content-type': 'application/apply-patch+yaml' };
  return server.ask('PATCH', `${path}?${query}`, { body: text, headers });
}

const map = (name: string, data?: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data === undefined ? {} : { data }),
});

/** Fields by manager and operation. */
function owned(reply: Reply): Record<string, unknown> {
  const entries = reply.body.metadata.managedFields ?? [];
  return Object.fromEntries(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, subresource].filter((part) => part !== undefined).join('/'),
      fieldsV1,
    ]),
  );
}

const data = (...keys: string[]): object => ({
  'f:data': Object.fromEntries(keys.map((key) => [`f:${key}`, {}])),
});

describe('what an apply owns', () => {
  it('creates what is not there with 201, and owns what it said', async () => {
    const created = await apply(`${MAPS}/own-1`, map('own-1', { a: '1' }, { labels: { l: 'x' } }));
    expect(created.code).toBe(201);
    expect(created.body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(owned(created)).toEqual({
      'a/Apply': { 'f:data': { 'f:a': {} }, 'f:metadata': { 'f:labels': { 'f:l': {} } } },
    });
    const again = await apply(`${MAPS}/own-1`, map('own-1', { a: '1' }, { labels: { l: 'x' } }));
    expect(again).toMatchObject({ code: 200, body: created.body });
  });

  it('removes what it no longer sends, unless another owns it', async () => {
    await apply(`${MAPS}/own-2`, map('own-2', { a: '1', b: '1', c: '1' }));
    const shared = await apply(`${MAPS}/own-2`, map('own-2', { b: '1', d: '1' }), 'fieldManager=b');
    expect(owned(shared)).toEqual({ 'a/Apply': data('a', 'b', 'c'), 'b/Apply': data('b', 'd') });
    const less = await apply(`${MAPS}/own-2`, map('own-2', { a: '1' }));
    expect(less.body.data).toEqual({ a: '1', b: '1', d: '1' });
    expect(owned(less)).toEqual({ 'a/Apply': data('a'), 'b/Apply': data('b', 'd') });
    const nothing = await apply(`${MAPS}/own-2`, map('own-2'));
    expect(nothing.body.data).toEqual({ b: '1', d: '1' });
    expect(owned(nothing)).toEqual({ 'b/Apply': data('b', 'd') });
  });

  it('merges lists by key and keeps the items of others', async () => {
    const path = `${WIDGETS}/own-3`;
    await apply(path, widget('own-3', { parts: [{ name: 'x', size: 1 }, { name: 'y' }] }));
    const both = await apply(path, widget('own-3', { parts: [{ name: 'z', size: 2 }] }), 'fieldManager=b');
    expect(both.body.spec['parts']).toEqual([
      { name: 'x', size: 1 },
      { name: 'y', size: 3 },
      { name: 'z', size: 2 },
    ]);
    expect(owned(both)['b/Apply']).toEqual({
      'f:spec': { 'f:parts': { 'k:{"name":"z"}': { '.': {}, 'f:name': {}, 'f:size': {} } } },
    });
    const less = await apply(path, widget('own-3', { parts: [{ name: 'y' }] }));
    expect(less.body.spec['parts']).toEqual([
      { name: 'y', size: 3 },
      { name: 'z', size: 2 },
    ]);
    expect(less.body.metadata.generation).toBe(3);
  });

  it('takes over what was there before anybody applied', async () => {
    await server.post(`${MAPS}?fieldManager=old`, map('own-4', { a: '1' }));
    await server.patch(`${MAPS}/own-4`, 'merge', { metadata: { managedFields: [{}] } });
    expect(owned(await server.get(`${MAPS}/own-4`))).toEqual({});
    const refused = await apply(`${MAPS}/own-4`, map('own-4', { a: '2' }));
    expect(refused.body.message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
    const shared = await apply(`${MAPS}/own-4`, map('own-4', { a: '1' }));
    expect(owned(shared)).toEqual({
      'a/Apply': data('a'),
      'before-first-apply/Update': { 'f:data': { '.': {}, 'f:a': {} } },
    });
  });
});

describe('conflicts', () => {
  it('are told one by one, and force takes the fields', async () => {
    await server.post(`${MAPS}?fieldManager=editor`, map('conflict-1', { a: '1', b: '1', c: '1' }));
    await apply(`${MAPS}/conflict-1`, map('conflict-1', { c: '1' }), 'fieldManager=other');
    const body = map('conflict-1', { a: '2', b: '2', c: '2' });
    const refused = await apply(`${MAPS}/conflict-1`, body);
    expect(refused.body).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: [
        'Apply failed with 4 conflicts: conflicts with "editor" using v1:',
        '- .data.a',
        '- .data.b',
        '- .data.c',
        'conflicts with "other":',
        '- .data.c',
      ].join('\n'),
    });
    expect(refused.body.details?.causes?.[0]).toEqual({
      reason: 'FieldManagerConflict',
      message: 'conflict with "editor" using v1',
      field: '.data.a',
    });
    const forced = await apply(`${MAPS}/conflict-1`, body, 'fieldManager=a&force=true');
    expect(owned(forced)).toEqual({ 'a/Apply': data('a', 'b', 'c'), 'editor/Update': { 'f:data': {} } });
  });

  it('do not arise where the value is the same, and an update takes a field without asking', async () => {
    await apply(`${MAPS}/conflict-2`, map('conflict-2', { a: '1', b: '1' }));
    expect((await apply(`${MAPS}/conflict-2`, map('conflict-2', { a: '1' }), 'fieldManager=b')).code).toBe(200);
    const updated = await server.patch(`${MAPS}/conflict-2?fieldManager=c`, 'merge', { data: { a: '2' } });
    expect(owned(updated)).toEqual({ 'a/Apply': data('b'), 'c/Update': data('a') });
  });
});

describe('subresources', () => {
  it('status belongs to who applies it there, and never to who applies the resource', async () => {
    const path = `${WIDGETS}/status-1`;
    const body = { ...widget('status-1', { color: 'red' }), status: { replicas: 1 } };
    const created = await apply(path, body);
    expect(created.body.status).toBeUndefined();
    const status = await apply(`${path}/status`, { ...widget('status-1'), status: { replicas: 2 } }, 'fieldManager=s');
    expect(status.body.status).toEqual({ replicas: 2 });
    expect(owned(status)).toEqual({
      'a/Apply': { 'f:spec': { 'f:color': {} } },
      's/Apply/status': { 'f:status': { 'f:replicas': {} } },
    });
    const none = await apply(`${WIDGETS}/none/status`, { ...widget('none'), status: {} });
    expect(none).toMatchObject({ code: 404, body: { reason: 'NotFound' } });
  });

  it('scale owns the replicas of the resource', async () => {
    const path = `${WIDGETS}/scale-1`;
    await apply(path, widget('scale-1', { replicas: 2, color: 'red' }));
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'scale-1' }, spec: { replicas: 5 } };
    const refused = await apply(`${path}/scale`, scale, 'fieldManager=hpa');
    expect(refused.body.message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.replicas');
    const forced = await apply(`${path}/scale`, scale, 'fieldManager=hpa&force=true');
    expect(forced).toMatchObject({ code: 200, body: { kind: 'Scale', spec: { replicas: 5 } } });
    const parent = await server.get(path);
    expect(parent.body.spec['replicas']).toBe(5);
    expect(owned(parent)).toEqual({
      'a/Apply': { 'f:spec': { 'f:color': {} } },
      'hpa/Apply/scale': { 'f:spec': { 'f:replicas': {} } },
    });
    const back = await apply(path, widget('scale-1', { replicas: 2, color: 'red' }));
    expect(back.body.message).toContain('conflict with "hpa" with subresource "scale": .spec.replicas');
  });
});

describe('dry run', () => {
  it('shows what would be created without a resourceVersion, and stores nothing', async () => {
    const dry = await apply(`${MAPS}/dry-1`, map('dry-1', { a: '1' }), 'fieldManager=a&dryRun=All&force=true');
    expect(dry.code).toBe(201);
    expect(dry.body.metadata.resourceVersion).toBeUndefined();
    expect((await server.get(`${MAPS}/dry-1`)).code).toBe(404);
  });

  it('shows what would change with the resourceVersion that is', async () => {
    const { body } = await apply(`${MAPS}/dry-2`, map('dry-2', { a: '1' }));
    const dry = await apply(`${MAPS}/dry-2`, map('dry-2', { a: '2' }), 'fieldManager=a&dryRun=All');
    expect(dry.body).toMatchObject({ data: { a: '2' }, metadata: { resourceVersion: body.metadata.resourceVersion } });
    expect((await server.get(`${MAPS}/dry-2`)).body.data).toEqual({ a: '1' });
  });
});

describe('what is refused', () => {
  const cases: [string, unknown, string, { code: number; message: string | RegExp }][] = [
    [
      'no field manager',
      map('x'),
      'force=true',
      { code: 422, message: /fieldManager: Required value: is required for apply patch/ },
    ],
    [
      'managedFields',
      map('x', {}, { managedFields: [] }),
      'fieldManager=a',
      { code: 400, message: 'metadata.managedFields must be nil' },
    ],
    [
      'another kind',
      { ...map('x'), kind: 'Secret' },
      'fieldManager=a',
      { code: 400, message: 'invalid object type: /v1, Kind=Secret' },
    ],
    ['no type', { metadata: { name: 'x' } }, 'fieldManager=a', { code: 400, message: 'invalid object type: /, Kind=' }],
    [
      'another name',
      map('y'),
      'fieldManager=a',
      { code: 400, message: 'the name of the object (y) does not match the name on the URL (x)' },
    ],
    [
      'another namespace',
      map('x', {}, { namespace: 'other' }),
      'fieldManager=a',
      { code: 400, message: 'the namespace of the provided object does not match the namespace sent on the request' },
    ],
    [
      'a value of the wrong type',
      map('x', { a: 1 }),
      'fieldManager=a',
      {
        code: 400,
        message:
          'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:1}',
      },
    ],
    [
      'an unknown field',
      { ...map('x'), dat: {} },
      'fieldManager=a&fieldValidation=Ignore',
      {
        code: 400,
        message: 'failed to create typed patch object (/x; /v1, Kind=ConfigMap): .dat: field not declared in schema',
      },
    ],
    ['a list', [], 'fieldManager=a', { code: 400, message: /^error decoding YAML/ }],
    [
      'a uid of what is not there',
      map('x', {}, { uid: 'u' }),
      'fieldManager=a',
      { code: 409, message: /uid mismatch: the provided object specified uid u, and no existing object was found/ },
    ],
    [
      'repeated keys',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: "1", a: "2"}',
      'fieldManager=a&fieldValidation=Strict',
      { code: 400, message: /^error strict decoding YAML: .*\n {2}line \d+: key "\w+" already set in map$/s },
    ],
  ];
  it.each(cases)('%s', async (...[, body, query, { code, message }]) => {
    const reply = await apply(`${MAPS}/x`, body, query);
    expect(reply.body.message).toMatch(message);
    expect(reply.code).toBe(code);
  });

  it('a resourceVersion that is no longer true', async () => {
    const { body } = await apply(`${MAPS}/stale`, map('stale', { a: '1' }));
    const version = body.metadata.resourceVersion;
    expect((await apply(`${MAPS}/stale`, map('stale', { a: '2' }, { resourceVersion: version }))).code).toBe(200);
    const late = await apply(`${MAPS}/stale`, map('stale', { a: '3' }, { resourceVersion: version }));
    expect(late).toMatchObject({ code: 409, body: { reason: 'Conflict' } });
    expect(late.body.message).toContain('the object has been modified');
  });

  it('two items of a list with one key', async () => {
    const reply = await apply(`${WIDGETS}/twice`, widget('twice', { parts: [{ name: 'x' }, { name: 'x' }] }));
    expect(reply.body).toMatchObject({
      code: 400,
      message:
        'failed to create typed patch object (/twice; example.com/v1, Kind=Widget): .spec.parts: duplicate entries for key [name="x"]',
    });
  });

  it('what the schema and its rules do not allow, also after a merge', async () => {
    await apply(`${WIDGETS}/rule`, widget('rule', { replicas: 9 }));
    const reply = await apply(`${WIDGETS}/rule`, widget('rule', { color: 'blue' }), 'fieldManager=b');
    expect(reply.body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(reply.body.message).toContain('blue widgets are rare');
  });
});

it('keeps its promises when many apply at once', async () => {
  const path = `${MAPS}/crowd`;
  const appliers = Array.from({ length: 12 }, (_, index) => `m${index}`);
  const replies = await Promise.all(
    appliers.map((name) => apply(path, map('crowd', { [name]: '1' }), `fieldManager=${name}`)),
  );
  expect(replies.map(({ code }) => code).sort()).toEqual([...appliers.slice(1).map(() => 200), 201]);
  const { body } = await server.get(path);
  expect(Object.keys(body.data)).toEqual(expect.arrayContaining(appliers));
  expect(body.metadata.managedFields).toHaveLength(appliers.length);
});
