import { StorageError } from './storage.ts';

/** Longest key that LMDB takes with 4 KiB pages; kept by every store, so that what is in one can move to the other. */
const MAX_KEY_BYTES = 1978;

/** As etcd's default for a whole request, so that what fits here fits there. */
const MAX_VALUE_BYTES = 1.5 * 1024 * 1024;

/** @throws StorageError InvalidKey. */
export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes > 0 && bytes <= MAX_KEY_BYTES) return;
  const message = `a key of ${bytes} bytes cannot be stored: it must have 1 to ${MAX_KEY_BYTES}; use a shorter name`;
  throw new StorageError('InvalidKey', key, { message });
}

/** @throws StorageError ValueTooLarge. */
export function checkValue(key: string, value: Buffer): void {
  if (value.length <= MAX_VALUE_BYTES) return;
  const message = `${key}: ${value.length} bytes are more than the ${MAX_VALUE_BYTES} that can be stored`;
  throw new StorageError('ValueTooLarge', key, { message });
}

/** Of a request to etcd what is not the value: its key, and what a transaction says beside it. */
const REQUEST_BYTES = 4 * 1024;

/** Whether every store takes `value`. */
export function fitsStores(value: Buffer): boolean {
  return value.length <= MAX_VALUE_BYTES - REQUEST_BYTES;
}

/**
 * First and, unless it has none, last bound of a list, by bytes: a `start` before the prefix means the prefix.
 * @throws StorageError InvalidKey.
 */
export function boundsOf(prefix: string, start?: string): { start: Buffer; end: Buffer | undefined } {
  const first = Buffer.from(prefix);
  const wanted = Buffer.from(start ?? prefix);
  if (Math.max(first.length, wanted.length) > MAX_KEY_BYTES) {
    throw new StorageError('InvalidKey', prefix, {
      message: `a list cannot start at a key of more than ${MAX_KEY_BYTES} bytes`,
    });
  }
  return { start: wanted.compare(first) < 0 ? first : wanted, end: endOfPrefix(first) };
}

/** First key after all keys that start with `prefix`; undefined when there is none (an empty prefix). */
export function endOfPrefix(prefix: Buffer): Buffer | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix[length - 1] ?? 0xff;
    if (last < 0xff) return Buffer.concat([prefix.subarray(0, length - 1), Buffer.from([last + 1])]);
  }
  return undefined;
}
