import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startApiServer } from '../../../src/apiserver/server.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { SteeredStorage } from '../../support/steeredStorage.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
const STORED_MAPS = '/registry/core/configmaps/default';
const STORED_LEASES = '/registry/coordination.k8s.io/leases/';
const ORPHAN = { propagationPolicy: 'Orphan' };
const FOREGROUND = { propagationPolicy: 'Foreground' };

let steered: SteeredStorage;
let server: TestServer;

beforeEach(async () => {
  steered = await SteeredStorage.create();
});
afterEach(async () => {
  await server.close();
  await steered.remove();
});

const start = async (): Promise<void> => {
  server = await startTestServer({ storage: steered.storage, crds: [parse(WIDGETS_CRD) as object] });
};
/** Another process on the same store. */
const startAgain = async (): Promise<void> => {
  server.api = await startApiServer({
    storage: steered.storage,
    pki: server.pki,
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLogger,
    crds: [parse(WIDGETS_CRD) as object],
  });
  await server.api.ready;
};
const gone = (path: string): Promise<void> => eventually(async () => expect((await server.get(path)).code).toBe(404));
const aWhile = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A ConfigMap, and how its dependents name it. */
async function ownerCalled(name: string): Promise<object> {
  const { body } = await server.post(MAPS, { metadata: { name } });
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: body.metadata.uid, blockOwnerDeletion: true };
}

/** The request to delete a ConfigMap was answered, and then the process was killed. */
async function askForDeletion(name: string, finalizer: string): Promise<void> {
  const key = `${STORED_MAPS}/${name}`;
  const entry = await steered.storage.get(key);
  const stored = JSON.parse(entry?.value.toString() ?? '') as { metadata: object };
  const metadata = {
    ...stored.metadata,
    finalizers: [finalizer],
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 0,
  };
  await steered.storage.update(key, Buffer.from(JSON.stringify({ ...stored, metadata })), entry?.revision ?? 0);
}

it('lets go of no owner before all resources are read: their objects would be deleted in place of orphaned', async () => {
  await start();
  const orphaned = await ownerCalled('owner');
  const blocked = await ownerCalled('blocked');
  await server.post(LEASES, { metadata: { name: 'orphan', ownerReferences: [orphaned] } });
  const held = { ownerReferences: [blocked], finalizers: ['example.com/x'] };
  await server.post(LEASES, { metadata: { name: 'held', ...held } });
  await server.api.close();
  await askForDeletion('owner', 'orphan');
  await askForDeletion('blocked', 'foregroundDeletion');

  const reading = steered.hold('list', STORED_LEASES);
  await startAgain();
  await reading.reached;
  await aWhile(300);
  expect((await server.get(`${MAPS}/owner`)).code).toBe(200);
  expect((await server.get(`${MAPS}/blocked`)).code).toBe(200);
  reading.release();
  await gone(`${MAPS}/owner`);
  const { body } = await server.get(`${LEASES}/orphan`);
  expect(body.metadata.name).toBe('orphan');
  expect(body.metadata.ownerReferences).toBeUndefined();
  await eventually(async () =>
    expect((await server.get(`${LEASES}/held`)).body.metadata.deletionTimestamp).toBeDefined(),
  );
  expect((await server.get(`${MAPS}/blocked`)).code).toBe(200);
  await server.patch(`${LEASES}/held`, 'merge', { metadata: { finalizers: null } });
  await gone(`${MAPS}/blocked`);
});

it('reads a resource again that could not be read, goes on with the others, and keeps owners until then', async () => {
  steered.fail('list', STORED_LEASES, Infinity);
  await start();
  const owner = await ownerCalled('owner');
  const background = await ownerCalled('background');
  await server.post(LEASES, { metadata: { name: 'orphan', ownerReferences: [owner] } });
  await server.post(WIDGETS, widget('dependent', {}, { ownerReferences: [background] }));
  await server.delete(`${MAPS}/owner`, ORPHAN);
  await server.delete(`${MAPS}/background`);
  await gone(`${WIDGETS}/dependent`);
  expect((await server.get(`${MAPS}/owner`)).code).toBe(200);
  steered.fail('list', STORED_LEASES, 0);
  await gone(`${MAPS}/owner`);
  const { body } = await server.get(`${LEASES}/orphan`);
  expect(body.metadata.name).toBe('orphan');
  expect(body.metadata.ownerReferences).toBeUndefined();
});

it('waits for a resource whose changed definition makes it read its objects anew', async () => {
  await start();
  const orphaned = await ownerCalled('owner');
  const blocked = await ownerCalled('blocked');
  await server.post(WIDGETS, widget('orphan', {}, { ownerReferences: [orphaned] }));
  await server.post(WIDGETS, widget('held', {}, { ownerReferences: [blocked], finalizers: ['example.com/x'] }));
  const reading = steered.hold('list', '/registry/example.com/widgets/');
  const definition = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com';
  await server.patch(definition, 'json', [
    { op: 'add', path: '/spec/versions/0/additionalPrinterColumns', value: [] },
    { op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/description', value: 'changed' },
  ]);
  await reading.reached;
  await server.delete(`${MAPS}/owner`, ORPHAN);
  await server.delete(`${MAPS}/blocked`, FOREGROUND);
  await aWhile(300);
  expect((await server.get(`${MAPS}/owner`)).code).toBe(200);
  expect((await server.get(`${MAPS}/blocked`)).code).toBe(200);
  reading.release();
  await gone(`${MAPS}/owner`);
  const { body } = await server.get(`${WIDGETS}/orphan`);
  expect(body.metadata.name).toBe('orphan');
  expect(body.metadata.ownerReferences).toBeUndefined();
  expect((await server.get(`${MAPS}/blocked`)).code).toBe(200);
  await server.patch(`${WIDGETS}/held`, 'merge', { metadata: { finalizers: null } });
  await gone(`${MAPS}/blocked`);
});

it('deletes nothing that was changed after it was judged', async () => {
  await start();
  const owner = await ownerCalled('owner');
  await server.post(LEASES, { metadata: { name: 'freed', ownerReferences: [owner] } });
  const key = `${STORED_LEASES}default/freed`;
  const entry = await steered.storage.get(key);
  const deleting = steered.hold('get', key);
  await server.delete(`${MAPS}/owner`);
  await deleting.reached;
  // through another server on the same store
  const stored = JSON.parse(entry?.value.toString() ?? '') as { metadata: object };
  const freed = { ...stored, metadata: { ...stored.metadata, ownerReferences: undefined } };
  await steered.storage.update(key, Buffer.from(JSON.stringify(freed)), entry?.revision ?? 0);
  deleting.release();
  // the queue works in order: what comes after it has been looked at, so has it
  const other = await ownerCalled('other');
  await server.post(LEASES, { metadata: { name: 'after', ownerReferences: [other] } });
  await server.delete(`${MAPS}/other`);
  await gone(`${LEASES}/after`);
  expect((await server.get(`${LEASES}/freed`)).code).toBe(200);
});

it('keeps what only the stored version of an orphaned object has, be that one served or not', async () => {
  await start();
  const spec = (...names: string[]): object => {
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    return { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties } } } };
  };
  const versions = [
    { name: 'v2', served: true, storage: true, schema: spec('a', 'b') },
    { name: 'v1', served: true, storage: false, schema: spec('a') },
  ];
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const names = { plural: 'things', kind: 'Thing' };
  await server.post(definitions, {
    metadata: { name: 'things.test.io' },
    spec: { group: 'test.io', scope: 'Namespaced', names, versions },
  });
  const things = (version: string): string => `/apis/test.io/${version}/namespaces/default/things`;
  await eventually(async () => expect((await server.get(things('v2'))).code).toBe(200));
  const owners = { served: await ownerCalled('served'), unserved: await ownerCalled('unserved') };
  const thing = { apiVersion: 'test.io/v2', kind: 'Thing', spec: { a: '1', b: 'precious' } };
  for (const [name, owner] of Object.entries(owners)) {
    await server.post(things('v2'), { ...thing, metadata: { name, ownerReferences: [owner] } });
  }
  await server.delete(`${MAPS}/served`, ORPHAN);
  await gone(`${MAPS}/served`);
  const stored = async (name: string): Promise<object> => {
    const entry = await steered.storage.get(`/registry/test.io/things/default/${name}`);
    return JSON.parse(entry?.value.toString() ?? '{}') as object;
  };
  const kept = { apiVersion: 'test.io/v2', metadata: {}, spec: { a: '1', b: 'precious' } };
  expect(await stored('served')).toMatchObject(kept);
  expect(await stored('served')).not.toHaveProperty('metadata.ownerReferences');

  await server.patch(`${definitions}/things.test.io`, 'json', [
    { op: 'replace', path: '/spec/versions/0/served', value: false },
  ]);
  await gone(things('v2'));
  await server.delete(`${MAPS}/unserved`, ORPHAN);
  await gone(`${MAPS}/unserved`);
  expect(await stored('unserved')).toMatchObject(kept);
  expect(await stored('unserved')).not.toHaveProperty('metadata.ownerReferences');
});
