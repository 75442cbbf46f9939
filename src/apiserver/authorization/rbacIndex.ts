import type { CachedObject } from '../cache/cachedObject.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import type { User } from '../http/authentication.ts';
import { listAt, metaOf, objectAt, textAt } from '../registry/object.ts';
import { followAll } from '../registry/follow.ts';
import type { StoredResource } from '../registry/resource.ts';
import { cachedToObject } from '../registry/versions.ts';
import { goQuote } from '../schema/goText.ts';
import { rulesOf, type PolicyRule } from './rules.ts';

/** The stored resources that say who may do what. */
export interface RbacResources {
  roles: StoredResource;
  clusterRoles: StoredResource;
  roleBindings: StoredResource;
  clusterRoleBindings: StoredResource;
}

/** roleRef of a binding. */
export interface RoleRef {
  apiGroup: string;
  kind: string;
  name: string;
}

/** One subject's share of one binding. */
export interface Grant {
  /** Rules of the role as it is now; undefined = there is no such role. */
  readonly role: { rules: readonly PolicyRule[] | undefined };
  readonly roleRef: RoleRef;
  /** `ClusterRoleBinding "x" of ClusterRole "y" to User "z"` */
  readonly source: string;
}

interface Entry {
  subject: string;
  namespace: string;
  grant: Grant;
}

type Slot = { rules: readonly PolicyRule[] | undefined };

const CLUSTER = '';
/** As long as lists wait; after it the decision is made by what is known. */
const CATCH_UP_MS = 1_000;

/**
 * Bindings by subject and namespace, with the rules of their roles, kept up to date from the watch caches: a request
 * looks up its own few grants and reads no object.
 */
export class RbacIndex {
  readonly #slots = new Map<string, Slot>();
  readonly #entries = new Map<string, Entry[]>();
  readonly #grants = new Map<string, Map<string, Grant[]>>();
  #followed: readonly StoredResource[] = [];

  /** Follows `resources`; resolves once everything stored is known here. Until then nobody has any right. */
  async start({ roles, clusterRoles, roleBindings, clusterRoleBindings }: RbacResources): Promise<void> {
    this.#followed = [roles, clusterRoles, roleBindings, clusterRoleBindings];
    const followRoles = (resource: StoredResource): Promise<void> =>
      followAll(resource, {
        set: (cached) => this.#setRole(resource, cached),
        drop: (cached) => this.#dropRole(cached),
      });
    const followBindings = (resource: StoredResource): Promise<void> =>
      followAll(resource, {
        set: (cached) => this.#setBinding(resource, cached),
        drop: (cached) => this.#drop(cached.key),
      });
    await Promise.all([
      ...[roles, clusterRoles].map(followRoles),
      ...[roleBindings, clusterRoleBindings].map(followBindings),
    ]);
  }

  /** What `user` has in `namespace`; the grants for the whole cluster come first. */
  *grants(user: User, namespace: string): Generator<Grant> {
    const scopes = namespace === CLUSTER ? [CLUSTER] : [CLUSTER, namespace];
    for (const scope of scopes) {
      yield* this.#of(userKey(user.name), scope);
      for (const group of user.groups) yield* this.#of(groupKey(group), scope);
    }
  }

  /** Waits until what is stored now is known here: by default that is a moment later. */
  async caughtUp(): Promise<void> {
    await Promise.all(this.#followed.map(({ store }) => store.cache.caughtUp(CATCH_UP_MS)));
  }

  /** Rules of the role that a binding in `namespace` refers to; undefined = there is no such role. */
  rulesOfRole(ref: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#slots.get(roleKey(ref.kind, namespace, ref.name))?.rules;
  }

  #of(subject: string, namespace: string): readonly Grant[] {
    return this.#grants.get(subject)?.get(namespace) ?? [];
  }

  #setRole(resource: StoredResource, cached: CachedObject): void {
    const key = roleKey(resource.names.kind, cached.namespace, cached.name);
    this.#slot(key).rules = rulesOf(cachedToObject(resource, cached));
  }

  #dropRole(cached: CachedObject): void {
    const kind = cached.namespace === CLUSTER ? 'ClusterRole' : 'Role';
    this.#slot(roleKey(kind, cached.namespace, cached.name)).rules = undefined;
  }

  #slot(key: string): Slot {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { rules: undefined };
      this.#slots.set(key, slot);
    }
    return slot;
  }

  #setBinding(resource: StoredResource, cached: CachedObject): void {
    this.#drop(cached.key);
    const entries = this.#read(resource.names.kind, cachedToObject(resource, cached));
    this.#entries.set(cached.key, entries);
    for (const { subject, namespace, grant } of entries) {
      const scopes = this.#grants.get(subject) ?? new Map<string, Grant[]>();
      this.#grants.set(subject, scopes);
      scopes.set(namespace, [...(scopes.get(namespace) ?? []), grant]);
    }
  }

  #drop(key: string): void {
    for (const { subject, namespace, grant } of this.#entries.get(key) ?? []) {
      const scopes = this.#grants.get(subject);
      if (scopes === undefined) continue;
      const left = (scopes.get(namespace) ?? []).filter((one) => one !== grant);
      if (left.length > 0) scopes.set(namespace, left);
      else scopes.delete(namespace);
      if (scopes.size === 0) this.#grants.delete(subject);
    }
    this.#entries.delete(key);
  }

  #read(kind: string, binding: JsonObject): Entry[] {
    const meta = metaOf(binding);
    const namespace = textAt(meta, 'namespace');
    const name = textAt(meta, 'name');
    const roleRef = roleRefOf(binding);
    const role = this.#slot(roleKey(roleRef.kind, namespace, roleRef.name));
    const shown = namespace === CLUSTER ? name : `${name}/${namespace}`;
    const head = `${kind} ${goQuote(shown)} of ${roleRef.kind} ${goQuote(roleRef.name)} to `;
    return listAt(binding, 'subjects').flatMap((subject): Entry[] => {
      const found = subjectOf(subject, namespace);
      if (found === undefined) return [];
      return [{ subject: found.key, namespace, grant: { role, roleRef, source: `${head}${found.text}` } }];
    });
  }
}

/** `roleRef` of a binding. */
export function roleRefOf(binding: JsonObject): RoleRef {
  const ref = objectAt(binding, 'roleRef');
  return { apiGroup: textAt(ref, 'apiGroup'), kind: textAt(ref, 'kind'), name: textAt(ref, 'name') };
}

function userKey(name: string): string {
  return `user ${name}`;
}

function groupKey(name: string): string {
  return `group ${name}`;
}

/** A ClusterRole is the same for bindings of all namespaces. */
function roleKey(kind: string, namespace: string, name: string): string {
  return kind === 'ClusterRole' ? `ClusterRole ${name}` : `${kind} ${namespace}/${name}`;
}

/** How a subject is found again, and how it is told; undefined for one that nobody can be. */
function subjectOf(subject: JsonValue, bindingNamespace: string): { key: string; text: string } | undefined {
  const kind = textAt(subject, 'kind');
  const name = textAt(subject, 'name');
  if (kind === 'User') return { key: userKey(name), text: `User ${goQuote(name)}` };
  if (kind === 'Group') return { key: groupKey(name), text: `Group ${goQuote(name)}` };
  const namespace = textAt(subject, 'namespace') || bindingNamespace;
  if (kind !== 'ServiceAccount' || namespace === '') return undefined;
  return {
    key: userKey(`system:serviceaccount:${namespace}:${name}`),
    text: `ServiceAccount ${goQuote(`${name}/${namespace}`)}`,
  };
}
