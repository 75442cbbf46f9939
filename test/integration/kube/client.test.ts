import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ApiConnectionError, ApiError, isAlreadyExists, isConflict, isNotFound } from '../../../src/kube/apiError.ts';
import { Client } from '../../../src/kube/client.ts';
import { fixedConnection } from '../../../src/kube/connection.ts';
import { createKubeMetrics } from '../../../src/kube/metrics.ts';
import { version } from '../../../src/lib/version.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { startDouble, thing, things, THINGS, until } from '../../support/kube.ts';

const clock = new FakeClock();
const registry = new Registry();
const metrics = createKubeMetrics(registry);
let home: Awaited<ReturnType<typeof startDouble>>;
beforeEach(async () => {
  home = await startDouble({ clock, metrics });
});
afterEach(async () => {
  await home.stop();
});

describe('Client', () => {
  it('creates, reads, replaces, patches and deletes an object', async () => {
    const { client } = home;
    const created = await client.create(things, thing('a', { size: 1 }));
    expect(created.metadata.uid).toBeTruthy();
    const replaced = await client.update(things, { ...created, spec: { size: 2 } });
    const patched = await client.patch(things, created.metadata, { spec: { filler: 'x' } });
    expect(patched.spec).toEqual({ size: 2, filler: 'x' });
    await expect(client.update(things, replaced)).rejects.toSatisfy(isConflict);
    await expect(client.create(things, thing('a'))).rejects.toSatisfy(isAlreadyExists);
    await client.delete(things, created.metadata, { uid: created.metadata.uid ?? '' });
    await expect(client.get(things, created.metadata)).rejects.toSatisfy(isNotFound);
    expect(await client.find(things, created.metadata)).toBeUndefined();
  });

  it('says who it is and which manager owns the fields, and names the kind of patch', async () => {
    const { client, api } = home;
    const created = await client.create(things, thing('a'));
    await client.patch(things, created.metadata, { status: { phase: 'x' } }, { subresource: 'status' });
    await client.patch(things, created.metadata, [{ op: 'test', path: '/spec', value: {} }]).catch(() => undefined);
    const [post, merge, json] = api.requests;
    expect(post?.headers['user-agent']).toBe(`hostler/${version}`);
    expect(post?.query.get('fieldManager')).toBe('hostler');
    expect(post?.path).toBe('/apis/hostler.dev/v1alpha1/namespaces/acme/servers');
    expect(merge?.path).toBe('/apis/hostler.dev/v1alpha1/namespaces/acme/servers/a/status');
    expect(merge?.headers['content-type']).toBe('application/merge-patch+json');
    expect(json?.headers['content-type']).toBe('application/json-patch+json');
  });

  it('reads a list in pages that show one moment, and fills in what list items leave out', async () => {
    const { client, api } = home;
    for (let i = 0; i < 7; i++) api.put(THINGS, thing(`t${i}`));
    const names: string[] = [];
    for await (const page of client.pages(things, { pageSize: 3 })) {
      names.push(...page.items.map((item) => item.metadata.name));
      // a change between pages must not show
      api.put(THINGS, thing('t6-late'));
    }
    expect(names).toEqual(['t0', 't1', 't2', 't3', 't4', 't5', 't6']);
    const list = await client.list(things, { namespace: 'acme', pageSize: 2 });
    expect(list.items).toHaveLength(8);
    expect(list.items[0]).toMatchObject({ apiVersion: 'hostler.dev/v1alpha1', kind: 'Server' });
    expect(list.metadata.resourceVersion).toBe(String(api.revision));
  });

  it('waits as long as Retry-After says and tries again, but not for ever', async () => {
    const { client, api } = home;
    let left = 2;
    api.fault = () => (left-- > 0 ? { status: 429, reason: 'TooManyRequests', retryAfter: 3 } : undefined);
    const listing = client.list(things);
    await until(() => clock.sleeping === 1);
    await clock.advance(2999);
    expect(api.requests).toHaveLength(1);
    await clock.advance(1);
    await until(() => clock.sleeping === 1);
    await clock.advance(3000);
    expect((await listing).items).toEqual([]);

    api.requests.length = 0;
    api.fault = () => ({ status: 503, retryAfter: 1 });
    const failing = client.list(things).catch((error: unknown) => error);
    for (let i = 0; i < 9; i++) {
      await until(() => clock.sleeping === 1);
      await clock.advance(1000);
    }
    expect(await failing).toMatchObject({ code: 503, retryAfterMs: 1000 });
    expect(api.requests).toHaveLength(10);
  });

  it('does not try again what failed without Retry-After', async () => {
    const { client, api } = home;
    api.fault = () => ({ status: 500, reason: 'InternalError' });
    const error = await client.list(things).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: 500, reason: 'InternalError' });
    expect(api.requests).toHaveLength(1);
  });

  it('uses a kept connection that was just closed only once, and repeats the request on a new one', async () => {
    const { client, api } = home;
    await client.list(things);
    let first = true;
    api.fault = () => {
      const fault = first ? { drop: true } : {};
      first = false;
      return fault;
    };
    expect((await client.list(things)).items).toEqual([]);
    // a POST may have had its effect: that is for the caller to find out
    first = true;
    await expect(client.create(things, thing('a'))).rejects.toBeInstanceOf(ApiConnectionError);
  });

  it('ends a call that is not answered, and one that is aborted with the reason of the abort', async () => {
    const { client, api } = home;
    api.fault = () => ({ hang: true });
    await expect(client.list(things, { timeoutMs: 50 })).rejects.toMatchObject({
      name: 'ApiConnectionError',
      code: 'ETIMEDOUT',
    });
    const reason = new Error('stop');
    const abort = new AbortController();
    const call = client.list(things, { signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await expect(call).rejects.toBe(reason);
  });

  it('says in words why the server cannot be reached', async () => {
    const client = new Client({ connection: fixedConnection({ server: 'http://127.0.0.1:1' }) });
    await expect(client.list(things)).rejects.toThrow('nothing listens at the address of the API server');
  });

  it('refuses to send credentials over plain HTTP to another machine', () => {
    expect(() => fixedConnection({ server: 'http://192.0.2.1:8080', token: 't' })).toThrow('unprotected');
  });

  it('reads its credentials anew after a 401, once', async () => {
    const { api, server } = home;
    const refreshed: boolean[] = [];
    const connection = {
      ...fixedConnection({ server }),
      credentials: (refresh = false) => {
        refreshed.push(refresh);
        return Promise.resolve({ headers: { authorization: refresh ? 'Bearer new' : 'Bearer old' }, tls: {} });
      },
    };
    const client = new Client({ connection });
    api.fault = (request) => (request.headers.authorization === 'Bearer new' ? undefined : { status: 401 });
    await client.list(things);
    expect(refreshed).toEqual([false, true]);
    client.close();
  });

  it('puts a non-JSON error of a proxy into the message', async () => {
    const { createServer } = await import('node:http');
    const proxy = createServer((_request, response) => {
      response.writeHead(502, { 'content-type': 'text/html' });
      response.end('<h1>Bad gateway</h1>');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const client = new Client({ connection: fixedConnection({ server: `http://127.0.0.1:${port}` }) });
    await expect(client.list(things)).rejects.toThrow('502 Unknown: <h1>Bad gateway</h1>');
    client.close();
    proxy.close();
  });

  it('counts requests by code', async () => {
    const { client } = home;
    await client.find(things, { namespace: 'acme', name: 'none' });
    expect(await registry.metrics()).toMatch(
      /rest_client_requests_total\{method="GET",host="127.0.0.1:\d+",code="404"\} \d/,
    );
  });

  it('refuses to address a namespaced object without namespace', async () => {
    await expect(home.client.get(things, { name: 'a' })).rejects.toThrow('a namespace is needed');
  });
});
