import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Runs `work` while no other process holds the lock of `path`; waits for the lock as long as it takes.
 * The lock is the kernel's (flock(1)), so it goes with the process even when that is killed.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  try {
    const outcome = await Promise.race([once(holder.stdout, 'data').then(() => 'held'), ended.then(() => 'ended')]);
    if (outcome === 'ended') throw new Error(`flock could not lock ${path}`);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
