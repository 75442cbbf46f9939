import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { eventually, startTestServer, type TestServer } from '../../support/apiServer.ts';
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
