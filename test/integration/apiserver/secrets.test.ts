import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/apiServer.ts';

let server: TestServer;
const SECRETS = '/api/v1/namespaces/default/secrets';

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
});

describe('secrets', () => {
  it('turn stringData into data and never show it', async () => {
    const { body } = await server.post(SECRETS, {
      metadata: { name: 's1' },
      stringData: { a: 'b' },
      data: { c: 'ZA==' },
    });
    expect(body.data).toEqual({ a: 'Yg==', c: 'ZA==' });
    expect(body.stringData).toBeUndefined();
    expect(body.type).toBe('Opaque');
  });

  it('keep their type, and their data once immutable', async () => {
    await server.post(SECRETS, { metadata: { name: 's2' }, data: { a: 'Yg==' } });
    expect((await server.patch(`${SECRETS}/s2`, 'merge', { type: 'other' })).body.code).toBe(422);
    await server.patch(`${SECRETS}/s2`, 'merge', { immutable: true });
    expect((await server.patch(`${SECRETS}/s2`, 'merge', { data: { a: 'Yw==' } })).body.code).toBe(422);
    expect((await server.patch(`${SECRETS}/s2`, 'merge', { immutable: false })).body.code).toBe(422);
    expect((await server.patch(`${SECRETS}/s2`, 'merge', { metadata: { labels: { a: 'b' } } })).code).toBe(200);
  });

  it('check keys, base64 and what their type demands, without showing a value', async () => {
    const secret = (type: string, data: object): object => ({ metadata: { name: 's3' }, type, data });
    expect((await server.post(SECRETS, secret('Opaque', { 'a/b': 'Yg==' }))).code).toBe(422);
    const plain = await server.post(SECRETS, secret('Opaque', { a: 'hunter2!' }));
    expect(plain.body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(plain.body.message).toContain('illegal base64 data at input byte 7');
    expect(plain.text).not.toContain('hunter2');
    expect((await server.post(SECRETS, secret('kubernetes.io/ssh-auth', { a: 'Yg==' }))).text).toContain(
      'data[ssh-privatekey]',
    );
    expect((await server.post(SECRETS, secret('kubernetes.io/tls', { 'tls.crt': 'Yg==' }))).text).toContain(
      'data[tls.key]',
    );
    const docker = await server.post(
      SECRETS,
      secret('kubernetes.io/dockerconfigjson', { '.dockerconfigjson': 'c2VjcmV0' }),
    );
    expect(docker.code).toBe(422);
    expect(docker.text).not.toContain('secret is');
    const big = 'a'.repeat(1_500_000);
    expect((await server.post(SECRETS, secret('Opaque', { a: Buffer.from(big).toString('base64') }))).code).toBe(422);
  });

  it('are found by type', async () => {
    await server.post(SECRETS, { metadata: { name: 's4' }, type: 'example.com/t', data: {} });
    const { body } = await server.get(`${SECRETS}?fieldSelector=type%3Dexample.com%2Ft`);
    expect(body.items.map((item) => item.metadata.name)).toEqual(['s4']);
  });
});
