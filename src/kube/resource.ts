import type { KubeObject } from '../api/meta.ts';

/** A resource of the API: where its objects live and, as `T`, what they look like. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** `''` for the core group. */
  readonly group: string;
  readonly version: string;
  /** Lower-case plural, as in the URL: `servers`. */
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never present at run time: carries `T`. */
  readonly objectType?: T;
}

/** Names one object; `namespace` is absent or `''` for cluster-scoped ones. */
export interface ObjectKey {
  namespace?: string | undefined;
  name: string;
}

/** `group/version`, or `version` for the core group: an object's `apiVersion`. */
export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/**
 * URL path of a collection, or of one object when `key.name` is given.
 * @throws TypeError  when a namespaced resource is addressed by name without namespace.
 */
export function pathOf(
  resource: Resource,
  key: { namespace?: string | undefined; name?: string } = {},
  subresource?: string,
): string {
  const root = resource.group === '' ? '/api' : `/apis/${resource.group}`;
  const namespace = resource.namespaced ? (key.namespace ?? '') : '';
  if (resource.namespaced && namespace === '' && key.name !== undefined) {
    throw new TypeError(`${resource.plural}/${key.name}: a namespace is needed`);
  }
  const scope = namespace === '' ? [] : ['namespaces', namespace];
  const segments = [...scope, resource.plural, key.name, subresource].filter((part) => part !== undefined);
  return [root, resource.version, ...segments.map(encodeURIComponent)].join('/');
}

/** The key of `object`. */
export function keyOf(object: KubeObject): { namespace: string; name: string } {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** `namespace/name`, or `name` without namespace: the key as one string, for maps and logs. */
export function keyText(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The inverse of {@link keyText}; neither part can hold a slash. */
export function parseKey(text: string): { namespace: string; name: string } {
  const slash = text.indexOf('/');
  return { namespace: text.slice(0, Math.max(slash, 0)), name: text.slice(slash + 1) };
}

/** core/v1 Namespace. */
export const namespaces: Resource = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

/** core/v1 ConfigMap. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
}
export const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

/** core/v1 Secret. */
export interface Secret extends KubeObject {
  type?: string;
  /** Base64. */
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}
export const secrets: Resource<Secret> = {
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
};

/** core/v1 ServiceAccount. */
export const serviceAccounts: Resource = {
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
};

/** coordination.k8s.io/v1 Lease. */
export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    /** MicroTime. */
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}
export const leases: Resource<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** core/v1 Event. */
export interface KubeEvent extends KubeObject {
  involvedObject: { uid?: string | undefined; [field: string]: unknown };
  reason: string;
  message: string;
  type: string;
  source: { component: string };
  reportingComponent: string;
  reportingInstance: string;
  firstTimestamp: string;
  lastTimestamp: string;
  count: number;
}
export const events: Resource<KubeEvent> = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};
