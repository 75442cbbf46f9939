import { equalJson, type JsonObject } from '../codec/json.ts';
import { forbidden, notFound } from '../http/status.ts';
import { refOf, type Admission, type AdmissionRequest, type Call } from '../registry/call.ts';
import { metaOf, objectAt } from '../registry/object.ts';
import { goQuote } from '../schema/goText.ts';
import { MASTERS, type RbacAuthorizer } from './rbacAuthorizer.ts';
import { roleRefOf, type RbacIndex } from './rbacIndex.ts';
import { compactRules, quotedList, rulesOf, ruleText, uncovered, type PolicyRule } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** Everything there is: who may make a role collect rules by label must have it already. */
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: [], nonResourceURLs: [] },
  { verbs: ['*'], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ['*'] },
];

/**
 * Nobody gives away more than he has: a role may hold only rights that its writer has (or he may `escalate` it), and a
 * role may be bound only by who has all its rights (or may `bind` it).
 */
export class EscalationCheck implements Admission {
  readonly #authorizer: RbacAuthorizer;
  readonly #index: RbacIndex;

  constructor(authorizer: RbacAuthorizer, index: RbacIndex) {
    this.#authorizer = authorizer;
    this.#index = index;
  }

  async admit({ call, object, old }: AdmissionRequest): Promise<void> {
    const { group, names } = call.resource;
    if (group !== GROUP || object === undefined || call.user.groups.includes(MASTERS)) return;
    if (isOnlyCleanup(object, old)) return;
    // a role that was just made, through another server perhaps, is bound right after
    await this.#index.caughtUp();
    if (names.plural.endsWith('bindings')) this.#checkBinding(call, object);
    else this.#checkRole(call, object, old);
  }

  #checkRole(call: Call, role: JsonObject, old: JsonObject | undefined): void {
    if (this.#may(call, 'escalate', { resource: call.resource.names.plural, name: old === undefined ? '' : call.name }))
      return;
    this.#confirmHeld(call, rulesOf(role));
    const aggregates = [role, old].some((one) => one !== undefined && objectAt(one, 'aggregationRule') !== undefined);
    if (aggregates && this.#missing(call, EVERYTHING).length > 0) {
      throw forbidden(refOf(call), 'must have cluster-admin privileges to use an aggregationRule');
    }
  }

  #checkBinding(call: Call, binding: JsonObject): void {
    const ref = roleRefOf(binding);
    const resource = `${ref.kind.toLowerCase()}s`;
    if (this.#may(call, 'bind', { resource, name: ref.name })) return;
    const rules = this.#index.rulesOfRole(ref, call.namespace);
    if (rules === undefined) throw notFound({ group: GROUP, resource, name: ref.name });
    this.#confirmHeld(call, rules);
  }

  #may({ user, namespace }: Call, verb: string, of: { resource: string; name: string }): boolean {
    const request = { user, namespace, verb, ...of, isResource: true, group: GROUP, version: '*', subresource: '' };
    return this.#authorizer.decide({ ...request, path: '' }).allowed;
  }

  #missing(call: Call, rules: readonly PolicyRule[]): PolicyRule[] {
    return uncovered(this.#authorizer.policyRules(call.user, call.namespace), rules);
  }

  #confirmHeld(call: Call, rules: readonly PolicyRule[]): void {
    const missing = this.#missing(call, rules);
    if (missing.length === 0) return;
    const texts = [...new Set(compactRules(missing).map(ruleText))].sort();
    const { name, groups } = call.user;
    throw forbidden(
      refOf(call),
      `user ${goQuote(name)} (groups=${quotedList(groups)}) is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}`,
    );
  }
}

/** An update that changes nothing but finalizers and owners must work for who collects garbage. */
function isOnlyCleanup(object: JsonObject, old: JsonObject | undefined): boolean {
  if (old === undefined) return false;
  const rest = (one: JsonObject): JsonObject => {
    const meta = { ...metaOf(one) };
    for (const key of ['finalizers', 'ownerReferences', 'managedFields', 'resourceVersion']) {
      Reflect.deleteProperty(meta, key);
    }
    return { ...one, metadata: meta };
  };
  return equalJson(rest(object), rest(old));
}
