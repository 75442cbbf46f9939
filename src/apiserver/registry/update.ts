import { cloneJson, equalJson, type JsonObject } from '../codec/json.ts';
import { onlyManagedTimesDiffer } from '../fields/managedFields.ts';
import { conflict, invalid, MODIFIED, notFound } from '../http/status.ts';
import type { FieldError } from '../schema/fieldErrors.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '../schema/objectMeta.ts';
import { StorageError, type Entry } from '../storage/storage.ts';
import { keyOf, refOf, type Call, type RegistryDeps, type Written } from './call.ts';
import { refuseDeep, refuseInvalid } from './checks.ts';
import { copyMember, generationOf, isDeleting, listAt, metaOf, sharingWith, textAt, tidyMeta } from './object.ts';
import { dropTwinOwners } from './owners.ts';
import { recordManager } from './recordManager.ts';
import { decodeEntry, encodeEntry, notWritten, writtenAs } from './versions.ts';

/** More conflicts in a row than this and the client may try itself. */
const MAX_TRIES = 20;

/**
 * Makes the new object from the current one (resourceVersion in it). Called again when somebody else wrote in between.
 * May throw ApiError.
 */
export type MakeUpdate = (current: JsonObject) => JsonObject | Promise<JsonObject>;

/**
 * Changes the object of `call`: read, `make` on a private copy, validate, compare-and-swap, again on conflict.
 * A change that changes nothing is not written: same resourceVersion, no event.
 * @throws ApiError 404, 409 when `make` kept another resourceVersion or uid, 422.
 */
export async function updateObject(deps: RegistryDeps, call: Call, make: MakeUpdate): Promise<Written> {
  return deriveObject(deps, call, (current) => make(cloneJson(current)));
}

/**
 * As {@link updateObject}, without the copy: `make` does not change the current object, and what it makes may share
 * nodes with it. An object and its metadata are its own, all below is never changed again: the old and the new
 * object of a write share what is equal, so that everything that compares them passes over it at once.
 */
export async function deriveObject(deps: RegistryDeps, call: Call, make: MakeUpdate): Promise<Written> {
  const key = keyOf(call);
  const { storage } = call.resource.store;
  return deps.locks.run(key, async () => {
    let entry = await storage.get(key);
    for (let attempt = 1; ; attempt++) {
      if (entry === undefined) throw notFound(refOf(call));
      try {
        return await updateOnce(deps, call, entry, make);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code !== 'Conflict') throw error;
        if (attempt >= MAX_TRIES) throw conflict(refOf(call), MODIFIED);
        entry = error.current ?? (await storage.get(key));
      }
    }
  });
}

async function updateOnce(deps: RegistryDeps, call: Call, entry: Entry, make: MakeUpdate): Promise<Written> {
  const { resource } = call;
  const old = decodeEntry(resource, entry);
  const made = await make(old);
  checkPreconditions(call, made, old, entry.revision);
  metaOf(made)['resourceVersion'] = String(entry.revision);
  applyRules(call, made, old);
  tidyMeta(made);
  dropTwinOwners(made, call.warnings, 'made');
  const object = sharingWith(old, made);
  for (const admission of deps.admissions) await admission.admit({ operation: 'UPDATE', call, object, old });
  if (call.operation === 'Update') {
    recordManager(call, { live: old, object }, deps.clock);
  }
  refuseDeep(object, old);
  refuseInvalid(object, call, updateErrors(call, object, old));
  for (const policy of deps.policies) await policy.admit({ operation: 'UPDATE', call, object, old });
  call.warnings.push(...(resource.strategy.warnings?.(object, old) ?? []));
  const unchanged = equalJson(old, object) || onlyManagedTimesDiffer(old, object);
  if (unchanged) return notWritten(old);
  if (call.dryRun) return notWritten(object);
  return write(call, object, entry);
}

function checkPreconditions(call: Call, object: JsonObject, old: JsonObject, revision: number): void {
  const { resource } = call;
  const meta = metaOf(object);
  const version = textAt(meta, 'resourceVersion');
  if (version === '' || version === '0') {
    if (!resource.strategy.allowUnconditionalUpdate) {
      const error: FieldError = {
        type: 'FieldValueInvalid',
        field: 'metadata.resourceVersion',
        badValue: 0,
        detail: 'must be specified for an update',
      };
      // kube-apiserver names the resource here, not the kind
      throw invalid({ group: resource.group, kind: resource.names.plural, name: call.name }, [error]);
    }
  } else if (version !== String(revision)) {
    throw conflict(refOf(call), MODIFIED);
  }
  checkUid(call, object, textAt(metaOf(old), 'uid'));
}

/** @throws ApiError 409 for a uid in `object` other than the actual one; '' = of nothing. */
export function checkUid(call: Call, object: JsonObject, actual: string): void {
  const uid = textAt(metaOf(object), 'uid');
  if (uid === '' || uid === actual) return;
  throw conflict(
    refOf(call),
    `StorageError: invalid object, Code: 4, Key: ${keyOf(call)}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${actual}`,
  );
}

/** Keeps what this request may not touch: identity, and status or everything else by subresource. */
function applyRules(call: Call, object: JsonObject, old: JsonObject): void {
  const { resource } = call;
  const meta = metaOf(object);
  const oldMeta = metaOf(old);
  for (const key of ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'namespace']) {
    if (meta[key] === undefined || meta[key] === null || meta[key] === '') copyMember(oldMeta, meta, key);
  }
  Reflect.deleteProperty(meta, 'selfLink');
  // whatever was sent
  copyMember(oldMeta, meta, 'creationTimestamp');
  copyMember(oldMeta, meta, 'generation');
  if (call.subresource === 'status') {
    keepAllBut(object, old, ['status'], resource.strategy.statusWritesMetadata === true);
  } else if (call.subresource === 'finalize') {
    keepAllBut(object, old, ['spec'], false);
  } else {
    if (resource.status) copyMember(old, object, 'status');
    resource.strategy.prepareForUpdate?.(object, old);
    countGeneration(call, object, old);
  }
}

/** Puts everything back to `old` except the members `writable`; managedFields stay for the bookkeeping to come. */
function keepAllBut(object: JsonObject, old: JsonObject, writable: string[], metadataToo: boolean): void {
  for (const key of new Set([...Object.keys(object), ...Object.keys(old)])) {
    if (key !== 'metadata' && !writable.includes(key)) copyMember(old, object, key);
  }
  if (metadataToo) return;
  const sent = metaOf(object);
  const kept = { ...metaOf(old) };
  copyMember(sent, kept, 'managedFields');
  copyMember(sent, kept, 'resourceVersion');
  object['metadata'] = kept;
}

function countGeneration(call: Call, object: JsonObject, old: JsonObject): void {
  const { resource } = call;
  if (!resource.strategy.tracksGeneration) return;
  const ignored = new Set(['apiVersion', 'kind', 'metadata', ...(resource.status ? ['status'] : [])]);
  const keys = new Set([...Object.keys(object), ...Object.keys(old)]);
  const changed = [...keys].some((key) => !ignored.has(key) && !equalJson(object[key], old[key]));
  const generation = generationOf(old);
  metaOf(object)['generation'] = changed ? generation + 1 : generation;
}

function updateErrors(call: Call, object: JsonObject, old: JsonObject): FieldError[] {
  const { resource } = call;
  const { strategy } = resource;
  return [
    ...validateObjectMeta(object, strategy.nameRule, resource.namespaced),
    ...validateObjectMetaUpdate(object, old),
    ...resource.schema.validateUpdate(object, old),
    ...strategyErrors(call, object, old),
  ];
}

function strategyErrors(
  { resource: { strategy }, subresource }: Call,
  object: JsonObject,
  old: JsonObject,
): FieldError[] {
  if (subresource === 'status' && strategy.validateStatus !== undefined) return strategy.validateStatus(object);
  return [...(strategy.validate?.(object, old) ?? []), ...(strategy.validateUpdate?.(object, old) ?? [])];
}

/** Nothing that waits here knows the object: of many writes at a time, only what they store is kept in memory. */
function write(call: Call, object: JsonObject, entry: Entry): Promise<Written> {
  const { resource } = call;
  const { storage } = resource.store;
  if (isDeleting(object) && isFree(call, object)) {
    // the last finalizer went: this update is the deletion
    return remove(storage.delete(entry.key, entry.revision), object);
  }
  const value = encodeEntry(call, object);
  const { ttlSeconds } = resource.strategy;
  const options = ttlSeconds === undefined ? {} : { ttlSeconds };
  return storage.update(entry.key, value, entry.revision, options).then((stored) => writtenAs(resource, stored));
}

async function remove(deletion: Promise<number>, object: JsonObject): Promise<Written> {
  await deletion;
  return notWritten(object);
}

/** Nothing holds the object back from being removed. */
export function isFree(call: Call, object: JsonObject): boolean {
  if (listAt(metaOf(object), 'finalizers').length > 0) return false;
  return call.resource.strategy.heldBy?.(object) !== true;
}
