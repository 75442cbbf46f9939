import { equalJson } from '../codec/json.ts';
import type { JsonObject } from '../codec/json.ts';
import { conflictsOf } from './conflicts.ts';
import type { Conflict } from './conflicts.ts';
import { fieldsOf } from './fieldsOf.ts';
import { intersectSets, isEmptySet, omitElements, subtractSet, unionSets } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import { changesByVersion, reconcileEntries } from './fieldVersions.ts';
import type { FieldVersion, FieldVersions } from './fieldVersions.ts';
import { STRIPPED } from './managedFields.ts';
import { identityOf } from './managedEntries.ts';
import type { ManagedEntries, ManagedEntry } from './managedEntries.ts';
import { mergeFields } from './mergeFields.ts';
import { removeFields, withNamedFields } from './removeFields.ts';

/** One applied object, and what it is applied to. Both are without managedFields. */
export interface Application {
  live: JsonObject;
  sent: JsonObject;
  entries: ManagedEntries;
  /** Whose entry this becomes. */
  writer: Omit<ManagedEntry, 'fields' | 'time'>;
  versions: FieldVersions;
  /** Members of the object that this request cannot write, `f:status`: they are nobody's. */
  reset: readonly string[];
}

/** What an application comes to. */
export interface Applied {
  object: JsonObject;
  entries: ManagedEntries;
  /** Fields of others that it changes; they are no longer in their entries. [] = none. */
  conflicts: Conflict[];
}

/**
 * Merges an applied object into the live one. What its manager set before and does not mention any more goes, unless
 * somebody else owns it; what it mentions is its own, shared with those who own it with the same value.
 * Source: structured-merge-diff v6 merge/update.go.
 * @throws RangeError  when the live object has items that nothing tells apart.
 */
export function applyFields(application: Application): Applied {
  const { live, sent, writer, versions, reset } = application;
  const version = versions(writer.apiVersion);
  if (version === undefined) throw new RangeError(`${writer.apiVersion} is not served`);
  const entries = reconcileEntries(application.entries, versions);
  const own = identityOf(writer);
  const last = entries.get(own);
  const fields = omitElements(fieldsOf(sent, version.type), reset);
  entries.set(own, { ...writer, time: last?.time, fields });
  const merged = mergeFields(live, sent, version.type);
  const object = last === undefined ? merged : prune(merged, last, { entries, versions });
  const { conflicts, left } = takeFrom(entries, { live, object, own, application });
  const kept = subtractSet(left.get(own)?.fields ?? {}, STRIPPED);
  if (isEmptySet(kept)) left.delete(own);
  else left.set(own, { ...writer, time: last?.time, fields: kept });
  return { object: equalJson(live, object) ? live : object, entries: left, conflicts };
}

interface Owners {
  entries: ManagedEntries;
  versions: FieldVersions;
}

/** Removes what `last` had and nobody owns now. */
function prune(merged: JsonObject, last: ManagedEntry, { entries, versions }: Owners): JsonObject {
  const version = versions(last.apiVersion);
  if (version === undefined || isEmptySet(last.fields)) return merged;
  const { type } = version;
  const before = version.to(merged);
  const named = withNamedFields(last.fields, type);
  let pruned = version.from(removeFields(before, named, type));
  for (const [apiVersion, owned] of ownedByVersion(entries, last.apiVersion)) {
    pruned = restoreOwned(merged, pruned, { owned, version: versions(apiVersion) });
  }
  // what came loose although this manager never had it stays
  const gone = subtractSet(
    withNamedFields(fieldsOf(before, type), type),
    withNamedFields(fieldsOf(version.to(pruned), type), type),
  );
  return version.from(removeFields(before, intersectSets(gone, named), type));
}

/** All that anybody owns in each version; `first` comes first. */
function ownedByVersion(entries: ManagedEntries, first: string): Map<string, FieldSet> {
  const owned = new Map<string, FieldSet>([[first, {}]]);
  for (const { apiVersion, fields } of entries.values()) {
    owned.set(apiVersion, unionSets(owned.get(apiVersion) ?? {}, fields));
  }
  return owned;
}

/** `pruned` with what it lost of `merged` and somebody owns. */
function restoreOwned(
  merged: JsonObject,
  pruned: JsonObject,
  { owned, version }: { owned: FieldSet; version: FieldVersion | undefined },
): JsonObject {
  if (version === undefined) return pruned;
  const { type } = version;
  const before = version.to(merged);
  const kept = unionSets(withNamedFields(fieldsOf(version.to(pruned), type), type), withNamedFields(owned, type));
  const all = withNamedFields(fieldsOf(before, type), type);
  return version.from(removeFields(before, subtractSet(all, kept), type));
}

/** What everybody but `own` has left after the change from `live` to `object`, and what they would lose against their will. */
function takeFrom(
  entries: ManagedEntries,
  change: { live: JsonObject; object: JsonObject; own: string; application: Application },
): { conflicts: Conflict[]; left: ManagedEntries } {
  const { live, object, own, application } = change;
  const changeIn = changesByVersion(live, object, application);
  const left: ManagedEntries = new Map();
  const conflicts: Conflict[] = [];
  for (const identity of [...entries.keys()].sort()) {
    const entry = entries.get(identity);
    const changed = entry && changeIn(entry.apiVersion);
    if (entry === undefined || changed === undefined) continue;
    if (identity === own) {
      left.set(identity, entry);
      continue;
    }
    const taken = intersectSets(entry.fields, changed.written);
    if (!isEmptySet(taken)) conflicts.push(...conflictsOf(entry, taken));
    const fields = subtractSet(subtractSet(entry.fields, taken), changed.removed);
    if (!isEmptySet(fields)) left.set(identity, { ...entry, fields });
  }
  return { conflicts, left };
}
