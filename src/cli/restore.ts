import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readBackup, type Header } from '../apiserver/storage/backupFile.ts';
import { restoreEmbedded } from '../apiserver/storage/embeddedBackup.ts';
import { isEncrypted, loadEncryptionKeys, openerOf } from '../apiserver/storage/encryption.ts';
import { restoreEtcd } from '../apiserver/storage/etcdBackup.ts';
import { restoreEntries } from '../apiserver/storage/restore.ts';
import { revisionAfter, type Restoration, type SnapshotEntry } from '../apiserver/storage/snapshot.ts';
import { writeFileAtomic } from '../lib/atomicFile.ts';
import type { RestoreOptions } from './backupCommand.ts';
import { etcdTarget } from './etcdOptions.ts';
import { print, remark } from './output.ts';

/** Fills an empty store from the backup in `file`. Nothing is written before all of it was read and can be decrypted. */
export async function restore(file: string, options: RestoreOptions): Promise<void> {
  const etcd = etcdTarget(options);
  const path = resolve(file);
  const dataDir = resolve(options.dataDir);
  const encrypted: SnapshotEntry[] = [];
  const { header } = await readBackup(path, (entry) => {
    if (isEncrypted(entry.value)) encrypted.push(entry);
  });
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const keyFile = join(dataDir, 'encryption.key');
  const isKeyNew = await bringKey(keyFile, header, encrypted);
  const revision = revisionAfter(header.revision);
  const restoration =
    etcd === undefined ? await restoreEmbedded(join(dataDir, 'store'), revision) : await restoreEtcd(etcd, revision);
  const count = await fill(path, restoration);
  print(
    `${count} objects of ${header.createdAt} restored; the revision was ${header.revision}, it goes on after ${revision}`,
  );
  if (isKeyNew) remark(`The encryption key of the backup was written to ${keyFile}.`);
  remark('Start the control plane with `hostler serve`. The one that the backup is of must not run any more.');
}

async function fill(path: string, restoration: Restoration): Promise<number> {
  try {
    const count = await restoreEntries(path, restoration);
    await restoration.finish();
    return count;
  } catch (error) {
    await restoration.abandon();
    throw error;
  }
}

/**
 * Sees to it that what is encrypted can be decrypted. Returns whether the key came out of the backup.
 * @throws Error with the remedy.
 */
async function bringKey(keyFile: string, header: Header, encrypted: readonly SnapshotEntry[]): Promise<boolean> {
  const isThere = existsSync(keyFile) || (process.env['HOSTLER_ENCRYPTION_KEY']?.trim() ?? '') !== '';
  if (!isThere && header.encryptionKey === undefined) {
    if (encrypted.length === 0) return false;
    throw new Error(
      `The backup holds ${encrypted.length} encrypted Secrets, and there is no key for them: put the encryption.key of the old data directory at ${keyFile}, or set HOSTLER_ENCRYPTION_KEY.`,
    );
  }
  if (!isThere && header.encryptionKey !== undefined) await writeFileAtomic(keyFile, header.encryptionKey);
  const open = openerOf(await loadEncryptionKeys(keyFile));
  for (const { key, value } of encrypted) open(key, value);
  return !isThere;
}
