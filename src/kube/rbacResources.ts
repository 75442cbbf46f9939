import type { KubeObject } from '../api/meta.ts';
import type { Resource } from './resource.ts';

/** One rule of a Role. */
interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** Whom a RoleBinding binds. */
export interface Subject {
  kind: string;
  name: string;
  namespace?: string;
  apiGroup?: string;
}

const group = 'rbac.authorization.k8s.io';

/** rbac.authorization.k8s.io/v1 Role. */
export interface Role extends KubeObject {
  rules?: PolicyRule[];
}
export const roles: Resource<Role> = { group, version: 'v1', plural: 'roles', kind: 'Role', namespaced: true };

/** rbac.authorization.k8s.io/v1 RoleBinding. */
export interface RoleBinding extends KubeObject {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects?: Subject[];
}
export const roleBindings: Resource<RoleBinding> = {
  group,
  version: 'v1',
  plural: 'rolebindings',
  kind: 'RoleBinding',
  namespaced: true,
};
