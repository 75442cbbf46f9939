import { isJsonObject, type JsonObject } from '../codec/json.ts';
import type { Logger } from '../../lib/logger.ts';
import type { CachedObject, OwnerReference } from '../cache/cachedObject.ts';
import { ResourceCache } from '../cache/resourceCache.ts';
import { REGISTRY, type WatchHub } from '../cache/watchHub.ts';
import type { Entry, Storage } from '../storage/storage.ts';
import { encodeObject, fromJson } from './encoding.ts';
import { isDeleting, listAt, metaOf, objectAt, textAt, textsAt } from './object.ts';

/** What all versions of one resource share: where its objects lie and how they are read. */
export interface StoreOptions {
  storage: Storage;
  hub: WatchHub;
  log: Logger;
  /** First two segments of the keys; `core` for the core group. */
  group: string;
  resource: string;
  /** The version objects are stored in. */
  apiVersion: string;
  kind: string;
  /**
   * Brings an object read from storage in line with the schema of today (defaults, pruning). undefined = the schema
   * cannot change while objects are stored.
   */
  admitStored: ((object: JsonObject) => void) | undefined;
  /** Selectable fields of an object in the storage version, beside metadata.name and metadata.namespace. */
  selectableFields: (object: JsonObject) => Record<string, string> | undefined;
}

type Attributes = Omit<CachedObject, 'key' | 'revision' | 'bytes'>;

/** The objects of one resource: keys, decoding and the watch cache. */
export class ResourceStore {
  readonly storage: Storage;
  readonly cache: ResourceCache;
  readonly apiVersion: string;
  readonly kind: string;
  readonly prefix: string;
  readonly #options: StoreOptions;
  /** Of what was encoded here and is on its way through the store back to the cache. */
  readonly #written = new WeakMap<Buffer, Attributes>();

  constructor(options: StoreOptions) {
    this.#options = options;
    this.storage = options.storage;
    this.apiVersion = options.apiVersion;
    this.kind = options.kind;
    this.prefix = `${REGISTRY}${options.group}/${options.resource}/`;
    this.cache = new ResourceCache({
      storage: options.storage,
      hub: options.hub,
      log: options.log,
      prefix: this.prefix,
      decode: (key, value, revision) => this.#cached(key, value, revision),
    });
  }

  /** The object's key; `namespace` is '' for cluster-wide resources. */
  key(namespace: string, name: string): string {
    return namespace === '' ? `${this.prefix}${name}` : `${this.prefix}${namespace}/${name}`;
  }

  /** Start of the keys in `namespace`; of all keys for ''. */
  prefixOf(namespace: string): string {
    return namespace === '' ? this.prefix : `${this.prefix}${namespace}/`;
  }

  /** A stored value as today's schema wants it, in the storage version, with its resourceVersion. */
  decode(entry: Entry): JsonObject {
    const cached = this.cached(entry);
    const object = fromJson((cached?.bytes ?? entry.value).toString());
    if (cached === undefined) this.#admit(object);
    metaOf(object)['resourceVersion'] = String(entry.revision);
    return object;
  }

  /** What the cache has of exactly this entry: already decoded, admitted and encoded. */
  cached(entry: Entry): CachedObject | undefined {
    const cached = this.cache.get(entry.key);
    return cached?.revision === entry.revision ? cached : undefined;
  }

  /**
   * The bytes to be stored for `object`.
   * @param admitted  It went through the storage version's own schema, so that the cache may take it as it is.
   */
  encode(object: JsonObject, admitted: boolean): Buffer {
    const value = Buffer.from(encodeObject(object));
    if (admitted) this.#written.set(value, this.#attributesOf(object));
    return value;
  }

  /** The cached form of an entry that did not come through the cache. */
  toCached(entry: Entry): CachedObject {
    return this.#cached(entry.key, entry.value, entry.revision);
  }

  #admit(object: JsonObject): void {
    object['apiVersion'] = this.apiVersion;
    object['kind'] = this.kind;
    this.#options.admitStored?.(object);
  }

  #cached(key: string, value: Buffer, revision: number): CachedObject {
    // what this process just wrote comes back from the store as the same buffer
    const attributes = this.#written.get(value);
    if (attributes === undefined) return { key, revision, ...this.#read(value) };
    // the cache keeps the buffer: an entry left here would be kept with it
    this.#written.delete(value);
    return { key, revision, bytes: value, ...attributes };
  }

  #read(value: Buffer): Attributes & { bytes: Buffer } {
    const object = fromJson(value.toString());
    if (this.#options.admitStored === undefined) return { bytes: value, ...this.#attributesOf(object) };
    this.#admit(object);
    return { bytes: Buffer.from(encodeObject(object)), ...this.#attributesOf(object) };
  }

  #attributesOf(object: JsonObject): Attributes {
    const meta = metaOf(object);
    const labels = objectAt(meta, 'labels');
    const finalizers = textsAt(meta, 'finalizers');
    return {
      name: textAt(meta, 'name'),
      namespace: textAt(meta, 'namespace'),
      uid: textAt(meta, 'uid'),
      labels: labels === undefined ? undefined : textMembers(labels),
      fields: this.#options.selectableFields(object),
      owners: ownersOf(meta),
      deleting: isDeleting(object),
      finalizers: finalizers.length === 0 ? undefined : finalizers,
    };
  }
}

function textMembers(object: JsonObject): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [key, value] of Object.entries(object)) if (typeof value === 'string') result[key] = value;
  return result;
}

/** metadata.ownerReferences in typed form; undefined when there are none. */
function ownersOf(meta: JsonObject): OwnerReference[] | undefined {
  const owners = listAt(meta, 'ownerReferences').filter((owner) => isJsonObject(owner));
  if (owners.length === 0) return undefined;
  return owners.map((owner) => ({
    apiVersion: textAt(owner, 'apiVersion'),
    kind: textAt(owner, 'kind'),
    name: textAt(owner, 'name'),
    uid: textAt(owner, 'uid'),
    ...(owner['controller'] === true ? { controller: true } : {}),
    ...(owner['blockOwnerDeletion'] === true ? { blockOwnerDeletion: true } : {}),
  }));
}
