import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/apiServer.ts';
import { METADATA } from '../../support/auditPolicies.ts';

let server: TestServer;
const audit: string[] = [];

beforeAll(async () => {
  server = await startTestServer({ audit: { policy: METADATA, sink: { write: (line) => audit.push(line) } } });
});
afterAll(async () => {
  await server.close();
});

/** Sends bytes as they are over TLS and returns the first bytes of the answer. */
async function raw(bytes: string): Promise<string> {
  const { port } = new URL(server.api.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', ca: server.pki.ca }, () => socket.write(bytes));
    socket.on('data', (chunk: Buffer) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(''));
  });
}

describe('who may come in', () => {
  it('answers health and version to everybody', async () => {
    for (const path of ['/healthz', '/livez', '/readyz', '/version']) {
      expect((await server.get(path, { agent: server.nobody })).code, path).toBe(200);
    }
  });

  it('answers 403 with a Status to everything else without a certificate', async () => {
    for (const path of ['/api', '/apis', '/readyz/ping', '/metrics', '/openapi/v3', '/nothing']) {
      const reply = await server.get(path, { agent: server.nobody });
      expect(reply.code, path).toBe(403);
      const message = `forbidden: User "system:anonymous" cannot get path "${path}"`;
      expect(reply.body).toMatchObject({ kind: 'Status', reason: 'Forbidden', code: 403, message });
    }
    expect((await server.get('/api/v1/secrets', { agent: server.nobody })).body.message).toBe(
      'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" at the cluster scope',
    );
  });

  it('answers 401 to a bearer token, as no token is known here', async () => {
    const sent = { headers: { authorization: 'Bearer x' } };
    expect((await server.get('/api', { ...sent, agent: server.nobody })).code).toBe(401);
    // as in kube-apiserver, who shows a good certificate needs no token
    expect((await server.get('/api', sent)).code).toBe(200);
  });

  it('knows the user and groups of a client certificate', async () => {
    const agent = await server.agentOf('jane', ['dev', 'ops']);
    const reply = await server.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {}, agent });
    agent.destroy();
    expect(reply.code).toBe(201);
    expect(reply.body.status).toMatchObject({
      userInfo: { username: 'jane', groups: ['dev', 'ops', 'system:authenticated'] },
    });
  });

  it('lets system:masters do everything and says so in access reviews', async () => {
    const review = { spec: { resourceAttributes: { verb: 'delete', resource: 'secrets', namespace: 'default' } } };
    const access = await server.post('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', review);
    expect(access.body.status).toMatchObject({ allowed: true });
    const rules = await server.post('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
      spec: { namespace: 'default' },
    });
    expect(rules.body.status['resourceRules']).toContainEqual({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] });
  });
});

describe('health', () => {
  it('lists the checks with ?verbose and leaves out excluded ones', async () => {
    const reply = await server.get('/readyz?verbose&exclude=etcd');
    expect(reply.text).toContain('[+]ping ok');
    expect(reply.text).toContain('[+]etcd excluded: ok');
    expect(reply.text).toContain('readyz check passed');
  });

  it('answers single checks and 404 for unknown ones', async () => {
    expect((await server.get('/livez/ping')).text).toBe('ok');
    expect((await server.get('/livez/nonsense')).code).toBe(404);
  });

  it('reports a version whose major and minor are whole numbers', async () => {
    const { body } = await server.get('/version');
    expect(body['major']).toMatch(/^\d+$/);
    expect(body['minor']).toMatch(/^\d+$/);
    expect(body['gitVersion']).toMatch(/^v\d+\.\d+\.\d+/);
  });
});

describe('every answer', () => {
  it('carries the client’s Audit-ID, or one of its own, and is recorded', async () => {
    const own = await server.get('/api/v1/namespaces', { headers: { 'audit-id': 'my-id-1' } });
    expect(own.headers['audit-id']).toBe('my-id-1');
    expect((await server.get('/version')).headers['audit-id']).toMatch(/^[0-9a-f-]{36}$/);
    const lines = audit.map((line) => JSON.parse(line) as { auditID: string });
    expect(lines.find((line) => line.auditID === 'my-id-1')).toMatchObject({
      level: 'Metadata',
      verb: 'list',
      user: { username: 'hostler-admin' },
      objectRef: { resource: 'namespaces', apiVersion: 'v1' },
      responseStatus: { code: 200 },
    });
  });

  it('is 404 text for paths that are nobody’s', async () => {
    for (const path of ['/x', '/api/v2', '/apis/no.such/v1', '/apis/no.such/v1/things', '/openapi/v4']) {
      const reply = await server.get(path);
      expect(reply.code, path).toBe(404);
      expect(reply.headers['content-type'], path).toContain('text/plain');
    }
  });

  it('is 406 for types that cannot be made, and in the first of those that can', async () => {
    const path = '/api/v1/namespaces/default';
    const none = await server.get(path, { headers: { accept: 'application/xml' } });
    expect(none.code).toBe(406);
    expect(none.body.reason).toBe('NotAcceptable');
    const protobuf = 'application/vnd.kubernetes.protobuf';
    for (const accept of [protobuf, `${protobuf},application/json`]) {
      const answer = await server.get(path, { headers: { accept } });
      expect(answer.headers['content-type']).toBe(protobuf);
      expect(answer.text.slice(0, 4)).toBe('k8s\0');
    }
    const yaml = await server.get(path, { headers: { accept: 'application/yaml' } });
    expect(yaml.headers['content-type']).toBe('application/yaml');
    expect(yaml.text).toContain('kind: Namespace');
  });
});

describe('requests that are wrong', () => {
  it('never end in a 500', async () => {
    const bad: [string, string, string | undefined, Record<string, string>][] = [
      ['GET', '/api/v1/namespaces/%zz', undefined, {}],
      ['GET', '/api/v1/namespaces?limit=x', undefined, {}],
      ['GET', '/api/v1/namespaces?resourceVersion=abc', undefined, {}],
      ['GET', '/api/v1/namespaces?labelSelector=a%3D%3D%3Db(', undefined, {}],
      ['GET', '/api/v1/namespaces?fieldSelector=nonsense', undefined, {}],
      ['GET', '/api/v1/namespaces?fieldSelector=spec.no%3Dx', undefined, {}],
      ['GET', '/api/v1/namespaces?continue=%21%21', undefined, {}],
      ['GET', '/api/v1/namespaces?watch=1&timeoutSeconds=q', undefined, {}],
      ['POST', '/api/v1/namespaces', '', {}],
      ['POST', '/api/v1/namespaces', '{', {}],
      ['POST', '/api/v1/namespaces', '[]', {}],
      ['POST', '/api/v1/namespaces', 'null', {}],
      ['POST', '/api/v1/namespaces', '"x"', {}],
      ['POST', '/api/v1/namespaces', '{"metadata": 3}', {}],
      ['POST', '/api/v1/namespaces', '{"metadata": {"name": 3}}', {}],
      ['POST', '/api/v1/namespaces', '{"metadata": {"labels": []}}', {}],
      ['POST', '/api/v1/namespaces', '{"kind": 7}', {}],
      ['POST', '/api/v1/namespaces', '{"kind": "Pod", "apiVersion": "v1"}', {}],
      ['POST', '/api/v1/namespaces', 'k8s\u0000garbage', { 'content-type': 'application/vnd.kubernetes.protobuf' }],
      ['POST', '/api/v1/namespaces', 'x', { 'content-type': 'application/cbor' }],
      ['POST', '/api/v1/namespaces', 'a: [', { 'content-type': 'application/yaml' }],
      ['PUT', '/api/v1/namespaces/default', '{}', {}],
      ['PATCH', '/api/v1/namespaces/default', '{}', { 'content-type': 'text/plain' }],
      ['PATCH', '/api/v1/namespaces/default', '{', { 'content-type': 'application/merge-patch+json' }],
      ['PATCH', '/api/v1/namespaces/default', '3', { 'content-type': 'application/merge-patch+json' }],
      ['PATCH', '/api/v1/namespaces/default', '{"metadata":null}', { 'content-type': 'application/merge-patch+json' }],
      ['PATCH', '/api/v1/namespaces/default', '[{"op":"x"}]', { 'content-type': 'application/json-patch+json' }],
      [
        'PATCH',
        '/api/v1/namespaces/default',
        '[{"op":"remove","path":"/metadata"}]',
        { 'content-type': 'application/json-patch+json' },
      ],
      ['DELETE', '/api/v1/namespaces/none', '{"propagationPolicy":"Sideways"}', {}],
      ['DELETE', '/api/v1/namespaces/none', '[]', {}],
      ['TRACE', '/api/v1/namespaces/default', undefined, {}],
      ['POST', '/api/v1/namespaces/default', '{}', {}],
      ['PUT', '/api/v1/namespaces', '{}', {}],
      ['GET', '/api/v1/namespaces/default/status/more', undefined, {}],
      ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', '{}', {}],
    ];
    for (const [method, path, body, headers] of bad) {
      const reply = await server.ask(method, path, { ...(body === undefined ? {} : { body }), headers });
      expect(reply.code, `${method} ${path} ${body ?? ''} → ${reply.text}`).toBeGreaterThanOrEqual(400);
      expect(reply.code, `${method} ${path} ${body ?? ''} → ${reply.text}`).toBeLessThan(500);
    }
    expect((await server.get('/healthz')).text).toBe('ok');
  });

  it('that are no HTTP get 400 and harm nobody', async () => {
    expect(await raw('NONSENSE\r\n\r\n')).toContain('400');
    expect((await server.get('/healthz')).text).toBe('ok');
  });

  it('with bodies above 3 MiB get 413, announced or not', async () => {
    const big = `{"metadata":{"name":"x","annotations":{"a":"${'a'.repeat(3 * 1024 * 1024)}"}}}`;
    const announced = await server.post('/api/v1/namespaces', big);
    expect(announced.body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
    const chunked = await server
      .ask('POST', '/api/v1/namespaces', { body: big, headers: { 'transfer-encoding': 'chunked' } })
      .catch(() => undefined);
    if (chunked !== undefined) expect(chunked.code).toBe(413);
  });

  it('with bodies of many megabytes get their answer, not a broken connection', async () => {
    const reply = await server.post('/api/v1/namespaces', Buffer.alloc(24 * 1024 * 1024, 'x'));
    expect(reply.body.message).toBe('Request entity too large: limit is 3145728');
  });

  it('are told 404 for a resource that a group does not have, and 405 for what a resource does not do', async () => {
    for (const path of ['/api/v1/pods', '/apis/coordination.k8s.io/v9/leases', '/api/v1/namespaces/default/pods/x']) {
      const { body } = await server.get(path);
      expect(body, path).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound', details: {} });
    }
    for (const [method, path] of [
      ['POST', '/api/v1/configmaps'],
      ['DELETE', '/api/v1/configmaps'],
      ['PUT', '/api/v1/namespaces/default/configmaps'],
      ['PATCH', '/api/v1/namespaces'],
      ['DELETE', '/api/v1/namespaces'],
    ] as const) {
      const { body } = await server.ask(method, path, { body: { metadata: { name: 'x' } } });
      expect(body, `${method} ${path}`).toMatchObject({ code: 405, reason: 'MethodNotAllowed' });
    }
    expect((await server.get('/api/v1/namespaces/default')).code).toBe(200);
  });

  it('say which kind, version, name or namespace does not fit the URL', async () => {
    const at = '/api/v1/namespaces/default/configmaps';
    const meta = { name: 'x' };
    expect((await server.post(at, { apiVersion: 'v2', metadata: meta })).text).toContain(
      'does not match the expected API version',
    );
    expect((await server.post(at, { kind: 'Secret', metadata: meta })).text).toContain(
      'does not match the expected kind',
    );
    const space = await server.post(at, { metadata: { name: 'x', namespace: 'other' } });
    expect(space).toMatchObject({ code: 400 });
    expect(space.text).toContain('does not match the namespace sent on the request');
  });
});

describe('metrics', () => {
  it('count requests under the names of kube-apiserver', async () => {
    await server.get('/api/v1/namespaces');
    const { text } = await server.get('/metrics');
    expect(text).toMatch(
      /apiserver_request_total\{verb="LIST",group="",version="v1",resource="namespaces".*code="200"\} \d+/,
    );
    expect(text).toContain('apiserver_request_duration_seconds_bucket');
    expect(text).toMatch(/apiserver_current_inflight_requests\{request_kind="readOnly"\} \d+/);
  });

  it('keep one label for whatever clients make up', async () => {
    for (let i = 0; i < 20; i++) await server.get(`/apis/made.up${i}/v1/things${i}`);
    expect((await server.get('/metrics')).text).not.toContain('made.up');
  });
});
