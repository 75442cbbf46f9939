import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { ApiConnectionError, ApiError } from '../../../src/kube/apiError.ts';
import { Controller, type ControllerOptions } from '../../../src/kube/controller.ts';
import { createKubeMetrics } from '../../../src/kube/metrics.ts';
import type { Request, Result } from '../../../src/kube/reconciler.ts';
import { shardIndex, shardOf, type ShardListener } from '../../../src/kube/shards.ts';
import { TerminalError, TransientError, WaitingError } from '../../../src/lib/errors.ts';
import { createLogger } from '../../../src/lib/logger.ts';
import { FakeClock, settle } from '../../support/fakeClock.ts';

type Work = (request: Request, signal: AbortSignal) => Promise<Result>;

function start(work: Work, options: Partial<ControllerOptions> = {}) {
  const clock = new FakeClock();
  const registry = new Registry();
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: 'debug',
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as never) },
  });
  const runs: { at: number; request: Request }[] = [];
  const controller = new Controller({
    name: 'server',
    reconciler: {
      reconcile: (request, signal) => {
        runs.push({ at: clock.now(), request });
        return work(request, signal);
      },
    },
    log,
    clock,
    random: () => 0,
    metrics: createKubeMetrics(registry),
    ...options,
  });
  const ended = controller.run();
  return { controller, clock, registry, lines, runs, ended };
}

const key = { namespace: 'acme', name: 'a' };
/** Milliseconds between the runs. */
const gaps = (runs: readonly { at: number }[]) => runs.slice(1).map((run, i) => run.at - (runs[i]?.at ?? 0));
/** Fails with each error in turn, then succeeds. */
const failing = (...errors: Error[]): Work => {
  const left = [...errors];
  return () => {
    const error = left.shift();
    return error === undefined ? Promise.resolve({}) : Promise.reject(error);
  };
};
const forever = (error: Error): Work => {
  return () => Promise.reject(error);
};

describe('Controller', () => {
  it('hands the key to the reconciler and rests when that succeeded', async () => {
    const { controller, clock, runs, registry } = start(() => Promise.resolve({}));
    controller.enqueue(key);
    await clock.advance(3_600_000);
    expect(runs.map((run) => run.request)).toEqual([key]);
    expect(await registry.metrics()).toContain(
      'controller_runtime_reconcile_total{controller="server",result="success"} 1',
    );
  });

  it('tells of errors before the first, whose increase would go unseen otherwise', async () => {
    const { registry } = start(() => Promise.resolve({}));
    const text = await registry.metrics();
    for (const name of ['errors', 'panics', 'timeouts'])
      expect(text).toContain(`controller_runtime_reconcile_${name}_total{controller="server"} 0`);
    expect(text).toContain('controller_runtime_terminal_reconcile_errors_total{controller="server"} 0');
  });

  it('comes back after requeueAfterMs', async () => {
    const { controller, clock, runs, registry } = start(() => Promise.resolve({ requeueAfterMs: 120_000 }));
    controller.enqueue(key);
    await clock.advance(360_000);
    expect(gaps(runs)).toEqual([120_000, 120_000, 120_000]);
    expect(await registry.metrics()).toContain('result="requeue_after"} 4');
  });

  it.each([
    {
      name: 'a transient failure is retried with backoff, doubling',
      error: new TransientError('ConnectionRefused', 'refused'),
      waits: [1000, 2000, 4000],
      result: 'error',
      level: 'warn',
    },
    {
      name: 'a transient failure is recognised under any wrapping',
      error: new Error('connecting', { cause: new TransientError('ConnectionRefused', 'refused') }),
      waits: [1000, 2000, 4000],
      result: 'error',
      level: 'warn',
    },
    {
      name: 'a terminal failure is not retried',
      error: new TerminalError('InvalidSpec', 'bad'),
      waits: [],
      result: 'error',
      level: 'warn',
    },
    {
      name: 'waiting has a fixed delay and is no failure',
      error: new WaitingError('DependencyNotReady', 'not yet', { afterMs: 15_000 }),
      waits: [15_000, 15_000, 15_000],
      result: 'requeue_after',
      level: 'info',
    },
    {
      name: 'a conflict of our own write is retried silently and soon',
      error: new ApiError('PATCH', 409, { status: { reason: 'Conflict' } }),
      waits: [20, 40, 80],
      result: 'requeue',
      level: 'debug',
    },
    {
      name: 'an API server that is away is retried with backoff',
      error: new ApiConnectionError('GET', 'ECONNREFUSED'),
      waits: [1000, 2000, 4000],
      result: 'error',
      level: 'warn',
    },
    {
      name: 'an API server that asks for a pause gets it',
      error: new ApiError('GET', 429, { retryAfterMs: 90_000 }),
      waits: [90_000, 90_000, 90_000],
      result: 'requeue_after',
      level: 'info',
    },
    {
      name: 'a bug is logged as one and retried with backoff',
      error: new TypeError('x is undefined'),
      waits: [1000, 2000, 4000],
      result: 'error',
      level: 'error',
    },
    {
      name: 'a write that the API refuses is a bug',
      error: new ApiError('PATCH', 422, { status: { reason: 'Invalid' } }),
      waits: [1000, 2000, 4000],
      result: 'error',
      level: 'error',
    },
  ])('$name', async ({ error, waits, result, level }) => {
    const { controller, clock, runs, registry, lines } = start(forever(error));
    controller.enqueue(key);
    await clock.advance(300_000);
    expect(gaps(runs).slice(0, 3)).toEqual(waits);
    expect(await registry.metrics()).toMatch(new RegExp(`result="${result}"\\} ${runs.length}`));
    const line = lines.find((one) => typeof one['reconcileId'] === 'string');
    expect(line).toMatchObject({ level, controller: 'server', namespace: 'acme', name: 'a' });
  });

  it('forgets the failures of a key that succeeded', async () => {
    const flaky = new TransientError('ConnectionLost', 'lost');
    const { controller, clock, runs } = start(failing(flaky, flaky));
    controller.enqueue(key);
    await clock.advance(10_000);
    expect(gaps(runs)).toEqual([1000, 2000]);
    controller.enqueue(key);
    await clock.advance(1);
    expect(runs).toHaveLength(4);
  });

  it('runs at once what a user changed, even while the key is backing off', async () => {
    const { controller, clock, runs } = start(forever(new TransientError('ConnectionLost', 'lost')));
    controller.enqueue(key);
    await clock.advance(1000 + 2000 + 4000 + 8000 + 16_000);
    const before = runs.length;
    controller.enqueue(key);
    await settle();
    expect(runs).toHaveLength(before + 1);
  });

  it('never runs one key twice at once, and at most `workers` keys', async () => {
    const { controller, clock, registry } = start((request) => work(request), { workers: 3 });
    const running: string[] = [];
    let most = 0;
    let isTwice = false;
    const work = async (request: Request): Promise<Result> => {
      isTwice ||= running.includes(request.name);
      running.push(request.name);
      most = Math.max(most, running.length);
      await clock.sleep(1000);
      running.splice(running.indexOf(request.name), 1);
      return {};
    };
    for (let round = 0; round < 5; round++) {
      for (const name of ['a', 'b', 'c', 'd', 'e']) controller.enqueue({ namespace: 'acme', name });
      await clock.advance(700);
    }
    expect(await registry.metrics()).toContain('controller_runtime_active_workers{controller="server"} 3');
    await clock.advance(20_000);
    expect([isTwice, most, running.length]).toEqual([false, 3, 0]);
    expect(await registry.metrics()).toContain('controller_runtime_active_workers{controller="server"} 0');
  });

  it('aborts a run at its deadline and treats that as a failure to retry', async () => {
    const reasons: unknown[] = [];
    const { controller, clock, runs, registry } = start(
      (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push(signal.reason);
            reject(new Error('whatever the abort caused'));
          });
        }),
      { deadlineMs: 5000 },
    );
    controller.enqueue(key);
    await clock.advance(4999);
    expect(reasons).toEqual([]);
    await clock.advance(1001 + 1);
    expect(reasons[0]).toBeInstanceOf(TransientError);
    expect(runs).toHaveLength(2);
    expect(await registry.metrics()).toContain('controller_runtime_reconcile_timeouts_total{controller="server"} 1');
  });

  it('lets runs end when it stops, then aborts the ones that do not', async () => {
    const ended: string[] = [];
    const {
      controller,
      clock,
      runs,
      ended: finished,
    } = start(async (request, signal) => {
      if (request.name === 'quick') await clock.sleep(1000);
      else await clock.sleep(1_000_000, signal).catch(() => undefined);
      ended.push(`${request.name} ${signal.aborted}`);
      return { requeueAfterMs: 1 };
    });
    controller.enqueue({ namespace: 'acme', name: 'quick' });
    controller.enqueue({ namespace: 'acme', name: 'slow' });
    await settle();
    const stopped = controller.stop(10_000);
    controller.enqueue({ namespace: 'acme', name: 'late' });
    await clock.advance(10_000);
    await stopped;
    await finished;
    expect(ended).toEqual(['quick false', 'slow true']);
    expect(runs).toHaveLength(2);
    expect(clock.sleeping).toBe(0);
  });

  it('runs only keys of shards that it holds, all of them when it gains one, and ends the runs of one it loses', async () => {
    const objects = ['one', 'two', 'three'].map((name): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Server',
      metadata: { namespace: 'acme', name, uid: `uid-${name}` },
    }));
    const held = new Set<number>();
    const listeners = new Set<ShardListener>();
    const change = (shard: number, isHeld: boolean) => {
      if (isHeld) held.add(shard);
      else held.delete(shard);
      return Promise.all([...listeners].map(async (listener) => listener(shard, isHeld)));
    };
    const shards = {
      holds: (shard: number) => held.has(shard),
      confirm: () => Promise.resolve(false),
      token: () => ({ leaseUid: '', transitions: 0 }),
      onChange: (listener: ShardListener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    };
    const lister = {
      get: ({ name }: { name: string }) => objects.find((object) => object.metadata.name === name),
      list: () => [],
      byIndex: (_name: string, shard: string) => objects.filter((object) => shardIndex(object).includes(shard)),
    };
    const aborted: unknown[] = [];
    const { controller, clock, runs } = start(
      async (_request, signal) => {
        await clock.sleep(5000, signal).catch(() => aborted.push(signal.reason));
        signal.throwIfAborted();
        return {};
      },
      { sharding: { shards, objects: lister } },
    );
    for (const object of objects) controller.enqueue({ namespace: 'acme', name: object.metadata.name });
    await clock.advance(10_000);
    expect(runs).toEqual([]);

    const mine = shardOf('uid-two');
    await change(mine, true);
    await settle();
    expect(runs.map((run) => run.request.name)).toEqual(['two']);

    let isGone = false;
    const losing = change(mine, false).then(() => (isGone = true));
    await settle();
    expect(isGone).toBe(true);
    await losing;
    expect(aborted[0]).toMatchObject({ reason: 'ShardNotHeld' });
    await clock.advance(60_000);
    expect(runs).toHaveLength(1);

    // nobody is told of a moment in which the clocks said no
    held.add(mine);
    await clock.advance(60_000);
    expect(runs.map((run) => run.request.name)).toEqual(['two', 'two']);
  });
});
