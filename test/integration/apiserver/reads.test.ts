import { gunzipSync } from 'node:zlib';
import { Agent, request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

let server: TestServer;
const MAPS = '/api/v1/namespaces/reads/configmaps';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

beforeAll(async () => {
  server = await startTestServer({ crds: [parse(WIDGETS_CRD) as object] });
  await server.post('/api/v1/namespaces', { metadata: { name: 'reads' } });
  await eventually(async () => expect((await server.get(`${MAPS}/kube-root-ca.crt`)).code).toBe(200));
  for (const i of [1, 2, 3, 4, 5]) {
    await server.post(MAPS, { metadata: { name: `m${i}`, labels: { odd: String(i % 2 === 1), n: `${i}` } } });
  }
});
afterAll(async () => {
  await server.close();
});

const names = (reply: { body: { items: { metadata: { name: string } }[] } }): string[] =>
  reply.body.items.map((item) => item.metadata.name);

describe('lists', () => {
  it('show kind, version and items in order of name', async () => {
    const { body } = await server.get(MAPS);
    expect(body).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(Number(body.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(body.items.map((item) => item.metadata.name)).toEqual(['kube-root-ca.crt', 'm1', 'm2', 'm3', 'm4', 'm5']);
  });

  it('select by labels and fields, also with plus signs for spaces', async () => {
    expect(names(await server.get(`${MAPS}?labelSelector=odd%3Dtrue`))).toEqual(['m1', 'm3', 'm5']);
    expect(names(await server.get(`${MAPS}?labelSelector=n+in+%281%2C2%29%2Codd%21%3Dtrue`))).toEqual(['m2']);
    expect(names(await server.get(`${MAPS}?fieldSelector=metadata.name%3Dm4`))).toEqual(['m4']);
    expect(
      names(await server.get(`/api/v1/configmaps?fieldSelector=metadata.namespace%3Dreads,metadata.name%3Dm4`)),
    ).toEqual(['m4']);
    expect(names(await server.get(`${MAPS}?fieldSelector=metadata.name%21%3Dm4&labelSelector=n`))).toEqual([
      'm1',
      'm2',
      'm3',
      'm5',
    ]);
    const unknown = await server.get(`${MAPS}?fieldSelector=data.a%3Db`);
    expect(unknown.body).toMatchObject({
      code: 400,
      message: '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    });
  });

  it('come in pages that all show the state of the first', async () => {
    const first = await server.get(`${MAPS}?limit=2&labelSelector=n`);
    expect(names(first)).toEqual(['m1', 'm2']);
    expect(first.body.metadata.remainingItemCount).toBeUndefined();
    await server.post(MAPS, { metadata: { name: 'm35', labels: { n: 'x' } } });
    await server.delete(`${MAPS}/m4`);
    const token = encodeURIComponent(first.body.metadata.continue ?? '');
    const rest = await server.get(`${MAPS}?limit=10&labelSelector=n&continue=${token}`);
    expect(names(rest)).toEqual(['m3', 'm4', 'm5']);
    expect(rest.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    expect(rest.body.metadata.continue).toBeUndefined();
    await server.delete(`${MAPS}/m35`);
    await server.post(MAPS, { metadata: { name: 'm4', labels: { odd: 'false', n: '4' } } });
  });

  it('say how many remain when nothing is selected', async () => {
    const first = await server.get(`${MAPS}?limit=2`);
    expect(first.body.metadata.remainingItemCount).toBe(4);
    const token = encodeURIComponent(first.body.metadata.continue ?? '');
    const second = await server.get(`${MAPS}?limit=2&continue=${token}`);
    expect(second.body.metadata.remainingItemCount).toBe(2);
  });

  it('ignore the limit when any version will do', async () => {
    expect((await server.get(`${MAPS}?limit=1&resourceVersion=0`)).body.items).toHaveLength(6);
  });

  it('show exactly an old version, or at least a known one', async () => {
    const before = await server.get(MAPS);
    const version = before.body.metadata.resourceVersion;
    await server.post(MAPS, { metadata: { name: 'later' } });
    expect((await server.get(`${MAPS}?resourceVersion=${version}&resourceVersionMatch=Exact`)).body.items).toEqual(
      before.body.items,
    );
    expect(names(await server.get(`${MAPS}?resourceVersion=${version}&resourceVersionMatch=NotOlderThan`))).toContain(
      'later',
    );
    await server.delete(`${MAPS}/later`);
  });

  it('answer 504 with a cause for a version that has not come', async () => {
    const reply = await server.get(`${MAPS}?resourceVersion=999999999`);
    expect(reply.body).toMatchObject({ code: 504, reason: 'Timeout' });
    expect(reply.body.details?.causes?.[0]?.reason).toBe('ResourceVersionTooLarge');
  });

  it('refuse combinations that mean nothing', async () => {
    for (const query of [
      'resourceVersionMatch=Exact',
      'resourceVersionMatch=Exact&resourceVersion=0',
      'resourceVersionMatch=Sometimes&resourceVersion=1',
      'sendInitialEvents=true',
    ]) {
      expect((await server.get(`${MAPS}?${query}`)).body, query).toMatchObject({ code: 422, reason: 'Invalid' });
    }
  });

  it('answer 410 with a token to go on when a page’s version is forgotten', async () => {
    const first = await server.get(`${MAPS}?limit=2`);
    await server.post(MAPS, { metadata: { name: 'tick' } });
    await server.delete(`${MAPS}/tick`);
    await server.storage.compact(await server.storage.revision());
    const token = encodeURIComponent(first.body.metadata.continue ?? '');
    const gone = await server.get(`${MAPS}?limit=2&continue=${token}`);
    expect(gone.body).toMatchObject({ code: 410, reason: 'Expired' });
    const on = await server.get(`${MAPS}?continue=${encodeURIComponent(gone.body.metadata.continue ?? '')}`);
    expect(names(on)).toEqual(['m2', 'm3', 'm4', 'm5']);
  });

  it('see a write as soon as it was acknowledged', async () => {
    for (let i = 0; i < 20; i++) {
      await server.post(MAPS, { metadata: { name: `fresh-${i}` } });
      expect(names(await server.get(`${MAPS}?fieldSelector=metadata.name%3Dfresh-${i}`))).toEqual([`fresh-${i}`]);
      await server.delete(`${MAPS}/fresh-${i}`);
      expect(names(await server.get(`${MAPS}?fieldSelector=metadata.name%3Dfresh-${i}`))).toEqual([]);
    }
  });
});

describe('forms', () => {
  it('show Tables with the columns of the kind', async () => {
    const { body } = await server.get(`${MAPS}?labelSelector=n%3D1`, { headers: { accept: TABLE } });
    expect(body.kind).toBe('Table');
    expect(body.apiVersion).toBe('meta.k8s.io/v1');
    expect(body.columnDefinitions?.map((column) => column.name)).toEqual(['Name', 'Data', 'Age']);
    expect(body.rows[0]?.cells.slice(0, 2)).toEqual(['m1', 0]);
    expect(body.rows[0]?.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'm1' } });
    const whole = await server.get(`${MAPS}/m1?includeObject=Object`, { headers: { accept: TABLE } });
    expect(whole.body.rows[0]?.object).toMatchObject({ kind: 'ConfigMap' });
  });

  it('show metadata alone', async () => {
    const list = await server.get(MAPS, {
      headers: { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' },
    });
    expect(list.body.kind).toBe('PartialObjectMetadataList');
    expect(list.body.items[1]).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'm1' } });
    const one = await server.get(`${MAPS}/m1`, {
      headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
    });
    expect(one.body.kind).toBe('PartialObjectMetadata');
  });

  it('show the columns of a definition, and refuse Tables of reviews', async () => {
    await server.post(WIDGETS, widget('t1', { color: 'green', note: 'n' }));
    const { body } = await server.get(WIDGETS, { headers: { accept: TABLE } });
    expect(body.columnDefinitions?.map(({ name, priority }) => [name, priority])).toEqual([
      ['Name', 0],
      ['Color', 0],
      ['Replicas', 0],
      ['Note', 1],
    ]);
    expect(body.rows[0]?.cells).toEqual(['t1', 'green', 1, 'n']);
    const review = await server.post(
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {},
      {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      },
    );
    expect(review.code).toBe(406);
  });

  it('compress large lists for those who take it, and stream them whole', async () => {
    const filler = 'x'.repeat(20_000);
    await Promise.all(
      Array.from({ length: 80 }, (_, i) =>
        server.post('/api/v1/namespaces/default/configmaps', { metadata: { name: `large-${i}` }, data: { filler } }),
      ),
    );
    const plain = await server.get('/api/v1/namespaces/default/configmaps');
    expect(plain.body.items.length).toBeGreaterThanOrEqual(80);
    const zipped = await new Promise<Buffer>((resolve, reject) => {
      const options = { agent: new Agent({ ...server.admin.options }), headers: { 'accept-encoding': 'gzip' } };
      request(new URL('/api/v1/namespaces/default/configmaps', server.api.url), options, (response) => {
        expect(response.headers['content-encoding']).toBe('gzip');
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks)));
      })
        .on('error', reject)
        .end();
    });
    expect(zipped.length).toBeLessThan(200_000);
    const read = JSON.parse(gunzipSync(zipped).toString()) as { items: unknown[] };
    expect(read.items).toEqual(plain.body.items);
  });
});

describe('watches', () => {
  it('begin with what is there and go on with what changes', async () => {
    const watch = server.watch(`${MAPS}?watch=1&labelSelector=n`);
    await watch.until(5);
    expect(watch.events.map((event) => `${event.type} ${event.object.metadata.name}`)).toEqual([
      'ADDED m1',
      'ADDED m2',
      'ADDED m3',
      'ADDED m4',
      'ADDED m5',
    ]);
    await server.post(MAPS, { metadata: { name: 'w1', labels: { n: 'w' } } });
    await server.patch(`${MAPS}/w1`, 'merge', { data: { a: 'b' } });
    await server.delete(`${MAPS}/w1`);
    await watch.until(8);
    watch.close();
    expect(watch.events.slice(5).map((event) => event.type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    const versions = watch.events.slice(5).map((event) => Number(event.object.metadata.resourceVersion));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(3);
  });

  it('tell entering and leaving a selector as ADDED and DELETED, the latter with the last state that fitted', async () => {
    const list = await server.get(MAPS);
    const watch = server.watch(
      `${MAPS}?watch=1&labelSelector=in&resourceVersion=${list.body.metadata.resourceVersion}`,
    );
    await watch.code;
    await server.post(MAPS, { metadata: { name: 'sel' }, data: { v: '1' } });
    await server.patch(`${MAPS}/sel`, 'merge', { metadata: { labels: { in: 'y' } } });
    const out = await server.patch(`${MAPS}/sel`, 'merge', { metadata: { labels: null }, data: { v: '2' } });
    await watch.until(2);
    await server.delete(`${MAPS}/sel`);
    watch.close();
    expect(watch.events.map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
    expect(watch.events[1]?.object).toMatchObject({
      data: { v: '1' },
      metadata: { labels: { in: 'y' }, resourceVersion: out.body.metadata.resourceVersion },
    });
  });

  it('begin with changes only when the initial events are not wanted', async () => {
    const watch = server.watch(`${MAPS}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
    await watch.code;
    await server.post(MAPS, { metadata: { name: 'first-of-all' } });
    const [event] = await watch.until(1);
    watch.close();
    expect(event).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'first-of-all' } } });
  });

  it('mark the end of the initial events with a bookmark of the right kind', async () => {
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = server.watch(`${WIDGETS}?${query}`);
    const bookmark = await watch.find((event) => event.type === 'BOOKMARK');
    watch.close();
    expect(bookmark.object).toMatchObject({ apiVersion: 'example.com/v1', kind: 'Widget' });
    expect(bookmark.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
    expect(watch.events.at(-1)).toBe(bookmark);
    expect((await server.get(`${WIDGETS}?watch=1&sendInitialEvents=true`)).body.code).toBe(422);
  });

  it('end after timeoutSeconds, with a bookmark before', async () => {
    const watch = server.watch(
      `${MAPS}?watch=1&timeoutSeconds=3&allowWatchBookmarks=true&resourceVersion=${await server.storage.revision()}`,
    );
    await watch.ended;
    expect(watch.events.map((event) => event.type)).toEqual(['BOOKMARK']);
  }, 10_000);

  it('say 410 in an ERROR event when the history is gone', async () => {
    await server.post(MAPS, { metadata: { name: 'gone' } });
    await server.delete(`${MAPS}/gone`);
    await server.restart();
    await server.storage.compact(await server.storage.revision());
    const watch = server.watch(`${MAPS}?watch=1&resourceVersion=1`);
    const [event] = await watch.until(1);
    await watch.ended;
    expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
  });

  it('go on across a restart of the server where they stopped', async () => {
    const list = await server.get(MAPS);
    await server.post(MAPS, { metadata: { name: 'across' }, data: { v: '1' } });
    await server.patch(`${MAPS}/across`, 'merge', { data: { v: '2' } });
    await server.restart();
    const watch = server.watch(`${MAPS}?watch=1&resourceVersion=${list.body.metadata.resourceVersion}`);
    await watch.until(2);
    await server.delete(`${MAPS}/across`);
    await watch.until(3);
    watch.close();
    expect(watch.events.map((event) => `${event.type} ${event.object.data['v'] ?? ''}`)).toEqual([
      'ADDED 1',
      'MODIFIED 2',
      'DELETED 2',
    ]);
  });

  it('send Tables of one row, columns only in the first', async () => {
    const watch = server.watch(`${MAPS}?watch=1&labelSelector=n`, { accept: TABLE });
    await watch.until(5);
    watch.close();
    expect(watch.events.map((event) => event.object.kind)).toEqual(['Table', 'Table', 'Table', 'Table', 'Table']);
    expect(watch.events[0]?.object.columnDefinitions).toHaveLength(3);
    expect(watch.events[1]?.object.columnDefinitions ?? []).toHaveLength(0);
    expect(watch.events[1]?.object.rows[0]?.cells[0]).toBe('m2');
  });

  it('give many watchers the same events in the same order', async () => {
    const { body } = await server.get(MAPS);
    const watches = Array.from({ length: 20 }, () =>
      server.watch(`${MAPS}?watch=1&resourceVersion=${body.metadata.resourceVersion}`),
    );
    await Promise.all(watches.map((watch) => watch.code));
    await Promise.all(Array.from({ length: 30 }, (_, i) => server.post(MAPS, { metadata: { name: `order-${i}` } })));
    await Promise.all(watches.map((watch) => watch.until(30)));
    const orders = watches.map((watch) => watch.events.map((event) => event.object.metadata.resourceVersion).join());
    for (const watch of watches) watch.close();
    expect(new Set(orders).size).toBe(1);
  });

  it('answer at the deprecated paths, too', async () => {
    const watch = server.watch(`/api/v1/watch/namespaces/reads/configmaps/m1?resourceVersion=0`);
    const [event] = await watch.until(1);
    watch.close();
    expect(event).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'm1' } } });
  });

  it('of one custom resource select by field', async () => {
    const watch = server.watch(`${WIDGETS}?watch=1&fieldSelector=spec.color%3Dblue`);
    await watch.code;
    await server.post(WIDGETS, widget('blue-1', { color: 'blue' }));
    await server.patch(`${WIDGETS}/blue-1`, 'merge', { spec: { color: 'red' } });
    await watch.until(2);
    watch.close();
    expect(watch.events.map((event) => event.type)).toEqual(['ADDED', 'DELETED']);
  });
});

describe('OpenAPI documents', () => {
  it('hold no empty list or map, which clients in Go would drop on reading', async () => {
    const { text } = await server.get('/openapi/v3');
    const index = JSON.parse(text) as { paths: Record<string, { serverRelativeURL: string }> };
    const urls = Object.values(index.paths).map(({ serverRelativeURL }) => serverRelativeURL);
    expect(urls.length).toBeGreaterThan(5);
    for (const url of urls) expect((await server.get(url)).text, url).not.toMatch(/\[\]|\{\}/);
  });

  it.each(['/openapi/v3', '/apis', '/api/v1'])(
    'are not sent again to who has them, whatever is accepted: %s',
    async (path) => {
      const { headers } = await server.get(path);
      const again = await server.ask('GET', path, {
        headers: { 'if-none-match': String(headers['etag']), accept: 'application/xml' },
      });
      expect(again.code).toBe(304);
    },
  );
});
