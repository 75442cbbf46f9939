import type { RbacAuthorizer } from '../../authorization/rbacAuthorizer.ts';
import type { CachedObject } from '../../cache/cachedObject.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { Admission, AdmissionRequest, Call } from '../../registry/call.ts';
import type { Catalog } from '../../registry/catalog.ts';
import { objectAt } from '../../registry/object.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { cachedToObject } from '../../registry/versions.ts';
import { Evaluation, requestValues, type RequestValues } from './evaluation.ts';
import { namespaceOf } from './matching.ts';
import { paramsOf } from './params.ts';
import type { Binding, PolicyIndex } from './policyIndex.ts';
import { Verdict, type PolicyVerdict } from './verdict.ts';

/** A policy must not lock out who repairs it. */
const EXEMPT_GROUP = 'admissionregistration.k8s.io';

/** Judges changes by the ValidatingAdmissionPolicies in force, after everything else found them right. */
export class PolicyAdmission implements Admission {
  readonly #index: PolicyIndex;
  readonly #catalog: Catalog;
  readonly #namespaces: StoredResource;
  readonly #authorizer: RbacAuthorizer;
  /** The Namespace that was read last: the next request is often in the same one. */
  #lastRead: { cached: CachedObject; object: JsonObject } | undefined;

  constructor(deps: { index: PolicyIndex; catalog: Catalog; namespaces: StoredResource; authorizer: RbacAuthorizer }) {
    this.#index = deps.index;
    this.#catalog = deps.catalog;
    this.#namespaces = deps.namespaces;
    this.#authorizer = deps.authorizer;
  }

  async admit(request: AdmissionRequest): Promise<void> {
    const { call } = request;
    // the server itself is not judged: policies must not keep it from repairing what it installs
    if (call.isServers === true || call.resource.group === EXEMPT_GROUP) return;
    // read and made into values once, however many policies have something to say
    const namespaceOf = once(() => this.#namespaceOf(request));
    const labels = (): JsonObject | undefined => objectAt(namespaceOf()?.['metadata'], 'labels');
    const values = once(() => {
      const namespaceObject = call.resource.namespaced ? namespaceOf() : undefined;
      return requestValues({ request, namespaceObject, authorizer: this.#authorizer });
    });
    const verdict = new Verdict(call);
    for (const { policy, bindings } of this.#index.inForce()) {
      if (!policy.constraints.matches(request, labels)) continue;
      const inForce = bindings.filter(({ matcher }) => matcher.matches(request, labels));
      if (inForce.length > 0) await this.#judge(verdict.of(policy), { bindings: inForce, values, call });
    }
    verdict.pass();
  }

  /** All bindings, also after one that denies: who warns or notes something does so. */
  async #judge(
    said: PolicyVerdict,
    { bindings, values, call }: { bindings: readonly Binding[]; values: () => RequestValues; call: Call },
  ): Promise<void> {
    const { policy } = said;
    const { paramKind } = policy;
    const kind = paramKind && this.#catalog.findKind(paramKind.apiVersion, paramKind.kind);
    if (paramKind !== undefined && kind === undefined) {
      said.misconfigured(
        `failed to find resource referenced by paramKind: '${paramKind.apiVersion}, Kind=${paramKind.kind}'`,
      );
      return;
    }
    for (const binding of bindings) {
      const found = await paramsOf(binding, kind, namespaceOf(call));
      if ('problem' in found) said.misconfigured(found.problem, binding);
      else for (const params of found.params) said.add(new Evaluation(policy, values(), params).run(), binding);
    }
    said.publish();
  }

  /** The Namespace that the request is in, or about. */
  #namespaceOf({ call, object }: AdmissionRequest): JsonObject | undefined {
    const name = call.namespace === '' ? call.name : call.namespace;
    if (call.namespace === '' && object !== undefined) return object;
    const { store } = this.#namespaces;
    const cached = store.cache.get(store.key('', name));
    if (cached === undefined) return undefined;
    if (this.#lastRead?.cached !== cached) {
      this.#lastRead = { cached, object: cachedToObject(this.#namespaces, cached) };
    }
    return this.#lastRead.object;
  }
}

/** What `make` returns, made when it is first asked for. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
