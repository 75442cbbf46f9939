import { ApiConnectionError, ApiError } from '../kube/apiError.ts';
import { systemClock } from '../lib/clock.ts';
import { findCause, messageOf } from '../lib/errors.ts';
import { remark } from './output.ts';

/**
 * Looks again and again until there is something to see. What is waited for goes on while the API is away, so that
 * this is no reason to end: whoever ran the command would run it again.
 * @returns what `look` returned; undefined when it returned nothing else in time.
 * @throws what `look` throws, unless the API did not answer or had an error of its own.
 */
export async function poll<T extends object>(
  look: () => Promise<T | undefined>,
  { everyMs, timeoutMs }: { everyMs: number; timeoutMs: number },
): Promise<T | undefined> {
  const until = systemClock.now() + timeoutMs;
  let away = false;
  while (systemClock.now() < until) {
    try {
      const seen = await look();
      away = false;
      if (seen !== undefined) return seen;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (!away) remark(`hostler: ${messageOf(error)}; still waiting`);
      away = true;
    }
    await systemClock.sleep(everyMs);
  }
  return undefined;
}

function isAway(error: unknown): boolean {
  return findCause(error, ApiConnectionError) !== undefined || (findCause(error, ApiError)?.code ?? 0) >= 500;
}
