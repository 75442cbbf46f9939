import { createHash } from 'node:crypto';
import type { Catalog, ServedGroup } from '../registry/catalog.ts';
import { apiVersionOf, type ServedResource, type StoredResource } from '../registry/resource.ts';

/** One entry of an APIResourceList. */
interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  group?: string;
  version?: string;
  kind: string;
  verbs: readonly string[];
  shortNames?: readonly string[];
  categories?: readonly string[];
  storageVersionHash?: string;
}

/** A subresource with the kind it speaks. */
interface Subresource {
  name: string;
  kind: string;
  group: string;
  version: string;
  verbs: readonly string[];
}

function subresourcesOf(resource: ServedResource): Subresource[] {
  if (resource.type === 'Review') return [];
  const own = { kind: resource.names.kind, group: resource.group, version: resource.version };
  const result: Subresource[] = [];
  if (resource.finalize) result.push({ name: 'finalize', ...own, verbs: ['update'] });
  if (resource.token) {
    result.push({
      name: 'token',
      kind: 'TokenRequest',
      group: 'authentication.k8s.io',
      version: 'v1',
      verbs: ['create'],
    });
  }
  if (resource.status) result.push({ name: 'status', ...own, verbs: ['get', 'patch', 'update'] });
  if (resource.scale !== undefined) {
    result.push({
      name: 'scale',
      kind: 'Scale',
      group: 'autoscaling',
      version: 'v1',
      verbs: ['get', 'patch', 'update'],
    });
  }
  return result;
}

/** `/api/v1` and `/apis/GROUP/VERSION`. */
export function resourceList(resources: readonly ServedResource[], groupVersion: string): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap((resource): ApiResource[] => [
      {
        name: resource.names.plural,
        singularName: resource.names.singular,
        namespaced: resource.namespaced,
        kind: resource.names.kind,
        verbs: resource.verbs,
        ...(resource.names.shortNames.length > 0 ? { shortNames: resource.names.shortNames } : {}),
        ...(resource.names.categories.length > 0 ? { categories: resource.names.categories } : {}),
        ...(resource.type === 'Stored' ? { storageVersionHash: storageVersionHash(resource) } : {}),
      },
      ...subresourcesOf(resource).map((sub) => ({
        name: `${resource.names.plural}/${sub.name}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...(sub.kind === resource.names.kind ? {} : { group: sub.group, version: sub.version }),
        kind: sub.kind,
        verbs: sub.verbs,
      })),
    ]),
  };
}

/** By which clients tell that objects are to be stored again, since their kind has got another storage version. */
function storageVersionHash({ store }: StoredResource): string {
  const apiVersion = store.apiVersion.includes('/') ? store.apiVersion : `/${store.apiVersion}`;
  return createHash('sha256').update(`${apiVersion}/${store.kind}`).digest().subarray(0, 8).toString('base64');
}

/** `/apis/GROUP`. */
export function apiGroup(group: ServedGroup): object {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupMembers(group) };
}

function groupMembers(group: ServedGroup): object {
  const versions = group.versions.map(({ version }) => ({ groupVersion: `${group.name}/${version}`, version }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

/** `/apis` for clients without aggregated discovery. */
export function groupList(catalog: Catalog): object {
  const groups = catalog.groups().filter(({ name }) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((group) => groupMembers(group)) };
}

/** `/api` for clients without aggregated discovery. */
export function coreVersions(address: string): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: address }],
  };
}

/** `/api` or `/apis` in one document with all resources. */
export function aggregated(catalog: Catalog, root: 'api' | 'apis', version: string): object {
  const groups = catalog.groups().filter(({ name }) => (name === '') === (root === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: { ...(group.name === '' ? {} : { name: group.name }), creationTimestamp: null },
      versions: group.versions.map(({ version: name, resources }) => ({
        version: name,
        resources: resources.map((resource) => discoveryResource(resource)),
        freshness: 'Current',
      })),
    })),
  };
}

function discoveryResource(resource: ServedResource): object {
  const { names } = resource;
  const subresources = subresourcesOf(resource);
  return {
    resource: names.plural,
    responseKind: { group: resource.group, version: resource.version, kind: names.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: names.singular,
    verbs: resource.verbs,
    ...(names.shortNames.length > 0 ? { shortNames: names.shortNames } : {}),
    ...(names.categories.length > 0 ? { categories: names.categories } : {}),
    ...(subresources.length > 0
      ? {
          subresources: subresources.map((sub) => ({
            subresource: sub.name,
            responseKind: { group: sub.group, version: sub.version, kind: sub.kind },
            verbs: sub.verbs,
          })),
        }
      : {}),
  };
}

/** `group/version` → path of its documents, such as `/apis/apps/v1`. */
export function groupVersionPath(resource: { group: string; version: string }): string {
  return resource.group === '' ? `api/${resource.version}` : `apis/${apiVersionOf(resource)}`;
}
