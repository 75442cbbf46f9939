import type { Logger } from '../../lib/logger.ts';
import { ruleToJson, rulesOf } from '../authorization/rules.ts';
import type { CachedObject } from '../cache/cachedObject.ts';
import { equalJson, type JsonObject, type JsonValue } from '../codec/json.ts';
import type { RegistryDeps } from '../registry/call.ts';
import { listAt, objectAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { updateObject } from '../registry/update.ts';
import { cachedToObject } from '../registry/versions.ts';
import { compileSelector } from '../selectors/selectorObject.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';

const MANAGER = 'clusterrole-aggregation-controller';

/** Keeps in every ClusterRole with an aggregationRule the rules of the ClusterRoles that it selects. */
export class ClusterRoleAggregation {
  readonly #registry: RegistryDeps;
  readonly #clusterRoles: StoredResource;
  readonly #queue: KeyQueue;
  /** Names of the roles that aggregate. */
  readonly #aggregated = new Set<string>();

  constructor(deps: { registry: RegistryDeps; log: Logger; clusterRoles: StoredResource }) {
    this.#registry = deps.registry;
    this.#clusterRoles = deps.clusterRoles;
    this.#queue = new KeyQueue({ name: 'clusterroleaggregation', work: (name) => this.#sync(name), log: deps.log });
  }

  /** Resolves when every role was looked at once. */
  async start(): Promise<void> {
    const { cache } = this.#clusterRoles.store;
    await cache.ready();
    cache.observe({
      onEvent: ({ type, object }) => {
        if (type === 'Deleted') this.#aggregated.delete(object.name);
        else this.#note(object);
        // whatever changed may be part of any of them; there are few
        for (const name of this.#aggregated) this.#queue.add(name);
      },
      onFilled: () => {
        this.#aggregated.clear();
        for (const role of cache.list()) this.#note(role);
        for (const name of this.#aggregated) this.#queue.add(name);
      },
    });
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  #note(cached: CachedObject): void {
    const role = cachedToObject(this.#clusterRoles, cached);
    if (objectAt(role, 'aggregationRule') === undefined) this.#aggregated.delete(cached.name);
    else this.#aggregated.add(cached.name);
  }

  async #sync(name: string): Promise<undefined> {
    const { store } = this.#clusterRoles;
    const cached = store.cache.get(store.key('', name));
    if (cached === undefined || cached.deleting) return undefined;
    const role = cachedToObject(this.#clusterRoles, cached);
    if (equalJson(this.#collect(name, role), role['rules'] ?? null)) return undefined;
    const call = internalCall({ resource: this.#clusterRoles, namespace: '', name, manager: MANAGER });
    await tolerating([404], () =>
      updateObject(this.#registry, call, (current) => ({ ...current, rules: this.#collect(name, current) })),
    );
    return undefined;
  }

  /** The rules of all selected roles, in order of their names, each once. */
  #collect(own: string, role: JsonObject): JsonValue {
    const aggregation = objectAt(role, 'aggregationRule');
    if (aggregation === undefined) return role['rules'] ?? null;
    const found: JsonObject[] = [];
    for (const selector of listAt(aggregation, 'clusterRoleSelectors').map(compileSelector)) {
      for (const cached of this.#clusterRoles.store.cache.list()) {
        if (cached.name === own || !selector.matches(cached.labels)) continue;
        const rules = rulesOf(cachedToObject(this.#clusterRoles, cached)).map(ruleToJson);
        found.push(...rules.filter((rule) => !found.some((one) => equalJson(one, rule))));
      }
    }
    return found.length === 0 ? null : found;
  }
}
