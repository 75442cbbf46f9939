import type { CachedObject } from '../cache/cachedObject.ts';
import type { StoredResource } from './resource.ts';

/** Is told of every object of a resource as it is now. */
export interface Follower {
  /** New or changed. */
  set(cached: CachedObject): void;
  /** Not there any more. */
  drop(cached: CachedObject): void;
}

/** Follows all objects of `resource` for good; resolves once `follower` knows what is stored. */
export async function followAll(resource: StoredResource, follower: Follower): Promise<void> {
  const { cache } = resource.store;
  let known = new Map<string, CachedObject>();
  await cache.ready();
  cache.observe({
    onEvent: ({ type, object }) => {
      if (type === 'Deleted') {
        known.delete(object.key);
        follower.drop(object);
      } else {
        known.set(object.key, object);
        follower.set(object);
      }
    },
    onFilled: () => {
      // after a gap in the history: what is not there any more must be forgotten
      const now = new Map(cache.list().map((cached) => [cached.key, cached]));
      for (const [key, cached] of known) if (!now.has(key)) follower.drop(cached);
      known = now;
      for (const cached of now.values()) follower.set(cached);
    },
  });
}
