import type { RbacAuthorizer } from '../../authorization/rbacAuthorizer.ts';
import type { CachedObject } from '../../cache/cachedObject.ts';
import type { JsonObject } from '../../codec/json.ts';
import { rejected } from '../../http/status.ts';
import { refOf, type Admission, type AdmissionRequest } from '../../registry/call.ts';
import type { Catalog } from '../../registry/catalog.ts';
import { objectAt } from '../../registry/object.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { cachedToObject } from '../../registry/versions.ts';
import { CostBudget } from '../../schema/cel/policy/program.ts';
import { Evaluation, requestValues, type Finding, type RequestValues } from './evaluation.ts';
import { paramsOf } from './params.ts';
import type { Binding, Policy, PolicyIndex } from './policyIndex.ts';

/** The server itself is not judged: policies must not keep it from repairing what it installs. */
const SERVER_USER = 'system:apiserver';
const AUDIT_PREFIX = 'validation.policy.admission.k8s.io/';
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
    if (call.user.name === SERVER_USER || call.resource.group === EXEMPT_GROUP) return;
    // read and made into values once, however many policies have something to say
    const namespaceOf = once(() => this.#namespaceOf(request));
    const labels = (): JsonObject | undefined => objectAt(namespaceOf()?.['metadata'], 'labels');
    const values = once(() => {
      const namespaceObject = call.resource.namespaced ? namespaceOf() : undefined;
      return requestValues({ request, namespaceObject, authorizer: this.#authorizer });
    });
    for (const { policy, binding } of this.#index.inForce()) {
      if (!policy.constraints.matches(request, labels) || !binding.matcher.matches(request, labels)) continue;
      await this.#judge(request, { policy, binding, values: values() });
    }
  }

  async #judge(
    request: AdmissionRequest,
    { policy, binding, values }: { policy: Policy; binding: Binding; values: RequestValues },
  ): Promise<void> {
    const budget = new CostBudget();
    const found = await paramsOf(policy, binding, request.call.namespace, this.#catalog);
    const findings =
      'problem' in found
        ? [{ message: found.problem, reason: '', rule: undefined, index: 0 }]
        : found.params.flatMap((params) => new Evaluation(policy, { values, params, budget }).run());
    for (const finding of 'problem' in found && !policy.failsClosed ? [] : findings) {
      this.#act(request, { policy, binding, finding });
    }
  }

  #act(
    { call }: AdmissionRequest,
    { policy, binding, finding }: { policy: Policy; binding: Binding; finding: Finding },
  ): void {
    const where = `ValidatingAdmissionPolicy '${policy.name}' with binding '${binding.name}'`;
    if (finding.audit !== undefined) {
      call.annotate?.(`${policy.name}/${finding.audit.key}`, finding.audit.value);
      return;
    }
    if (binding.actions.has('Audit')) {
      const entry = {
        message: finding.message,
        policy: policy.name,
        binding: binding.name,
        expressionIndex: String(finding.index),
        validationActions: [...binding.actions],
      };
      call.annotate?.(`${AUDIT_PREFIX}validation_failure`, JSON.stringify([entry]));
    }
    if (binding.actions.has('Warn')) call.warnings.push(`Validation failed for ${where}: ${finding.message}`);
    if (!binding.actions.has('Deny')) return;
    // of a collection that is deleted, the object that is judged is not told
    throw rejected(
      { ...refOf(call), name: call.name || 'Unknown' },
      `${where} denied request: ${finding.message}`,
      finding.reason,
    );
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
