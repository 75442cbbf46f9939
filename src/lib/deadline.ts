import type { Clock } from './clock.ts';

/**
 * Runs `work` with a signal that aborts with `reason` after `ms`, or as soon as `signal` does.
 * Invariant: leaves no timer and no listener behind.
 */
export async function withDeadline<T>(
  options: { clock: Clock; ms: number; reason: Error; signal?: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, ms, reason, signal } = options;
  signal?.throwIfAborted();
  const inner = new AbortController();
  const timer = new AbortController();
  const follow = (): void => inner.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });
  clock.sleep(ms, timer.signal).then(
    () => inner.abort(reason),
    // the work ended in time
    () => undefined,
  );
  try {
    return await work(inner.signal);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', follow);
  }
}
