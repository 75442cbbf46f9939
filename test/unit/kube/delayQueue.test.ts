import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DelayQueue } from '../../../src/kube/delayQueue.ts';
import { FakeClock } from '../../support/fakeClock.ts';

describe('DelayQueue', () => {
  it('hands out every key once, at its earliest time, in order, but those that were deleted', async () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 30 }).map(String),
      afterMs: fc.integer({ min: 1, max: 1000 }),
      isDelete: fc.nat(4).map((n) => n === 0),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const clock = new FakeClock(0);
        const fired: [string, number][] = [];
        const queue = new DelayQueue<undefined>(clock, (key) => void fired.push([key, clock.now()]));
        const due = new Map<string, number>();
        for (const { key, afterMs, isDelete } of steps) {
          if (isDelete) {
            queue.delete(key);
            due.delete(key);
          } else {
            queue.add(key, undefined, afterMs);
            due.set(key, Math.min(due.get(key) ?? Infinity, afterMs));
          }
        }
        await clock.advance(2000);
        expect(new Map(fired)).toEqual(due);
        expect(fired).toHaveLength(due.size);
        expect(fired.map(([, at]) => at)).toEqual(fired.map(([, at]) => at).toSorted((a, b) => a - b));
        expect(clock.sleeping).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('waits for delays longer than a timer can hold, and notices them late by a minute at most', async () => {
    const clock = new FakeClock(0);
    const fired: number[] = [];
    const queue = new DelayQueue<undefined>(clock, () => void fired.push(clock.now()));
    const tenDays = 10 * 24 * 3_600_000;
    queue.add('a', undefined, tenDays);
    clock.jump(tenDays - 30_000);
    await clock.advance(60_000);
    expect(fired).toHaveLength(1);
  });
});
