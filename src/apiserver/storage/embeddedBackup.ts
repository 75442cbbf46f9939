import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openEmbeddedStorage } from './embedded.ts';
import { META, openTables, packNumber, unpackHead, unpackNumber } from './embeddedTables.ts';
import { OBJECTS, StoreNotEmptyError, type Restoration, type Snapshot, type SnapshotEntry } from './snapshot.ts';

const BATCH = 200;

/**
 * The embedded store in `directory` as it is now, also while a server serves it: LMDB's readers see one state, and
 * disturb no writer. The pages they see are not reused meanwhile, so the file may grow.
 * @throws Error when there is no store.
 */
export function snapshotEmbedded(directory: string): Snapshot {
  if (!existsSync(join(directory, 'data.mdb'))) {
    throw new Error(`There is no store in ${directory}: name the directory of \`hostler serve\` with --data-dir.`);
  }
  const tables = openTables(directory, { readOnly: true });
  const transaction = tables.root.useReadTransaction();
  async function* entries(): AsyncGenerator<SnapshotEntry> {
    let count = 0;
    for (const { key, value } of tables.head.getRange({ start: Buffer.from(OBJECTS), transaction })) {
      const name = key.toString();
      if (!name.startsWith(OBJECTS)) return;
      const row = unpackHead(value);
      // a copy: LMDB's memory is its own
      yield {
        key: name,
        value: Buffer.from(row.value),
        revision: row.revision,
        expiresAt: row.expiresAt === 0 ? undefined : row.expiresAt,
      };
      if (++count % BATCH === 0) await nextTurn();
    }
  }
  return {
    kind: 'embedded',
    revision: unpackNumber(tables.meta.get(META.revision, { transaction })),
    entries: entries(),
    close: async () => {
      transaction.done();
      await tables.root.close();
    },
  };
}

/**
 * Begins a store for `directory` beside it, whose revisions begin after `revision`; only its end puts it in place, by
 * one rename, so that a crash leaves nothing half restored.
 * @throws StoreNotEmptyError, StoreInUseError
 */
export async function restoreEmbedded(directory: string, revision: number): Promise<Restoration> {
  await assertEmpty(directory);
  // no dot: LMDB takes a path with one for a file
  const beside = `${directory}-restoring`;
  await rm(beside, { recursive: true, force: true });
  await mkdir(beside, { recursive: true, mode: 0o700 });
  // makes the files with their modes, and proves that the directory can be used
  await (await openEmbeddedStorage(beside)).close();
  const tables = openTables(beside);
  await tables.root.transaction(() => {
    void tables.meta.put(META.revision, packNumber(revision));
    void tables.meta.put(META.compacted, packNumber(revision));
  });
  await tables.root.close();
  const storage = await openEmbeddedStorage(beside);
  return {
    storage,
    finish: async () => {
      await storage.close();
      await rm(directory, { recursive: true, force: true });
      await rename(beside, directory);
      const parent = await open(dirname(directory), 'r');
      await parent.sync();
      await parent.close();
    },
    abandon: async () => {
      await storage.close();
      await rm(beside, { recursive: true, force: true });
    },
  };
}

async function assertEmpty(directory: string): Promise<void> {
  if (!existsSync(join(directory, 'data.mdb'))) return;
  const storage = await openEmbeddedStorage(directory);
  const revision = await storage.revision();
  await storage.close();
  if (revision > 0) {
    throw new StoreNotEmptyError(`in ${directory}`, 'choose another --data-dir, or move that directory away');
  }
}
