import type { JsonObject, JsonValue } from '../../codec/json.ts';
import type { Catalog } from '../../registry/catalog.ts';
import { listAt, objectAt, textsAt } from '../../registry/object.ts';
import type { ServedResource } from '../../registry/resource.ts';

/** Of one rule; no more kinds are looked for after so many. */
const MAX_KINDS = 10;

/**
 * The kinds that the matchConstraints of a policy name: rules with `*` for a group or version name none, resources with
 * `*` and subresources are left out. In order of group, version and kind.
 */
export function namedKinds(policy: JsonObject, catalog: Catalog): ServedResource[] {
  const served = catalog.groups().flatMap(({ versions }) => versions.flatMap(({ resources }) => resources));
  const found = new Set<ServedResource>();
  for (const rule of listAt(objectAt(objectAt(policy, 'spec'), 'matchConstraints'), 'resourceRules')) {
    const named = namedBy(rule, served).slice(0, MAX_KINDS);
    for (const resource of named) found.add(resource);
    if (named.length === MAX_KINDS) break;
  }
  return [...found].sort(
    (a, b) => compare(a.group, b.group) || compare(a.version, b.version) || compare(a.names.kind, b.names.kind),
  );
}

function namedBy(rule: JsonValue, served: readonly ServedResource[]): ServedResource[] {
  const [groups, versions] = [textsAt(rule, 'apiGroups').sort(compare), textsAt(rule, 'apiVersions').sort(compare)];
  if ([...groups, ...versions].some((name) => name.includes('*'))) return [];
  const names = textsAt(rule, 'resources')
    .filter((name) => !/[*/]/.test(name))
    .sort(compare);
  return groups.flatMap((group) =>
    versions.flatMap((version) =>
      names.flatMap((name) => served.filter((resource) => isMeant(resource, group, version, name.toLowerCase()))),
    ),
  );
}

/** Kubernetes reads the name of the core group as no group at all: a resource of that name in any group is meant. */
function isMeant({ group, version, names }: ServedResource, wanted: string, inVersion: string, name: string): boolean {
  if (version !== inVersion || (wanted !== '' && wanted !== group)) return false;
  return names.plural === name || names.singular === name;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
