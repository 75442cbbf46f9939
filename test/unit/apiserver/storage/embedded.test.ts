import { chmod, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreInUseError } from '../../../../src/apiserver/storage/directoryLock.ts';
import { openEmbeddedStorage, type EmbeddedOptions } from '../../../../src/apiserver/storage/embedded.ts';
import { Housekeeping } from '../../../../src/apiserver/storage/embeddedHousekeeping.ts';
import { Reader } from '../../../../src/apiserver/storage/embeddedReads.ts';
import { openTables } from '../../../../src/apiserver/storage/embeddedTables.ts';
import { Committer } from '../../../../src/apiserver/storage/embeddedWrites.ts';
import { StorageError, type Storage } from '../../../../src/apiserver/storage/storage.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import { Consumer, failsWith, temporaryDirectory, written } from '../../../support/storage.ts';

describe('the embedded store', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const opened: Storage[] = [];

  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const storage of opened.splice(0)) await storage.close();
    await directory.remove();
  });
  const open = async (options: EmbeddedOptions = {}, path = directory.path): Promise<Storage> => {
    const storage = await openEmbeddedStorage(path, options);
    opened.push(storage);
    return storage;
  };

  it('keeps its directory and files to their owner, also where they were not', async () => {
    await chmod(directory.path, 0o755);
    const storage = await open();
    await storage.create('/a/x', Buffer.from('1'));
    expect((await stat(directory.path)).mode & 0o777).toBe(0o700);
    for (const name of ['data.mdb', 'lock.mdb']) {
      expect((await stat(join(directory.path, name))).mode & 0o777, name).toBe(0o600);
    }
  });

  it('makes its directory', async () => {
    const storage = await open({}, join(directory.path, 'deep', 'store'));
    expect(await storage.revision()).toBe(0);
  });

  it('is opened once at a time, and again after close', async () => {
    const storage = await open();
    await expect(open()).rejects.toThrow(StoreInUseError);
    await expect(open()).rejects.toThrow(/in use by this process .* Stop that process/);
    await storage.create('/a/x', Buffer.from('1'));
    await storage.close();
    expect((await (await open()).get('/a/x'))?.value.toString()).toBe('1');
  });

  it('leaves no socket behind after close', async () => {
    const storage = await open();
    expect((await readdir(directory.path)).filter((name) => name.endsWith('.sock'))).toHaveLength(1);
    await storage.close();
    expect((await readdir(directory.path)).sort()).toEqual(['data.mdb', 'lock.mdb']);
  });

  it('works in a directory whose path is longer than a socket address', async () => {
    const path = join(directory.path, 'x'.repeat(120), 'store');
    await open({}, path);
    await expect(open({}, path)).rejects.toThrow(StoreInUseError);
  });

  it('names the limit when a key is too long or empty', async () => {
    const storage = await open();
    const longest = `/${'k'.repeat(1977)}`;
    await storage.create(longest, Buffer.from('1'));
    expect((await storage.list('/')).entries[0]?.key).toBe(longest);
    const error = await failsWith('InvalidKey', storage.create(`${longest}k`, Buffer.from('1')));
    expect(error.message).toContain('1979 bytes');
    expect(error.message).toContain('1 to 1978');
    await failsWith('InvalidKey', storage.get(''));
    await failsWith('InvalidKey', storage.list('/', { start: `${longest}k` }));
  });

  it('lists everything under an empty prefix', async () => {
    const storage = await open();
    await storage.create('a', Buffer.from('1'));
    await storage.create('\u{10ffff}', Buffer.from('2'));
    expect((await storage.list('')).entries).toHaveLength(2);
  });

  it('keeps the other writes of a transaction when one fails', async () => {
    const storage = await open();
    const outcomes = await Promise.allSettled(
      ['/a/1', '/a/2', '/a/1', '/a/3'].map((key) => storage.create(key, Buffer.from(key))),
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect((await storage.list('/a/')).entries.map((entry) => entry.revision)).toEqual([1, 2, 3]);
  });

  it('forgets history by age, not before its time', async () => {
    const storage = await open({ historyMs: 1_500 });
    const old = await storage.create('/a/x', Buffer.from('1'));
    await storage.update('/a/x', Buffer.from('2'), old.revision);
    await storage.list('/a/', { revision: old.revision });
    const started = Date.now();
    await vi.waitFor(() => failsWith('Compacted', storage.list('/a/', { revision: old.revision })), {
      timeout: 8_000,
      interval: 50,
    });
    expect(Date.now() - started).toBeGreaterThan(1_400);
    expect((await storage.get('/a/x'))?.value.toString()).toBe('2');
  }, 12_000);

  it('forgets the older half of a history with too many events', async () => {
    const storage = await open({ maxHistoryEvents: 1_000 });
    const revisions = await written(storage, '/a/', 1_500);
    const from = (index: number): Promise<unknown> => storage.list('/a/', { revision: revisions[index]!, limit: 1 });
    await vi.waitFor(() => failsWith('Compacted', from(10)), { timeout: 5_000, interval: 50 });
    await from(1_000);
  });

  it('forgets the older half of a history with too many bytes, and reuses the space', async () => {
    const storage = await open({ maxHistoryBytes: 2_000_000 });
    const size = async (): Promise<number> => (await stat(join(directory.path, 'data.mdb'))).size;
    let current = await storage.create('/a/x', Buffer.alloc(100_000));
    const first = current.revision;
    const overwrite = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) current = await storage.update('/a/x', Buffer.alloc(100_000), current.revision);
    };
    await overwrite(50);
    await vi.waitFor(() => failsWith('Compacted', storage.list('/a/', { revision: first })), { timeout: 5_000 });
    for (let round = 0; round < 3; round++) {
      await overwrite(50);
      await new Promise((resolve) => setTimeout(resolve, 1_200));
    }
    // without reuse: 200 × 100 kB and as much history
    expect(await size()).toBeLessThan(20_000_000);
  }, 15_000);

  it('ends a watch that compaction overtook, and only that one', async () => {
    const storage = await open();
    const slow = new Consumer(storage, '/a/', 0);
    const quick = new Consumer(storage, '/a/', 0);
    const idle = new Consumer(storage, '/b/', 0);
    await Promise.all([slow.progress(0), quick.progress(0), idle.progress(0)]);
    slow.pause();
    const revisions = await written(storage, '/a/', 2_500);
    await quick.events(2_500);
    await storage.compact(revisions.at(-1)!);
    slow.resume();
    await slow.end();
    expect(slow.error).toMatchObject({ code: 'Compacted' });
    const next = await storage.create('/b/x', Buffer.from('1'));
    await idle.events(1);
    expect(idle.revisions).toEqual([next.revision]);
    await Promise.all([quick.stop(), idle.stop()]);
    expect([quick.error, idle.error]).toEqual([undefined, undefined]);
  });

  it('holds at most its queue in memory for a slow consumer, who then gets the rest from disk', async () => {
    const storage = await open();
    const consumer = new Consumer(storage, '/a/', 0);
    await consumer.progress(0);
    consumer.pause();
    const value = (i: number): Buffer => Buffer.alloc(50_000, String(i % 10));
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 1_200; i += 40) {
      await Promise.all(Array.from({ length: 40 }, (_, j) => storage.create(`/a/${i + j}`, value(i + j))));
    }
    // 60 MB were written; the queue may hold 16 MB
    collectGarbage();
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(25_000_000);
    consumer.resume();
    await consumer.events(1_200);
    expect(consumer.error).toBeUndefined();
    await consumer.stop();
  });

  it('goes on with a compaction that a crash cut short', async () => {
    const storage = await open();
    const revisions = await written(storage, '/a/', 1_200);
    const last = revisions.at(-1)!;
    // closing while the rows are being removed, in transactions of 500, leaves the same as a crash there
    const compaction = storage.compact(last);
    await storage.close();
    await compaction.catch(() => undefined);
    const again = await open();
    await failsWith('Compacted', again.list('/a/', { revision: last - 1 }));
    expect((await again.list('/a/')).entries).toHaveLength(1_200);
    const entry = await again.create('/b/x', Buffer.from('1'));
    await again.compact(entry.revision);
    expect(await again.list('/a/', { revision: entry.revision, limit: 5 })).toMatchObject({ remaining: 1_195 });
  });

  it('takes nothing out of its history before the mark of that is on disk', async () => {
    const storage = await open();
    const revisions = await written(storage, '/a/', 20);
    await storage.close();

    const tables = openTables(directory.path);
    const committer = new Committer({ tables, log: silentLogger, publish: () => undefined });
    // as on a disk that is full for a moment
    const submit = vi.spyOn(committer, 'submit');
    submit.mockRejectedValueOnce(new StorageError('Unavailable', ''));
    const limits = { ageMs: 0, events: Infinity, bytes: Infinity };
    const reader = new Reader(tables);
    const deps = { tables, reader, committer, clock: systemClock, log: silentLogger, limits };
    const housekeeping = new Housekeeping(deps);
    await failsWith('Unavailable', housekeeping.compact(revisions[10]!));
    // goes on with what is unfinished
    await housekeeping.compact(0);
    await housekeeping.close();
    await tables.root.close();

    const consumer = new Consumer(await open(), '/a/', revisions[0]!);
    await consumer.eventsOrEnd(19);
    await consumer.stop();
    expect(consumer.revisions).toEqual(revisions.slice(1));
  });
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
}
