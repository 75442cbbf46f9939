import { cloneJson, omit, stringifyJson, type JsonObject } from '../codec/json.ts';
import { bytesOf, textOf, untypedTextOf, type CachedObject } from '../cache/cachedObject.ts';
import type { Entry } from '../storage/storage.ts';
import { fitsStores } from '../storage/limits.ts';
import type { Call, Written } from './call.ts';
import { metaOf } from './object.ts';
import { fromJson } from './encoding.ts';
import { apiVersionOf, type StoredResource } from './resource.ts';

/**
 * Whether what is made of an object of `resource` may share nodes with it: built-in kinds are small, and their strategies
 * change what is nested in place, as defaults do with what another version was read from.
 */
export function sharesNodes(resource: StoredResource): boolean {
  return resource.strategicKind === undefined && servedAsStored(resource);
}

/** Whether objects of `resource` are stored as they are served. */
function servedAsStored(resource: StoredResource): boolean {
  return resource.conversion === undefined && resource.store.apiVersion === apiVersionOf(resource);
}

/** A copy of `object` (in the resource's version) as it is stored. */
function toStorageVersion(resource: StoredResource, object: JsonObject): JsonObject {
  if (servedAsStored(resource)) return object;
  const copy = cloneJson(object);
  resource.conversion?.toStorage(copy);
  copy['apiVersion'] = resource.store.apiVersion;
  copy['kind'] = resource.store.kind;
  return copy;
}

/** Brings `object`, as stored, to the resource's version, in place. */
function fromStorageVersion(resource: StoredResource, object: JsonObject): JsonObject {
  if (servedAsStored(resource)) return object;
  resource.conversion?.fromStorage(object);
  object['apiVersion'] = apiVersionOf(resource);
  object['kind'] = resource.names.kind;
  resource.schema.admitConverted(object);
  return object;
}

/** What was read from the store, in the resource's version. */
export function decodeEntry(resource: StoredResource, entry: Entry): JsonObject {
  return fromStorageVersion(resource, resource.store.decode(entry));
}

/**
 * The bytes to be stored for `object`, which is in the resource's version. As in kube-apiserver, an object that is too
 * large goes without its managedFields, which may be larger than itself, unless it is applied, which needs them.
 */
export function encodeEntry({ resource, operation }: Pick<Call, 'resource' | 'operation'>, object: JsonObject): Buffer {
  const bytes = encodeWhole(resource, object);
  if (fitsStores(bytes) || operation === 'Apply') return bytes;
  const metadata = omit(metaOf(object), 'managedFields');
  return encodeWhole(resource, { ...object, metadata });
}

function encodeWhole(resource: StoredResource, object: JsonObject): Buffer {
  return resource.store.encode(toStorageVersion(resource, object), servedAsStored(resource));
}

/** What a write left in the store as `entry`. */
export function writtenAs(resource: StoredResource, entry: Entry): Written {
  return {
    object: () => decodeEntry(resource, entry),
    json: servedAsStored(resource) ? bytesOf({ bytes: entry.value, revision: entry.revision }) : undefined,
  };
}

/** An object that a write left as it was, removed, or did not store in a dry run. */
export function notWritten(object: JsonObject): Written {
  return { object: () => object, json: undefined };
}

/** A cached object, parsed, in the resource's version. */
export function cachedToObject(resource: StoredResource, cached: CachedObject): JsonObject {
  return fromStorageVersion(resource, fromJson(textOf(cached)));
}

/** A cached object as JSON in the resource's version. */
export function cachedToText(resource: StoredResource, cached: CachedObject): string {
  return servedAsStored(resource) ? textOf(cached) : stringifyJson(shown(resource, cachedToObject(resource, cached)));
}

/** {@link cachedToText} as lists have it: as in kube-apiserver, only custom resources say of themselves what they are. */
export function cachedToItem(resource: StoredResource, cached: CachedObject): string {
  if (resource.strategicKind === undefined) return cachedToText(resource, cached);
  if (servedAsStored(resource)) return untypedTextOf(cached);
  return stringifyJson(omit(shown(resource, cachedToObject(resource, cached)), 'apiVersion', 'kind'));
}

/** An object in the resource's version as it is sent. */
export function shown(resource: Pick<StoredResource, 'conversion'>, object: JsonObject): JsonObject {
  const missing = resource.conversion?.alwaysShown.filter((key) => object[key] === undefined) ?? [];
  return missing.length === 0 ? object : { ...object, ...Object.fromEntries(missing.map((key) => [key, null])) };
}
