/** How a list of a built-in kind is merged: as a map by `mergeKey`, or as a set when it has none. */
export interface ListRule {
  mergeKey: string | undefined;
}

const METADATA: Readonly<Record<string, ListRule>> = {
  'metadata.ownerReferences': { mergeKey: 'uid' },
  'metadata.finalizers': { mergeKey: undefined },
};

/** patchStrategy and patchMergeKey of the lists of k8s.io/api v0.35, by kind and group; every other list is replaced. */
const LISTS: Readonly<Record<string, Readonly<Record<string, ListRule>>>> = {
  Namespace: { 'status.conditions': { mergeKey: 'type' } },
  ServiceAccount: { secrets: { mergeKey: 'name' } },
  'ValidatingAdmissionPolicy.admissionregistration.k8s.io': {
    'spec.matchConditions': { mergeKey: 'name' },
    'spec.variables': { mergeKey: 'name' },
  },
};

/** The rule of the list at `path` (field names joined by dots) of `kind`; undefined = replace. */
export function listRule(kind: string, path: string): ListRule | undefined {
  if (Object.hasOwn(METADATA, path)) return METADATA[path];
  const lists = Object.hasOwn(LISTS, kind) ? LISTS[kind] : undefined;
  return lists !== undefined && Object.hasOwn(lists, path) ? lists[path] : undefined;
}
