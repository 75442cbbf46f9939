import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ResourceCache } from '../../../../src/apiserver/cache/resourceCache.ts';
import { WatchHub } from '../../../../src/apiserver/cache/watchHub.ts';
import { openEmbeddedStorage } from '../../../../src/apiserver/storage/embedded.ts';
import { encryptStorage } from '../../../../src/apiserver/storage/encryption.ts';
import type { EncryptionKey } from '../../../../src/apiserver/storage/encryptionKeys.ts';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { systemClock } from '../../../../src/lib/clock.ts';
import { silentLogger } from '../../../../src/lib/logger.ts';
import { FaultyStore } from '../../../support/faultyStore.ts';
import { failsWith, temporaryDirectory } from '../../../support/storage.ts';

const THINGS = '/registry/test.io/things/';
const SECRETS = '/registry/core/secrets/';

describe('the cache of a resource', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let real: Storage;
  let faulty: FaultyStore;
  let hub: WatchHub;
  const caches: ResourceCache[] = [];

  beforeEach(async () => {
    directory = await temporaryDirectory();
    real = await openEmbeddedStorage(directory.path);
    faulty = new FaultyStore(real);
    hub = await follow(faulty.storage);
  });
  afterEach(async () => {
    for (const cache of caches.splice(0)) cache.end();
    faulty.loseHistory();
    await hub.stop();
    await real.close();
    await directory.remove();
  });

  const follow = async (storage: Storage): Promise<WatchHub> => {
    const made = new WatchHub({ storage, log: silentLogger, clock: systemClock });
    await made.start();
    return made;
  };
  const cacheOf = (prefix = THINGS, storage = faulty.storage): ResourceCache => {
    const cache = new ResourceCache({
      storage,
      hub,
      log: silentLogger,
      prefix,
      decode: (key, bytes, revision) => ({
        key,
        revision,
        bytes,
        name: key.slice(prefix.length),
        namespace: '',
        uid: '',
        labels: undefined,
        fields: undefined,
        owners: undefined,
        deleting: false,
        finalizers: undefined,
      }),
    });
    caches.push(cache);
    return cache;
  };
  const put = async (name: string): Promise<number> => (await real.create(THINGS + name, Buffer.from('{}'))).revision;
  const names = (cache: ResourceCache): string[] => cache.list().map((object) => object.name);
  const handedOut = (revision: number): Promise<void> =>
    vi.waitFor(() => expect(hub.revision).toBeGreaterThanOrEqual(revision), { interval: 1 });

  it('takes no events from the one that follows it once it has ended', async () => {
    const [old, next] = [cacheOf(), cacheOf()];
    old.end();
    await next.ready();
    const [asked] = await Promise.allSettled([old.ready()]);
    await handedOut(await put('x'));
    expect(names(next)).toEqual(['x']);
    expect(asked).toMatchObject({ status: 'rejected', reason: { code: 'Unavailable' } });
  });

  it('is not filled any more when it ends meanwhile', async () => {
    await put('x');
    const cache = cacheOf();
    const onFilled = vi.fn();
    const list = faulty.hold('list', THINGS);
    cache.observe({ onEvent: () => undefined, onFilled });
    const ready = cache.ready();
    await list.reached;
    cache.end();
    list.release();
    await failsWith('Unavailable', ready);
    expect(onFilled).not.toHaveBeenCalled();
  });

  it('shows a revision that was reached over a loss of history together with what was written by then', async () => {
    const cache = cacheOf();
    await cache.ready();
    faulty.cut();
    const revision = await put('meanwhile');
    const seen = cache.reached(revision, 10_000).then((isReached) => ({ isReached, names: names(cache) }));
    const fresh = cache.caughtUp(10_000).then((isFresh) => ({ isFresh, names: names(cache) }));
    await nextTurn();
    const list = faulty.hold('list', THINGS);
    faulty.loseHistory();
    await list.reached;
    await handedOut(revision);
    await nextTurn();
    const meanwhile = { revision: cache.revision, names: names(cache) };
    list.release();
    expect(await seen).toEqual({ isReached: true, names: ['meanwhile'] });
    expect(await fresh).toEqual({ isFresh: true, names: ['meanwhile'] });
    expect(cache.revision).toBe(revision);
    // until it was read anew it stood where it was
    expect(meanwhile).toEqual({ revision: 0, names: [] });
  });

  it('is read again when history was lost while it was being read', async () => {
    const cache = cacheOf();
    const list = faulty.hold('list', THINGS);
    const ready = cache.ready();
    await list.reached;
    faulty.cut();
    const revision = await put('meanwhile');
    faulty.loseHistory();
    await handedOut(revision);
    list.release();
    await ready;
    expect(names(cache)).toEqual(['meanwhile']);
  });

  it('is read anew after lost history until that succeeds, also when nobody asks', async () => {
    const cache = cacheOf();
    await cache.ready();
    const filled: string[][] = [];
    cache.observe({ onEvent: () => undefined, onFilled: () => void filled.push(names(cache)) });
    faulty.cut();
    const revision = await put('meanwhile');
    faulty.failLists(THINGS, 2);
    faulty.loseHistory();
    await handedOut(revision);
    await vi.waitFor(() => expect(filled).toEqual([[], ['meanwhile']]), { timeout: 5_000, interval: 5 });
    await handedOut(await put('later'));
    expect(names(cache)).toEqual(['later', 'meanwhile']);
  });

  it('shows the newest state of what changed while it was being read, and can tell how it came about', async () => {
    const first = await put('x');
    const gone = await put('gone');
    const cache = cacheOf();
    const list = faulty.hold('list', THINGS);
    const ready = cache.ready();
    await list.reached;
    const second = await real.update(`${THINGS}x`, Buffer.from('{"n":2}'), first);
    await real.update(`${THINGS}x`, Buffer.from('{"n":3}'), second.revision);
    await put('new');
    const last = await real.delete(`${THINGS}gone`, gone);
    await handedOut(last);
    list.release();
    await ready;
    expect(cache.list().map((object) => object.bytes.toString())).toEqual(['{}', '{"n":3}']);
    expect(names(cache)).toEqual(['new', 'x']);
    expect(cache.revision).toBe(last);
    const { events, next } = await cache.backlog(gone, new AbortController().signal);
    const told = events.map(({ type, object }) => `${type} ${object.name} ${object.bytes.toString()}`);
    expect(told).toEqual(['Modified x {"n":2}', 'Modified x {"n":3}', 'Added new {}', 'Deleted gone {}']);
    expect(next).toBe(last);
  });

  it('alone suffers from a value that it cannot decrypt, says so, and goes on once it can', async () => {
    const [ours, other] = ['ours', 'other'].map((name) => ({ name, key: randomBytes(32) }));
    const encrypted = (...keys: EncryptionKey[]): Storage => encryptStorage(real, { prefixes: [SECRETS], keys });
    const storage = encrypted(ours!);
    await hub.stop();
    hub = await follow(storage);
    const [things, secrets] = [cacheOf(THINGS, storage), cacheOf(SECRETS, storage)];
    await Promise.all([things.ready(), secrets.ready()]);
    const onEnd = vi.fn();
    secrets.watch(secrets.revision, { onEvent: () => undefined, onEnd });

    // of a server that has the new key already
    const value = Buffer.from('{"a":1}');
    const { revision } = await encrypted(other!).create(`${SECRETS}ns/s`, value);
    await handedOut(await put('x'));
    expect(names(things)).toEqual(['x']);
    expect(onEnd).toHaveBeenCalledTimes(1);
    const error = await failsWith('Corrupt', secrets.ready());
    expect(error.message).toContain(`${SECRETS}ns/s cannot be decrypted: it was encrypted with the key other`);
    // thousands who ask are told the same without reading all of it again
    const lists = vi.spyOn(storage, 'list');
    for (let i = 0; i < 50; i++) await failsWith('Corrupt', secrets.ready());
    expect(lists.mock.calls.length).toBeLessThan(10);

    await encrypted(ours!, other!).update(`${SECRETS}ns/s`, value, revision);
    await vi.waitFor(() => expect(names(secrets)).toEqual(['ns/s']), { timeout: 5_000, interval: 5 });
    await handedOut((await storage.create(`${SECRETS}ns/t`, value)).revision);
    expect(names(secrets)).toEqual(['ns/s', 'ns/t']);
  });

  it('ends a watch that begins while it is read anew: the history before would have a gap', async () => {
    const cache = cacheOf();
    await cache.ready();
    const { revision } = cache;
    const list = faulty.hold('list', THINGS);
    faulty.cut();
    await put('meanwhile');
    faulty.loseHistory();
    await list.reached;
    const onEnd = vi.fn();
    cache.watch(revision, { onEvent: () => undefined, onEnd });
    list.release();
    await cache.ready();
    expect(onEnd).toHaveBeenCalledTimes(1);
  });
});
