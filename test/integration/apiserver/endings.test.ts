import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { SteeredStorage } from '../../support/steeredStorage.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

const NAMESPACES = '/api/v1/namespaces';
const SECRETS = '/registry/core/secrets/ending/';
const STORED_WIDGETS = '/registry/example.com/widgets/';
const DEFINITION = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com';

let steered: SteeredStorage;
let server: TestServer;

beforeEach(async () => {
  steered = await SteeredStorage.create();
});
afterEach(async () => {
  await server.close();
  await steered.remove();
});

async function start(options: { othersLagMs?: number } = {}): Promise<void> {
  server = await startTestServer({ storage: steered.storage, crds: [parse(WIDGETS_CRD) as object], ...options });
  expect((await server.post(NAMESPACES, { metadata: { name: 'ending' } })).code).toBe(201);
  const contents = [`${NAMESPACES}/ending/configmaps/kube-root-ca.crt`, `${NAMESPACES}/ending/serviceaccounts/default`];
  for (const path of contents) await eventually(async () => expect((await server.get(path)).code).toBe(200));
}

const gone = (path: string): Promise<void> => eventually(async () => expect((await server.get(path)).code).toBe(404));
const aWhile = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const keysUnder = async (prefix: string): Promise<string[]> =>
  (await steered.storage.list(prefix)).entries.map(({ key }) => key);

/** A Secret in the namespace `ending`, written by another server over the same store. */
async function createElsewhere(name: string): Promise<void> {
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'ending', uid: name } };
  await steered.storage.create(`${SECRETS}${name}`, Buffer.from(JSON.stringify(secret)));
}

describe('a namespace that is deleted', () => {
  it('is not gone before what was let in earlier has come and gone, and then at once', async () => {
    await start();
    const writing = steered.hold('create', `${SECRETS}late`);
    const late = server.post(`${NAMESPACES}/ending/secrets`, { metadata: { name: 'late' } });
    await writing.reached;
    await server.delete(`${NAMESPACES}/ending`);
    await gone(`${NAMESPACES}/ending/configmaps/kube-root-ca.crt`);
    await aWhile(300);
    expect((await server.get(`${NAMESPACES}/ending`)).code).toBe(200);
    writing.release();
    expect((await late).code).toBe(201);
    await gone(`${NAMESPACES}/ending`);
    expect(await keysUnder(SECRETS)).toEqual([]);
  });

  it('is not gone before other servers have had the time to see it', async () => {
    await start({ othersLagMs: 700 });
    await server.delete(`${NAMESPACES}/ending`);
    await gone(`${NAMESPACES}/ending/configmaps/kube-root-ca.crt`);
    await aWhile(300);
    await createElsewhere('late');
    expect((await server.get(`${NAMESPACES}/ending`)).code).toBe(200);
    await gone(`${NAMESPACES}/ending`);
    expect(await keysUnder(SECRETS)).toEqual([]);
  });

  it('is not gone while the server may not have been told of all that is in it', async () => {
    await start();
    const deletion = steered.holdEvent('/registry/core/namespaces/ending');
    await server.delete(`${NAMESPACES}/ending`);
    await deletion.reached;
    await createElsewhere('unseen');
    const rest = steered.holdEvent(`${SECRETS}unseen`);
    deletion.release();
    await rest.reached;
    // longer than one look waits to be told
    await aWhile(1_300);
    expect(await keysUnder('/registry/core/namespaces/ending')).toHaveLength(1);
    rest.release();
    await gone(`${NAMESPACES}/ending`);
    expect(await keysUnder(SECRETS)).toEqual([]);
  });

  it('loses what can be read, and says what cannot', async () => {
    steered.fail('list', '/registry/coordination.k8s.io/leases/', Infinity, 'Corrupt');
    await start();
    await server.post('/apis/rbac.authorization.k8s.io/v1/namespaces/ending/roles', { metadata: { name: 'a' } });
    await server.delete(`${NAMESPACES}/ending`);
    await eventually(async () => {
      const { status } = (await server.get(`${NAMESPACES}/ending`)).body;
      const failure = status.conditions?.find((one) => one.type === 'NamespaceDeletionContentFailure');
      expect(failure).toMatchObject({ status: 'True', reason: 'ContentDeletionFailed' });
      expect(failure?.message).toContain('leases.coordination.k8s.io');
    });
    await gone('/apis/rbac.authorization.k8s.io/v1/namespaces/ending/roles/a');
    steered.fail('list', '/registry/coordination.k8s.io/leases/', 0);
    await gone(`${NAMESPACES}/ending`);
  });
});

describe('a definition that is deleted', () => {
  it('is not gone before what was let in earlier has come and gone', async () => {
    await start();
    await server.post(WIDGETS, widget('early'));
    const writing = steered.hold('create', `${STORED_WIDGETS}default/late`);
    const late = server.post(WIDGETS, widget('late'));
    await writing.reached;
    await server.delete(DEFINITION);
    await gone(`${WIDGETS}/early`);
    await aWhile(300);
    expect((await server.get(DEFINITION)).code).toBe(200);
    writing.release();
    expect((await late).code).toBe(201);
    await gone(DEFINITION);
    expect(await keysUnder(STORED_WIDGETS)).toEqual([]);
  });

  it('is not gone before other servers have had the time to see it', async () => {
    await start({ othersLagMs: 700 });
    await server.delete(DEFINITION);
    await aWhile(300);
    expect((await server.get(DEFINITION)).code).toBe(200);
    const elsewhere = { ...widget('late'), metadata: { name: 'late', namespace: 'default', uid: 'late' } };
    await steered.storage.create(`${STORED_WIDGETS}default/late`, Buffer.from(JSON.stringify(elsewhere)));
    await gone(DEFINITION);
    expect(await keysUnder(STORED_WIDGETS)).toEqual([]);
  });
});
