import type { JsonObject } from '../codec/json.ts';
import type { StructuralNode } from '../schema/structural.ts';

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
  /** Tells list and map types; undefined = unknown: lists are atomic, maps granular. */
  schema: StructuralNode | undefined;
}

/**
 * Brings `write.object.metadata.managedFields` up to date: what the write changed or added now belongs to its manager,
 * others lose it. `[]` or `[{}]` sent by the client resets the list. Never throws for what a client sent: malformed
 * entries mean that the live ones are kept.
 */
export function updateManagedFields(write: ManagedWrite): void {
  throw new Error(`not implemented: ${write.manager}`);
}

/**
 * Says whether `object` differs from `live` in nothing but the times of managedFields; such a write must keep the live
 * object (no new resourceVersion, no event).
 */
export function onlyManagedTimesDiffer(live: JsonObject, object: JsonObject): boolean {
  throw new Error(`not implemented: ${typeof live} ${typeof object}`);
}

/** The manager of a request: the `fieldManager` parameter, else the User-Agent up to the first `/`. */
export function fieldManagerOf(parameter: string | undefined, userAgent: string | undefined): string {
  return parameter ?? userAgent ?? 'unknown';
}

/** What is wrong with a `fieldManager` parameter (longer than 128 characters, unprintable): 422 text; undefined = fine. */
export function checkFieldManager(parameter: string): string | undefined {
  return parameter;
}
