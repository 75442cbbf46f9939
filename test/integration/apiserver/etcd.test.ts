import { randomBytes } from 'node:crypto';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encryptStorage } from '../../../src/apiserver/storage/encryption.ts';
import { openEtcdStorage } from '../../../src/apiserver/storage/etcd.ts';
import { ensurePki, type Pki } from '../../../src/apiserver/pki/pki.ts';
import { startTestServer, eventually, type TestServer } from '../../support/apiServer.ts';
import { temporaryDirectory } from '../../support/storage.ts';
import { EtcdCluster } from '../../support/etcd.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const SECRETS = '/api/v1/namespaces/default/secrets';
const keys = [{ name: 'shared', key: randomBytes(32) }];

let cluster: EtcdCluster;
/** Of the cluster itself, beside the servers. */
let etcd: Etcd3;
/** All servers of one installation have the same authority. */
let pki: Pki;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let a: TestServer;
let b: TestServer;

beforeAll(async () => {
  cluster = await EtcdCluster.start();
  etcd = new Etcd3({ hosts: cluster.endpoints });
  directory = await temporaryDirectory();
  pki = await ensurePki(directory.path, { hosts: ['127.0.0.1'] });
  // at the same time, as after a power cut
  [a, b] = await Promise.all([server(), server()]);
});
afterAll(async () => {
  await Promise.all([a.close(), b.close()]);
  etcd.close();
  await Promise.all([cluster.remove(), directory.remove()]);
});

async function server(prefix = '/acme'): Promise<TestServer> {
  const raw = await openEtcdStorage({ endpoints: cluster.endpoints, prefix });
  const storage = encryptStorage(raw, { prefixes: ['/registry/core/secrets/'], keys });
  return startTestServer({ storage, pki });
}

function map(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

describe('two servers over one etcd', () => {
  it('show each other’s writes in the very next consistent list', async () => {
    for (let i = 0; i < 16; i++) {
      const [writer, reader] = i % 2 === 0 ? [a, b] : [b, a];
      expect((await writer.post(MAPS, map(`seen-${i}`))).code).toBe(201);
      const { body } = await reader.get(MAPS);
      expect(body.items.map((item) => item.metadata.name)).toContain(`seen-${i}`);
    }
  });

  it('send the watchers of one what was written through the other, in order', async () => {
    const { body } = await b.get(MAPS);
    const watch = b.watch(`${MAPS}?watch=true&resourceVersion=${body.metadata.resourceVersion}`);
    await a.post(MAPS, map('watched'));
    await a.patch(`${MAPS}/watched`, 'merge', { data: { step: '2' } });
    await a.delete(`${MAPS}/watched`);
    const events = await watch.until(3);
    watch.close();
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    const versions = events.map((event) => Number(event.object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((x, y) => x - y));
  });

  it('let one of two writers win, and lose no increment', async () => {
    await a.post(MAPS, map('counter', { n: '0' }));
    const increment = async (through: TestServer): Promise<void> => {
      for (;;) {
        const { body } = await through.get(`${MAPS}/counter`);
        body.data['n'] = String(Number(body.data['n']) + 1);
        const { code } = await through.put(`${MAPS}/counter`, body);
        if (code === 200) return;
        expect(code).toBe(409);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => increment(i % 2 === 0 ? a : b)));
    expect((await a.get(`${MAPS}/counter`)).body.data['n']).toBe('8');
  });

  it('share Secrets, which etcd never sees in plain text', async () => {
    await a.post(SECRETS, { metadata: { name: 'login' }, stringData: { password: 'correct horse' } });
    const { body } = await b.get(`${SECRETS}/login`);
    expect(Buffer.from(body.data['password'] ?? '', 'base64').toString()).toBe('correct horse');
    const stored = await etcd.get('/acme/registry/core/secrets/default/login').buffer();
    expect(stored?.toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:shared:/);
    expect(stored?.toString('latin1')).not.toContain(body.data['password']);
  });

  it('serve a kind that was defined through the other', async () => {
    const headers = { 'content-type': 'application/yaml' };
    const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    expect((await a.ask('POST', path, { body: WIDGETS_CRD, headers })).code).toBe(201);
    await eventually(async () => expect((await b.get(WIDGETS)).code).toBe(200));
    // by the time one of them says Established, the other must serve it soon, too
    expect((await b.post(WIDGETS, widget('w'))).code).toBe(201);
    await eventually(async () => expect((await a.get(`${WIDGETS}/w`)).code).toBe(200));
  });

  it('empty a namespace that was deleted through the other', async () => {
    await a.post('/api/v1/namespaces', { metadata: { name: 'gone' } });
    await b.post('/api/v1/namespaces/gone/configmaps', map('inside'));
    await b.delete('/api/v1/namespaces/gone');
    await eventually(async () => expect((await a.get('/api/v1/namespaces/gone')).code).toBe(404));
    expect((await b.get('/api/v1/namespaces/gone/configmaps')).body.items).toEqual([]);
  });

  it('page a list at one revision through both', async () => {
    const first = (await a.get(`${MAPS}?limit=5`)).body;
    await a.post(MAPS, map('between'));
    const rest = (await b.get(`${MAPS}?continue=${first.metadata.continue ?? ''}`)).body;
    expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const names = [...first.items, ...rest.items].map((item) => item.metadata.name);
    expect(names).not.toContain('between');
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('a prefix in etcd', () => {
  it('keeps installations apart that share one cluster', async () => {
    const other = await server('/other');
    try {
      await other.post(MAPS, map('of-the-other'));
      const { body } = await a.get(MAPS);
      expect(body.items.map((item) => item.metadata.name)).not.toContain('of-the-other');
      expect((await other.get(MAPS)).body.items.map((item) => item.metadata.name)).toContain('of-the-other');
      // the writes of the other move the revision of all: a consistent list must still be answered from the cache
      const begin = performance.now();
      await other.post(MAPS, map('again'));
      expect((await a.get(MAPS)).code).toBe(200);
      expect(performance.now() - begin).toBeLessThan(2_000);
    } finally {
      await other.close();
    }
  });

  it('is where everything lies', async () => {
    const all = await etcd.getAll().keys();
    expect(all.filter((key) => !/^\/(acme|other)\/(registry|hostler)\//.test(key))).toEqual([]);
  });
});

describe('history in etcd', () => {
  it('tells every key that went in one revision, as when a lease expires', async () => {
    for (const name of ['one', 'two']) await a.post(MAPS, map(name));
    const before = (await a.get(MAPS)).body.metadata.resourceVersion;
    const live = b.watch(`${MAPS}?watch=true&resourceVersion=${before}`);
    expect(await live.code).toBe(200);
    const remove = (name: string): object => ({
      request_delete_range: { key: Buffer.from(`/acme/registry/core/configmaps/default/${name}`) },
    });
    await etcd.kv.txn({ success: ['one', 'two'].map(remove) });
    // a server without history in memory: it has just started
    const fresh = await server();
    try {
      const late = fresh.watch(`${MAPS}?watch=true&resourceVersion=${before}`);
      for (const watch of [live, late]) {
        const events = await watch.until(2);
        watch.close();
        expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
          'DELETED one',
          'DELETED two',
        ]);
        expect(events[0]?.object.metadata.resourceVersion).toBe(events[1]?.object.metadata.resourceVersion);
      }
    } finally {
      await fresh.close();
    }
  });

  it('that was compacted under a sleeping watcher is told as 410 Expired, also to one that comes back', async () => {
    const { body } = await a.get(MAPS);
    const old = body.metadata.resourceVersion;
    for (let i = 0; i < 5; i++) await a.post(MAPS, map(`late-${i}`));
    const newest = (await a.get(MAPS)).body.metadata.resourceVersion;
    await etcd.kv.compact({ revision: newest });
    // a server without history in memory: it has just started
    const fresh = await server();
    try {
      await fresh.get(MAPS);
      const watch = fresh.watch(`${MAPS}?watch=true&resourceVersion=${old}`);
      const event = await watch.find((one) => one.type === 'ERROR');
      expect(event.object).toMatchObject({ code: 410, reason: 'Expired' });
      await watch.ended;
      expect((await fresh.get(`${MAPS}?resourceVersion=${old}&resourceVersionMatch=Exact`)).code).toBe(410);
    } finally {
      await fresh.close();
    }
  });
});
