import { isJsonObject, member, omit } from '../codec/json.ts';
import type { JsonObject } from '../codec/json.ts';
import { applyFields } from './applyFields.ts';
import type { Application } from './applyFields.ts';
import type { FieldVersions } from './fieldVersions.ts';
import { appliedProblem } from './checkApplied.ts';
import type { Conflict } from './conflicts.ts';
import { pathTexts } from './fieldSet.ts';
import { DEDUCED } from './fieldType.ts';
import { fieldsOfLastApplied, KUBECTL, syncLastApplied } from './lastApplied.ts';
import { decodeEntries, encodeEntries, identityOf, storedFields } from './managedEntries.ts';
import type { ManagedEntries, ManagedEntry } from './managedEntries.ts';
import { managedFieldsOf, recordUpdate, secondsText, withoutManagedFields } from './managedFields.ts';

/** One server-side apply. */
export interface ApplyWrite {
  /** The stored object, with its managedFields; undefined when the apply creates it. */
  live: JsonObject | undefined;
  /** What was applied; it is not changed. */
  sent: JsonObject;
  manager: string;
  /** Takes fields from others. */
  force: boolean;
  /** apiVersion of the request. */
  apiVersion: string;
  /** '' for the main resource, else `status`, `scale`. */
  subresource: string;
  now: Date;
  versions: FieldVersions;
  /** As in {@link Application}. */
  reset: readonly string[];
}

/** The applied object does not fit its schema; the message names the field. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
}

/** Others own fields that the application would change. */
export class ApplyConflict extends Error {
  override readonly name = 'ApplyConflict';
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(`${conflicts.length} fields belong to others`);
    this.conflicts = conflicts;
  }
}

/** Who owns what was there before anybody applied. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/**
 * The object after the application, with its managedFields. It shares with `live` and `sent`.
 * Source: apimachinery pkg/util/managedfields/internal (v0.35).
 * @throws ApplyError, ApplyConflict
 */
export function applyObject(write: ApplyWrite): JsonObject {
  const { live, sent, manager, apiVersion, subresource } = write;
  const type = write.versions(apiVersion)?.type ?? DEDUCED;
  const problem = appliedProblem(sent, type);
  if (problem !== undefined) throw new ApplyError(problem);
  const before = live === undefined ? emptyLike(sent) : withoutManagedFields(live);
  const writer = { manager, operation: 'Apply', apiVersion, subresource } as const;
  const entries = entriesBefore(write, before);
  const applied = mergeOrRefuse({ live: before, sent, entries, writer, versions: write.versions, reset: write.reset });
  const conflicts = manager === KUBECTL ? inForce(applied.conflicts, before, type) : applied.conflicts;
  if (conflicts.length > 0 && !write.force) throw new ApplyConflict(conflicts);
  if (applied.object !== before) stamp(applied.entries.get(identityOf(writer)), write.now);
  const object = manager === KUBECTL ? syncLastApplied(applied.object, sent) : applied.object;
  return withManagedFields(object, applied.entries);
}

function stamp(entry: ManagedEntry | undefined, now: Date): void {
  if (entry !== undefined) entry.time = secondsText(now);
}

function mergeOrRefuse(application: Application): ReturnType<typeof applyFields> {
  try {
    return applyFields(application);
  } catch (error) {
    if (error instanceof RangeError) throw new ApplyError(error.message);
    throw error;
  }
}

function emptyLike(sent: JsonObject): JsonObject {
  return { apiVersion: sent['apiVersion'] ?? '', kind: sent['kind'] ?? '', metadata: {} };
}

/** The entries of the live object; what is there without any belongs to {@link BEFORE_FIRST_APPLY}. */
function entriesBefore(write: ApplyWrite, before: JsonObject): ManagedEntries {
  const { live, apiVersion, subresource, now, versions, reset } = write;
  const entries = decodeEntries(managedFieldsOf(live), storedFields) ?? new Map<string, never>();
  if (live === undefined || entries.size > 0) return entries;
  const empty = { live: undefined, object: before, manager: BEFORE_FIRST_APPLY };
  return recordUpdate(entries, { ...empty, apiVersion, subresource, now, versions, reset });
}

/** The conflicts that hold against kubectl: not those over what its client-side apply wrote. */
function inForce(conflicts: Conflict[], live: JsonObject, type: typeof DEDUCED): Conflict[] {
  if (conflicts.length === 0) return conflicts;
  const own = new Set(pathTexts(fieldsOfLastApplied(live, type)));
  return conflicts.filter(({ path }) => !own.has(path));
}

function withManagedFields(object: JsonObject, entries: ManagedEntries): JsonObject {
  const metadata = member(object, 'metadata');
  const rest = isJsonObject(metadata) ? omit(metadata, 'managedFields') : {};
  return {
    ...object,
    metadata: entries.size === 0 ? rest : { ...rest, managedFields: encodeEntries(entries) },
  };
}
