import type { Logger } from '../../lib/logger.ts';
import { setCondition, type NewCondition } from '../builtins/conditions.ts';
import type { CachedObject } from '../cache/cachedObject.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { deleteObject } from '../registry/delete.ts';
import { BACKGROUND } from '../registry/deleteOptions.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { StorageError } from '../storage/storage.ts';
import type { Endings } from './endings.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';
import { upToDate } from './upToDate.ts';

/** What the controller needs. */
export interface NamespaceControllerDeps {
  catalog: Catalog;
  registry: RegistryDeps;
  log: Logger;
  namespaces: StoredResource;
  endings: Endings;
}

/** What a look at everything in a namespace found. */
interface Found {
  left: Remainder[];
  /** Resources that could not be looked at, or not be emptied. */
  failures: { resource: StoredResource; error: unknown }[];
}

/** What is left of one resource in a namespace. */
interface Remainder {
  resource: StoredResource;
  count: number;
  finalizers: ReadonlyMap<string, number>;
}

const POLL_MS = 200;
const SLOW_POLL_MS = 2_000;

/** Empties namespaces that are being deleted, custom resources included, and then lets them go. */
export class NamespaceController {
  readonly #deps: NamespaceControllerDeps;
  readonly #queue: KeyQueue;

  constructor(deps: NamespaceControllerDeps) {
    this.#deps = deps;
    this.#queue = new KeyQueue({ name: 'namespaces', work: (name) => this.#sync(name), log: deps.log });
  }

  async start(): Promise<void> {
    const { cache } = this.#deps.namespaces.store;
    await cache.ready();
    cache.observe({
      onEvent: (event) => {
        if (event.type === 'Deleted' || event.object.deleting) this.#queue.add(event.object.name);
      },
      onFilled: () => {
        for (const namespace of cache.list()) if (namespace.deleting) this.#queue.add(namespace.name);
      },
    });
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  async #sync(name: string): Promise<number | undefined> {
    const { catalog, endings, namespaces } = this.#deps;
    const { store } = namespaces;
    const namespace = store.cache.get(store.key('', name));
    if (namespace?.deleting !== true) {
      endings.forget(store.key('', name));
      return undefined;
    }
    const wait = endings.waitFor(namespace, (creation) => creation.namespace === name);
    const { generation } = catalog;
    const found = await this.#emptyAll(name);
    await this.#report(namespace, found);
    const [failure] = found.failures;
    if (failure !== undefined) throw failure.error;
    if (found.left.length > 0) {
      return found.left.some(({ finalizers }) => finalizers.size > 0) ? SLOW_POLL_MS : POLL_MS;
    }
    if (wait > 0) return wait;
    // what is served only now was not looked at
    if (catalog.generation !== generation) return POLL_MS;
    await this.#finalize(namespace);
    return undefined;
  }

  /** One resource that cannot be read does not stop the others. */
  async #emptyAll(namespace: string): Promise<Found> {
    const found: Found = { left: [], failures: [] };
    await upToDate(this.#deps.namespaces.store.cache);
    for (const resource of this.#deps.catalog.stored()) {
      if (!resource.namespaced) continue;
      try {
        const remainder = await this.#empty(resource, namespace);
        if (remainder.count > 0) found.left.push(remainder);
      } catch (error) {
        // the store itself is away: it would be for all that follow
        if (error instanceof StorageError && error.code === 'Unavailable' && !resource.store.cache.isEnded) throw error;
        found.failures.push({ resource, error });
      }
    }
    return found;
  }

  /** Asks for the deletion of everything of one resource. */
  async #empty(resource: StoredResource, namespace: string): Promise<Remainder> {
    const { cache } = resource.store;
    await upToDate(cache);
    const finalizers = new Map<string, number>();
    let count = 0;
    for (const object of cache.list(resource.store.prefixOf(namespace))) {
      if (await this.#gone(resource, object)) continue;
      count++;
      for (const finalizer of object.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    }
    return { resource, count, finalizers };
  }

  async #gone(resource: StoredResource, object: CachedObject): Promise<boolean> {
    if (object.deleting) return false;
    const call = internalCall({ resource, namespace: object.namespace, name: object.name });
    const result = await tolerating([404], () => deleteObject(this.#deps.registry, call, BACKGROUND));
    return result?.gone !== false;
  }

  async #finalize({ name, uid }: CachedObject): Promise<void> {
    const call = internalCall({ resource: this.#deps.namespaces, namespace: '', name, subresource: 'finalize' });
    await tolerating([404], () =>
      updateObject(this.#deps.registry, call, (current) => {
        // one that has the name by now
        if (textAt(metaOf(current), 'uid') !== uid) return current;
        const spec = objectAt(current, 'spec') ?? {};
        current['spec'] = { ...spec, finalizers: textsAt(spec, 'finalizers').filter((one) => one !== 'kubernetes') };
        return current;
      }),
    );
  }

  async #report({ name, uid }: CachedObject, found: Found): Promise<void> {
    const call = internalCall({ resource: this.#deps.namespaces, namespace: '', name, subresource: 'status' });
    const now = this.#deps.registry.clock.now();
    await tolerating([404, 409], () =>
      updateObject(this.#deps.registry, call, (current) => {
        if (textAt(metaOf(current), 'uid') !== uid) return current;
        for (const condition of conditionsOf(found)) setCondition(current, condition, now);
        return current;
      }),
    );
  }
}

/** Nothing here is discovered or parsed in a way that could fail; clients know all five conditions. */
const SUCCESSES = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
] as const;

function conditionsOf({ left, failures }: Found): NewCondition[] {
  const counts = left.map(describeCount).sort().join(', ');
  const waiting = describeFinalizers(left);
  return [
    ...SUCCESSES.map(([type, reason, message]) => ({ type, status: 'False' as const, reason, message })),
    contentFailure(failures),
    {
      type: 'NamespaceContentRemaining',
      ...(counts === ''
        ? { status: 'False', reason: 'ContentRemoved', message: 'All content successfully removed' }
        : { status: 'True', reason: 'SomeResourcesRemain', message: `Some resources are remaining: ${counts}` }),
    },
    {
      type: 'NamespaceFinalizersRemaining',
      ...(waiting === ''
        ? { status: 'False', reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' }
        : {
            status: 'True',
            reason: 'SomeFinalizersRemain',
            message: `Some content in the namespace has finalizers remaining: ${waiting}`,
          }),
    },
  ];
}

/** Errors are left to the log: they may repeat what is stored. */
function contentFailure(failures: Found['failures']): NewCondition {
  const type = 'NamespaceDeletionContentFailure';
  const message = 'All content successfully deleted, may be waiting on finalization';
  if (failures.length === 0) return { type, status: 'False', reason: 'ContentDeleted', message };
  const names = failures.map(({ resource }) => `${resource.names.plural}.${resource.group}`).sort();
  return {
    type,
    status: 'True',
    reason: 'ContentDeletionFailed',
    message: `Failed to delete all resource types, ${names.length} remaining: ${names.join(', ')}; the server's log tells why`,
  };
}

function describeCount({ resource, count }: Remainder): string {
  return `${resource.names.plural}.${resource.group} has ${count} resource instances`;
}

function describeFinalizers(left: readonly Remainder[]): string {
  const totals = new Map<string, number>();
  for (const { finalizers } of left) {
    for (const [name, count] of finalizers) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  return [...totals].map(([name, count]) => `${name} in ${count} resource instances`).join(', ');
}
