import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { silentLogger, type Logger } from '../../lib/logger.ts';
import type { EncryptionKey } from './encryptionKeys.ts';
import { StorageError, type Entry, type Page, type Storage, type StorageEvent, type WatchItem } from './storage.ts';

export { loadEncryptionKeys } from './encryptionKeys.ts';

/** As kube-apiserver marks values: `k8s:enc:aesgcm:v1:<key name>:` nonce, ciphertext, tag. */
const MARK = 'k8s:enc:aesgcm:v1:';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Values rewritten at a time: they share the store's transactions. */
const PAGE = 200;

/** A {@link Storage} whose values under some prefixes are encrypted. */
export interface EncryptedStorage extends Storage {
  /**
   * Reads every value, and writes anew those that the first key did not encrypt: the end of a key rotation, and at
   * start the proof that the keys are the right ones. Safe while others write. Returns how many it wrote.
   * @throws StorageError Corrupt when a value cannot be decrypted.
   */
  rewriteAll(): Promise<number>;
}

/**
 * Encrypts values under `prefixes` (`/registry/core/secrets/`) before they reach `storage`: AES-256-GCM with a random
 * nonce, and the key they are stored under as additional data, so that a value cannot be passed off as another's.
 * Values that were stored before encryption was switched on are read as they are.
 *
 * Keys, names and sizes of values are not hidden. An expiry is lost by {@link EncryptedStorage.rewriteAll}.
 * @param options.keys  The first one encrypts, all of them decrypt.
 */
export function encryptStorage(
  storage: Storage,
  options: { prefixes: readonly string[]; keys: readonly EncryptionKey[]; log?: Logger },
): EncryptedStorage {
  return new EncryptingStorage(storage, new Transformer(options.keys), options);
}

/**
 * Reads stored values outside of a store: decrypts what is marked as encrypted, and returns the rest as it is.
 * @throws StorageError Corrupt when none of `keys` fits.
 */
export function openerOf(keys: readonly EncryptionKey[]): (key: string, stored: Buffer) => Buffer {
  const transformer = new Transformer(keys);
  return (key, stored) => transformer.open(key, stored);
}

/** Whether `stored` was encrypted. */
export function isEncrypted(stored: Buffer): boolean {
  return split(stored) !== undefined;
}

class EncryptingStorage implements EncryptedStorage {
  readonly #storage: Storage;
  readonly #transformer: Transformer;
  readonly #prefixes: readonly string[];
  readonly #log: Logger;

  constructor(storage: Storage, transformer: Transformer, options: { prefixes: readonly string[]; log?: Logger }) {
    this.#storage = storage;
    this.#transformer = transformer;
    this.#prefixes = options.prefixes;
    this.#log = options.log ?? silentLogger;
  }

  revision(): Promise<number> {
    return this.#storage.revision();
  }

  async create(key: string, value: Buffer, options?: { ttlSeconds?: number }): Promise<Entry> {
    const { revision } = await this.#storage.create(key, this.#seal(key, value), options);
    return { key, value, revision };
  }

  async update(key: string, value: Buffer, expected: number, options?: { ttlSeconds?: number }): Promise<Entry> {
    const { revision } = await this.#opened(this.#storage.update(key, this.#seal(key, value), expected, options));
    return { key, value, revision };
  }

  async delete(key: string, expected: number): Promise<number> {
    return this.#opened(this.#storage.delete(key, expected));
  }

  async get(key: string): Promise<Entry | undefined> {
    const entry = await this.#storage.get(key);
    return entry && this.#open(entry);
  }

  async list(prefix: string, options?: { limit?: number; start?: string; revision?: number }): Promise<Page> {
    const page = await this.#storage.list(prefix, options);
    return { ...page, entries: page.entries.map((entry) => this.#open(entry)) };
  }

  async *watch(prefix: string, afterRevision: number, signal: AbortSignal): AsyncGenerator<WatchItem> {
    for await (const item of this.#storage.watch(prefix, afterRevision, signal)) {
      yield item.kind === 'event' ? this.#openItem(item) : item;
    }
  }

  requestProgress(prefix: string): void {
    this.#storage.requestProgress(prefix);
  }

  compact(revision: number): Promise<void> {
    return this.#storage.compact(revision);
  }

  close(): Promise<void> {
    return this.#storage.close();
  }

  async rewriteAll(): Promise<number> {
    let count = 0;
    for (const prefix of this.#prefixes) {
      let start: string | undefined = prefix;
      while (start !== undefined) {
        const page: Page = await this.#storage.list(prefix, { limit: PAGE, start });
        const written = await Promise.all(page.entries.map((entry) => this.#rewrite(entry)));
        count += written.filter(Boolean).length;
        // each page at its own revision: keys that come meanwhile are encrypted by the first key already
        start = page.next;
      }
    }
    if (count > 0) this.#log.info({ count, key: this.#transformer.writer }, 'values encrypted anew');
    return count;
  }

  /** Whether it wrote. */
  async #rewrite(stored: Entry): Promise<boolean> {
    for (let entry: Entry | undefined = stored; entry !== undefined;) {
      const value = this.#transformer.open(entry.key, entry.value);
      if (this.#transformer.isCurrent(entry.value)) return false;
      try {
        await this.#storage.update(entry.key, this.#transformer.seal(entry.key, value), entry.revision);
        return true;
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        if (error.code === 'KeyNotFound') return false;
        if (error.code !== 'Conflict') throw error;
        entry = error.current ?? (await this.#storage.get(entry.key));
      }
    }
    return false;
  }

  #isCovered(key: string): boolean {
    return this.#prefixes.some((prefix) => key.startsWith(prefix));
  }

  #seal(key: string, value: Buffer): Buffer {
    return this.#isCovered(key) ? this.#transformer.seal(key, value) : value;
  }

  #open(entry: Entry): Entry {
    return this.#isCovered(entry.key) ? { ...entry, value: this.#transformer.open(entry.key, entry.value) } : entry;
  }

  /** A value that cannot be decrypted must not end the watch: others are in it, too. */
  #openItem(item: Extract<WatchItem, { kind: 'event' }>): WatchItem {
    try {
      return { ...item, event: this.#openEvent(item.event) };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const { key, revision } = item.event;
      return { kind: 'unreadable', key, revision, error, ...(item.more === true ? { more: true } : {}) };
    }
  }

  #openEvent(event: StorageEvent): StorageEvent {
    if (!this.#isCovered(event.key)) return event;
    const open = (value: Buffer): Buffer => this.#transformer.open(event.key, value);
    const previous = event.previous === undefined ? {} : { previous: open(event.previous) };
    switch (event.type) {
      case 'Created':
        return { ...event, value: open(event.value) };
      case 'Updated':
        return { ...event, value: open(event.value), ...previous };
      case 'Deleted':
        return { ...event, ...previous };
    }
  }

  /** A conflict shows the stored value: the caller must get it decrypted. */
  async #opened<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (error) {
      if (!(error instanceof StorageError) || error.current === undefined) throw error;
      throw new StorageError(error.code, error.key, { message: error.message, current: this.#open(error.current) });
    }
  }
}

/** Encrypts and decrypts single values. */
class Transformer {
  /** Name of the key that encrypts. */
  readonly writer: string;
  readonly #first: EncryptionKey;
  readonly #keys: ReadonlyMap<string, EncryptionKey>;

  constructor(keys: readonly EncryptionKey[]) {
    const [first] = keys;
    if (first === undefined) throw new Error('encryption needs at least one key');
    this.#first = first;
    this.writer = first.name;
    this.#keys = new Map(keys.map((key) => [key.name, key]));
  }

  seal(key: string, value: Buffer): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#first.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(key));
    const mark = Buffer.from(`${MARK}${this.#first.name}:`);
    return Buffer.concat([mark, nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  }

  open(key: string, stored: Buffer): Buffer {
    const parts = split(stored);
    if (parts === undefined) return stored;
    const secret = this.#keys.get(parts.name);
    if (secret === undefined) throw this.#corrupt(key, `it was encrypted with the key ${parts.name}`);
    const { body } = parts;
    if (body.length < NONCE_BYTES + TAG_BYTES) throw this.#corrupt(key, 'it is cut off');
    const nonce = body.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', secret.key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(key));
    decipher.setAuthTag(body.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw this.#corrupt(key, `the key ${parts.name} does not fit, or the value was damaged or moved`, cause);
    }
  }

  /** Whether the first key encrypted `stored`. */
  isCurrent(stored: Buffer): boolean {
    return split(stored)?.name === this.#first.name;
  }

  #corrupt(key: string, why: string, cause?: unknown): StorageError {
    const known = [...this.#keys.keys()].join(', ');
    const message =
      `The stored value of ${key} cannot be decrypted: ${why}; known keys: ${known}. ` +
      'Restore the encryption key file, or set HOSTLER_ENCRYPTION_KEY, as it was when the value was written.';
    return new StorageError('Corrupt', key, { message, ...(cause === undefined ? {} : { cause }) });
  }
}

/** Undefined for a value that is not encrypted. */
function split(stored: Buffer): { name: string; body: Buffer } | undefined {
  if (stored.length < MARK.length || stored.toString('latin1', 0, MARK.length) !== MARK) return undefined;
  const end = stored.indexOf(':', MARK.length);
  // a name without end is no key's
  if (end < 0) return { name: '', body: stored };
  return { name: stored.toString('utf8', MARK.length, end), body: stored.subarray(end + 1) };
}
