import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';

const DEEP = '/apis/test.io/v1/namespaces/default/deeps';
/** What an ordinary request may nest. */
const MAX = 1000;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  await server.post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'deeps.test.io' },
    spec: {
      group: 'test.io',
      scope: 'Namespaced',
      names: { plural: 'deeps', kind: 'Deep' },
      versions: [{ name: 'v1', served: true, storage: true, schema }],
    },
  });
  await eventually(async () => expect((await server.get(DEEP)).code).toBe(200));
});
afterAll(async () => {
  await server.close();
});

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
/** An object whose deepest object is the `depth`th, with an integer that only the exact parser reads. */
const deep = (name: string, depth: number): string =>
  `{"apiVersion":"test.io/v1","kind":"Deep","metadata":{"name":"${name}"},"big":9007199254740993,"spec":${nested(depth - 1)}}`;

it('takes no object that it could not read again with what it adds, and takes back all that it gives', async () => {
  const codes = new Map<number, number>();
  for (let depth = MAX - 15; depth <= MAX; depth++) {
    const made = await server.post(DEEP, deep(`d${depth}`, depth));
    codes.set(depth, made.code);
    if (made.code !== 201) expect(made.text).toContain(`exceeded max depth of ${MAX}`);
    else expect((await server.put(`${DEEP}/d${depth}`, made.text)).code, `PUT of depth ${depth}`).toBe(200);
  }
  expect([codes.get(MAX - 15), codes.get(MAX)]).toEqual([201, 400]);
  const taken = [...codes].flatMap(([depth, code]) => (code === 201 ? [`d${depth}`] : []));
  await server.restart();
  await eventually(async () => expect((await server.get(DEEP)).code).toBe(200));
  const { body } = await server.get(DEEP);
  expect(body.items.map(({ metadata }) => metadata.name)).toEqual(taken);
});

it('lets no patch make an object deeper than that', async () => {
  const path = `${DEEP}/grown`;
  expect((await server.post(DEEP, deep('grown', 10))).code).toBe(201);
  const grow = (value: string, ...at: string[]): Promise<{ code: number; text: string }> =>
    server.ask('PATCH', path, {
      body: `[{"op":"add","path":"/${at.join('/')}","value":${value}}]`,
      headers: { 'content-type': 'application/json-patch+json' },
    });
  expect((await grow(nested(600), 'spec', 'a')).code).toBe(200);
  const at = ['spec', ...Array.from({ length: 500 }, () => 'a')];
  const refused = await grow(nested(600), ...at);
  expect(refused.code, refused.text.slice(0, 200)).toBe(422);
  expect(refused.text).toContain(`exceeded max depth of ${MAX}`);
  // what fits without the owners of the fields, but not with them
  const tight = await grow(nested(MAX - 503), ...at);
  expect(tight.code, tight.text.slice(0, 200)).toBe(400);
  expect((await grow('{}', ...at)).code).toBe(200);
  expect((await server.delete(path)).code).toBe(200);
});
