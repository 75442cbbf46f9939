import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBackup, writeBackup } from '../../../../src/apiserver/storage/backupFile.ts';
import { StoreInUseError } from '../../../../src/apiserver/storage/directoryLock.ts';
import { openEmbeddedStorage } from '../../../../src/apiserver/storage/embedded.ts';
import { restoreEmbedded, snapshotEmbedded } from '../../../../src/apiserver/storage/embeddedBackup.ts';
import { restoreEntries } from '../../../../src/apiserver/storage/restore.ts';
import { StoreNotEmptyError } from '../../../../src/apiserver/storage/snapshot.ts';
import { failsWith, temporaryDirectory } from '../../../support/storage.ts';

const HEADER = { createdAt: '2026-01-01T00:00:00Z', hostler: '0.0.0' };
const LEASE = '/registry/coordination.k8s.io/leases/ns/shard-1';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
const place = (name: string): string => join(directory.path, name);

beforeEach(async () => (directory = await temporaryDirectory()));
afterEach(() => directory.remove());

/** Writes a store and its backup; the revision of the backup. */
async function backUp(): Promise<number> {
  const storage = await openEmbeddedStorage(place('store'));
  const binary = Buffer.from([0, 255, 128, 7]);
  await storage.create('/registry/core/secrets/ns/binary', binary);
  await storage.create('/registry/core/configmaps/ns/text', Buffer.from('{"metadata":{"name":"é"}}'));
  await storage.create('/registry/core/events/ns/later', Buffer.from('{}'), { ttlSeconds: 3600 });
  await storage.create('/registry/core/events/ns/soon', Buffer.from('{}'), { ttlSeconds: 0.01 });
  await storage.create(LEASE, Buffer.from('{"metadata":{"name":"shard-1"},"spec":{"leaseTransitions":3}}'));
  await storage.create('/hostler/own', Buffer.from('not an object'));
  // it reads the store while that is open
  const snapshot = snapshotEmbedded(place('store'));
  await storage.create('/registry/core/configmaps/ns/after', Buffer.from('{}'));
  const { revision } = snapshot;
  expect(await writeBackup(place('file'), snapshot, HEADER)).toBe(5);
  await snapshot.close();
  await storage.close();
  // until what expires soon has expired
  await sleep(20);
  return revision;
}

describe('a backup of the embedded store', () => {
  it('holds one state, and comes back with it above its revision', async () => {
    const revision = await backUp();
    const { header } = await readBackup(place('file'));
    expect(header).toMatchObject({ store: 'embedded', revision });
    const restoration = await restoreEmbedded(place('new'), revision + 1_000);
    expect(await restoreEntries(place('file'), restoration)).toBe(4);
    await restoration.finish();
    expect(existsSync(place('new-restoring'))).toBe(false);
    expect(existsSync(place('new-replaced'))).toBe(false);

    const restored = await openEmbeddedStorage(place('new'));
    const { entries, revision: now } = await restored.list('/');
    const values = Object.fromEntries(entries.map(({ key, value }) => [key, value.toString('latin1')]));
    expect(values).toEqual({
      '/registry/core/secrets/ns/binary': Buffer.from([0, 255, 128, 7]).toString('latin1'),
      '/registry/core/configmaps/ns/text': Buffer.from('{"metadata":{"name":"é"}}').toString('latin1'),
      '/registry/core/events/ns/later': '{}',
      [LEASE]: '{"metadata":{"name":"shard-1"},"spec":{"leaseTransitions":1000003}}',
    });
    expect(now).toBeGreaterThan(revision + 1_000);
    // whoever saw the old store starts over
    await failsWith('Compacted', restored.list('/', { revision }));
    await restored.close();
  });

  it('is not restored into a store with content', async () => {
    await backUp();
    await expect(restoreEmbedded(place('store'), 1_000)).rejects.toThrow(StoreNotEmptyError);
  });

  it.each(['a new directory', 'an empty store'])('keeps %s from being served until it is there', async (what) => {
    await backUp();
    if (what === 'an empty store') await (await openEmbeddedStorage(place('new'))).close();
    const restoration = await restoreEmbedded(place('new'), 1_000);
    await expect(openEmbeddedStorage(place('new'))).rejects.toThrow(StoreInUseError);
    expect(await restoreEntries(place('file'), restoration)).toBe(4);
    await restoration.finish();
    const restored = await openEmbeddedStorage(place('new'));
    expect((await restored.list('/')).entries).toHaveLength(4);
    await restored.close();
  });

  it('leaves an empty store as it was when it is abandoned', async () => {
    await (await openEmbeddedStorage(place('new'))).close();
    await (await restoreEmbedded(place('new'), 1_000)).abandon();
    const storage = await openEmbeddedStorage(place('new'));
    expect(await storage.revision()).toBe(0);
    await storage.close();
  });

  it('leaves nothing when it is abandoned', async () => {
    const restoration = await restoreEmbedded(place('new'), 1_000);
    await restoration.storage.create('/registry/a/b/c', Buffer.from('1'));
    await restoration.abandon();
    expect(existsSync(place('new'))).toBe(false);
    expect(existsSync(place('new-restoring'))).toBe(false);
  });
});
