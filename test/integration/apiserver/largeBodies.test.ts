import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../support/apiServer.ts';

/** Requests within the limits of size that once took minutes, or more memory than there is, on the only thread. */
const MAPS = '/api/v1/namespaces/default/configmaps';
const THINGS = '/apis/large.example.com/v1/namespaces/default/things';
/** Of an answer, whatever was sent. */
const MAX_ANSWER_CHARS = 4_000_000;

let server: TestServer;
beforeAll(async () => {
  const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const items = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] };
  const list = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, list } } };
  server = await startTestServer({
    crds: [
      {
        metadata: { name: 'things.large.example.com' },
        spec: {
          group: 'large.example.com',
          scope: 'Namespaced',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      },
    ],
  });
});
afterAll(async () => {
  await server.close();
});

const numbered = (count: number, make: (index: number) => object | string): (object | string)[] =>
  Array.from({ length: count }, (_, index) => make(index));
const map = (name: string, metadata: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
});
const thing = (name: string, content: object): object => ({
  apiVersion: 'large.example.com/v1',
  kind: 'Thing',
  metadata: { name },
  ...content,
});
const owner = (uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid });

it('tells the first of errors that each show a long list', async () => {
  const ownerReferences = numbered(14_000, (index) => ({ ...owner(`u${index}`), controller: true }));
  const { code, text, body } = await server.post(MAPS, map('a', { ownerReferences }));
  expect(code).toBe(422);
  expect(text.length).toBeLessThan(MAX_ANSWER_CHARS * 2);
  expect(body.message).toMatch(/\d+ more errors are not shown/);
});

it('tells the first of errors that each show a long text', async () => {
  const entry = { apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': {} }, operation: 'Update' };
  const managedFields = [{ ...entry, manager: '\u0001'.repeat(60_000) }];
  const { code, text } = await server.post(MAPS, map('a', { managedFields }));
  expect(code).toBe(422);
  expect(text.length).toBeLessThan(MAX_ANSWER_CHARS);
});

it('finds equal owners among many', async () => {
  const ownerReferences = [...numbered(25_000, (index) => owner(`u${index}`)), owner('u7')];
  const { code, headers } = await server.post(MAPS, map('a', { ownerReferences }));
  // as an object it is too large: what counts is that this is told
  expect(code).toBe(413);
  expect(headers['warning']).toMatch(/duplicate UID\(s\) observed: u7/);
});

it('merges long lists', async () => {
  await server.post(MAPS, map('finalized', {}));
  const finalizers = numbered(50_000, (index) => `a.example.com/${index}`);
  const patch = (list: unknown[]) =>
    server.patch(`${MAPS}/finalized`, 'strategic-merge', { metadata: { finalizers: list } });
  expect((await patch(finalizers)).code).toBe(200);
  const { code, body } = await patch([...finalizers.slice(1000), 'b.example.com/0']);
  expect(code).toBe(200);
  expect(body.metadata.finalizers).toHaveLength(50_001);
});

it('compares long lists by key', async () => {
  const list = numbered(15_000, (index) => ({ name: `n${index}` }));
  const { code, body } = await server.post(THINGS, thing('a', { list }));
  expect(code).toBe(201);
  expect((await server.put(`${THINGS}/a`, { ...body, list: list.toReversed() })).code).toBe(200);
});

it('copies no more than kube-apiserver within a JSON patch', async () => {
  await server.post(THINGS, thing('b', { spec: { list: ['x'.repeat(1_400_000)] } }));
  const copies = numbered(400, () => ({ op: 'copy', from: '/spec/list/0', path: '/spec/list/-' }));
  const reply = await server.patch(`${THINGS}/b`, 'json', copies);
  expect(reply.code).toBe(422);
  expect(reply.body.message).toMatch(/accumulated size increase of copy is 4200006, exceeding the limit 3145728/);
});
