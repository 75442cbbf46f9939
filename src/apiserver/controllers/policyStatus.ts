import type { Logger } from '../../lib/logger.ts';
import { namedKinds } from '../admission/policies/namedKinds.ts';
import { checkTypes } from '../admission/policies/typeCheck.ts';
import type { JsonObject } from '../codec/json.ts';
import { notFound } from '../http/status.ts';
import { wholeSchemaOf } from '../openapi/kindSchema.ts';
import { applyRequest } from '../registry/apply.ts';
import { refOf, type RegistryDeps } from '../registry/call.ts';
import type { Catalog } from '../registry/catalog.ts';
import { generationOf, objectAt, textAt } from '../registry/object.ts';
import { apiVersionOf, type ServedResource, type StoredResource } from '../registry/resource.ts';
import { cachedToObject } from '../registry/versions.ts';
import { declare } from '../schema/cel/schema/declared.ts';
import type { CelType } from '../schema/cel/types/type.ts';
import { parseStructural } from '../schema/structural.ts';
import { internalCall, tolerating } from './internalCalls.ts';
import { KeyQueue } from './keyQueue.ts';

/** As kube-controller-manager calls its own. */
const MANAGER = 'validatingadmissionpolicy-status';

/** Writes into the status of every ValidatingAdmissionPolicy, once per generation, what type checking says of it. */
export class PolicyStatusController {
  readonly #registry: RegistryDeps;
  readonly #catalog: Catalog;
  readonly #policies: StoredResource;
  readonly #queue: KeyQueue;

  constructor(deps: { registry: RegistryDeps; catalog: Catalog; log: Logger; policies: StoredResource }) {
    this.#registry = deps.registry;
    this.#catalog = deps.catalog;
    this.#policies = deps.policies;
    this.#queue = new KeyQueue({
      name: 'validatingadmissionpolicystatus',
      work: (name) => this.#sync(name),
      log: deps.log,
    });
  }

  async start(): Promise<void> {
    const { cache } = this.#policies.store;
    await cache.ready();
    cache.observe({
      onEvent: ({ object }) => this.#queue.add(object.name),
      onFilled: () => cache.list().forEach(({ name }) => this.#queue.add(name)),
    });
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  async #sync(name: string): Promise<undefined> {
    const { store } = this.#policies;
    const cached = store.cache.get(store.key('', name));
    if (cached === undefined) return undefined;
    const policy = cachedToObject(this.#policies, cached);
    const generation = generationOf(policy);
    const observed = objectAt(policy, 'status')?.['observedGeneration'];
    if (typeof observed === 'number' && observed >= generation) return undefined;
    await this.#write(name, { observedGeneration: generation, typeChecking: this.#check(policy) });
    return undefined;
  }

  #check(policy: JsonObject): JsonObject {
    const kinds = namedKinds(policy, this.#catalog).flatMap((resource) => {
      const type = typeOf(resource);
      return type === undefined
        ? []
        : { name: `${resource.group}/${resource.version}, Kind=${resource.names.kind}`, type };
    });
    const paramKind = objectAt(objectAt(policy, 'spec'), 'paramKind');
    const params = this.#catalog.findKind(textAt(paramKind, 'apiVersion'), textAt(paramKind, 'kind'));
    const warnings = checkTypes(policy, kinds, params && typeOf(params));
    return warnings.length === 0 ? {} : { expressionWarnings: warnings };
  }

  async #write(name: string, status: JsonObject): Promise<void> {
    const resource = this.#policies;
    const call = internalCall({ resource, namespace: '', name, subresource: 'status', manager: MANAGER });
    const body = { apiVersion: apiVersionOf(resource), kind: resource.names.kind, metadata: { name }, status };
    const mayCreate = (): Promise<void> => Promise.reject(notFound(refOf(call)));
    await tolerating([404], () => applyRequest(this.#registry, call, { body, force: true, mayCreate }));
  }
}

function typeOf(resource: ServedResource): CelType | undefined {
  return declare(parseStructural(wholeSchemaOf(resource)), true)?.type(resource.names.kind);
}
