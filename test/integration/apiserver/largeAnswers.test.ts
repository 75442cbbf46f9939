import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startTestServer, type TestServer } from '../../support/apiServer.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const AS_YAML = { headers: { accept: 'application/yaml' } };
const OBJECTS = 60;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const data = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key-${index}`, `value of ${index}`]));
  for (let index = 0; index < OBJECTS; index++) {
    await server.post(MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `map-${index}` }, data });
  }
});
afterAll(async () => {
  await server.close();
});

it('answers others while it writes a long list as YAML, which is the list', async () => {
  const ended: string[] = [];
  const asked = async (name: string, path: string, ask = {}) => {
    const reply = await server.get(path, ask);
    ended.push(name);
    return reply;
  };
  const long = asked('list', MAPS, AS_YAML);
  await asked('other', '/version');
  const { code, headers, text } = await long;
  expect(ended).toEqual(['other', 'list']);
  expect([code, headers['content-type']]).toEqual([200, 'application/yaml']);
  expect(parse(text, { version: '1.1' })).toEqual((await server.get(MAPS)).body);
});
