import type { CachedObject } from '../cache/cachedObject.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { expired, resourceVersionTooLarge } from '../http/status.ts';
import { StorageError, type Page } from '../storage/storage.ts';
import { decodeContinue, encodeContinue, type Position } from './continueToken.ts';
import type { ListOptions } from './listOptions.ts';
import type { StoredResource } from './resource.ts';
import type { Selection } from './selection.ts';

/** A list, or one page of it. */
export interface ListResult {
  items: readonly CachedObject[];
  /** The revision the whole list shows. */
  revision: number;
  /** Token of the next page. */
  continueToken: string | undefined;
  remaining: number | undefined;
}

/** How long a read waits for the cache to come up to a revision. */
const WAIT_MS = 3_000;
/** How long a consistent read waits for the cache before it reads the store itself. */
const FRESH_MS = 100;
/** Objects read from the store at once while looking for a page's matches. */
const STORE_PAGE = 1_000;

/**
 * Lists by the rules of resourceVersion, limit and continue: without a version the newest state, 0 anything at hand,
 * N at least N or (Exact, or N with a limit) exactly N; pages after the first show the revision of the first.
 * @throws ApiError 400, 410 Expired (with a token to go on inconsistently), 504 (version in the future).
 */
export async function listObjects(
  resource: StoredResource,
  selection: Selection,
  options: ListOptions,
): Promise<ListResult> {
  if (options.continueToken !== '') {
    return fromStore(resource, selection, options, decodeContinue(options.continueToken, selection.prefix));
  }
  const version = options.resourceVersion;
  const exact =
    options.versionMatch === 'Exact' ||
    (version !== undefined && version > 0 && options.limit > 0 && options.versionMatch === undefined);
  if (exact && version !== undefined) {
    return fromStore(resource, selection, options, { revision: version, start: selection.prefix });
  }
  if (!(await freshEnough(resource, version)) || !resource.store.cache.isCurrent) {
    return fromStore(resource, selection, options, { revision: -1, start: selection.prefix });
  }
  return fromCache(resource, selection, options);
}

/** False: the cache lags, or has ended, and the store must be asked. @throws ApiError 504. */
async function freshEnough(resource: StoredResource, version: number | undefined): Promise<boolean> {
  const { cache } = resource.store;
  try {
    return await isFresh(cache, version);
  } catch (error) {
    // the resource is served anew, by another cache
    if (cache.isEnded && error instanceof StorageError) return false;
    throw error;
  }
}

async function isFresh(cache: ResourceCache, version: number | undefined): Promise<boolean> {
  if (version === undefined) return cache.caughtUp(FRESH_MS);
  if (version === 0) await cache.ready();
  else if (!(await cache.reached(version, WAIT_MS))) throw resourceVersionTooLarge(version, cache.revision);
  return true;
}

/** @throws ApiError 504 when `version` has not happened yet. */
export async function notInFuture({ store: { cache } }: StoredResource, version: number): Promise<void> {
  if (!(await cache.happened(version, WAIT_MS))) throw resourceVersionTooLarge(version, cache.revision);
}

function fromCache(resource: StoredResource, selection: Selection, options: ListOptions): ListResult {
  const { cache } = resource.store;
  const matching = candidates(resource, selection).filter((object) => selection.matches(object));
  // a limit does not count when anything at hand is good enough: there is no revision to pin pages to
  const limit = options.resourceVersion === 0 ? 0 : options.limit;
  const { revision } = cache;
  if (limit === 0 || matching.length <= limit) {
    return { items: matching, revision, continueToken: undefined, remaining: undefined };
  }
  const items = matching.slice(0, limit);
  const start = `${items.at(-1)?.key ?? ''}\0`;
  return {
    items,
    revision,
    continueToken: encodeContinue({ revision, start }, selection.prefix),
    remaining: selection.everything ? matching.length - limit : undefined,
  };
}

/** Objects in memory that may match. */
export function candidates(resource: StoredResource, selection: Selection): readonly CachedObject[] {
  const { cache } = resource.store;
  if (selection.key === undefined) return cache.list(selection.prefix);
  const one = cache.get(selection.key);
  return one === undefined || !one.key.startsWith(selection.prefix) ? [] : [one];
}

async function fromStore(
  resource: StoredResource,
  selection: Selection,
  options: ListOptions,
  from: Position,
): Promise<ListResult> {
  const items: CachedObject[] = [];
  const limit = options.limit === 0 ? Infinity : options.limit;
  for (let position = from; ;) {
    const page = await readPage(resource, selection, position, Math.min(STORE_PAGE, limit));
    const taken = take(resource, selection, page, { items, limit });
    if (taken < page.entries.length || (items.length >= limit && page.next !== undefined)) {
      return cutOff(selection, page, { items, taken });
    }
    if (page.next === undefined) {
      return { items, revision: page.revision, continueToken: undefined, remaining: undefined };
    }
    position = { revision: page.revision, start: page.next };
  }
}

/** Adds the page's matches to `into.items` up to its limit. Returns how many entries were looked at. */
function take(
  resource: StoredResource,
  selection: Selection,
  page: Page,
  into: { items: CachedObject[]; limit: number },
): number {
  for (const [index, entry] of page.entries.entries()) {
    if (into.items.length >= into.limit) return index;
    const object = resource.store.toCached(entry);
    if (selection.matches(object)) into.items.push(object);
  }
  return page.entries.length;
}

/** A full page with something behind it. */
function cutOff(selection: Selection, page: Page, part: { items: CachedObject[]; taken: number }): ListResult {
  const last = page.entries[part.taken - 1];
  const start = `${last?.key ?? selection.prefix}\0`;
  const behind = page.entries.length - part.taken;
  return {
    items: part.items,
    revision: page.revision,
    continueToken: encodeContinue({ revision: page.revision, start }, selection.prefix),
    remaining: selection.everything && page.remaining !== undefined ? page.remaining + behind : undefined,
  };
}

async function readPage(
  resource: StoredResource,
  selection: Selection,
  position: Position,
  limit: number,
): Promise<Page> {
  try {
    return await resource.store.storage.list(selection.prefix, {
      limit,
      start: position.start,
      ...(position.revision < 0 ? {} : { revision: position.revision }),
    });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'TooLarge') throw resourceVersionTooLarge(position.revision, resource.store.cache.revision);
    if (error.code !== 'Compacted') throw error;
    if (position.start === selection.prefix) {
      throw expired('The resourceVersion for the provided list is too old.');
    }
    throw expired(EXPIRED_CONTINUE, encodeContinue({ revision: -1, start: position.start }, selection.prefix));
  }
}

const EXPIRED_CONTINUE =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
