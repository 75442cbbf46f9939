import { describe, expect, it } from 'vitest';
import { KeyedLock } from '../../../../src/apiserver/registry/keyedLock.ts';

describe('KeyedLock', () => {
  it('runs work on one key in order, on others at once, and goes on after a failure', async () => {
    const lock = new KeyedLock();
    const log: string[] = [];
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const first = lock.run('a', async () => {
      await gate;
      log.push('a1');
      throw new Error('x');
    });
    const second = lock.run('a', async () => {
      log.push('a2');
      return Promise.resolve(2);
    });
    await lock.run('b', async () => {
      log.push('b');
      return Promise.resolve();
    });
    open();
    await expect(first).rejects.toThrow('x');
    expect(await second).toBe(2);
    expect(log).toEqual(['b', 'a1', 'a2']);
  });
});
