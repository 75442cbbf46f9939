import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { startTestServer, type Reply, type TestServer } from '../../support/apiServer.ts';
import { widget, WIDGETS, WIDGETS_CRD } from '../../support/widgets.ts';

let server: TestServer;
const CORE = '/api/v1/namespaces/default';
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

beforeAll(async () => {
  server = await startTestServer({ crds: [parse(WIDGETS_CRD) as object] });
});
afterAll(async () => {
  await server.close();
});

/** Fields that a 422 blames, each once. */
const blamed = ({ body }: Reply): string[] => [
  ...new Set((body.details?.causes ?? []).map(({ field }) => field).sort()),
];

describe('namespaces', () => {
  it('carry their name as a label, whatever is sent and also with a generated name', async () => {
    const label = 'kubernetes.io/metadata.name';
    const wrong = { metadata: { name: 'labelled', labels: { [label]: 'other', a: 'b' } } };
    const { body } = await server.post('/api/v1/namespaces', wrong);
    expect(body.metadata.labels).toEqual({ [label]: 'labelled', a: 'b' });
    const changed = await server.patch('/api/v1/namespaces/labelled', 'merge', { metadata: { labels: null } });
    expect(changed.body.metadata.labels).toEqual({ [label]: 'labelled' });
    const generated = (await server.post('/api/v1/namespaces', { metadata: { generateName: 'made-' } })).body.metadata;
    expect(generated.labels).toEqual({ [label]: generated.name });
    expect(generated.managedFields?.[0]?.fieldsV1).toMatchObject({ 'f:metadata': { 'f:labels': {} } });
  });

  it('cannot be said to end by a status, and take qualified finalizers only', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'alive' } });
    const at = '/api/v1/namespaces/alive';
    expect(blamed(await server.patch(`${at}/status`, 'merge', { status: { phase: 'Terminating' } }))).toEqual([
      'status.Phase',
    ]);
    expect(
      blamed(await server.put(`${at}/finalize`, { metadata: { name: 'alive' }, spec: { finalizers: ['x'] } })),
    ).toEqual(['spec.finalizers[0]']);
  });
});

describe('finalizers', () => {
  it('of built-in objects need a domain; of custom resources they only should have one', async () => {
    const metadata = { name: 'fin', finalizers: ['plain', 'example.com/ok', 'orphan'] };
    expect(blamed(await server.post(`${CORE}/configmaps`, { metadata }))).toEqual(['metadata.finalizers[0]']);
    const custom = await server.post(WIDGETS, { ...widget('fin'), metadata });
    expect(custom.code, custom.text).toBe(201);
    expect(custom.headers['warning']).toBe(
      '299 - "metadata.finalizers: \\"plain\\": prefer a domain-qualified finalizer name to avoid accidental conflicts with other finalizer writers"',
    );
    const again = await server.patch(`${WIDGETS}/fin`, 'merge', { metadata: { finalizers: ['plain'] } });
    expect(again.headers['warning']).toBeUndefined();
  });
});

describe('secrets and configmaps', () => {
  it('keep no empty maps, and values without the line breaks of block texts', async () => {
    const empty = await server.post(`${CORE}/configmaps`, { metadata: { name: 'empty', labels: {} }, data: {} });
    expect(Object.keys(empty.body)).not.toContain('data');
    const wrapped = { metadata: { name: 'wrapped' }, data: { a: 'aGVs\nbG8=\n' } };
    expect((await server.post(`${CORE}/secrets`, wrapped)).body.data).toEqual({ a: 'aGVsbG8=' });
  });

  it('may hold exactly 1 MiB of values, keys not counted', async () => {
    const text = 'x'.repeat(1024 * 1024);
    const fits = { metadata: { name: 'full' }, data: { 'a-long-key': text } };
    expect((await server.post(`${CORE}/configmaps`, fits)).code).toBe(201);
    expect((await server.post(`${CORE}/secrets`, { metadata: { name: 'full' }, stringData: { a: text } })).code).toBe(
      201,
    );
    const over = await server.post(`${CORE}/secrets`, { metadata: { name: 'over' }, stringData: { a: `${text}x` } });
    expect(over.body.details?.causes).toEqual([
      { reason: 'FieldValueTooLong', message: 'Too long: may not be more than 1048576 bytes', field: 'data' },
    ]);
  });

  it('of type ssh-auth need a key that is not empty', async () => {
    const ssh = { metadata: { name: 'ssh' }, type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': '' } };
    expect(blamed(await server.post(`${CORE}/secrets`, ssh))).toEqual(['data[ssh-privatekey]']);
  });
});

describe('events', () => {
  const event = {
    eventTime: '2026-01-01T00:00:00.123456Z',
    regarding: { kind: 'ConfigMap', name: 'x', namespace: 'default' },
    reason: 'Tested',
    action: 'Test',
    type: 'Normal',
    reportingController: 'test.io/tester',
    reportingInstance: 'tester-1',
  };

  it('of the new API must be complete, and cannot be changed but in their series', async () => {
    const made = await server.post(EVENTS, { ...event, metadata: { name: 'new' } });
    expect(made.code, made.text).toBe(201);
    const bare = { metadata: { name: 'bare' }, eventTime: event.eventTime, type: 'Odd', deprecatedCount: 1 };
    expect(blamed(await server.post(EVENTS, bare))).toEqual([
      'action',
      'count',
      'reason',
      'reportingController',
      'reportingInstance',
      'type',
    ]);
    expect(blamed(await server.patch(`${EVENTS}/new`, 'merge', { note: 'other' }))).toEqual(['message']);
    const one = { series: { count: 1, lastObservedTime: event.eventTime } };
    expect(blamed(await server.patch(`${EVENTS}/new`, 'merge', one))).toEqual(['series.count']);
    const two = { series: { count: 2, lastObservedTime: event.eventTime } };
    expect((await server.patch(`${EVENTS}/new`, 'merge', two)).code).toBe(200);
  });

  it('of old clients need no more than a namespace that fits', async () => {
    const old = { metadata: { name: 'old' }, involvedObject: { namespace: 'other' } };
    expect(blamed(await server.post(`${CORE}/events`, old))).toEqual(['involvedObject.namespace']);
    expect((await server.post(`${CORE}/events`, { metadata: { name: 'old' }, involvedObject: {} })).code).toBe(201);
  });

  it('without six digits of microseconds are refused, as clients could not read them back', async () => {
    const { body } = await server.post(EVENTS, {
      ...event,
      metadata: { name: 'short' },
      eventTime: '2026-01-01T00:00:00.5Z',
    });
    expect(body).toMatchObject({ code: 400, reason: 'BadRequest' });
    expect(body.message).toContain('cannot parse ".5Z" as ".000000"');
  });
});

describe('leases', () => {
  it('name a known strategy, and a preferred holder only with one', async () => {
    const lease = (spec: object): object => ({ metadata: { name: 'strategy' }, spec });
    expect(blamed(await server.post(LEASES, lease({ strategy: 'Odd' })))).toEqual(['spec.strategy.strategy']);
    expect(blamed(await server.post(LEASES, lease({ preferredHolder: 'x' })))).toEqual(['spec.preferredHolder']);
    const fine = lease({ strategy: 'OldestEmulationVersion', preferredHolder: 'x' });
    expect((await server.post(LEASES, fine)).code).toBe(201);
  });
});
