import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ChannelSlots } from '../../../src/ssh/channelSlots.ts';

async function takeAll(slots: ChannelSlots): Promise<(() => void)[]> {
  return Promise.all(Array.from({ length: 6 }, () => slots.take()));
}

describe('ChannelSlots', () => {
  it('hands out six, then serves in order of asking', async () => {
    const slots = new ChannelSlots();
    const releases = await takeAll(slots);
    const order: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      const release = await slots.take();
      order.push(name);
      return release;
    });
    await turn();
    expect([slots.used, order]).toEqual([6, []]);
    releases[0]?.();
    releases[0]?.();
    await turn();
    expect([slots.used, order]).toEqual([6, ['a']]);
    releases[1]?.();
    (await Promise.all(waiting)).forEach((release) => release());
    expect([slots.used, order]).toEqual([4, ['a', 'b']]);
  });

  it('keeps to fewer when the host grants fewer, but always to one', async () => {
    const slots = new ChannelSlots();
    slots.shrink(0);
    const release = await slots.take();
    let second = false;
    const waiting = slots.take().then((next) => {
      second = true;
      return next;
    });
    await turn();
    expect(second).toBe(false);
    release();
    (await waiting)();
    expect(slots.used).toBe(0);
  });

  it('loses no slot to those who give up', async () => {
    const slots = new ChannelSlots();
    const releases = await takeAll(slots);
    const abort = new AbortController();
    const waiting = slots.take(abort.signal);
    abort.abort(new Error('gave up'));
    await expect(waiting).rejects.toThrow('gave up');
    await expect(slots.take(abort.signal)).rejects.toThrow('gave up');
    releases.forEach((release) => release());
    expect(slots.used).toBe(0);
  });
});
