import type { CachedObject } from '../../cache/cachedObject.ts';
import type { JsonObject } from '../../codec/json.ts';
import { objectAt, textAt, textsAt } from '../../registry/object.ts';
import { followAll, type Follower } from '../../registry/follow.ts';
import type { StoredResource } from '../../registry/resource.ts';
import { cachedToObject } from '../../registry/versions.ts';
import { compilePolicy, type CompiledPolicy } from './compiledPolicy.ts';
import { compileMatch, type Matcher } from './matching.ts';

/** A policy with the requests it is about. */
export interface Policy extends CompiledPolicy {
  constraints: Matcher;
}

/** A ValidatingAdmissionPolicyBinding: puts a policy in force. */
export interface Binding {
  name: string;
  policyName: string;
  matcher: Matcher;
  paramRef: JsonObject | undefined;
  /** Deny, Warn, Audit */
  actions: ReadonlySet<string>;
}

/** A policy with what puts it in force. */
export interface BoundPolicy {
  policy: Policy;
  bindings: readonly Binding[];
}

/** All policies that are in force, compiled once and kept up to date from the watch caches. */
export class PolicyIndex {
  readonly #policies = new Map<string, Policy>();
  readonly #bindings = new Map<string, Binding>();
  /** undefined = something changed. */
  #inForce: readonly BoundPolicy[] | undefined;

  /** Follows both resources; resolves once everything stored is known here. */
  async start(policies: StoredResource, bindings: StoredResource): Promise<void> {
    const read = (resource: StoredResource, cached: CachedObject): JsonObject => cachedToObject(resource, cached);
    await Promise.all([
      followAll(
        policies,
        this.#following(this.#policies, (cached) => toPolicy(read(policies, cached))),
      ),
      followAll(
        bindings,
        this.#following(this.#bindings, (cached) => toBinding(cached.name, read(bindings, cached))),
      ),
    ]);
  }

  #following<T>(known: Map<string, T>, make: (cached: CachedObject) => T): Follower {
    return {
      set: (cached) => {
        known.set(cached.name, make(cached));
        this.#inForce = undefined;
      },
      drop: (cached) => {
        known.delete(cached.name);
        this.#inForce = undefined;
      },
    };
  }

  /** Every policy that is bound, with its bindings. */
  inForce(): readonly BoundPolicy[] {
    this.#inForce ??= this.#group();
    return this.#inForce;
  }

  #group(): BoundPolicy[] {
    const bindings = [...this.#bindings.values()];
    return [...this.#policies.values()].flatMap((policy) => {
      const own = bindings.filter(({ policyName }) => policyName === policy.name);
      return own.length === 0 ? [] : [{ policy, bindings: own }];
    });
  }
}

function toPolicy(object: JsonObject): Policy {
  const policy = compilePolicy(object);
  return { ...policy, constraints: compileMatch(objectAt(policy.spec, 'matchConstraints')) };
}

function toBinding(name: string, object: JsonObject): Binding {
  const spec = objectAt(object, 'spec');
  return {
    name,
    policyName: textAt(spec, 'policyName'),
    matcher: compileMatch(objectAt(spec, 'matchResources')),
    paramRef: objectAt(spec, 'paramRef'),
    actions: new Set(textsAt(spec, 'validationActions')),
  };
}
