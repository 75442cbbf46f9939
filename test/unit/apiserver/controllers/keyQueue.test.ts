import { describe, expect, it, vi } from 'vitest';
import { KeyQueue } from '../../../../src/apiserver/controllers/keyQueue.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';

describe('KeyQueue', () => {
  it('works on each key once however often it was added, one at a time', async () => {
    const seen: string[] = [];
    let running = 0;
    let most = 0;
    const queue = new KeyQueue({
      name: 't',
      log: silentLogger,
      work: async (key) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        seen.push(key);
        running--;
        return undefined;
      },
    });
    for (const key of ['a', 'b', 'a', 'b', 'c']) queue.add(key);
    await vi.waitFor(() => expect(seen).toEqual(['a', 'b', 'c']));
    expect(most).toBe(1);
    await queue.stop();
  });

  it('tries a failed key again, and one that asks to be looked at later', async () => {
    let tries = 0;
    const queue = new KeyQueue({
      name: 't',
      log: silentLogger,
      work: () => {
        tries++;
        if (tries < 3) return Promise.reject(new Error('not yet'));
        return Promise.resolve(tries < 5 ? 1 : undefined);
      },
    });
    queue.add('a');
    await vi.waitFor(() => expect(tries).toBe(5), { timeout: 5_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(tries).toBe(5);
    await queue.stop();
  });

  it('takes nothing more after it was stopped', async () => {
    const work = vi.fn(() => Promise.resolve(undefined));
    const queue = new KeyQueue({ name: 't', log: silentLogger, work });
    await queue.stop();
    queue.add('a');
    queue.addAfter('b', 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(work).not.toHaveBeenCalled();
  });
});
