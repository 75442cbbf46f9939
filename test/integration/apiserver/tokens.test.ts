import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SigningKey } from '../../../src/apiserver/authentication/signingKey.ts';
import { eventually, startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { METADATA } from '../../support/auditPolicies.ts';

const ACCOUNTS = '/api/v1/namespaces/default/serviceaccounts';
const audit: string[] = [];
let server: TestServer;

const whoami = (token: string): Promise<Reply> =>
  server.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    body: {},
    headers: { authorization: `Bearer ${token}` },
    agent: server.nobody,
  });
const request = async (name: string, spec: object = {}): Promise<string> => {
  const reply = await server.post(`${ACCOUNTS}/${name}/token`, { spec });
  expect(reply.code, reply.text).toBe(201);
  return String(reply.body.status['token']);
};
const claimsOf = (token: string): Record<string, unknown> & { exp: number } =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown> & {
    exp: number;
  };

beforeAll(async () => {
  server = await startTestServer({
    staticTokens: 's3cret,alice,u1,"devs,ops"\n',
    audit: { policy: METADATA, sink: { write: (line) => audit.push(line) } },
  });
  for (const name of ['bot', 'gone']) await server.post(ACCOUNTS, { metadata: { name } });
});
afterAll(async () => {
  await server.close();
});

describe('ServiceAccount tokens', () => {
  it('authenticate while the account is there, and this very one', async () => {
    const token = await request('gone');
    const uid = (await server.get(`${ACCOUNTS}/gone`)).body.metadata.uid;
    expect((await whoami(token)).body.status).toMatchObject({
      userInfo: {
        username: 'system:serviceaccount:default:gone',
        uid,
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
    });
    await server.delete(`${ACCOUNTS}/gone`);
    expect((await whoami(token)).code).toBe(401);
    await server.post(ACCOUNTS, { metadata: { name: 'gone' } });
    expect((await whoami(token)).code).toBe(401);
  });

  it('say who, until when and for whom; 10 minutes at least', async () => {
    const reply = await server.post(`${ACCOUNTS}/bot/token`, {
      spec: { expirationSeconds: 600, audiences: ['vault'] },
    });
    expect(reply.body).toMatchObject({ kind: 'TokenRequest', spec: { expirationSeconds: 600, audiences: ['vault'] } });
    const claims = claimsOf(String(reply.body.status['token']));
    expect(claims).toMatchObject({ aud: ['vault'], sub: 'system:serviceaccount:default:bot' });
    expect(claims.exp - Number(claims['iat'])).toBe(600);
    expect((await whoami(String(reply.body.status['token']))).code).toBe(401);
    const short = await server.post(`${ACCOUNTS}/bot/token`, { spec: { expirationSeconds: 599 } });
    expect(short.code).toBe(422);
    expect(short.body.message).toContain('may not specify a duration less than 10 minutes');
    expect((await server.post(`${ACCOUNTS}/nobody/token`, { spec: {} })).code).toBe(404);
  });

  it('end with the Secret that they are bound to', async () => {
    await server.post('/api/v1/namespaces/default/secrets', { metadata: { name: 'bound' } });
    const ref = { kind: 'Secret', apiVersion: 'v1', name: 'bound' };
    const token = await request('bot', { boundObjectRef: ref });
    expect((await whoami(token)).code).toBe(201);
    await server.delete('/api/v1/namespaces/default/secrets/bound');
    expect((await whoami(token)).code).toBe(401);
    expect(
      (await server.post(`${ACCOUNTS}/bot/token`, { spec: { boundObjectRef: { ...ref, kind: 'Pod' } } })).code,
    ).toBe(404);
  });

  it('are refused when they are forged, changed or over', async () => {
    const token = await request('bot');
    const [head = '', body = '', signature = ''] = token.split('.');
    const claims = { ...claimsOf(token), sub: 'system:serviceaccount:kube-system:default' };
    const forged = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const unsigned = Buffer.from('{"alg":"none"}').toString('base64url');
    for (const bad of [`${head}.${forged}.${signature}`, `${unsigned}.${body}.`, `${head}.${body}`, 'a.b.c', 'x'])
      expect((await whoami(bad)).code, bad).toBe(401);
    const key = new SigningKey(server.pki.accountKey);
    const hour = 3600;
    const exp = claims.exp - 2 * hour;
    expect((await whoami(key.sign({ ...claimsOf(token), exp }))).code).toBe(401);
    expect((await whoami(key.sign(claimsOf(token)))).code).toBe(201);
  });

  it('may be a minute early or late, as the clocks of servers differ', async () => {
    const claims = claimsOf(await request('bot'));
    const key = new SigningKey(server.pki.accountKey);
    const now = Math.floor(Date.now() / 1000);
    for (const times of [{ exp: now - 30 }, { nbf: now + 30, iat: now + 30 }])
      expect((await whoami(key.sign({ ...claims, ...times }))).code, JSON.stringify(times)).toBe(201);
    for (const times of [{ exp: now - 90 }, { nbf: now + 90 }, { iat: now + 90 }])
      expect((await whoami(key.sign({ ...claims, ...times }))).code, JSON.stringify(times)).toBe(401);
  });

  it('carry rights by RBAC, and kubectl makes them', async () => {
    const made = await server.kubectl('1.35', ['create', 'token', 'bot', '--duration=15m']);
    expect(made.code, made.stderr).toBe(0);
    const token = made.stdout.trim();
    const headers = { authorization: `Bearer ${token}` };
    const list = (): Promise<Reply> =>
      server.get('/api/v1/namespaces/default/configmaps', { headers, agent: server.nobody });
    expect((await list()).code).toBe(403);
    await server.post('/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings', {
      metadata: { name: 'bot' },
      roleRef: { kind: 'ClusterRole', name: 'view' },
      subjects: [{ kind: 'ServiceAccount', name: 'bot' }],
    });
    await eventually(async () => expect((await list()).code).toBe(200));
    expect(audit.join('')).not.toContain(token);
  });

  it('can be verified by others', async () => {
    const headers = { authorization: `Bearer ${await request('bot')}` };
    const ask = { headers, agent: server.nobody };
    const configuration = await server.get('/.well-known/openid-configuration', ask);
    expect(configuration.body['issuer']).toBe('https://kubernetes.default.svc.cluster.local');
    const keys = JSON.parse((await server.get('/openid/v1/jwks', ask)).text) as { keys: Record<string, string>[] };
    expect(keys.keys).toHaveLength(1);
    expect(Object.keys(keys.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect((await server.get('/openid/v1/jwks', { agent: server.nobody })).code).toBe(403);
    const review = (token: string): Promise<Reply> =>
      server.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token } });
    expect((await review(await request('bot'))).body.status).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:bot' },
    });
    expect((await review('nonsense')).body.status).toEqual({ user: {}, error: 'invalid bearer token' });
  });

  it('outlive a restart', async () => {
    const token = await request('bot');
    await server.restart();
    expect((await whoami(token)).code).toBe(201);
  });
});

describe('other tokens', () => {
  it('come from a file', async () => {
    expect((await whoami('s3cret')).body.status).toEqual({
      userInfo: { username: 'alice', uid: 'u1', groups: ['devs', 'ops', 'system:authenticated'] },
    });
    expect((await whoami('s3cre')).code).toBe(401);
    const issuer = 'https://kubernetes.default.svc.cluster.local';
    const review = async (audiences?: string[]): Promise<unknown> =>
      (await server.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 's3cret', audiences } })).body
        .status;
    expect(await review(['vault'])).toEqual({ user: {}, error: 'invalid bearer token' });
    expect(await review(['vault', issuer])).toMatchObject({ authenticated: true, audiences: [issuer] });
    expect(await review()).toMatchObject({ authenticated: true, audiences: [issuer] });
  });

  it('come from bootstrap Secrets, until they end', async () => {
    const secret = (expiration: string): object => ({
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        'auth-extra-groups': 'system:bootstrappers:joining',
        expiration,
      },
    });
    const path = '/api/v1/namespaces/kube-system/secrets';
    await server.post(path, secret('2999-01-01T00:00:00Z'));
    expect((await whoami('abcdef.0123456789abcdef')).body.status).toMatchObject({
      userInfo: {
        username: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:joining', 'system:authenticated'],
      },
    });
    expect((await whoami('abcdef.0123456789abcdeg')).code).toBe(401);
    await server.put(`${path}/bootstrap-token-abcdef`, secret('2001-01-01T00:00:00Z'));
    expect((await whoami('abcdef.0123456789abcdef')).code).toBe(401);
  });
});
