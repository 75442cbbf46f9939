import fc from 'fast-check';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createKubeMetrics } from '../../../src/kube/metrics.ts';
import { type Priority, Workqueue } from '../../../src/kube/workqueue.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const backoff = { baseMs: 1000, factor: 2, capMs: 60_000, jitter: 0 };

function make(options: { registry?: Registry } = {}) {
  const clock = new FakeClock();
  const metrics = options.registry === undefined ? {} : { metrics: createKubeMetrics(options.registry) };
  const queue = new Workqueue({ name: 'server', clock, backoff, ...metrics });
  return { clock, queue };
}

describe('Workqueue', () => {
  it('hands out a key once however often it was added', async () => {
    const { queue } = make();
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect([await queue.get(), await queue.get()].map((item) => item?.key)).toEqual(['a', 'b']);
    expect(queue.length).toBe(0);
  });

  it('runs a key again that was added while it was being worked on, but only after that run ended', async () => {
    const { queue } = make();
    queue.add('a');
    await queue.get();
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect((await queue.get())?.key).toBe('a');
  });

  it('lets a user change overtake waiting resyncs', async () => {
    const { queue } = make();
    for (const key of ['r1', 'r2', 'r3']) queue.add(key, { priority: 'resync' });
    queue.add('u1');
    queue.add('r3', { priority: 'user' });
    const order = [];
    for (let i = 0; i < 4; i++) order.push((await queue.get())?.key);
    expect(order).toEqual(['u1', 'r3', 'r1', 'r2']);
  });

  it('does not lower a key that waits as a user change', async () => {
    const { queue } = make();
    queue.add('a');
    queue.add('a', { priority: 'resync' });
    expect((await queue.get())?.priority).toBe('user');
  });

  it('still serves resyncs while user changes never stop', async () => {
    const { queue } = make();
    queue.add('resync', { priority: 'resync' });
    const seen: string[] = [];
    for (let i = 0; i < 20; i++) {
      queue.add(`u${i}`);
      queue.add(`v${i}`);
      const item = await queue.get();
      seen.push(item?.key ?? '');
      queue.done(item?.key ?? '');
    }
    expect(seen).toContain('resync');
  });

  it('lets the earliest of several delayed adds win', async () => {
    const { clock, queue } = make();
    queue.add('a', { afterMs: 5000 });
    queue.add('a', { afterMs: 1000 });
    queue.add('a', { afterMs: 9000 });
    await clock.advance(999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
    queue.done((await queue.get())?.key ?? '');
    await clock.advance(60_000);
    expect(queue.length).toBe(0);
  });

  it('forgets a delayed add when the key runs sooner, because that run decides when to come back', async () => {
    const { clock, queue } = make();
    queue.add('a', { afterMs: 5000 });
    queue.add('a');
    queue.done((await queue.get())?.key ?? '');
    await clock.advance(10_000);
    expect(queue.length).toBe(0);
  });

  it('keeps a delayed add that was made during the run', async () => {
    const { clock, queue } = make();
    queue.add('a');
    await queue.get();
    queue.add('a', { afterMs: 5000 });
    queue.done('a');
    expect(queue.length).toBe(0);
    await clock.advance(5000);
    expect((await queue.get())?.key).toBe('a');
  });

  it('backs off per key, doubling to the cap, until the key is forgotten', async () => {
    const { clock, queue } = make();
    const waits = [];
    for (let i = 0; i < 8; i++) {
      queue.addRateLimited('a');
      const start = clock.now();
      while (queue.length === 0) await clock.advance(500);
      waits.push(clock.now() - start);
      queue.done((await queue.get())?.key ?? '');
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    queue.forget('a');
    expect(queue.failures('a')).toBe(0);
  });

  it('wakes waiting workers in turn, and all of them with undefined at shutdown', async () => {
    const { queue } = make();
    const waiting = [queue.get(), queue.get()];
    queue.add('a');
    const stopped = queue.shutDown();
    const got = await Promise.all(waiting);
    expect(got.map((item) => item?.key)).toEqual(['a', undefined]);
    let drained = false;
    void stopped.then(() => (drained = true));
    await Promise.resolve();
    expect(drained).toBe(false);
    queue.add('b');
    queue.done('a');
    await stopped;
    expect(await queue.get()).toBeUndefined();
  });

  it('exposes the metrics that dashboards for operators read', async () => {
    const registry = new Registry();
    const { clock, queue } = make({ registry });
    queue.add('a');
    queue.add('b', { priority: 'resync' });
    await clock.advance(2000);
    await queue.get();
    await clock.advance(3000);
    queue.addRateLimited('c');
    const text = await registry.metrics();
    const labels = 'name="server",controller="server"';
    expect(text).toContain(`workqueue_adds_total{${labels}} 2`);
    expect(text).toContain(`workqueue_depth{${labels},priority="user"} 0`);
    expect(text).toContain(`workqueue_depth{${labels},priority="resync"} 1`);
    expect(text).toContain(`workqueue_queue_duration_seconds_sum{${labels}} 2`);
    expect(text).toContain(`workqueue_unfinished_work_seconds{${labels}} 3`);
    expect(text).toContain(`workqueue_longest_running_processor_seconds{${labels}} 3`);
    expect(text).toContain(`workqueue_retries_total{${labels}} 1`);
    queue.done('a');
    expect(await registry.metrics()).toContain(`workqueue_work_duration_seconds_sum{${labels}} 3`);
  });

  it('never loses a key and never runs one twice at once, whatever the order of adds, delays and workers', async () => {
    const action = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom('add', 'later', 'rateLimited', 'advance'),
      priority: fc.constantFrom<Priority>('user', 'resync'),
      ms: fc.integer({ min: 1, max: 4000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        async (actions, workers) => {
          const { clock, queue } = make();
          const running = new Set<string>();
          /** Latest moment by which a run of the key must have started after its add. */
          const owed = new Map<string, number>();
          const worker = async (): Promise<void> => {
            for (let item = await queue.get(); item !== undefined; item = await queue.get()) {
              expect(running.has(item.key)).toBe(false);
              running.add(item.key);
              owed.delete(item.key);
              await clock.sleep(700);
              running.delete(item.key);
              queue.done(item.key);
            }
          };
          const pool = Array.from({ length: workers }, worker);
          for (const { key, kind, priority, ms } of actions) {
            if (kind === 'advance') {
              await clock.advance(ms);
              continue;
            }
            owed.set(key, Math.max(owed.get(key) ?? 0, clock.now()));
            if (kind === 'add') queue.add(key, { priority });
            if (kind === 'later') queue.add(key, { priority, afterMs: ms });
            if (kind === 'rateLimited') queue.addRateLimited(key, { priority });
          }
          await clock.advance(200_000);
          expect([...owed.keys()]).toEqual([]);
          expect(running.size).toBe(0);
          await queue.shutDown();
          await Promise.all(pool);
        },
      ),
      { numRuns: 60 },
    );
  });
});
