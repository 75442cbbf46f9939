import type { Logger } from '../../lib/logger.ts';
import type { Storage } from './storage.ts';

/** One AES-256 key and the name that marks what it encrypted. */
export interface EncryptionKey {
  /** DNS label. */
  name: string;
  /** 32 bytes. */
  key: Buffer;
}

/** A {@link Storage} whose values under some prefixes are encrypted. */
export interface EncryptedStorage extends Storage {
  /** Writes every value anew that the first key did not encrypt; the end of a key rotation. Returns how many. */
  rewriteAll(): Promise<number>;
}

/**
 * Encrypts values under `prefixes` (`/registry/core/secrets/`) before they reach `storage`.
 * @param options.keys  The first one encrypts, all of them decrypt.
 */
export function encryptStorage(
  storage: Storage,
  options: { prefixes: readonly string[]; keys: readonly EncryptionKey[]; log?: Logger },
): EncryptedStorage {
  throw new Error(`not implemented: ${options.prefixes.length} ${typeof storage}`);
}

/**
 * The keys of `file`, or those in the environment variable HOSTLER_ENCRYPTION_KEY where that is set. A missing file
 * is made (0600) with a fresh key.
 */
export async function loadEncryptionKeys(file: string, env: NodeJS.ProcessEnv = process.env): Promise<EncryptionKey[]> {
  return Promise.reject(new Error(`not implemented: ${file} ${Object.keys(env).length}`));
}
