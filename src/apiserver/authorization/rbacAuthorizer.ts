import type { User } from '../http/authentication.ts';
import type { Attributes, Authorizer, Decision, RuleList } from '../http/authorization.ts';
import { aggregate } from '../schema/fieldErrors.ts';
import { goQuote } from '../schema/goText.ts';
import type { Grant, RbacIndex } from './rbacIndex.ts';
import { ruleAllows, type PolicyRule } from './rules.ts';

/** Members may do everything, whatever the roles say: the way back for who locked himself out. */
export const MASTERS = 'system:masters';

/** Decides by Roles, ClusterRoles and their bindings, as Kubernetes' RBAC does: rules only ever allow. */
export class RbacAuthorizer implements Authorizer {
  readonly #index: RbacIndex;

  constructor(index: RbacIndex) {
    this.#index = index;
  }

  authorize(request: Attributes): Promise<Decision> {
    return Promise.resolve(this.decide(request));
  }

  /** The same at once: the index is in memory. */
  decide(request: Attributes): Decision {
    const { user, namespace } = request;
    if (user.groups.includes(MASTERS)) return { allowed: true, reason: '' };
    const missing: Grant[] = [];
    // paths belong to no namespace
    for (const grant of this.#index.grants(user, request.isResource ? namespace : '')) {
      const { rules } = grant.role;
      if (rules === undefined) missing.push(grant);
      else if (rules.some((rule) => ruleAllows(rule, request))) {
        return { allowed: true, reason: `RBAC: allowed by ${grant.source}` };
      }
    }
    return { allowed: false, reason: missing.length === 0 ? '' : `RBAC: ${aggregate(missing.map(missingText))}` };
  }

  rules(user: User, namespace: string): Promise<RuleList> {
    const found: RuleList = { resourceRules: [], nonResourceRules: [] };
    const missing: Grant[] = [];
    for (const grant of this.#index.grants(user, namespace)) {
      if (grant.role.rules === undefined) missing.push(grant);
      for (const rule of grant.role.rules ?? []) add(found, rule);
    }
    if (missing.length > 0) found.evaluationError = aggregate(missing.map(missingText));
    return Promise.resolve(found);
  }

  /** The rules themselves. */
  policyRules(user: User, namespace: string): PolicyRule[] {
    return [...this.#index.grants(user, namespace)].flatMap(({ role }) => role.rules ?? []);
  }
}

function missingText({ roleRef }: Grant): string {
  return `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${goQuote(roleRef.name)} not found`;
}

function add(list: RuleList, rule: PolicyRule): void {
  const verbs = [...rule.verbs];
  if (rule.resources.length > 0) {
    list.resourceRules.push({
      verbs,
      apiGroups: [...rule.apiGroups],
      resources: [...rule.resources],
      ...(rule.resourceNames.length === 0 ? {} : { resourceNames: [...rule.resourceNames] }),
    });
  }
  if (rule.nonResourceURLs.length > 0)
    list.nonResourceRules.push({ verbs, nonResourceURLs: [...rule.nonResourceURLs] });
}
