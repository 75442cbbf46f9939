import type { Logger } from '../../lib/logger.ts';
import { equalJson, type JsonObject } from '../codec/json.ts';
import type { CacheEvent } from '../cache/cachedObject.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { createObject } from '../registry/create.ts';
import { objectAt } from '../registry/object.ts';
import { apiVersionOf, type StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { cachedToObject } from '../registry/versions.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';

const DEFAULT_ACCOUNT = 'default';
const ROOT_CA = 'kube-root-ca.crt';
const CA_KEY = 'ca.crt';

/** What the controller needs. */
export interface NamespaceContentsDeps {
  registry: RegistryDeps;
  log: Logger;
  namespaces: StoredResource;
  serviceAccounts: StoredResource;
  configMaps: StoredResource;
  /** The CA that signed the server's certificate. */
  caPem: string;
}

/** Keeps in every active namespace what programs expect there: ServiceAccount `default`, ConfigMap `kube-root-ca.crt`. */
export class NamespaceContents {
  readonly #deps: NamespaceContentsDeps;
  readonly #queue: KeyQueue;

  constructor(deps: NamespaceContentsDeps) {
    this.#deps = deps;
    this.#queue = new KeyQueue({ name: 'namespacecontents', work: (name) => this.#sync(name), log: deps.log });
  }

  async start(): Promise<void> {
    const { namespaces, serviceAccounts, configMaps } = this.#deps;
    await Promise.all([namespaces, serviceAccounts, configMaps].map(({ store }) => store.cache.ready()));
    namespaces.store.cache.observe({
      onEvent: (event) => this.#queue.add(event.object.name),
      onFilled: () => {
        for (const namespace of namespaces.store.cache.list()) this.#queue.add(namespace.name);
      },
    });
    this.#follow(serviceAccounts, (event) => event.object.name === DEFAULT_ACCOUNT && event.type === 'Deleted');
    this.#follow(configMaps, (event) => event.object.name === ROOT_CA && event.type !== 'Added');
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  #follow(resource: StoredResource, matters: (event: CacheEvent) => boolean): void {
    resource.store.cache.observe({
      onEvent: (event) => {
        if (matters(event)) this.#queue.add(event.object.namespace);
      },
      onFilled: () => undefined,
    });
  }

  async #sync(namespace: string): Promise<undefined> {
    const { namespaces, serviceAccounts, configMaps, caPem } = this.#deps;
    const found = namespaces.store.cache.get(namespaces.store.key('', namespace));
    if (found === undefined || found.deleting) return undefined;
    await this.#ensure(serviceAccounts, namespace, DEFAULT_ACCOUNT, {});
    const annotations = {
      'kubernetes.io/description':
        "Contains a CA bundle that can be used to verify the API server's certificate when it is reached by its internal names.",
    };
    const data = { [CA_KEY]: caPem };
    await this.#ensure(configMaps, namespace, ROOT_CA, { metadata: { annotations }, data });
    await this.#correct(namespace);
    return undefined;
  }

  async #ensure(resource: StoredResource, namespace: string, name: string, members: JsonObject): Promise<void> {
    if (resource.store.cache.get(resource.store.key(namespace, name)) !== undefined) return;
    const object: JsonObject = {
      ...members,
      apiVersion: apiVersionOf(resource),
      kind: resource.names.kind,
      metadata: { ...objectAt(members, 'metadata'), name, namespace },
    };
    const call = internalCall({ resource, namespace, name });
    // 409: there already; 403, 404: the namespace goes or is gone
    await tolerating([403, 404, 409], () => createObject(this.#deps.registry, call, object));
  }

  /** Somebody changed the published CA. */
  async #correct(namespace: string): Promise<void> {
    const { configMaps, registry, caPem } = this.#deps;
    const cached = configMaps.store.cache.get(configMaps.store.key(namespace, ROOT_CA));
    if (cached === undefined || cached.deleting) return;
    if (equalJson(objectAt(cachedToObject(configMaps, cached), 'data'), { [CA_KEY]: caPem })) return;
    const call = internalCall({ resource: configMaps, namespace, name: ROOT_CA });
    await tolerating([404, 422], () =>
      updateObject(registry, call, (current) => ({ ...current, data: { [CA_KEY]: caPem } })),
    );
  }
}
