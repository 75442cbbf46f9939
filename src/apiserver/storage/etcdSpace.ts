import { checkKey } from './limits.ts';
import { StorageError, type Entry } from './storage.ts';

/** As etcd's client gives it; numbers come as text. */
interface KeyValue {
  key: Buffer;
  value: Buffer;
  mod_revision: string;
}

/** Ends the keys that the store writes for itself (see etcdFences.ts); no object's key ends so. */
const OWN = '/';

/**
 * How keys and revisions of the store lie in etcd: keys behind a prefix, revisions moved by `offset`. The offset is
 * 0 but in a store that was restored from a backup: revisions go on above those of the backup, and etcd's own
 * counter cannot be set.
 */
export class EtcdSpace {
  readonly #prefix: string;
  readonly #offset: number;

  /** @param prefix  '' or `/path` without a slash at its end. */
  constructor(prefix: string, offset: number) {
    this.#prefix = prefix;
    this.#offset = offset;
  }

  /** A key in etcd. */
  key(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  /** A bound of a range in etcd. */
  bound(bound: Buffer): Buffer {
    return this.#prefix === '' ? bound : Buffer.concat([Buffer.from(this.#prefix), bound]);
  }

  /** The key of an object in etcd. @throws StorageError InvalidKey. */
  objectKey(key: string): Buffer {
    checkKey(key);
    if (key.endsWith(OWN)) throw new StorageError('InvalidKey', key, { message: `a key cannot end with ${OWN}` });
    return this.key(key);
  }

  /** Key of the fence of a watch on `prefix`: within its range, and no object's. */
  fenceKey(prefix: string): Buffer {
    return this.key(prefix.endsWith(OWN) ? prefix : `${prefix}${OWN}`);
  }

  /** Whether the store wrote `key` for itself. */
  isOwn(key: string): boolean {
    return key.endsWith(OWN);
  }

  /** Inverse of {@link key}. */
  name(key: Buffer): string {
    return key.toString('utf8', Buffer.byteLength(this.#prefix));
  }

  /** The store's revision of one of etcd's. */
  revision(raw: string | number): number {
    return Number(raw) + this.#offset;
  }

  /** etcd's revision of one of the store's; below 1 where etcd never had it. */
  raw(revision: number): number {
    return revision - this.#offset;
  }

  /** An entry, with a copy of its value: what etcd's client gives keeps the whole answer in memory. */
  entry(stored: KeyValue): Entry {
    return {
      key: this.name(stored.key),
      value: Buffer.from(stored.value),
      revision: this.revision(stored.mod_revision),
    };
  }
}
