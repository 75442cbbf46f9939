import type { Logger } from '../../lib/logger.ts';
import type { CacheEvent, CachedObject, OwnerReference } from '../cache/cachedObject.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { isJsonObject, type JsonObject } from '../codec/json.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { Call, RegistryDeps } from '../registry/call.ts';
import { deleteObject, FOREGROUND, ORPHAN } from '../registry/delete.ts';
import { BACKGROUND, type DeleteOptions } from '../registry/deleteOptions.ts';
import { listAt, metaOf, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';
import { upToDate } from './upToDate.ts';

/** What the collector needs. */
export interface GarbageCollectorDeps {
  catalog: Catalog;
  registry: RegistryDeps;
  log: Logger;
}

/** Owners that wait for something are looked at again after this. */
const POLL_MS = 200;
/** Objects of unknown owners, and those that could not be deleted; what changes is looked at when it does. */
const LATER_MS = 30_000;

type OwnerState = 'alive' | 'gone' | 'leaving' | 'unknown' | 'invalid';

/**
 * Deletes objects whose owners are all gone, takes gone owners out of lists with living ones, and serves the
 * finalizers `orphan` (dependents lose the owner) and `foregroundDeletion` (dependents go first).
 * Knows only objects with owners; whether an owner lives is asked of its resource's cache.
 */
export class GarbageCollector {
  readonly #deps: GarbageCollectorDeps;
  readonly #queue: KeyQueue;
  /** Owners of every object that has some, by its key. */
  readonly #owners = new Map<string, readonly OwnerReference[]>();
  readonly #byOwner = new Map<string, Set<string>>();
  /** Whose objects are all known, or will be when they have been read anew. */
  readonly #following = new WeakSet<ResourceCache>();
  readonly #followers: KeyQueue;

  constructor(deps: GarbageCollectorDeps) {
    this.#deps = deps;
    const { log } = deps;
    this.#queue = new KeyQueue({ name: 'garbagecollector', work: (key) => this.#sync(key), log });
    // one resource that cannot be read is tried again, and does not stop the others
    const work = (prefix: string): Promise<undefined> => this.#followOne(prefix);
    this.#followers = new KeyQueue({ name: 'garbagecollector resources', work, log });
  }

  /** Follows every resource that is served now, in the background; call again when the catalog changed. */
  follow(): void {
    for (const { store } of this.#deps.catalog.stored()) {
      if (!this.#following.has(store.cache)) this.#followers.add(store.prefix);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#followers.stop(), this.#queue.stop()]);
  }

  async #followOne(prefix: string): Promise<undefined> {
    const resource = this.#deps.catalog.stored().find(({ store }) => store.prefix === prefix);
    const cache = resource?.store.cache;
    if (resource === undefined || cache === undefined || this.#following.has(cache)) return undefined;
    await cache.ready();
    this.#following.add(cache);
    cache.observe({ onEvent: (event) => this.#seeEvent(event), onFilled: () => this.#seeAll(resource) });
    return undefined;
  }

  /** A cache that was filled anew tells of no deletion that came before. */
  #seeAll({ store, names }: StoredResource): void {
    for (const [key, owners] of this.#owners) {
      if (key.startsWith(store.prefix) && store.cache.get(key) === undefined) this.#forget(key);
      else if (owners.some(({ kind }) => kind === names.kind)) this.#queue.add(key);
    }
    for (const object of store.cache.list()) this.#see(object);
  }

  /**
   * Whether every object that may have an owner is known here as of this call. An owner that lets go of its objects
   * before is gone for those that are found later: they would be deleted.
   * @throws Error when it is not so, for another try.
   */
  async #knowAll(): Promise<void> {
    this.#mustFollowAll();
    await upToDate(...this.#deps.catalog.stored().map(({ store }) => store.cache));
    this.#mustFollowAll();
  }

  #mustFollowAll(): void {
    const unread = this.#deps.catalog.stored().find(({ store }) => !this.#following.has(store.cache));
    if (unread !== undefined) throw new Error(`${unread.names.plural} have not been read yet`);
  }

  #seeEvent(event: CacheEvent): void {
    if (event.type !== 'Deleted') {
      this.#see(event.object);
      return;
    }
    this.#forget(event.object.key);
    for (const key of this.#byOwner.get(event.object.uid) ?? []) this.#queue.add(key);
    // an owner that is deleted in the foreground may wait for this one
    for (const owner of event.object.owners ?? []) this.#queueOwner(owner, event.object.namespace);
  }

  #see(object: CachedObject): void {
    this.#forget(object.key);
    if (object.owners !== undefined) {
      this.#owners.set(object.key, object.owners);
      for (const { uid } of object.owners) {
        const keys = this.#byOwner.get(uid) ?? new Set<string>();
        this.#byOwner.set(uid, keys.add(object.key));
      }
      this.#queue.add(object.key);
    }
    if (object.deleting && waitsForUs(object)) this.#queue.add(object.key);
  }

  #forget(key: string): void {
    for (const { uid } of this.#owners.get(key) ?? []) {
      const keys = this.#byOwner.get(uid);
      keys?.delete(key);
      if (keys?.size === 0) this.#byOwner.delete(uid);
    }
    this.#owners.delete(key);
  }

  #queueOwner(owner: OwnerReference, namespace: string): void {
    const resource = this.#deps.catalog.findKind(owner.apiVersion, owner.kind);
    if (resource === undefined) return;
    const key = resource.store.key(resource.namespaced ? namespace : '', owner.name);
    const found = resource.store.cache.get(key);
    if (found?.deleting === true && waitsForUs(found)) this.#queue.add(key);
  }

  async #sync(key: string): Promise<number | undefined> {
    const found = await this.#find(key);
    if (found === undefined) return undefined;
    const { resource, object } = found;
    if (object.deleting && object.finalizers?.includes(ORPHAN) === true) return this.#orphan(resource, object);
    if (object.deleting && object.finalizers?.includes(FOREGROUND) === true) return this.#foreground(resource, object);
    if (object.owners === undefined || object.deleting) return undefined;
    return this.#judge(resource, object, object.owners);
  }

  async #find(key: string): Promise<{ resource: StoredResource; object: CachedObject } | undefined> {
    for (const resource of this.#deps.catalog.stored()) {
      if (!key.startsWith(resource.store.prefix)) continue;
      // one that was not read yet says of everything that it is gone
      await resource.store.cache.ready();
      const object = resource.store.cache.get(key);
      return object === undefined ? undefined : { resource, object };
    }
    return undefined;
  }

  /** Deletes the object when none of its owners lives; else takes the gone ones out of its list. */
  async #judge(
    resource: StoredResource,
    object: CachedObject,
    owners: readonly OwnerReference[],
  ): Promise<number | undefined> {
    const verdicts = await Promise.all(owners.map((owner) => this.#ownerState(owner, object.namespace)));
    if (verdicts.includes('invalid')) {
      this.#deps.log.warn({ key: object.key }, 'an object without a namespace names an owner in one: it stays');
      return undefined;
    }
    if (verdicts.includes('unknown')) return LATER_MS;
    const gone = owners.filter((_, index) => verdicts[index] === 'gone');
    const living = owners.filter((_, index) => verdicts[index] === 'alive');
    const leaving = owners.filter((_, index) => verdicts[index] === 'leaving');
    if (living.length > 0) {
      const taken = [...gone, ...leaving];
      if (taken.length > 0) await this.#dropOwners(resource, object, taken);
      return undefined;
    }
    if (leaving.length > 0) await this.#knowAll();
    const options: DeleteOptions = {
      ...BACKGROUND,
      uid: object.uid,
      // who took the owners out of it meanwhile wants to keep it
      resourceVersion: String(object.revision),
      // an owner that waits for this object waits for what this one owns, too
      propagation: leaving.length > 0 && this.#hasDependents(object) ? 'Foreground' : 'Background',
    };
    const call = callTo(resource, object);
    const deletion = await tolerating([403, 404, 409], () => deleteObject(this.#deps.registry, call, options));
    if (deletion === undefined) return LATER_MS;
    this.#deps.log.debug({ kind: resource.names.kind, key: object.key }, 'object without living owners deleted');
    return undefined;
  }

  /**
   * `leaving`: alive, but being deleted in the foreground, which is to take its dependents along. `invalid`: in some
   * namespace that the reference cannot name, so that it is never known to be gone.
   */
  async #ownerState(owner: OwnerReference, namespace: string): Promise<OwnerState> {
    const resource = this.#deps.catalog.findKind(owner.apiVersion, owner.kind);
    // a kind that is not served (any more, or not yet): nothing is known
    if (resource === undefined) return 'unknown';
    if (isOutOfReach(resource, namespace)) return 'invalid';
    const { cache } = resource.store;
    await upToDate(cache);
    const found = cache.get(resource.store.key(resource.namespaced ? namespace : '', owner.name));
    if (found?.uid !== owner.uid) return 'gone';
    return found.deleting && found.finalizers?.includes(FOREGROUND) === true ? 'leaving' : 'alive';
  }

  #hasDependents(object: CachedObject): boolean {
    return (this.#byOwner.get(object.uid)?.size ?? 0) > 0;
  }

  /** Dependents stay and lose this owner; then the finalizer goes. */
  async #orphan(resource: StoredResource, object: CachedObject): Promise<number | undefined> {
    await this.#knowAll();
    for (const key of [...(this.#byOwner.get(object.uid) ?? [])]) {
      const dependent = await this.#find(key);
      const owner = dependent?.object.owners?.find(({ uid }) => uid === object.uid);
      if (dependent !== undefined && owner !== undefined) {
        await this.#dropOwners(dependent.resource, dependent.object, [owner]);
      }
    }
    await this.#dropFinalizer(resource, object, ORPHAN);
    return undefined;
  }

  /** Dependents go first; those that block the owner are waited for. */
  async #foreground(resource: StoredResource, object: CachedObject): Promise<number | undefined> {
    await this.#knowAll();
    let blocking = 0;
    for (const key of [...(this.#byOwner.get(object.uid) ?? [])]) {
      const dependent = await this.#find(key);
      if (dependent === undefined) continue;
      this.#queue.add(key);
      const owner = dependent.object.owners?.find(({ uid }) => uid === object.uid);
      // what is never deleted with its owner must not hold it
      const goes = !isOutOfReach(resource, dependent.object.namespace);
      if (goes && owner?.blockOwnerDeletion === true) blocking++;
    }
    if (blocking > 0) return POLL_MS;
    await this.#dropFinalizer(resource, object, FOREGROUND);
    return undefined;
  }

  async #dropOwners(resource: StoredResource, object: CachedObject, owners: readonly OwnerReference[]): Promise<void> {
    const uids = new Set(owners.map(({ uid }) => uid));
    await this.#changeMeta(resource, object, (meta) => {
      const kept = listAt(meta, 'ownerReferences').filter((one) => !isJsonObject(one) || !uids.has(textAt(one, 'uid')));
      if (kept.length > 0) meta['ownerReferences'] = kept;
      else Reflect.deleteProperty(meta, 'ownerReferences');
    });
  }

  async #dropFinalizer(resource: StoredResource, object: CachedObject, finalizer: string): Promise<void> {
    await this.#changeMeta(resource, object, (meta) => {
      meta['finalizers'] = textsAt(meta, 'finalizers').filter((one) => one !== finalizer);
    });
  }

  /** Changes the metadata of `object`, but not of another one that has its name by now. */
  async #changeMeta(resource: StoredResource, object: CachedObject, change: (meta: JsonObject) => void): Promise<void> {
    await tolerating([404], () =>
      updateObject(this.#deps.registry, callTo(resource, object), (current) => {
        const meta = metaOf(current);
        if (textAt(meta, 'uid') === object.uid) change(meta);
        return current;
      }),
    );
  }
}

function callTo(resource: StoredResource, { namespace, name }: CachedObject): Call {
  return internalCall({ resource, namespace, name, manager: 'garbage-collector' });
}

/** Whether an object of `namespace` (none: '') cannot say which one of this resource owns it. */
function isOutOfReach(owner: StoredResource, namespace: string): boolean {
  return owner.namespaced && namespace === '';
}

function waitsForUs(object: CachedObject): boolean {
  return object.finalizers?.some((name) => name === ORPHAN || name === FOREGROUND) === true;
}
