import type { CachedObject } from '../../cache/cachedObject.ts';
import type { JsonObject } from '../../codec/json.ts';
import { objectAt, textAt, textsAt } from '../../registry/object.ts';
import { followAll } from '../../registry/follow.ts';
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

/** All policies that are in force, compiled once and kept up to date from the watch caches. */
export class PolicyIndex {
  readonly #policies = new Map<string, Policy>();
  readonly #bindings = new Map<string, Binding>();

  /** Follows both resources; resolves once everything stored is known here. */
  async start(policies: StoredResource, bindings: StoredResource): Promise<void> {
    const read = (resource: StoredResource, cached: CachedObject): JsonObject => cachedToObject(resource, cached);
    await Promise.all([
      followAll(policies, {
        set: (cached) => {
          const policy = compilePolicy(read(policies, cached));
          this.#policies.set(cached.name, {
            ...policy,
            constraints: compileMatch(objectAt(policy.spec, 'matchConstraints')),
          });
        },
        drop: (cached) => void this.#policies.delete(cached.name),
      }),
      followAll(bindings, {
        set: (cached) => void this.#bindings.set(cached.name, toBinding(cached.name, read(bindings, cached))),
        drop: (cached) => void this.#bindings.delete(cached.name),
      }),
    ]);
  }

  /** Every binding with its policy. */
  *inForce(): Generator<{ policy: Policy; binding: Binding }> {
    for (const binding of this.#bindings.values()) {
      const policy = this.#policies.get(binding.policyName);
      if (policy !== undefined) yield { policy, binding };
    }
  }
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
