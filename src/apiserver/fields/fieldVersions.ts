import type { JsonObject } from '../codec/json.ts';
import { compareObjects } from './compare.ts';
import { omitElements, unionSets } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import type { FieldType } from './fieldType.ts';
import type { ManagedEntries } from './managedEntries.ts';
import { reconcileFields } from './reconcileFields.ts';

/** One version of a kind, as seen from the version of a request. */
export interface FieldVersion {
  type: FieldType;
  /** The schema is not the first one, so that what is stored may have been written under another. */
  isRevised: boolean;
  /** An object of the request's version in this one, and back; neither changes its argument. */
  to(object: JsonObject): JsonObject;
  from(object: JsonObject): JsonObject;
}

/** The versions of one kind by apiVersion; undefined = not served (any more). */
export type FieldVersions = (apiVersion: string) => FieldVersion | undefined;

/** What a change came to in one version. */
export interface Change {
  /** Added and modified. */
  written: FieldSet;
  removed: FieldSet;
}

/**
 * The change from `before` to `after` in any version of the kind; undefined in one that is not served.
 * @param reset  Members of the object that the request cannot write, `f:status`.
 */
export function changesByVersion(
  before: JsonObject,
  after: JsonObject,
  { versions, reset }: { versions: FieldVersions; reset: readonly string[] },
): (apiVersion: string) => Change | undefined {
  const known = new Map<string, Change>();
  return (apiVersion) => {
    const found = known.get(apiVersion);
    const version = found === undefined ? versions(apiVersion) : undefined;
    if (version === undefined) return found;
    const { added, modified, removed } = compareObjects(version.to(before), version.to(after), version.type);
    const change = {
      written: omitElements(unionSets(added, modified), reset),
      removed: omitElements(removed, reset),
    };
    known.set(apiVersion, change);
    return change;
  };
}

/** The entries as today's schemas want them; those of versions that are not served are left out. */
export function reconcileEntries(entries: ManagedEntries, versions: FieldVersions): ManagedEntries {
  const after: ManagedEntries = new Map();
  for (const [identity, entry] of entries) {
    const version = versions(entry.apiVersion);
    if (version === undefined) continue;
    const fields = version.isRevised ? reconcileFields(entry.fields, version.type) : entry.fields;
    after.set(identity, fields === entry.fields ? entry : { ...entry, fields });
  }
  return after;
}
