import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isConflict, isNotFound } from '../../../src/kube/apiError.ts';
import { EventRecorder } from '../../../src/kube/eventRecorder.ts';
import { addFinalizer, removeFinalizer } from '../../../src/kube/finalizers.ts';
import type { InformerHandler } from '../../../src/kube/informer.ts';
import { ensureInstallation } from '../../../src/kube/installation.ts';
import { StatusWriter } from '../../../src/kube/statusWriter.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { Redactor } from '../../../src/lib/redaction.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { pass, startDouble, type Thing, thing, things, THINGS } from '../../support/kube.ts';

let home: Awaited<ReturnType<typeof startDouble>>;
let clock: FakeClock;
beforeEach(async () => {
  home = await startDouble();
  clock = new FakeClock();
});
afterEach(async () => {
  await home.stop();
});
const stored = (name = 'a') => home.api.stored(THINGS).get(`acme/${name}`) as Thing | undefined;
/** The handlers that the writer gave to its informer. */
let told: InformerHandler<Thing>[] = [];
const newWriter = () => {
  told = [];
  return new StatusWriter(home.client, things, {
    addHandler: (handler: InformerHandler<Thing>) => {
      told.push(handler);
      return () => undefined;
    },
  });
};
const patches = () => home.api.requests.filter((request) => request.method === 'PATCH');

describe('StatusWriter', () => {
  it('sends only what changed, to the status subresource, and nothing when nothing changed', async () => {
    const writer = newWriter();
    const object = home.api.put(THINGS, {
      ...thing('a'),
      status: { phase: 'x', count: 1, nested: { a: 1, b: 2 } },
    }) as Thing;
    const written = await writer.write(object, { phase: 'x', count: 2, nested: { a: 1 } });
    expect(patches()[0]?.path).toMatch(/\/servers\/a\/status$/);
    expect(patches()[0]?.body).toEqual({
      metadata: { uid: object.metadata.uid },
      status: { count: 2, nested: { b: null } },
    });
    expect(written.status).toEqual({ phase: 'x', count: 2, nested: { a: 1 } });
    await writer.write(written, { phase: 'x', count: 2, nested: { a: 1 } });
    expect(patches()).toHaveLength(1);
  });

  it('compares with its own last write while the informer still shows the state before it', async () => {
    const writer = newWriter();
    const stale = home.api.put(THINGS, { ...thing('a'), status: { count: 1 } }) as Thing;
    await writer.write(stale, { count: 2 });
    expect(writer.latest(stale).status).toEqual({ count: 2 });
    // back to what the informer shows: without memory this would look like no change
    await writer.write(stale, { count: 1 });
    expect(stored()?.status).toEqual({ count: 1 });
    // once the informer has a newer state, that counts
    const newer = home.api.put(THINGS, { ...thing('a'), status: { count: 9 } }) as Thing;
    expect(writer.latest(newer)).toBe(newer);
  });

  it('lets go of what it wrote once the informer has it', async () => {
    const writer = newWriter();
    const stale = home.api.put(THINGS, { ...thing('a'), status: { count: 1 } }) as Thing;
    const written = await writer.write(stale, { count: 2 });
    expect(writer.latest(stale)).toEqual(written);
    for (const handler of told) handler.updated?.(stale, written);
    // the informer never goes back, so that nobody asks about the old state again
    expect(writer.latest(stale)).toBe(stale);
  });

  it('asks the API what is stored after a write whose end nobody knows', async () => {
    const writer = newWriter();
    const object = home.api.put(THINGS, { ...thing('a'), status: { count: 1 } }) as Thing;
    // the write takes effect, the answer is lost
    home.api.fault = (request) => (request.method === 'PATCH' ? { dropAfter: true } : undefined);
    await expect(writer.write(object, { count: 2 })).rejects.toThrow();
    home.api.fault = () => undefined;
    expect(stored()?.status).toEqual({ count: 2 });
    await writer.write(object, { count: 1 });
    expect(stored()?.status).toEqual({ count: 1 });
  });

  it('refuses to write to another object of the same name', async () => {
    const writer = newWriter();
    const object = home.api.put(THINGS, thing('a')) as Thing;
    home.api.remove(THINGS, 'acme/a');
    await expect(writer.write(object, { count: 1 })).rejects.toSatisfy(isNotFound);
    home.api.put(THINGS, thing('a'));
    await expect(writer.write(object, { count: 1 })).rejects.toSatisfy(isConflict);
    expect(stored()?.status).toBeUndefined();
  });

  it('refuses, when asked to, to write on top of a change that it has not seen', async () => {
    const writer = newWriter();
    const object = home.api.put(THINGS, thing('a', { size: 1 })) as Thing;
    home.api.put(THINGS, thing('a', { size: 2 }));
    await expect(writer.write(object, { count: 1 }, { precondition: 'resourceVersion' })).rejects.toSatisfy(isConflict);
    await writer.write(object, { count: 1 });
    expect(stored()).toMatchObject({ spec: { size: 2 }, status: { count: 1 } });
  });
});

describe('finalizers', () => {
  it('are added once and removed without touching those of others', async () => {
    const object = home.api.put(THINGS, thing('a', {}, { finalizers: ['other/x'] })) as Thing;
    const added = await addFinalizer(home.client, things, object, 'hostler.dev/cleanup');
    expect(added.metadata.finalizers).toEqual(['other/x', 'hostler.dev/cleanup']);
    expect(await addFinalizer(home.client, things, added, 'hostler.dev/cleanup')).toBe(added);
    const removed = await removeFinalizer(home.client, things, added, 'hostler.dev/cleanup');
    expect(removed?.metadata.finalizers).toEqual(['other/x']);
  });

  it('are not written over a change of somebody else', async () => {
    const object = home.api.put(THINGS, thing('a')) as Thing;
    home.api.put(THINGS, thing('a', {}, { finalizers: ['other/x'] }));
    await expect(addFinalizer(home.client, things, object, 'hostler.dev/cleanup')).rejects.toSatisfy(isConflict);
    expect(stored()?.metadata.finalizers).toEqual(['other/x']);
  });

  it('let the object go when the last one is removed, which may have happened already', async () => {
    const deleting = { finalizers: ['hostler.dev/cleanup'], deletionTimestamp: '2026-01-01T00:00:00Z' };
    const object = home.api.put(THINGS, thing('a', {}, deleting)) as Thing;
    expect(await removeFinalizer(home.client, things, object, 'hostler.dev/cleanup')).toBeUndefined();
    expect(stored()).toBeUndefined();
    expect(await removeFinalizer(home.client, things, object, 'hostler.dev/cleanup')).toBeUndefined();
  });
});

describe('ensureInstallation', () => {
  it('makes the namespace and the ConfigMap once, and keeps their UID', async () => {
    const uid = await ensureInstallation(home.client);
    expect(uid).toBe([...home.api.stored('/api/v1/configmaps').values()][0]?.metadata.uid);
    expect([...home.api.stored('/api/v1/namespaces').keys()]).toEqual(['/hostler-system']);
    const before = home.api.requests.length;
    expect(await ensureInstallation(home.client)).toBe(uid);
    expect(home.api.requests.length).toBe(before + 1);
  });

  it('gives replicas that start together the same UID', async () => {
    const uids = await Promise.all([1, 2, 3, 4].map(() => ensureInstallation(home.newClient())));
    expect(new Set(uids).size).toBe(1);
  });
});

describe('EventRecorder', () => {
  const EVENTS = '/api/v1/events';
  const redactor = new Redactor();
  const make = () =>
    new EventRecorder({ client: home.client, log: silentLogger, component: 'hostler', clock, redactor });
  const events = () =>
    [...home.api.stored(EVENTS).values()] as unknown as { count: number; message: string; type: string }[];
  const object = thing('a', {}, { uid: 'u1', resourceVersion: '7' });

  it('writes an Event that kubectl describe finds', async () => {
    const recorder = make();
    recorder.record(object, { type: 'Normal', reason: 'Connected', message: 'SSH works' });
    await recorder.flush();
    expect(events()[0]).toMatchObject({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { namespace: 'acme', name: expect.stringMatching(/^a\.[0-9a-f]{16}$/) as string },
      involvedObject: { apiVersion: 'hostler.dev/v1alpha1', kind: 'Server', namespace: 'acme', name: 'a', uid: 'u1' },
      type: 'Normal',
      reason: 'Connected',
      message: 'SSH works',
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'hostler' },
    });
  });

  it('counts repeats on one Event, and begins a new one when the API has forgotten it', async () => {
    const recorder = make();
    const note = { type: 'Warning', reason: 'ConnectionRefused', message: 'refused' } as const;
    for (let i = 0; i < 3; i++) {
      recorder.record(object, note);
      await recorder.flush();
      await clock.advance(60_000);
    }
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({ count: 3, lastTimestamp: '2026-01-01T00:02:00Z' });
    for (const key of home.api.stored(EVENTS).keys()) home.api.remove(EVENTS, key);
    recorder.record(object, note);
    await recorder.flush();
    expect(events()).toHaveLength(1);
  });

  it('turns a flood of different messages into one, and a flood of anything into silence', async () => {
    const recorder = make();
    for (let i = 0; i < 200; i++)
      recorder.record(object, { type: 'Warning', reason: 'StepFailed', message: `attempt ${i}` });
    await recorder.flush();
    expect(events()).toHaveLength(11);
    expect(events().find((event) => event.message.startsWith('(combined'))?.count).toBe(15);
    // another object has its own budget
    recorder.record(thing('b', {}, { uid: 'u2' }), { type: 'Normal', reason: 'Ready', message: 'ok' });
    await recorder.flush();
    expect(events()).toHaveLength(12);
  });

  it('takes secrets out, also where the cut at 1024 characters would leave part of one', async () => {
    const recorder = make();
    redactor.register('hunter2-secret-value');
    recorder.record(object, {
      type: 'Normal',
      reason: 'StepFailed',
      message: `said: ${'x'.repeat(1005)}hunter2-secret-value`,
    });
    await recorder.flush();
    expect(events()[0]?.message).not.toContain('hunter2');
    expect(events()[0]?.message.length).toBeLessThanOrEqual(1024);
  });

  it('survives an API that is away, and gives up on one that refuses', async () => {
    const recorder = make();
    let left = 2;
    home.api.fault = () => (left-- > 0 ? { drop: true } : undefined);
    recorder.record(object, { type: 'Normal', reason: 'Connected', message: 'one' });
    for (let i = 0; i < 200 && events().length === 0; i++) await pass(clock, 100);
    expect(events()).toHaveLength(1);
    await recorder.flush();
    home.api.fault = () => ({ status: 403 });
    recorder.record(object, { type: 'Normal', reason: 'Connected', message: 'two' });
    await recorder.flush();
    expect(events()).toHaveLength(1);
  });
});
