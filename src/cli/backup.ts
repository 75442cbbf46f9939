import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { writeBackup } from '../apiserver/storage/backupFile.ts';
import { snapshotEmbedded } from '../apiserver/storage/embeddedBackup.ts';
import { snapshotEtcd } from '../apiserver/storage/etcdBackup.ts';
import type { Snapshot } from '../apiserver/storage/snapshot.ts';
import { systemClock, toTime } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { version } from '../lib/version.ts';
import type { BackupOptions } from './backupCommand.ts';
import { etcdTarget } from './etcdOptions.ts';
import { print, remark } from './output.ts';

/** Writes a backup of the store to `file`. */
export async function backup(file: string, options: BackupOptions): Promise<void> {
  const snapshot = await open(options);
  try {
    const path = resolve(file);
    const key = options.includeEncryptionKey === true ? { encryptionKey: await encryptionKey(options) } : {};
    const entries = await writeBackup(path, snapshot, {
      createdAt: toTime(systemClock.now()),
      hostler: version,
      ...key,
    });
    print(`${entries} objects at revision ${snapshot.revision} written to ${path}`);
    remark(
      options.includeEncryptionKey === true
        ? 'The backup holds the key of its Secrets: whoever has the file can read them.'
        : 'Secrets in it are encrypted. Their key is not in it: keep the encryption.key of the data directory elsewhere.',
    );
  } finally {
    await snapshot.close();
  }
}

async function open(options: BackupOptions): Promise<Snapshot> {
  const etcd = etcdTarget(options);
  return etcd === undefined ? snapshotEmbedded(join(resolve(options.dataDir), 'store')) : snapshotEtcd(etcd);
}

async function encryptionKey(options: BackupOptions): Promise<string> {
  const fromEnvironment = process.env['HOSTLER_ENCRYPTION_KEY']?.trim() ?? '';
  if (fromEnvironment !== '') return fromEnvironment;
  const path = join(resolve(options.dataDir), 'encryption.key');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(
      `The encryption key cannot be read (${messageOf(error)}): name its directory with --data-dir, or leave out --include-encryption-key.`,
      { cause: error },
    );
  }
}
