import { join } from 'node:path';
import { openEmbeddedStorage } from '../apiserver/storage/embedded.ts';
import { encryptStorage, loadEncryptionKeys } from '../apiserver/storage/encryption.ts';
import { StorageError, type Storage } from '../apiserver/storage/storage.ts';
import { messageOf } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { EtcdTarget } from './etcdOptions.ts';

/** Where the registry keeps Secrets. */
const SECRETS = '/registry/core/secrets/';
/** A value that every server on the store must be able to decrypt. Beside the objects. */
const KEY_PROOF = '/hostler/encryption-proof';
const AUTHORITY = '/hostler/certificate-authority';

/**
 * Opens the store of `hostler serve`: etcd where `etcd` says so, else the directory `store` of `dataDir`. Secrets are
 * encrypted by the key in `dataDir` or in the environment.
 * @throws Error with the remedy when the store cannot be used, or the key is not the one it was written with.
 */
export async function openStore(
  place: { dataDir: string; etcd: EtcdTarget | undefined },
  log: Logger,
): Promise<Storage> {
  const { dataDir, etcd } = place;
  const raw =
    etcd === undefined ? await openEmbeddedStorage(join(dataDir, 'store'), { log }) : await openEtcd(etcd, log);
  try {
    const keys = await loadEncryptionKeys(join(dataDir, 'encryption.key'));
    const storage = encryptStorage(raw, { prefixes: [SECRETS, KEY_PROOF], keys, log });
    // several servers may share etcd: one with another key must not start, also while there are no Secrets yet
    if (etcd !== undefined) await proveKey(storage);
    // proves that the key is the right one, and ends a rotation that was begun
    await storage.rewriteAll();
    return storage;
  } catch (error) {
    await raw.close();
    throw error;
  }
}

/**
 * Makes sure that all servers on one store have one certificate authority: each publishes it to every namespace, and
 * clients trust one only.
 * @throws Error with the remedy.
 */
export async function proveAuthority(storage: Storage, ca: string, dataDir: string): Promise<void> {
  try {
    await storage.create(AUTHORITY, Buffer.from(ca));
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'KeyExists') throw error;
    const stored = await storage.get(AUTHORITY);
    if (stored === undefined || stored.value.toString() === ca) return;
    throw new Error(
      `The certificate authority in ${join(dataDir, 'pki')} is not that of the other servers on this etcd: copy the directory pki from the data directory of one of them. If there are no others, delete the key ${AUTHORITY} (behind --etcd-prefix) from etcd.`,
      { cause: error },
    );
  }
}

/** Opens etcd alone, without decryption. */
async function openEtcd(etcd: EtcdTarget, log: Logger): Promise<Storage> {
  // its client takes a third of a second to load
  const { openEtcdStorage } = await import('../apiserver/storage/etcd.ts');
  try {
    return await openEtcdStorage({ ...etcd, log });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new Error(`The store at ${etcd.endpoints.join(', ')} cannot be used: ${messageOf(error)}.`, { cause: error });
  }
}

/** Leaves the proof, if there is none; reading it is left to the caller. */
async function proveKey(storage: Storage): Promise<void> {
  try {
    await storage.create(KEY_PROOF, Buffer.from('This value can be read by whoever has the key.'));
  } catch (error) {
    if (!(error instanceof StorageError) || error.code !== 'KeyExists') throw error;
  }
}
