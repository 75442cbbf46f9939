import type { JsonObject } from '../codec/json.ts';
import { NO_RULE, ruleToJson, type PolicyRule } from './rules.ts';

const READ = ['get', 'list', 'watch'] as const;
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'] as const;
const RBAC = 'rbac.authorization.k8s.io';
const AGGREGATE = `${RBAC}/aggregate-to-`;
const AUTHENTICATED = 'system:authenticated';
const UNAUTHENTICATED = 'system:unauthenticated';

/** On default objects: they are brought back to their defaults at every start, unless somebody set this to `false`. */
export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

interface RoleSpec {
  name: string;
  rules?: PolicyRule[];
  /** Collects the rules of the roles with this label: `aggregate-to-<…>`. */
  collects?: string;
  aggregateTo?: string;
}

function on(apiGroups: string[], resources: string[], verbs: readonly string[]): PolicyRule {
  return { ...NO_RULE, apiGroups, resources, verbs };
}

function paths(nonResourceURLs: string[], verbs: string[] = ['get']): PolicyRule {
  return { ...NO_RULE, nonResourceURLs, verbs };
}

/** What Kubernetes grants by default, less the kinds and components that this server does not have. */
const ROLES: readonly RoleSpec[] = [
  { name: 'cluster-admin', rules: [on(['*'], ['*'], ['*']), paths(['*'], ['*'])] },
  {
    name: 'system:discovery',
    rules: [
      paths([
        '/api',
        '/api/*',
        '/apis',
        '/apis/*',
        '/healthz',
        '/livez',
        '/openapi',
        '/openapi/*',
        '/readyz',
        '/version',
        '/version/',
      ]),
    ],
  },
  { name: 'system:public-info-viewer', rules: [paths(['/healthz', '/livez', '/readyz', '/version', '/version/'])] },
  {
    name: 'system:monitoring',
    rules: [
      paths(['/healthz', '/healthz/*', '/livez', '/livez/*', '/metrics', '/metrics/slis', '/readyz', '/readyz/*']),
    ],
  },
  {
    name: 'system:basic-user',
    rules: [
      on(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
      on(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [
      on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
      on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
    ],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      paths([
        '/.well-known/openid-configuration',
        '/.well-known/openid-configuration/',
        '/openid/v1/jwks',
        '/openid/v1/jwks/',
      ]),
    ],
  },
  { name: 'admin', collects: 'admin' },
  { name: 'edit', collects: 'edit', aggregateTo: 'admin' },
  { name: 'view', collects: 'view', aggregateTo: 'edit' },
  {
    name: 'system:aggregate-to-admin',
    aggregateTo: 'admin',
    rules: [
      on(['authorization.k8s.io'], ['localsubjectaccessreviews'], ['create']),
      on([RBAC], ['roles', 'rolebindings'], [...READ, ...WRITE]),
    ],
  },
  {
    name: 'system:aggregate-to-edit',
    aggregateTo: 'edit',
    rules: [
      on([''], ['secrets'], READ),
      on([''], ['serviceaccounts'], ['impersonate']),
      on([''], ['configmaps', 'secrets', 'serviceaccounts', 'events'], WRITE),
      on([''], ['serviceaccounts/token'], ['create']),
      on(['coordination.k8s.io'], ['leases'], [...READ, ...WRITE]),
    ],
  },
  {
    name: 'system:aggregate-to-view',
    aggregateTo: 'view',
    rules: [
      on([''], ['configmaps', 'serviceaccounts', 'events', 'namespaces', 'namespaces/status'], READ),
      on(['events.k8s.io'], ['events'], READ),
    ],
  },
];

interface BindingSpec {
  name: string;
  groups: readonly string[];
}

const BINDINGS: readonly BindingSpec[] = [
  { name: 'cluster-admin', groups: ['system:masters'] },
  { name: 'system:monitoring', groups: ['system:monitoring'] },
  { name: 'system:discovery', groups: [AUTHENTICATED] },
  { name: 'system:basic-user', groups: [AUTHENTICATED] },
  { name: 'system:public-info-viewer', groups: [AUTHENTICATED, UNAUTHENTICATED] },
  { name: 'system:service-account-issuer-discovery', groups: ['system:serviceaccounts'] },
];

function metadata(name: string, labels: Record<string, string> = {}): JsonObject {
  return {
    name,
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { [AUTOUPDATE]: 'true' },
  };
}

function toRole({ name, rules, collects, aggregateTo }: RoleSpec): JsonObject {
  const labels = aggregateTo === undefined ? {} : { [AGGREGATE + aggregateTo]: 'true' };
  const role: JsonObject = {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: metadata(name, labels),
  };
  if (rules !== undefined) role['rules'] = rules.map(ruleToJson);
  if (collects !== undefined) {
    role['aggregationRule'] = { clusterRoleSelectors: [{ matchLabels: { [AGGREGATE + collects]: 'true' } }] };
  }
  return role;
}

function toBinding({ name, groups }: BindingSpec): JsonObject {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: metadata(name),
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: groups.map((group) => ({ apiGroup: RBAC, kind: 'Group', name: group })),
  };
}

/** The default ClusterRoles, each call anew. */
export function defaultClusterRoles(): JsonObject[] {
  return ROLES.map(toRole);
}

/** The default ClusterRoleBindings, each call anew. */
export function defaultClusterRoleBindings(): JsonObject[] {
  return BINDINGS.map(toBinding);
}
