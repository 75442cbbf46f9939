import { Counter, Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpEndpoint, startHttpEndpoint } from '../../../src/lib/httpEndpoint.ts';

let endpoint: HttpEndpoint | undefined;
afterEach(async () => {
  await endpoint?.close();
  endpoint = undefined;
});

async function start(options: Partial<Parameters<typeof startHttpEndpoint>[0]> = {}) {
  const running = await startHttpEndpoint({ port: 0, registry: new Registry(), ...options });
  endpoint = running;
  return async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${running.port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
}

describe('startHttpEndpoint', () => {
  it('serves metrics', async () => {
    const registry = new Registry();
    new Counter({ name: 'things_total', help: 'Things.', registers: [registry] }).inc(3);
    const get = await start({ registry });
    expect((await get('/metrics')).text).toContain('things_total 3');
  });

  it('tells live from ready, and which check failed', async () => {
    let isReady = false;
    const ready = {
      informers: () => {
        if (!isReady) throw new Error('have not synced');
      },
      api: () => undefined,
    };
    const get = await start({ live: { loop: () => undefined }, ready });
    expect(await get('/livez')).toEqual({ status: 200, text: 'ok' });
    expect(await get('/healthz')).toEqual({ status: 200, text: 'ok' });
    expect(await get('/readyz')).toEqual({
      status: 500,
      text: '[+]loop ok\n[-]informers failed: have not synced\n[+]api ok\nfailed\n',
    });
    expect((await get('/readyz/api')).status).toBe(200);
    expect((await get('/readyz/nothing')).status).toBe(404);
    isReady = true;
    expect(await get('/readyz?verbose')).toEqual({ status: 200, text: '[+]loop ok\n[+]informers ok\n[+]api ok\nok\n' });
  });

  it('changes nothing and serves nothing else', async () => {
    const get = await start();
    expect((await get('/metrics', 'POST')).status).toBe(405);
    expect((await get('/')).status).toBe(404);
    expect((await get('/livez', 'HEAD')).status).toBe(200);
  });

  it('says when the port is taken', async () => {
    await start();
    const port = endpoint?.port ?? 0;
    await expect(startHttpEndpoint({ port, registry: new Registry() })).rejects.toThrow('EADDRINUSE');
  });
});
