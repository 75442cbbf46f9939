import { equalJson, type JsonObject } from '../codec/json.ts';
import { toTime } from '../../lib/clock.ts';
import { conflict, deleted, forbidden, notFound, type Status } from '../http/status.ts';
import { StorageError, type Entry } from '../storage/storage.ts';
import { keyOf, refOf, type Call, type RegistryDeps } from './call.ts';
import type { DeleteOptions } from './deleteOptions.ts';
import { generationOf, isDeleting, metaOf, textAt, textsAt } from './object.ts';
import { isFree } from './update.ts';
import { decodeEntry, encodeEntry } from './versions.ts';

/** Finalizers by which the garbage collector is asked to act before the object goes. */
export const ORPHAN = 'orphan';
export const FOREGROUND = 'foregroundDeletion';

/** How a deletion ended. `gone`: a Status, and what is gone; else the object that now waits for its finalizers. */
export type Deletion = { gone: true; status: Status; object: JsonObject } | { gone: false; object: JsonObject };

/**
 * Deletes the object of `call`, or marks it as deleting while finalizers hold it.
 * @throws ApiError 403 (may not be deleted), 404, 409 (preconditions).
 */
export async function deleteObject(deps: RegistryDeps, call: Call, options: DeleteOptions): Promise<Deletion> {
  const key = keyOf(call);
  const { storage } = call.resource.store;
  const why = call.resource.strategy.undeletable?.(call.name);
  if (why !== undefined) throw forbidden(refOf(call), why);
  return deps.locks.run(key, async () => {
    let entry = await storage.get(key);
    let meant = options;
    for (;;) {
      if (entry === undefined) throw notFound(refOf(call));
      try {
        return await deleteOnce(deps, call, meant, entry);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'Conflict') throw error;
        // another object may have the name by now: that one is not to go
        meant = { ...options, uid: options.uid ?? uidOf(call, entry) };
        entry = error.current ?? (await storage.get(key));
      }
    }
  });
}

function uidOf({ resource }: Call, entry: Entry): string {
  return textAt(metaOf(decodeEntry(resource, entry)), 'uid');
}

async function deleteOnce(deps: RegistryDeps, call: Call, options: DeleteOptions, entry: Entry): Promise<Deletion> {
  const { resource } = call;
  const before = decodeEntry(resource, entry);
  checkPreconditions(call, options, before, entry.revision);
  for (const admission of [...deps.admissions, ...deps.policies]) {
    await admission.admit({ operation: 'DELETE', call, object: undefined, old: before });
  }
  const object = decodeEntry(resource, entry);
  const meta = metaOf(object);
  const finalizers = finalizersFor(textsAt(meta, 'finalizers'), options);
  if (finalizers.length === 0) Reflect.deleteProperty(meta, 'finalizers');
  else meta['finalizers'] = finalizers;
  if (!isDeleting(object)) resource.strategy.prepareForDelete?.(object);
  if (isFree(call, object)) {
    if (!call.dryRun) {
      meta['resourceVersion'] = String(await resource.store.storage.delete(entry.key, entry.revision));
    }
    return { gone: true, status: deleted(refOf(call), textAt(meta, 'uid')), object };
  }
  if (!isDeleting(object)) markDeleting(deps, object);
  if (equalJson(before, object) || call.dryRun) return { gone: false, object };
  const value = encodeEntry(call, object);
  const stored = await resource.store.storage.update(entry.key, value, entry.revision);
  meta['resourceVersion'] = String(stored.revision);
  return { gone: false, object };
}

function checkPreconditions(call: Call, options: DeleteOptions, object: JsonObject, revision: number): void {
  const actual = textAt(metaOf(object), 'uid');
  // kube-apiserver names the kind here, not the resource
  const ref = { ...refOf(call), resource: call.resource.names.kind };
  if (options.uid !== undefined && options.uid !== actual) {
    throw conflict(
      ref,
      `the UID in the precondition (${options.uid}) does not match the UID in record (${actual}). The object might have been deleted and then recreated`,
    );
  }
  if (options.resourceVersion !== undefined && options.resourceVersion !== String(revision)) {
    throw conflict(
      ref,
      `the ResourceVersion in the precondition (${options.resourceVersion}) does not match the ResourceVersion in record (${revision}). The object might have been modified`,
    );
  }
}

/** The policy decides over the two finalizers of the garbage collector; without a policy they stay as they are. */
function finalizersFor(present: string[], options: DeleteOptions): string[] {
  if (options.propagation === undefined) return present;
  const others = present.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  if (options.propagation === 'Orphan') return [...others, ORPHAN];
  if (options.propagation === 'Foreground') return [...others, FOREGROUND];
  return others;
}

function markDeleting(deps: RegistryDeps, object: JsonObject): void {
  const meta = metaOf(object);
  meta['deletionTimestamp'] = toTime(deps.clock.now());
  meta['deletionGracePeriodSeconds'] = 0;
  const generation = generationOf(object);
  if (generation > 0) meta['generation'] = generation + 1;
}
