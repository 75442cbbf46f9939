import type { ResourceCache } from '../cache/resourceCache.ts';

const WAIT_MS = 1_000;

/**
 * Waits until `caches` show whatever was in the store at the call: only then is what they do not show not there.
 * @throws Error when they do not, for the caller to try again.
 */
export async function upToDate(...caches: readonly ResourceCache[]): Promise<void> {
  const [first] = caches;
  if (first === undefined) return;
  // all hang on one watch of the store
  if (!(await first.caughtUp(WAIT_MS))) throw new Error('the caches do not show yet what is in the store');
  // afterwards: one that lost its history meanwhile is read anew
  for (const cache of caches) await cache.ready();
  if (caches.some((cache) => cache.isEnded)) throw new Error('a resource is served anew, from another cache');
}
