import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StorageError, type Entry, type Storage, type StorageErrorCode } from '../../src/apiserver/storage/storage.ts';
import { Consumer, describeEvents, failsWith, written } from '../support/storage.ts';

/** A store for one test. */
export interface StorageFixture {
  storage: Storage;
  /** Closes the store and opens it again on the same data. */
  reopen(): Promise<Storage>;
  /** Closes the store and removes its data. */
  remove(): Promise<void>;
}

/**
 * What every {@link Storage} owes its callers. Revisions are compared, never expected to follow one another without
 * a gap: some stores count other things too.
 */
export function describeStorage(name: string, start: () => Promise<StorageFixture>): void {
  describe(`${name} keeps the storage contract`, () => {
    let fixture: StorageFixture;
    let storage: Storage;
    const consumers: Consumer[] = [];

    beforeEach(async () => {
      fixture = await start();
      storage = fixture.storage;
    });
    afterEach(async () => {
      for (const consumer of consumers.splice(0)) await consumer.stop();
      await fixture.remove();
    });

    const watch = (prefix: string, after: number): Consumer => {
      const consumer = new Consumer(storage, prefix, after);
      consumers.push(consumer);
      return consumer;
    };
    const put = (key: string, value: string): Promise<Entry> => storage.create(key, Buffer.from(value));
    const values = async (prefix: string, revision?: number): Promise<Record<string, string>> => {
      const page = await storage.list(prefix, revision === undefined ? {} : { revision });
      return Object.fromEntries(page.entries.map((entry) => [entry.key, entry.value.toString()]));
    };

    describe('create', () => {
      it('stores the value and raises the revision', async () => {
        const before = await storage.revision();
        const entry = await put('/registry/core/pods/ns/a', 'one');
        expect(entry).toMatchObject({ key: '/registry/core/pods/ns/a' });
        expect(entry.revision).toBeGreaterThan(before);
        expect(await storage.revision()).toBeGreaterThanOrEqual(entry.revision);
        expect(await storage.get(entry.key)).toEqual({ ...entry, value: Buffer.from('one') });
      });

      it('refuses a key that exists and leaves it as it is', async () => {
        const entry = await put('/a/x', 'one');
        await failsWith('KeyExists', put('/a/x', 'two'));
        expect(await storage.get('/a/x')).toEqual({ ...entry, value: Buffer.from('one') });
      });

      it('lets exactly one of many concurrent writers win', async () => {
        const attempts = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => put('/a/x', String(i))));
        const won = attempts.filter((attempt) => attempt.status === 'fulfilled');
        expect(won).toHaveLength(1);
        expect((await storage.get('/a/x'))?.revision).toBe(won[0]?.value.revision);
      });

      it('keeps any bytes, also none', async () => {
        const bytes = Buffer.from(Array.from({ length: 512 }, (_, i) => i % 256));
        await storage.create('/a/bytes', bytes);
        await storage.create('/a/empty', Buffer.alloc(0));
        expect((await storage.get('/a/bytes'))?.value).toEqual(bytes);
        expect((await storage.get('/a/empty'))?.value).toEqual(Buffer.alloc(0));
      });

      it('keeps a value of 1 MiB and refuses one of 3 MiB', async () => {
        const large = Buffer.alloc(1024 * 1024, 'x');
        const entry = await storage.create('/a/large', large);
        expect((await storage.get('/a/large'))?.value.equals(large)).toBe(true);
        const tooLarge = Buffer.alloc(3 * 1024 * 1024);
        await failsWith('ValueTooLarge', storage.create('/a/larger', tooLarge));
        await failsWith('ValueTooLarge', storage.update('/a/large', tooLarge, entry.revision));
        expect((await storage.get('/a/large'))?.revision).toBe(entry.revision);
      });
    });

    describe('update', () => {
      it('replaces the value when the revision is the expected one', async () => {
        const created = await put('/a/x', 'one');
        const updated = await storage.update('/a/x', Buffer.from('two'), created.revision);
        expect(updated.revision).toBeGreaterThan(created.revision);
        expect(await storage.get('/a/x')).toEqual({ ...updated, value: Buffer.from('two') });
      });

      it('answers a stale revision with what is stored now', async () => {
        const created = await put('/a/x', 'one');
        const updated = await storage.update('/a/x', Buffer.from('two'), created.revision);
        const error = await failsWith('Conflict', storage.update('/a/x', Buffer.from('three'), created.revision));
        expect(error.current).toEqual({ key: '/a/x', value: Buffer.from('two'), revision: updated.revision });
      });

      it('does not make a key', async () => {
        await failsWith('KeyNotFound', storage.update('/a/x', Buffer.from('one'), 1));
        expect(await storage.get('/a/x')).toBeUndefined();
      });

      it('does not take a deleted and re-created key for the old one', async () => {
        const first = await put('/a/x', 'one');
        await storage.delete('/a/x', first.revision);
        const second = await put('/a/x', 'one');
        expect(second.revision).toBeGreaterThan(first.revision);
        await failsWith('Conflict', storage.update('/a/x', Buffer.from('two'), first.revision));
      });

      it('loses none of many concurrent increments', async () => {
        await put('/a/n', '0');
        const increment = async (): Promise<void> => {
          for (let current = await storage.get('/a/n'); ;) {
            if (current === undefined) throw new Error('the counter is gone');
            const next = Buffer.from(String(Number(current.value.toString()) + 1));
            try {
              await storage.update('/a/n', next, current.revision);
              return;
            } catch (error) {
              if (!(error instanceof StorageError) || error.code !== 'Conflict') throw error;
              current = error.current;
            }
          }
        };
        await Promise.all(Array.from({ length: 40 }, increment));
        expect((await storage.get('/a/n'))?.value.toString()).toBe('40');
      });
    });

    describe('delete', () => {
      it('removes the key at a revision of its own', async () => {
        const created = await put('/a/x', 'one');
        const revision = await storage.delete('/a/x', created.revision);
        expect(revision).toBeGreaterThan(created.revision);
        expect(await storage.get('/a/x')).toBeUndefined();
        expect(await values('/a/')).toEqual({});
      });

      it('answers a stale revision with what is stored now, and a missing key with KeyNotFound', async () => {
        const created = await put('/a/x', 'one');
        const updated = await storage.update('/a/x', Buffer.from('two'), created.revision);
        const error = await failsWith('Conflict', storage.delete('/a/x', created.revision));
        expect(error.current).toEqual({ key: '/a/x', value: Buffer.from('two'), revision: updated.revision });
        await failsWith('KeyNotFound', storage.delete('/a/y', created.revision));
      });
    });

    describe('list', () => {
      it('returns only keys under the prefix, ordered by bytes', async () => {
        const keys = ['/a/b/é', '/a/b/Z', '/a/b/a-b', '/a/b/a.b', '/a/b/a', '/a/bc/x', '/a/b', '/a/a/x', '/b/x'];
        for (const key of keys) await put(key, key);
        const page = await storage.list('/a/b/');
        expect(page.entries.map((entry) => entry.key)).toEqual(['/a/b/Z', '/a/b/a', '/a/b/a-b', '/a/b/a.b', '/a/b/é']);
        expect(page).toMatchObject({ next: undefined, remaining: 0 });
        expect(page.entries.every((entry) => entry.value.toString() === entry.key)).toBe(true);
      });

      it('shows the revision of each entry, and its own, also when empty', async () => {
        const entry = await put('/a/x', 'one');
        const other = await put('/b/x', 'two');
        const page = await storage.list('/a/');
        expect(page.entries[0]?.revision).toBe(entry.revision);
        expect(page.revision).toBeGreaterThanOrEqual(other.revision);
        expect((await storage.list('/c/')).revision).toBeGreaterThanOrEqual(other.revision);
      });

      it('pages at the revision of the first page while everything changes', async () => {
        for (let i = 0; i < 25; i++) await put(`/a/${String(i).padStart(2, '0')}`, `first ${i}`);
        await put('/b/outside', 'x');
        const before = await values('/a/');
        const seen: Entry[] = [];
        const remaining: (number | undefined)[] = [];
        let page = await storage.list('/a/', { limit: 10 });
        for (let round = 0; ; round++) {
          seen.push(...page.entries);
          remaining.push(page.remaining);
          if (page.next === undefined) break;
          for (const { key, revision } of (await storage.list('/a/')).entries.slice(0, 20 + round)) {
            if (Number(key.slice(3)) % 2 === 0) await storage.delete(key, revision);
            else await storage.update(key, Buffer.from(`changed ${round}`), revision);
          }
          await put(`/a/${String(90 + round)}`, 'new');
          await put(`/a/1${round}x`, 'new');
          page = await storage.list('/a/', { limit: 10, start: page.next, revision: page.revision });
        }
        expect(Object.fromEntries(seen.map((entry) => [entry.key, entry.value.toString()]))).toEqual(before);
        expect(seen).toHaveLength(25);
        expect(remaining.map((count, i) => count ?? [15, 5, 0][i])).toEqual([15, 5, 0]);
      });

      it('does not look outside the prefix when it starts at a key before it', async () => {
        await put('/a/x', 'one');
        await put('/b/x', 'two');
        const page = await storage.list('/b/', { start: '/a/' });
        expect(page.entries.map((entry) => entry.key)).toEqual(['/b/x']);
      });

      it('shows the past: what changed, went, came, and came back', async () => {
        const changed = await put('/a/changed', 'old');
        const gone = await put('/a/gone', 'old');
        const back = await put('/a/back', 'old');
        await put('/a/same', 'old');
        const revision = (await storage.list('/a/')).revision;
        await storage.update('/a/changed', Buffer.from('new'), changed.revision);
        await storage.delete('/a/gone', gone.revision);
        await storage.delete('/a/back', back.revision);
        await put('/a/back', 'new');
        await put('/a/came', 'new');
        expect(await values('/a/', revision)).toEqual({
          '/a/back': 'old',
          '/a/changed': 'old',
          '/a/gone': 'old',
          '/a/same': 'old',
        });
        const entries = (await storage.list('/a/', { revision })).entries;
        expect(entries.find((entry) => entry.key === '/a/changed')?.revision).toBe(changed.revision);
      });

      it('refuses a revision of the future', async () => {
        await put('/a/x', 'one');
        await failsWith('TooLarge', storage.list('/a/', { revision: (await storage.revision()) + 1000 }));
      });

      it('agrees with a model at every revision of a random history', async () => {
        const seed = Date.now() % 1_000_000;
        const random = randomFrom(seed);
        const model = new Map<string, Entry>();
        const snapshots: { revision: number; content: Record<string, string> }[] = [];
        for (let step = 0; step < 120; step++) {
          const key = `/m/${Math.floor(random() * 12)}`;
          const known = model.get(key);
          const value = Buffer.from(`${step}`);
          let revision: number;
          if (known === undefined) {
            model.set(key, await storage.create(key, value));
            revision = model.get(key)!.revision;
          } else if (random() < 0.4) {
            revision = await storage.delete(key, known.revision);
            model.delete(key);
          } else {
            model.set(key, await storage.update(key, value, known.revision));
            revision = model.get(key)!.revision;
          }
          snapshots.push({ revision, content: contentOf(model) });
        }
        const floor = snapshots[40]!;
        await storage.compact(floor.revision);
        for (const { revision, content } of snapshots.slice(40)) {
          expect(await values('/m/', revision), `seed ${seed}, revision ${revision}`).toEqual(content);
          const page = await storage.list('/m/', { revision, limit: 3 });
          const total = Object.keys(content).length;
          expect(page.remaining ?? total - page.entries.length, `seed ${seed}, revision ${revision}`).toBe(
            total - page.entries.length,
          );
        }
        for (const { revision } of snapshots.slice(0, 40))
          await failsWith('Compacted', storage.list('/m/', { revision }));
      });
    });

    describe('compact', () => {
      it('forgets what lies below and keeps current values and later history', async () => {
        const one = await put('/a/x', '1');
        const two = await storage.update('/a/x', Buffer.from('2'), one.revision);
        const three = await storage.update('/a/x', Buffer.from('3'), two.revision);
        await storage.compact(two.revision);
        await failsWith('Compacted', storage.list('/a/', { revision: one.revision }));
        expect(await values('/a/', two.revision)).toEqual({ '/a/x': '2' });
        expect(await values('/a/', three.revision)).toEqual({ '/a/x': '3' });
        expect((await storage.get('/a/x'))?.revision).toBe(three.revision);
      });

      it('makes the next page of an older list fail instead of mixing revisions', async () => {
        for (let i = 0; i < 5; i++) await put(`/a/${i}`, 'x');
        const page = await storage.list('/a/', { limit: 2 });
        const later = await put('/a/9', 'x');
        await storage.compact(later.revision);
        await failsWith('Compacted', storage.list('/a/', { limit: 2, start: page.next!, revision: page.revision }));
      });

      it('is harmless twice, backwards and beyond the newest revision', async () => {
        const entry = await put('/a/x', '1');
        await storage.compact(entry.revision);
        await storage.compact(entry.revision);
        await storage.compact(1);
        expect((await storage.get('/a/x'))?.revision).toBe(entry.revision);
        await storage.compact((await storage.revision()) + 100).catch(() => undefined);
        const next = await storage.update('/a/x', Buffer.from('2'), entry.revision);
        expect(next.revision).toBeGreaterThan(entry.revision);
      });
    });

    describe('watch', () => {
      it('sends the history after a revision in order, then progress, then what happens', async () => {
        const one = await put('/a/x', '1');
        const two = await storage.update('/a/x', Buffer.from('2'), one.revision);
        const gone = await storage.delete('/a/x', two.revision);
        const again = await put('/a/x', '3');
        const consumer = watch('/a/', one.revision);
        await consumer.events(3);
        await consumer.progress(again.revision);
        const live = await put('/a/y', '4');
        await consumer.events(4);
        expect(consumer.received).toEqual([
          { type: 'Updated', key: '/a/x', value: Buffer.from('2'), previous: Buffer.from('1'), revision: two.revision },
          { type: 'Deleted', key: '/a/x', previous: Buffer.from('2'), revision: gone },
          { type: 'Created', key: '/a/x', value: Buffer.from('3'), revision: again.revision },
          { type: 'Created', key: '/a/y', value: Buffer.from('4'), revision: live.revision },
        ]);
      });

      it('sends live events with the value before', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        const one = await put('/a/x', '1');
        const two = await storage.update('/a/x', Buffer.from('2'), one.revision);
        const gone = await storage.delete('/a/x', two.revision);
        await consumer.events(3);
        expect(consumer.received).toEqual([
          { type: 'Created', key: '/a/x', value: Buffer.from('1'), revision: one.revision },
          { type: 'Updated', key: '/a/x', value: Buffer.from('2'), previous: Buffer.from('1'), revision: two.revision },
          { type: 'Deleted', key: '/a/x', previous: Buffer.from('2'), revision: gone },
        ]);
      });

      it('from 0 on a store without compaction sends everything', async () => {
        const entries = [await put('/a/x', '1'), await put('/a/y', '2')];
        const consumer = watch('/a/', 0);
        await consumer.events(2);
        expect(consumer.revisions).toEqual(entries.map((entry) => entry.revision));
      });

      it('from the current revision sends only what comes', async () => {
        await put('/a/x', '1');
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        const next = await put('/a/y', '2');
        await consumer.events(1);
        expect(consumer.revisions).toEqual([next.revision]);
      });

      it('from a revision of the future leaves out what comes before it', async () => {
        const { revision } = await put('/a/x', '1');
        const consumer = watch('/a/', revision + 3);
        await consumer.progress(0);
        const entries = [];
        while ((await storage.revision()) < revision + 5) entries.push(await put(`/a/${entries.length}`, '1'));
        const wanted = entries.map((entry) => entry.revision).filter((other) => other > revision + 3);
        await consumer.events(wanted.length);
        expect(consumer.revisions).toEqual(wanted);
      });

      it('sends only keys under its prefix, in the history and live', async () => {
        const keys = ['/a/b/x', '/a/bc/x', '/a/b', '/a/b/y'];
        for (const key of keys) await put(key, key);
        const consumer = watch('/a/b/', 0);
        await consumer.events(2);
        for (const key of keys) await put(`${key}2`, key);
        await consumer.events(4);
        expect(consumer.received.map((event) => event.key)).toEqual(['/a/b/x', '/a/b/y', '/a/b/x2', '/a/b/y2']);
      });

      it('misses nothing and repeats nothing while 1,000 writes run, whenever it starts', async () => {
        const started: Consumer[] = [];
        let done = 0;
        await Promise.all(
          Array.from({ length: 20 }, async (_, writer) => {
            for (let i = 0; i < 50; i++) {
              await put(`/a/${writer}-${i}`, 'x');
              if (++done % 200 === 100) started.push(watch('/a/', 0), watch('/a/', await storage.revision()));
            }
          }),
        );
        const all = (await storage.list('/a/')).entries.map((entry) => entry.revision).sort((a, b) => a - b);
        expect(all).toHaveLength(1000);
        expect(started).toHaveLength(10);
        for (const consumer of started) {
          const wanted = all.filter((revision) => revision > consumer.after);
          await consumer.events(wanted.length);
          expect(consumer.revisions).toEqual(wanted);
        }
      });

      it('sees a write no earlier than reads do', async () => {
        const stale: number[] = [];
        const consumer = watch('/a/', await storage.revision());
        consumer.onEvent = (event) => void storage.revision().then((now) => now < event.revision && stale.push(now));
        for (let i = 0; i < 20; i++) await put(`/a/${i}`, 'x');
        await consumer.events(20);
        expect(stale).toEqual([]);
      });

      it('never leaves a gap for a slow consumer: it gets every event, or Compacted', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        consumer.pause();
        const all = await written(storage, '/a/', 3_000);
        consumer.resume();
        await consumer.eventsOrEnd(3_000);
        if (consumer.error === undefined) expect(consumer.revisions).toEqual(all);
        else expect(consumer.error).toMatchObject({ code: 'Compacted' });
      });

      it('ends a slow consumer with Compacted, or serves it, when the history is compacted under it', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        consumer.pause();
        const all = await written(storage, '/a/', 3_000);
        await storage.compact(all.at(-1)!);
        consumer.resume();
        await consumer.eventsOrEnd(3_000);
        expect(consumer.revisions).toEqual(all.slice(0, consumer.received.length));
        if (consumer.error === undefined) expect(consumer.revisions).toEqual(all);
        else expect(consumer.error).toMatchObject({ code: 'Compacted' });
      });

      it('after a compacted revision fails with Compacted; after exactly that one works', async () => {
        const one = await put('/a/x', '1');
        const two = await storage.update('/a/x', Buffer.from('2'), one.revision);
        const three = await storage.update('/a/x', Buffer.from('3'), two.revision);
        await storage.compact(two.revision);
        const late = watch('/a/', one.revision);
        await late.end();
        expect(late.error).toMatchObject({ code: 'Compacted' satisfies StorageErrorCode });
        const good = watch('/a/', two.revision);
        await good.events(1);
        expect(good.received).toEqual([
          {
            type: 'Updated',
            key: '/a/x',
            value: Buffer.from('3'),
            previous: Buffer.from('2'),
            revision: three.revision,
          },
        ]);
      });

      it('goes on over a compaction when it is live', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        const one = await put('/a/x', '1');
        await consumer.events(1);
        await storage.compact(one.revision);
        await storage.update('/a/x', Buffer.from('2'), one.revision);
        await consumer.events(2);
        expect(describeEvents(consumer.received)).toEqual(['Created /a/x 1', 'Updated /a/x 2 (was 1)']);
      });

      it('reports progress by itself while idle', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        const other = await put('/b/x', '1');
        await consumer.progress(other.revision, 7_000);
      }, 15_000);

      it('reports progress soon when asked', async () => {
        const consumer = watch('/a/', await storage.revision());
        await consumer.progress(0);
        const other = await put('/b/x', '1');
        const asked = Date.now();
        storage.requestProgress('/a/');
        await consumer.progress(other.revision, 1_500);
        expect(Date.now() - asked).toBeLessThan(1_500);
      });

      it('never reports progress beyond an event still to come', async () => {
        const consumer = watch('/a/', await storage.revision());
        const asking = setInterval(() => storage.requestProgress('/a/'), 1);
        await Promise.all(Array.from({ length: 200 }, (_, i) => put(`/${i % 2 === 0 ? 'a' : 'b'}/${i}`, 'x')));
        await consumer.events(100);
        clearInterval(asking);
        let seen = 0;
        for (const item of consumer.items) {
          const revision = item.kind === 'event' ? item.event.revision : item.revision;
          if (item.kind === 'event') expect(revision).toBeGreaterThan(seen);
          seen = Math.max(seen, revision);
        }
      });

      it('ends when its signal is aborted, before and while it runs', async () => {
        const iterator = storage.watch('/a/', 0, AbortSignal.abort())[Symbol.asyncIterator]();
        expect((await iterator.next()).done).toBe(true);
        const consumer = watch('/a/', 0);
        await consumer.progress(0);
        await consumer.stop();
        expect(consumer.error).toBeUndefined();
        await put('/a/x', '1');
        expect(consumer.received).toEqual([]);
      });

      it('ends when the store closes', async () => {
        const consumer = watch('/a/', 0);
        await consumer.progress(0);
        await storage.close();
        await consumer.end();
        expect(consumer.error).toBeUndefined();
      });
    });

    describe('expiry', () => {
      it('deletes a key after its time, with an ordinary event', async () => {
        const consumer = watch('/a/', await storage.revision());
        const entry = await storage.create('/a/x', Buffer.from('1'), { ttlSeconds: 1 });
        await storage.create('/a/y', Buffer.from('2'));
        await consumer.events(3, 8_000);
        const last = consumer.received[2]!;
        expect(last).toMatchObject({ type: 'Deleted', key: '/a/x', previous: Buffer.from('1') });
        expect(last.revision).toBeGreaterThan(entry.revision);
        expect(await values('/a/')).toEqual({ '/a/y': '2' });
      }, 15_000);

      it('is prolonged or taken away by an update', async () => {
        const short = { ttlSeconds: 1 };
        const longer = await storage.create('/a/longer', Buffer.from('1'), short);
        const forever = await storage.create('/a/forever', Buffer.from('1'), short);
        await storage.create('/a/short', Buffer.from('1'), short);
        await storage.update('/a/longer', Buffer.from('2'), longer.revision, { ttlSeconds: 100 });
        await storage.update('/a/forever', Buffer.from('2'), forever.revision);
        const consumer = watch('/a/', await storage.revision());
        await consumer.events(1, 8_000);
        await consumer.progress(await storage.revision(), 8_000);
        expect(await values('/a/')).toEqual({ '/a/forever': '2', '/a/longer': '2' });
      }, 20_000);
    });

    describe('close and open again', () => {
      it('keeps values, revision and history', async () => {
        const one = await put('/a/x', '1');
        const two = await storage.update('/a/x', Buffer.from('2'), one.revision);
        const gone = await put('/a/gone', '1');
        await storage.delete('/a/gone', gone.revision);
        const revision = await storage.revision();
        storage = await fixture.reopen();
        expect(await storage.revision()).toBe(revision);
        expect(await values('/a/')).toEqual({ '/a/x': '2' });
        expect(await values('/a/', gone.revision)).toEqual({ '/a/gone': '1', '/a/x': '2' });
        const consumer = watch('/a/', one.revision);
        await consumer.events(3);
        expect(describeEvents(consumer.received)).toEqual([
          'Updated /a/x 2 (was 1)',
          'Created /a/gone 1',
          'Deleted /a/gone (was 1)',
        ]);
        expect((await put('/a/new', '1')).revision).toBeGreaterThan(Math.max(revision, two.revision));
      });

      it('keeps what is forgotten forgotten', async () => {
        const one = await put('/a/x', '1');
        const two = await put('/a/y', '1');
        await storage.compact(two.revision);
        storage = await fixture.reopen();
        await failsWith('Compacted', storage.list('/a/', { revision: one.revision }));
      });

      it('refuses calls after close, and a second close is harmless', async () => {
        await storage.close();
        await storage.close();
        await failsWith('Unavailable', storage.get('/a/x'));
        await failsWith('Unavailable', storage.list('/a/'));
        await failsWith('Unavailable', storage.create('/a/x', Buffer.from('1')));
      });

      it('makes writes under way durable before it closes', async () => {
        const writes = Promise.allSettled(Array.from({ length: 50 }, (_, i) => put(`/a/${i}`, 'x')));
        await storage.close();
        const done = (await writes).filter((write) => write.status === 'fulfilled');
        storage = await fixture.reopen();
        expect((await storage.list('/a/')).entries.length).toBeGreaterThanOrEqual(done.length);
        expect(done.length).toBeGreaterThan(0);
      });
    });
  });
}

function contentOf(model: ReadonlyMap<string, Entry>): Record<string, string> {
  return Object.fromEntries([...model.values()].map((entry) => [entry.key, entry.value.toString()]));
}

/** Numbers in [0, 1) that depend on `seed` alone (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
