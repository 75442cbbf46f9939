import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { INSTALLED_BY } from '../../../src/apiserver/controllers/installObject.ts';
import { openEmbeddedStorage } from '../../../src/apiserver/storage/embedded.ts';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
import { FaultyStore } from '../../support/faultyStore.ts';
import { temporaryDirectory } from '../../support/storage.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
let server: TestServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('the server', () => {
  it('ends watches in good order and finishes running writes when it is closed', async () => {
    server = await startTestServer();
    const current = server;
    const watch = current.watch(`${MAPS}?watch=1`);
    await watch.code;
    const writes = Array.from({ length: 20 }, (_, i) => current.post(MAPS, { metadata: { name: `last-${i}` } }));
    const first = await Promise.race(writes);
    expect(first.code).toBe(201);
    const closing = current.api.close();
    await watch.ended;
    const codes = (await Promise.allSettled(writes)).map((one) => (one.status === 'fulfilled' ? one.value.code : 0));
    await closing;
    const stored = await current.storage.list('/registry/core/configmaps/default/last-');
    // whatever was acknowledged is there; what came too late was refused, not half done
    expect(stored.entries.length).toBeGreaterThanOrEqual(codes.filter((code) => code === 201).length);
    expect(codes.every((code) => [201, 503, 0].includes(code))).toBe(true);
  });

  it('refuses a port that is taken, and harms nobody', async () => {
    server = await startTestServer();
    const { port } = new URL(server.api.url);
    const { startApiServer } = await import('../../../src/apiserver/server.ts');
    const { silentLogger } = await import('../../../src/lib/logger.ts');
    const second = startApiServer({
      storage: server.storage,
      pki: server.pki,
      listen: { host: '127.0.0.1', port: Number(port) },
      log: silentLogger,
    });
    await expect(second).rejects.toThrow('EADDRINUSE');
    expect((await server.get('/readyz')).code).toBe(200);
  });

  it('brings installed definitions up to date at the next start and keeps their objects', async () => {
    const old = parse(WIDGETS_CRD) as object;
    const options = { crds: [old] };
    server = await startTestServer(options);
    await server.post(WIDGETS, widget('w'));
    const changed = parse(
      WIDGETS_CRD.replace(
        'color: {type: string,',
        'shape: {type: string, default: round}\n              color: {type: string,',
      ),
    ) as object;
    options.crds.splice(0, 1, changed);
    await server.restart();
    const current = server;
    await eventually(async () => expect((await current.get(`${WIDGETS}/w`)).body.spec['shape']).toBe('round'));
  });

  it('answers a list that a change of its definition meets on its way with what was written by then', async () => {
    const directory = await temporaryDirectory();
    onTestFinished(directory.remove);
    const faulty = new FaultyStore(await openEmbeddedStorage(directory.path));
    server = await startTestServer({ storage: faulty.storage, crds: [parse(WIDGETS_CRD) as object] });
    const current = server;
    await current.post(WIDGETS, widget('before'));
    expect((await current.get(WIDGETS)).code).toBe(200);

    const asked = faulty.hold('revision');
    const list = current.get(WIDGETS);
    await asked.reached;
    const changed = WIDGETS_CRD.replace(
      'color: {type: string,',
      'shape: {type: string}\n              color: {type: string,',
    );
    const { spec } = parse(changed) as { spec: unknown };
    await current.patch('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com', 'merge', {
      spec,
    });
    let tries = 0;
    let last = '';
    await eventually(async () => {
      const made = await current.post(WIDGETS, widget(`after-${tries++}`, { shape: 'round' }));
      last = made.body.metadata.name;
      expect(made.body.spec['shape']).toBe('round');
    });
    asked.release();
    const { code, body } = await list;
    expect(code).toBe(200);
    expect(body.items.map((item) => item.metadata.name)).toContain(last);
  });

  it('deletes by name what has the name, and not what gets it meanwhile', async () => {
    const directory = await temporaryDirectory();
    onTestFinished(directory.remove);
    const real = await openEmbeddedStorage(directory.path);
    const faulty = new FaultyStore(real);
    server = await startTestServer({ storage: faulty.storage });
    await server.post(MAPS, { metadata: { name: 'm' } });
    const key = '/registry/core/configmaps/default/m';
    const old = await real.get(key);
    const read = faulty.hold('get', key);
    const deletion = server.delete(`${MAPS}/m`);
    await read.reached;
    const next = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', namespace: 'default', uid: 'next' } };
    await real.delete(key, old!.revision);
    await real.create(key, Buffer.from(JSON.stringify(next)));
    read.release();
    const { code, text } = await deletion;
    expect(code, text).toBe(409);
    expect((await server.get(`${MAPS}/m`)).body.metadata.uid).toBe('next');
  });

  it('leaves alone what a newer version installed, as while servers on one store are upgraded one by one', async () => {
    const definition = (version: string, field: string): object => {
      const crd = parse(WIDGETS_CRD.replace('color: {', `${field}: {type: string}\n              color: {`)) as {
        metadata: object;
      };
      return { ...crd, metadata: { ...crd.metadata, annotations: { [INSTALLED_BY]: version } } };
    };
    const options = { crds: [definition('0.9.0', 'before')] };
    server = await startTestServer(options);
    const current = server;
    const fields = async (): Promise<string[]> => {
      const { body } = await current.get('/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com');
      const text = JSON.stringify(body.spec);
      return ['before', 'candidate', 'after'].filter((name) => text.includes(`"${name}":`));
    };
    const restarted = async (version: string, field: string): Promise<string[]> => {
      options.crds.splice(0, 1, definition(version, field));
      await current.restart();
      return fields();
    };
    expect(await restarted('0.10.0-rc.1', 'candidate')).toEqual(['candidate']);
    expect(await restarted('0.10.0', 'after')).toEqual(['after']);
    expect(await restarted('0.10.0-rc.1', 'candidate')).toEqual(['after']);
    expect(await restarted('0.9.0', 'before')).toEqual(['after']);
    expect(await restarted('0.10.0', 'before')).toEqual(['before']);
  });

  it('serves 200 watchers of one resource without losing an event', async () => {
    server = await startTestServer();
    const current = server;
    const { body } = await current.get(MAPS);
    const at = `${MAPS}?watch=1&resourceVersion=${body.metadata.resourceVersion}&fieldSelector=metadata.name%21%3Dkube-root-ca.crt`;
    const watches = Array.from({ length: 200 }, () => current.watch(at));
    await Promise.all(watches.map((watch) => watch.code));
    for (let i = 0; i < 10; i++) await current.post(MAPS, { metadata: { name: `fan-${i}` } });
    await Promise.all(watches.map((watch) => watch.until(10, 30_000)));
    const names = watches.map((watch) => watch.events.map((event) => event.object.metadata.name).join());
    for (const watch of watches) watch.close();
    expect(new Set(names)).toEqual(new Set([Array.from({ length: 10 }, (_, i) => `fan-${i}`).join()]));
  });
});
