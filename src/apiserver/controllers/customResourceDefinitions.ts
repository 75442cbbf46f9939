import { canonicalJson } from '../../lib/canonicalJson.ts';
import type { Logger } from '../../lib/logger.ts';
import type { CachedObject } from '../cache/cachedObject.ts';
import type { JsonObject } from '../codec/json.ts';
import { conditionStatus, setCondition } from '../builtins/conditions.ts';
import { CRD_FINALIZER } from '../builtins/customResourceDefinitions.ts';
import { customResources, type CustomDeps, type CustomResources } from '../crd/served.ts';
import { updateCrdStatus } from '../crd/status.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { deleteObject } from '../registry/delete.ts';
import { BACKGROUND } from '../registry/deleteOptions.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { cachedToObject } from '../registry/versions.ts';
import type { Endings } from './endings.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';
import { upToDate } from './upToDate.ts';

/** What the controller needs. */
export interface CrdControllerDeps {
  catalog: Catalog;
  registry: RegistryDeps;
  custom: CustomDeps;
  log: Logger;
  /** The resource `customresourcedefinitions` itself. */
  definitions: StoredResource;
  endings: Endings;
}

const POLL_MS = 200;

/**
 * Turns CustomResourceDefinitions into served resources: accepts names, establishes, serves, serves anew when the
 * spec changes, and on deletion removes every object before the definition goes.
 */
export class CrdController {
  readonly #deps: CrdControllerDeps;
  readonly #queue: KeyQueue;
  /** What is served of each definition: its identity, and the store whose watches end with it. */
  readonly #served = new Map<string, { identity: string; resources: CustomResources | undefined }>();

  constructor(deps: CrdControllerDeps) {
    this.#deps = deps;
    this.#queue = new KeyQueue({ name: 'customresourcedefinitions', work: (name) => this.#sync(name), log: deps.log });
  }

  /** Serves what is established already, then follows. */
  async start(): Promise<void> {
    const { cache } = this.#deps.definitions.store;
    await cache.ready();
    for (const crd of this.#all()) if (conditionStatus(crd, 'Established') === 'True') this.#serve(crd);
    cache.observe({
      onEvent: (event) => {
        this.#queue.add(event.object.name);
        // a name that became free may be wanted by another one
        if (event.type === 'Deleted') this.#addAll();
      },
      onFilled: () => this.#addAll(),
    });
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
    for (const { resources } of this.#served.values()) resources?.stored.store.cache.endWatches();
  }

  #addAll(): void {
    for (const object of this.#deps.definitions.store.cache.list()) this.#queue.add(object.name);
    for (const name of this.#served.keys()) this.#queue.add(name);
  }

  #all(): JsonObject[] {
    const { definitions } = this.#deps;
    return definitions.store.cache.list().map((cached) => cachedToObject(definitions, cached));
  }

  async #sync(name: string): Promise<number | undefined> {
    const { definitions, registry } = this.#deps;
    const cached = definitions.store.cache.get(definitions.store.key('', name));
    if (cached === undefined) {
      this.#deps.endings.forget(definitions.store.key('', name));
      this.#unserve(name);
      return undefined;
    }
    const crd = cachedToObject(definitions, cached);
    const held = {
      others: this.#all().filter((other) => textAt(metaOf(other), 'name') !== name),
      builtins: this.#builtins(crd),
    };
    if (updateCrdStatus(crd, held, registry.clock.now())) await this.#writeStatus(name, crd);
    if (conditionStatus(crd, 'Established') === 'True') this.#serve(crd);
    else this.#unserve(name);
    return cached.deleting ? this.#finalize(cached, crd) : undefined;
  }

  async #writeStatus(name: string, crd: JsonObject): Promise<void> {
    const { definitions, registry } = this.#deps;
    const call = internalCall({ resource: definitions, namespace: '', name, subresource: 'status' });
    // a definition that changed in between is looked at again anyway
    await tolerating([404, 409], () => updateObject(registry, call, () => crd));
  }

  #serve(crd: JsonObject): void {
    const [name, uid] = [textAt(metaOf(crd), 'name'), textAt(metaOf(crd), 'uid')];
    const identity = canonicalJson([uid, crd['spec'], objectAt(crd, 'status')?.['acceptedNames']]);
    const known = this.#served.get(name);
    if (known?.identity === identity) return;
    const resources = customResources(crd, this.#deps.custom, () => this.#terminating(name, uid));
    this.#served.set(name, { identity, resources });
    const served = resources?.served ?? [];
    this.#deps.catalog.serve(name, served, resources?.stored);
    // watchers come back and then see objects by the new schema
    if (known !== undefined) endCache(known.resources);
    this.#deps.log.debug({ crd: name, versions: served.map((one) => one.version) }, 'custom resource served');
  }

  /** Also when it is gone, for requests that came before. */
  #terminating(name: string, uid: string): string | undefined {
    const { store } = this.#deps.definitions;
    const current = store.cache.get(store.key('', name));
    return current?.uid !== uid || current.deleting
      ? 'create not allowed while custom resource definition is terminating'
      : undefined;
  }

  #unserve(name: string): void {
    const known = this.#served.get(name);
    if (known === undefined) return;
    this.#served.delete(name);
    this.#deps.catalog.remove(name);
    endCache(known.resources);
  }

  /** Deletes all objects; the definition goes when none is left. */
  async #finalize(cached: CachedObject, crd: JsonObject): Promise<number | undefined> {
    if (!textsAt(metaOf(crd), 'finalizers').includes(CRD_FINALIZER)) return undefined;
    const { name } = cached;
    const wait = this.#deps.endings.waitFor(cached, ({ resource }) => resource === name);
    const remaining = await this.#deleteAll(name, crd);
    if (remaining > 0) {
      const waiting = setCondition(
        crd,
        {
          type: 'Terminating',
          status: 'True',
          reason: 'InstanceDeletionInProgress',
          message: 'CustomResource deletion is in progress',
        },
        this.#deps.registry.clock.now(),
      );
      if (waiting) await this.#writeStatus(name, crd);
      return POLL_MS;
    }
    if (wait > 0) return wait;
    const call = internalCall({ resource: this.#deps.definitions, namespace: '', name });
    await tolerating([404], () =>
      updateObject(this.#deps.registry, call, (current) => {
        const meta = metaOf(current);
        // one that has the name by now
        if (textAt(meta, 'uid') !== cached.uid) return current;
        meta['finalizers'] = textsAt(meta, 'finalizers').filter((one) => one !== CRD_FINALIZER);
        return current;
      }),
    );
    return undefined;
  }

  #builtins(crd: JsonObject): string[] {
    return this.#deps.catalog.builtins(textAt(objectAt(crd, 'spec'), 'group'));
  }

  /**
   * Asks for the deletion of every object, whether or not anything is served: a definition of the same name must not
   * find them again. Returns how many are still there.
   */
  async #deleteAll(name: string, crd: JsonObject): Promise<number> {
    if (this.#builtins(crd).includes(textAt(objectAt(objectAt(crd, 'spec'), 'names'), 'plural'))) return 0;
    const served = this.#served.get(name)?.resources;
    const resources = served ?? customResources(crd, this.#deps.custom, () => undefined);
    if (resources === undefined) return 0;
    try {
      return await this.#deleteObjects(resources.stored);
    } finally {
      if (served === undefined) endCache(resources);
    }
  }

  async #deleteObjects(resource: StoredResource): Promise<number> {
    const { cache } = resource.store;
    await upToDate(cache);
    const objects = cache.list();
    let remaining = 0;
    for (const object of objects) {
      const call = internalCall({ resource, namespace: object.namespace, name: object.name });
      const result = object.deleting
        ? { gone: false }
        : await tolerating([404], () => deleteObject(this.#deps.registry, call, BACKGROUND));
      if (result?.gone === false) remaining++;
    }
    return remaining;
  }
}

function endCache(resources: CustomResources | undefined): void {
  resources?.stored.store.cache.end();
}
