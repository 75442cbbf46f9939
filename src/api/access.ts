import { GROUP } from './meta.ts';
import { operationTypes } from './serverOperation.ts';

const RBAC = 'rbac.authorization.k8s.io';
const LABELS = { 'app.kubernetes.io/name': 'hostler', 'app.kubernetes.io/part-of': 'hostler' };

/** Where Hostler keeps what is its own. */
export const SYSTEM_NAMESPACE = 'hostler-system';
/** ServiceAccount of the controllers, where the chart's release has its usual name. */
export const CONTROLLER_ACCOUNT = { namespace: SYSTEM_NAMESPACE, name: 'hostler' };

/** What `create` on it allows, of `servers`: the changes that end in root on a host, such as hooks and daemon.json. */
const COMMANDS = 'commands';
/** What `create` on it allows, of `servers`: to name it as a jump host, as `pods/portforward` does for Pods. */
const PORT_FORWARD = 'portforward';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/** A subject of a binding, as rbac/v1 has it. */
interface Subject {
  kind: 'User' | 'Group' | 'ServiceAccount';
  name: string;
  apiGroup?: string;
  namespace?: string;
}

type Manifest = Record<string, unknown>;

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch'];

function rule(group: string, resources: string[], verbs: string[], resourceNames?: string[]): Rule {
  return { apiGroups: [group], resources, verbs, ...(resourceNames === undefined ? {} : { resourceNames }) };
}

/** A ClusterRole. */
interface ClusterRole {
  apiVersion: string;
  kind: 'ClusterRole';
  metadata: { name: string; labels?: Record<string, string> };
  rules?: Rule[];
  aggregationRule?: { clusterRoleSelectors: { matchLabels: Record<string, string> }[] };
}

const HOSTLER_ROLE = `${GROUP}/aggregate-to-`;
const KUBERNETES_ROLE = `${RBAC}/aggregate-to-`;

function clusterRole(name: string, rules: Rule[], partOf: string[] = []): ClusterRole {
  const labels = Object.fromEntries(partOf.map((label) => [label, 'true']));
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: partOf.length === 0 ? { name } : { name, labels },
    rules,
  };
}

/** The role `hostler-<who>`: all that is part of it by label, also of others who add kinds. */
function collecting(who: string): ClusterRole {
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: { name: `hostler-${who}` },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [HOSTLER_ROLE + who]: 'true' } }] },
  };
}

/**
 * What the code in src/controllers needs, verb by verb. It owns status: of a Server it may `patch` only metadata (its
 * finalizer), which the policy `hostler-server-spec` sees to, as RBAC cannot tell metadata from spec.
 */
const CONTROLLER_RULES: readonly Rule[] = [
  rule(GROUP, ['servers'], [...READ, 'patch']),
  rule(GROUP, ['servers/status', 'serveroperations/status', 'knownhosts/status', 'artifactbundles/status'], ['patch']),
  rule(GROUP, ['serveroperations'], READ),
  rule(GROUP, ['knownhosts'], [...READ, 'create', 'patch']),
  // the policy `hostler-known-hosts` asks for it
  rule(GROUP, ['servers/approvehostkey'], ['create']),
  rule(GROUP, ['artifactbundles'], READ),
  // some clusters ask for this of whoever makes an object that is owned by another
  rule(GROUP, ['servers/finalizers', 'serveroperations/finalizers'], ['update']),
  rule('', ['events'], ['create', 'patch']),
];

const CONTROLLER_SYSTEM_RULES: readonly Rule[] = [
  rule('', ['configmaps'], ['get'], ['hostler-installation']),
  rule('', ['configmaps'], ['create']),
  rule('coordination.k8s.io', ['leases'], [...READ, 'create', 'update', 'delete']),
  rule('', ['namespaces'], ['get'], [SYSTEM_NAMESPACE]),
];

/** Roles of people, for both homes; none may write `servers/status`. */
export function peopleRoles(): ClusterRole[] {
  const partOf = (hostler: string[], kubernetes: string[]): string[] => [
    ...hostler.map((who) => HOSTLER_ROLE + who),
    ...kubernetes.map((who) => KUBERNETES_ROLE + who),
  ];
  const all = ['servers', 'knownhosts', 'serveroperations', 'artifactbundles'];
  // one permission for each type of operation
  const operations = operationTypes.map((type) => `servers/${type.toLowerCase()}`);
  return [
    ...['owner', 'admin', 'member', 'project-viewer'].map(collecting),
    clusterRole(
      'hostler-view-servers',
      [rule(GROUP, ['servers'], READ)],
      partOf(['project-viewer', 'member', 'admin', 'owner'], ['view']),
    ),
    clusterRole(
      'hostler-view',
      [rule(GROUP, ['knownhosts', 'serveroperations', 'artifactbundles'], READ)],
      partOf(['member', 'admin', 'owner'], ['view']),
    ),
    clusterRole(
      'hostler-manage',
      [
        rule(GROUP, all, WRITE),
        rule(GROUP, ['serveroperations'], ['delete']),
        rule(GROUP, [...[COMMANDS, PORT_FORWARD].map((name) => `servers/${name}`), ...operations], ['create']),
      ],
      partOf(['admin', 'owner'], ['edit']),
    ),
    clusterRole(
      'hostler-delete',
      [
        rule(GROUP, ['servers', 'knownhosts', 'artifactbundles'], ['delete', 'deletecollection']),
        rule(GROUP, ['serveroperations'], ['deletecollection']),
      ],
      partOf(['owner'], ['admin']),
    ),
  ];
}

/** What the controllers may do in all namespaces and in Hostler's own, for the chart; Secrets are its user's choice. */
export function controllerRules(): Record<'everywhere' | 'system', readonly Rule[]> {
  return { everywhere: CONTROLLER_RULES, system: CONTROLLER_SYSTEM_RULES };
}

/** Roles of the controllers of a standalone control plane. */
export function controllerRoles(): Manifest[] {
  return [
    { ...clusterRole('hostler-controller', [...CONTROLLER_RULES]) },
    // credentials are read when needed, never listed; the output of commands is kept in a new Secret
    { ...clusterRole('hostler-controller-secrets', [rule('', ['secrets'], ['get', 'create'])]) },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata: { name: 'hostler-controller', namespace: SYSTEM_NAMESPACE, labels: LABELS },
      rules: [...CONTROLLER_SYSTEM_RULES],
    },
  ];
}

/** Gives `subject` the roles of the controllers, Secrets of all namespaces included. */
export function controllerBindings(subject: Subject): Manifest[] {
  const bound = (name: string): Manifest => ({
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name, labels: LABELS },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
    subjects: [subject],
  });
  return [
    bound('hostler-controller'),
    bound('hostler-controller-secrets'),
    {
      ...bound('hostler-controller'),
      kind: 'RoleBinding',
      metadata: { name: 'hostler-controller', namespace: SYSTEM_NAMESPACE, labels: LABELS },
      roleRef: { apiGroup: RBAC, kind: 'Role', name: 'hostler-controller' },
    },
  ];
}

/** The namespace that the roles above speak of. */
export function systemNamespace(): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE, labels: LABELS } };
}
