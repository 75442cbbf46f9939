import { apiVersionOf, type ServedResource, type StoredResource } from './resource.ts';

/** One group with its versions, preferred first, as discovery shows it. */
export interface ServedGroup {
  name: string;
  versions: { version: string; resources: readonly ServedResource[] }[];
}

/**
 * What is served right now. Built-in resources stay; those of CustomResourceDefinitions come and go.
 * Every change gives a new `generation`, by which discovery and OpenAPI know that they are out of date.
 */
export class Catalog {
  readonly #owners = new Map<string, { served: readonly ServedResource[]; stored: readonly StoredResource[] }>();
  #byPath = new Map<string, ServedResource>();
  #generation = 0;
  readonly #listeners = new Set<() => void>();

  get generation(): number {
    return this.#generation;
  }

  /**
   * Serves `resources` in place of whatever `owner` (the CRD's name, or `built-in`) served before.
   * @param stored  What is stored, where that is a version that may not be served. Otherwise it is among `resources`.
   */
  serve(owner: string, resources: readonly ServedResource[], stored?: StoredResource): void {
    const own = stored === undefined ? resources.filter(isAsStored) : [stored];
    this.#owners.set(owner, { served: resources, stored: own });
    this.#rebuild();
  }

  /** Serves nothing of `owner` any more. */
  remove(owner: string): void {
    if (this.#owners.delete(owner)) this.#rebuild();
  }

  /** Calls `listener` after every change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The resource at `/apis/group/version/plural`. */
  find(group: string, version: string, plural: string): ServedResource | undefined {
    return this.#byPath.get(pathOf(group, version, plural));
  }

  /** Names in paths of the built-in resources of `group`. */
  builtins(group: string): string[] {
    return (this.#owners.get('built-in')?.served ?? [])
      .filter((one) => one.group === group)
      .map(({ names }) => names.plural);
  }

  /** The stored resource of a kind, for references such as ownerReferences. */
  findKind(apiVersion: string, kind: string): StoredResource | undefined {
    const slash = apiVersion.indexOf('/');
    const group = slash < 0 ? '' : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    for (const resource of this.#byPath.values()) {
      if (resource.type !== 'Stored' || resource.names.kind !== kind || resource.group !== group) continue;
      if (resource.version === version) return resource;
    }
    return undefined;
  }

  /**
   * Every stored resource once, in the version that is stored, served or not: whoever writes its objects in another one
   * drops what only that version has.
   */
  stored(): StoredResource[] {
    return [...this.#owners.values()].flatMap(({ stored }) => stored);
  }

  /** Groups in order of name, the core group first; versions preferred first. */
  groups(): ServedGroup[] {
    const groups = new Map<string, Map<string, ServedResource[]>>();
    for (const resource of this.#byPath.values()) {
      const versions = groups.get(resource.group) ?? new Map<string, ServedResource[]>();
      groups.set(resource.group, versions);
      versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource]);
    }
    return [...groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, versions]) => ({
        name,
        versions: [...versions]
          .sort(([a], [b]) => compareVersions(a, b))
          .map(([version, resources]) => ({
            version,
            resources: resources.sort((a, b) => (a.names.plural < b.names.plural ? -1 : 1)),
          })),
      }));
  }

  #rebuild(): void {
    this.#byPath = new Map();
    for (const resource of [...this.#owners.values()].flatMap(({ served }) => served)) {
      this.#byPath.set(pathOf(resource.group, resource.version, resource.names.plural), resource);
    }
    this.#generation++;
    for (const listener of this.#listeners) listener();
  }
}

function isAsStored(resource: ServedResource): resource is StoredResource {
  return resource.type === 'Stored' && resource.store.apiVersion === apiVersionOf(resource);
}

function pathOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}

const VERSION = /^v(\d+)(?:(alpha|beta)(\d+))?$/;
const STABILITY = { alpha: 0, beta: 1 } as const;

/** Order of versions, best first: v2, v1, v1beta2, v1beta1, v1alpha1, then others by name. */
export function compareVersions(a: string, b: string): number {
  const left = rank(a);
  const right = rank(b);
  if (left === undefined || right === undefined) {
    if (left === undefined && right === undefined) return a < b ? -1 : Number(a > b);
    return left === undefined ? 1 : -1;
  }
  for (const [i, value] of left.entries()) {
    const difference = (right[i] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(version: string): [stability: number, major: number, minor: number] | undefined {
  const match = VERSION.exec(version);
  if (match === null) return undefined;
  const [, major = '0', stability, minor = '0'] = match;
  const level = stability === 'alpha' || stability === 'beta' ? STABILITY[stability] : 2;
  return [level, Number(major), Number(minor)];
}
