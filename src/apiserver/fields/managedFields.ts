import { equalJson, isJsonObject, member, omit } from '../codec/json.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { EMPTY, isEmptySet, subtractSet, unionSets } from './fieldSet.ts';
import type { FieldSet } from './fieldSet.ts';
import { changesByVersion, reconcileEntries } from './fieldVersions.ts';
import type { FieldVersions } from './fieldVersions.ts';
import {
  decodeEntries,
  encodeEntries,
  identityOf,
  isReset,
  secondsOf,
  sentFields,
  storedFields,
} from './managedEntries.ts';
import type { ManagedEntries, ManagedEntry } from './managedEntries.ts';

/** One plain write (create, update, patch other than apply) as managedFields sees it. */
export interface ManagedWrite {
  /** The stored object, with its managedFields; undefined on create. */
  live: JsonObject | undefined;
  /** The object about to be stored; its `metadata.managedFields` is what the client sent. Changed in place. */
  object: JsonObject;
  /** From {@link fieldManagerOf}. */
  manager: string;
  /** apiVersion of the request's version, `hostler.dev/v1alpha1`. */
  apiVersion: string;
  /** '' for the main resource, else `status`, `scale` …. */
  subresource: string;
  /** Time of the write. */
  now: Date;
  versions: FieldVersions;
  /** Members that the write cannot change and so does not own, `f:status`. */
  reset: readonly string[];
}

/** Update entries an object keeps; older ones are merged into {@link ANCIENT}. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';

/** Fields nobody owns: identity, and what the server writes. */
export const STRIPPED: FieldSet = {
  'f:apiVersion': EMPTY,
  'f:kind': EMPTY,
  'f:metadata': {
    '.': EMPTY,
    'f:clusterName': EMPTY,
    'f:creationTimestamp': EMPTY,
    'f:generation': EMPTY,
    'f:managedFields': EMPTY,
    'f:name': EMPTY,
    'f:namespace': EMPTY,
    'f:resourceVersion': EMPTY,
    'f:selfLink': EMPTY,
    'f:uid': EMPTY,
  },
};

/**
 * Brings `write.object.metadata.managedFields` up to date: what the write changed or added now belongs to its manager,
 * others lose it. `[]` or `[{}]` sent by the client resets the list; an object without a list is not tracked until it
 * is applied. Never throws for what a client sent: malformed entries mean that the live ones are kept.
 * Source: apimachinery pkg/util/managedfields/internal (v0.35).
 */
export function updateManagedFields(write: ManagedWrite): void {
  const { live, object } = write;
  const entries = entriesBefore(write);
  const metadata = omit(metadataOf(object), 'managedFields');
  object['metadata'] = metadata;
  const isTracked = live === undefined || entries.size > 0;
  const after = isTracked ? capManagers(recordUpdate(entries, write)) : entries;
  if (after.size > 0) metadata['managedFields'] = encodeEntries(after);
}

/** The entries that the write starts from: the client's, unless they are malformed, empty or a subresource's. */
function entriesBefore({ live, object, subresource }: ManagedWrite): ManagedEntries {
  const kept = managedFieldsOf(live);
  const stored = decodeEntries(kept, storedFields) ?? new Map<string, ManagedEntry>();
  const sent = managedFieldsOf(object);
  if (subresource !== '' || (sent === kept && sent !== undefined)) return stored;
  if (isReset(sent)) return new Map();
  const entries = decodeEntries(sent, sentFields);
  return entries === undefined || entries.size === 0 ? stored : entries;
}

/** The entries after a write: the writer gains what it changed, everybody else loses it. */
export function recordUpdate(entries: ManagedEntries, write: ManagedWrite): ManagedEntries {
  const changeIn = changesByVersion(withoutManagedFields(write.live), write.object, write);
  const gained = subtractSet(changeIn(write.apiVersion)?.written ?? EMPTY, STRIPPED);
  const writer = writerOf(write);
  const own = identityOf(writer);
  const after: ManagedEntries = new Map();
  for (const [identity, entry] of reconcileEntries(entries, write.versions)) {
    const { written, removed } = changeIn(entry.apiVersion) ?? NO_CHANGE;
    const lost = unionSets(written, removed);
    // the writer would get back what it loses here only to gain it again
    const fields = subtractSet(entry.fields, identity === own ? subtractSet(lost, gained) : lost);
    if (!isEmptySet(fields)) after.set(identity, { ...entry, fields });
  }
  if (isEmptySet(gained)) return after;
  after.set(own, { ...writer, fields: unionSets(after.get(own)?.fields ?? EMPTY, gained) });
  return after;
}

const NO_CHANGE = { written: EMPTY, removed: EMPTY };

function writerOf({ manager, apiVersion, subresource, now }: ManagedWrite): Omit<ManagedEntry, 'fields'> {
  const name = manager === '' ? 'unknown' : manager;
  return { manager: name, operation: 'Update', apiVersion, subresource, time: secondsText(now) };
}

/** Merges the oldest Update entries of each version into one, until there are few enough. */
function capManagers(entries: ManagedEntries): ManagedEntries {
  const updates = [...entries].filter(([, entry]) => entry.operation === 'Update');
  let surplus = updates.length - MAX_UPDATE_MANAGERS;
  if (surplus <= 0) return entries;
  const after = new Map(entries);
  const firstOfVersion = new Map<string, string>();
  updates.sort(([aId, a], [bId, b]) => secondsOf(a) - secondsOf(b) || (aId < bId ? -1 : 1));
  for (const [identity, entry] of updates) {
    if (surplus <= 0) break;
    const first = firstOfVersion.get(entry.apiVersion);
    if (first === undefined) firstOfVersion.set(entry.apiVersion, identity);
    else {
      mergeIntoAncient(after, { first, identity, entry });
      surplus--;
    }
  }
  return after;
}

function mergeIntoAncient(
  entries: ManagedEntries,
  { first, identity, entry }: { first: string; identity: string; entry: ManagedEntry },
): void {
  const ancient = { manager: ANCIENT, operation: 'Update', apiVersion: entry.apiVersion, subresource: '' } as const;
  const bucket = identityOf(ancient);
  const old = entries.get(bucket) ?? entries.get(first);
  if (!entries.has(bucket)) entries.delete(first);
  entries.delete(identity);
  entries.set(bucket, { ...ancient, time: entry.time, fields: unionSets(entry.fields, old?.fields ?? EMPTY) });
}

/**
 * Says whether `object` differs from `live` in nothing but the times of managedFields; such a write must keep the live
 * object (no new resourceVersion, no event). False when either has no managedFields and they differ otherwise.
 */
export function onlyManagedTimesDiffer(live: JsonObject, object: JsonObject): boolean {
  return (
    equalJson(withoutTimes(managedFieldsOf(live)), withoutTimes(managedFieldsOf(object))) &&
    equalJson(withoutManagedFields(live), withoutManagedFields(object))
  );
}

/** The manager of a request: the `fieldManager` parameter, else the User-Agent up to the first `/`. */
export function fieldManagerOf(parameter: string | undefined, userAgent: string | undefined): string {
  if (parameter !== undefined && parameter !== '') return parameter;
  const prefix = (userAgent ?? '').split('/', 1)[0] ?? '';
  // Kube cuts at 128 characters and drops what cannot be printed.
  const printable = prefix.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '');
  let cut = printable.slice(0, 128);
  while (Buffer.byteLength(cut) > 128) cut = cut.slice(0, -1);
  return cut;
}

function withoutTimes(list: JsonValue | undefined): JsonValue[] {
  if (!Array.isArray(list)) return [];
  return list.map((entry) => (isJsonObject(entry) ? omit(entry, 'time') : entry));
}

/** `object` without its managedFields; {} for none. */
export function withoutManagedFields(object: JsonObject | undefined): JsonObject {
  if (object === undefined) return {};
  const metadata = member(object, 'metadata');
  return isJsonObject(metadata) ? { ...object, metadata: omit(metadata, 'managedFields') } : object;
}

/** `metadata.managedFields` as it stands there. */
export function managedFieldsOf(object: JsonObject | undefined): JsonValue | undefined {
  const metadata = object === undefined ? undefined : member(object, 'metadata');
  return isJsonObject(metadata) ? member(metadata, 'managedFields') : undefined;
}

function metadataOf(object: JsonObject): JsonObject {
  const metadata = member(object, 'metadata');
  return isJsonObject(metadata) ? metadata : {};
}

/** RFC 3339 in whole seconds. */
export function secondsText(time: Date): string {
  return `${time.toISOString().slice(0, -5)}Z`;
}
