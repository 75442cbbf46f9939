import type { JsonObject } from '../../codec/json.ts';
import { ATOMIC, list, object, ref, text } from './build.ts';
import { kindSchema, META } from './meta.ts';

const PREFIX = 'io.k8s.api.rbac.v1.';
const strings = (description: string): JsonObject => list(description, { type: 'string' }, ATOMIC);

const policyRule = object(
  'What may be done, with which resources or with which paths.',
  {
    verbs: strings('Verbs such as get, list, watch, create, update, patch, delete; `*` = all.'),
    apiGroups: strings('Groups of the resources; `` is the core group, `*` = all.'),
    resources: strings('Resources, or `resource/subresource`; `*` = all.'),
    resourceNames: strings('Names of the objects; none = all.'),
    nonResourceURLs: strings('Paths that are no resources; a trailing `*` stands for anything. ClusterRoles only.'),
  },
  { required: ['verbs'] },
);

const rules = { ...list('All that the role allows.', ref(`${PREFIX}PolicyRule`), ATOMIC), nullable: true };

const aggregationRule = object('Which ClusterRoles this one is made of.', {
  clusterRoleSelectors: list(
    'A ClusterRole that one of these selects gives its rules.',
    ref(META.LabelSelector),
    ATOMIC,
  ),
});

const subject = object(
  'A user, a group or a ServiceAccount.',
  {
    kind: text('User, Group or ServiceAccount.'),
    apiGroup: text('rbac.authorization.k8s.io for users and groups, empty for ServiceAccounts.'),
    name: text('Name of the subject.'),
    namespace: text('Namespace of the ServiceAccount.'),
  },
  { required: ['kind', 'name'], 'x-kubernetes-map-type': 'atomic' },
);

const roleRef = object(
  'The role that is given. Cannot be changed.',
  {
    apiGroup: text('rbac.authorization.k8s.io'),
    kind: text('Role or ClusterRole.'),
    name: text('Name of the role.'),
  },
  { required: ['kind', 'name'], 'x-kubernetes-map-type': 'atomic' },
);

const binding = (description: string): JsonObject =>
  kindSchema(
    description,
    {
      subjects: list('Who gets the role.', ref(`${PREFIX}Subject`), ATOMIC),
      roleRef: ref(`${PREFIX}RoleRef`, 'The role that is given. Cannot be changed.'),
    },
    { required: ['roleRef'] },
  );

/** Components of rbac.authorization.k8s.io/v1. */
export const rbacComponents: Readonly<Record<string, JsonObject>> = {
  [`${PREFIX}PolicyRule`]: policyRule,
  [`${PREFIX}AggregationRule`]: aggregationRule,
  [`${PREFIX}Subject`]: subject,
  [`${PREFIX}RoleRef`]: roleRef,
  [`${PREFIX}Role`]: kindSchema('What may be done in one namespace.', { rules }),
  [`${PREFIX}ClusterRole`]: kindSchema('What may be done in the whole cluster, or in the namespaces it is bound in.', {
    rules,
    aggregationRule: ref(`${PREFIX}AggregationRule`, 'When given, rules are collected from other ClusterRoles.'),
  }),
  [`${PREFIX}RoleBinding`]: binding('Gives a role to subjects in one namespace.'),
  [`${PREFIX}ClusterRoleBinding`]: binding('Gives a ClusterRole to subjects in the whole cluster.'),
};
