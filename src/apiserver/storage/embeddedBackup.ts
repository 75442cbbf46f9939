import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { openEmbeddedStorage } from './embedded.ts';
import type { Storage } from './storage.ts';
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
 * one rename, so that a crash leaves nothing half restored. Until then the directory is held: a server that is started
 * meanwhile would write to a store that is about to be replaced.
 * @throws StoreNotEmptyError, StoreInUseError
 */
export async function restoreEmbedded(directory: string, revision: number): Promise<Restoration> {
  const wasThere = existsSync(join(directory, 'data.mdb'));
  const target = await openEmpty(directory);
  const beside = `${directory}-restoring`;
  try {
    const storage = await beginStore(beside, revision);
    return {
      storage,
      finish: async () => {
        await storage.close();
        await replace(target, directory, beside);
      },
      abandon: async () => {
        await storage.close();
        await rm(beside, { recursive: true, force: true });
        await (wasThere ? target.close() : replace(target, directory));
      },
    };
  } catch (error) {
    await target.close();
    throw error;
  }
}

/** The store of `directory`, open and thereby held. */
async function openEmpty(directory: string): Promise<Storage> {
  const storage = await openEmbeddedStorage(directory);
  if ((await storage.revision()) === 0) return storage;
  await storage.close();
  throw new StoreNotEmptyError(`in ${directory}`, 'choose another --data-dir, or move that directory away');
}

// no dot in its name: LMDB takes a path with one for a file
async function beginStore(beside: string, revision: number): Promise<Storage> {
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
  return openEmbeddedStorage(beside);
}

/**
 * Puts the directory `by`, or nothing, in the place of the empty store that `target` holds; that is given up only when
 * it is out of the way.
 */
async function replace(target: Storage, directory: string, by?: string): Promise<void> {
  const away = `${directory}-replaced`;
  await rm(away, { recursive: true, force: true });
  await rename(directory, away);
  if (by !== undefined) await rename(by, directory);
  const parent = await open(dirname(directory), 'r');
  await parent.sync();
  await parent.close();
  await target.close();
  await rm(away, { recursive: true, force: true });
}
