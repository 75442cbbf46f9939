import { stringifyJson, type JsonObject } from '../codec/json.ts';
import { encodeProtobuf, encodeProtobufEvent } from '../codec/protobufEncode.ts';
import type { CachedObject, CacheEvent } from '../cache/cachedObject.ts';
import type { MediaType } from '../http/negotiate.ts';
import type { Status } from '../http/status.ts';
import { fromJson } from './encoding.ts';
import type { ListOptions } from './listOptions.ts';
import { textAt } from './object.ts';
import { apiVersionOf, type StoredResource } from './resource.ts';
import { partialMetadata } from './transforms.ts';
import { cachedToObject, cachedToText } from './versions.ts';

/** `type` of a watch event on the wire. */
export type WireType = 'ADDED' | 'MODIFIED' | 'DELETED';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** Writes watch events in the form one client asked for; what is equal for all clients is encoded once. */
export class WatchEncoder {
  readonly #resource: StoredResource;
  readonly #media: MediaType;
  readonly #includeObject: ListOptions['includeObject'];
  readonly #now: () => number;
  /** Tables name their columns only in the first event. */
  #columnsSent = false;

  constructor(options: {
    resource: StoredResource;
    media: MediaType;
    includeObject: ListOptions['includeObject'];
    now: () => number;
  }) {
    this.#resource = options.resource;
    this.#media = options.media;
    this.#includeObject = options.includeObject;
    this.#now = options.now;
  }

  /** A change of an object. `leaving`: it no longer matches, so the client sees the last state that did. */
  event(event: CacheEvent, type: WireType, leaving: boolean): Buffer {
    const columns = this.#takeColumns();
    const form = `${this.#media.encoding} ${apiVersionOf(this.#resource)} ${this.#media.transform} ${this.#media.version} ${this.#includeObject}`;
    const key = `${form} ${type} ${String(leaving)} ${String(columns)}`;
    let bytes = event.encoded.get(key);
    if (bytes === undefined) {
      bytes = this.#line(type, leaving ? leftState(event) : event.object, columns);
      event.encoded.set(key, bytes);
    }
    return bytes;
  }

  /** An object that is there already when the watch begins. */
  initial(object: CachedObject): Buffer {
    return this.#line('ADDED', object, this.#takeColumns());
  }

  /** A sign of progress; `initialEnd` marks the end of the initial events. */
  bookmark(revision: number, initialEnd: boolean): Buffer {
    const metadata: JsonObject = { resourceVersion: String(revision), creationTimestamp: null };
    if (initialEnd) metadata['annotations'] = { [INITIAL_EVENTS_END]: 'true' };
    const apiVersion = apiVersionOf(this.#resource);
    const bookmark: JsonObject = { kind: this.#resource.names.kind, apiVersion, metadata };
    return this.#framed('BOOKMARK', stringifyJson(this.#transformBookmark(bookmark, metadata)));
  }

  /** The end of a watch that cannot go on. */
  error(status: Status): Buffer {
    return this.#framed('ERROR', JSON.stringify(status));
  }

  #transformBookmark(bookmark: JsonObject, metadata: JsonObject): JsonObject {
    if (this.#media.transform === 'PartialObjectMetadata') return partialMetadata(bookmark, this.#media.version);
    if (this.#media.transform !== 'Table') return bookmark;
    const { annotations } = metadata;
    // what a Table's ListMeta has no place for goes where informers of the row's object would look
    const rows = annotations === undefined ? [] : [bookmark];
    const include = this.#includeObject === 'None' ? 'Metadata' : this.#includeObject;
    return this.#table(rows, textAt(metadata, 'resourceVersion'), this.#takeColumns(), include);
  }

  #line(type: WireType, object: CachedObject, columns: boolean): Buffer {
    if (this.#media.transform === 'None') return this.#framed(type, cachedToText(this.#resource, object));
    const parsed = cachedToObject(this.#resource, object);
    if (this.#media.transform === 'Table') {
      return this.#framed(type, stringifyJson(this.#table([parsed], String(object.revision), columns)));
    }
    return this.#framed(type, stringifyJson(partialMetadata(parsed, this.#media.version)));
  }

  #framed(type: string, json: string): Buffer {
    if (this.#media.encoding === 'protobuf') return encodeProtobufEvent(type, encodeProtobuf(fromJson(json)));
    return Buffer.from(`{"type":"${type}","object":${json}}\n`);
  }

  #table(
    objects: JsonObject[],
    resourceVersion: string,
    columnDefinitions: boolean,
    includeObject = this.#includeObject,
  ): JsonObject {
    return this.#resource.table.table(objects, {
      apiVersion: `meta.k8s.io/${this.#media.version}`,
      includeObject,
      now: new Date(this.#now()),
      listMeta: { resourceVersion },
      columnDefinitions,
    });
  }

  #takeColumns(): boolean {
    if (this.#media.transform !== 'Table' || this.#columnsSent) return false;
    this.#columnsSent = true;
    return true;
  }
}

/** The last state that a client saw, with the revision of the change that took it away. */
function leftState(event: CacheEvent): CachedObject {
  const last = event.previous ?? event.object;
  return { ...last, revision: event.revision };
}
