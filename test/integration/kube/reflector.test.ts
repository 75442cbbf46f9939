import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SharedInformer } from '../../../src/kube/informer.ts';
import { keyOf, keyText } from '../../../src/kube/resource.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { startDouble, type Thing, thing, things, THINGS, until } from '../../support/kube.ts';

let home: Awaited<ReturnType<typeof startDouble>>;
let stop: AbortController;
let clock: FakeClock;
beforeEach(async () => {
  home = await startDouble();
  stop = new AbortController();
  clock = new FakeClock();
});
afterEach(async () => {
  stop.abort();
  await home.stop();
});

/** A clock whose sleeps end at once, for tests that are about what happens and not when. */
const impatient = { now: () => performance.now(), sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

function start(options: Partial<ConstructorParameters<typeof SharedInformer<Thing>>[0]> = {}) {
  const log: string[] = [];
  const informer = new SharedInformer<Thing>({
    client: home.client,
    resource: things,
    log: silentLogger,
    clock: impatient,
    ...options,
  });
  informer.addHandler({
    added: (object, initial) => log.push(`${initial ? 'initial' : 'added'} ${object.metadata.name}`),
    updated: (previous, object) =>
      log.push(`updated ${object.metadata.name} ${previous.spec?.size}→${object.spec?.size}`),
    deleted: (object) => log.push(`deleted ${object.metadata.name}`),
  });
  const ended = informer.run(stop.signal);
  return { informer, log, ended };
}

/** name → resourceVersion, of the server and of the informer. */
const onServer = () =>
  new Map([...home.api.stored(THINGS).values()].map((o) => [keyText(keyOf(o)), o.metadata.resourceVersion]));
const inStore = (informer: SharedInformer<Thing>) =>
  new Map(informer.list().map((o) => [keyText(keyOf(o)), o.metadata.resourceVersion]));
const isEqual = (informer: SharedInformer<Thing>) => {
  const [a, b] = [onServer(), inStore(informer)];
  return a.size === b.size && [...a].every(([key, version]) => b.get(key) === version);
};

describe('informer and reflector', () => {
  it('lists in pages, then follows additions, changes and deletions', async () => {
    const { api } = home;
    for (let i = 0; i < 5; i++) api.put(THINGS, thing(`t${i}`, { size: 1 }));
    const { informer, log } = start({ pageSize: 2 });
    expect(informer.hasSynced()).toBe(false);
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    api.put(THINGS, thing('new'));
    api.put(THINGS, thing('t1', { size: 2 }));
    api.remove(THINGS, 'acme/t0');
    await until(() => isEqual(informer) && log.length === 8);
    expect(log).toEqual([...[0, 1, 2, 3, 4].map((i) => `initial t${i}`), 'added new', 'updated t1 1→2', 'deleted t0']);
    const lists = api.requests.filter((request) => request.query.get('watch') !== 'true');
    expect(lists.map((request) => request.query.get('limit'))).toEqual(['2', '2', '2']);
  });

  it('asks for bookmarks and a watch of five to ten minutes, and goes on from a bookmark', async () => {
    const { api } = home;
    api.put(THINGS, thing('a'));
    const { informer } = start();
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    const watch = api.requests.at(-1)?.query;
    expect(watch?.get('allowWatchBookmarks')).toBe('true');
    expect(Number(watch?.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(Number(watch?.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
    // other resources move on; a bookmark tells us how far we have seen ours
    for (let i = 0; i < 5; i++) api.put('/api/v1/configmaps', thing(`c${i}`));
    api.bookmark();
    await new Promise((resolve) => setTimeout(resolve, 30));
    api.cutWatches();
    await until(
      () => api.watchers === 1 && api.requests.filter((one) => one.query.get('watch') === 'true').length === 2,
    );
    expect(api.requests.at(-1)?.query.get('resourceVersion')).toBe(String(api.revision));
  });

  it('lists again after 410 and tells the handlers the difference', async () => {
    const { api } = home;
    for (const name of ['kept', 'changed', 'gone', 'replaced']) api.put(THINGS, thing(name, { size: 1 }));
    const { informer, log } = start();
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    log.length = 0;
    let blocked = true;
    api.fault = (request) => (blocked && request.query.get('watch') === 'true' ? { drop: true } : undefined);
    api.cutWatches();
    api.put(THINGS, thing('changed', { size: 2 }));
    api.put(THINGS, thing('fresh'));
    api.remove(THINGS, 'acme/gone');
    api.remove(THINGS, 'acme/replaced');
    api.put(THINGS, thing('replaced', { size: 9 }));
    api.compact();
    blocked = false;
    await until(() => isEqual(informer));
    // another incarnation is another object, not a change of the old one
    expect(log.toSorted()).toEqual([
      'added fresh',
      'added replaced',
      'deleted gone',
      'deleted replaced',
      'updated changed 1→2',
    ]);
  });

  it('falls back to one unpaged list when the pages expire while it reads them', async () => {
    const { api } = home;
    for (let i = 0; i < 6; i++) api.put(THINGS, thing(`t${i}`));
    api.fault = (request) => (request.query.has('continue') ? { status: 410, reason: 'Expired' } : undefined);
    const { informer } = start({ pageSize: 2 });
    await informer.waitForSync();
    expect(informer.list()).toHaveLength(6);
    expect(api.requests.some((request) => !request.query.has('limit') && !request.query.has('watch'))).toBe(true);
  });

  it('lists again when the server went back in time, as after a restored backup', async () => {
    const { api } = home;
    api.put(THINGS, thing('a'));
    const { informer } = start();
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    const listsBefore = api.requests.filter((request) => request.query.get('watch') !== 'true').length;
    const old = {
      type: 'BOOKMARK',
      object: { apiVersion: 'hostler.dev/v1alpha1', kind: 'Server', metadata: { resourceVersion: '5' } },
    };
    let once = true;
    api.fault = (request) => {
      if (request.query.get('watch') !== 'true' || !once) return undefined;
      once = false;
      return { raw: `${JSON.stringify(old)}\n` };
    };
    api.cutWatches();
    await until(() => api.requests.filter((request) => request.query.get('watch') !== 'true').length > listsBefore);
  });

  it('notices a connection that went silent', async () => {
    const { api } = home;
    const { informer } = start({ idleTimeoutMs: 50 });
    await informer.waitForSync();
    await until(() => api.requests.filter((request) => request.query.get('watch') === 'true').length >= 3);
  });

  it('lists anew when the same place of the watch stays unreadable', async () => {
    const { api } = home;
    api.put(THINGS, thing('a'));
    const { informer } = start();
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    let broken = 3;
    api.fault = (request) =>
      request.query.get('watch') === 'true' && broken-- > 0 ? { raw: '{"type":"MODIFIED","object":\n' } : undefined;
    api.requests.length = 0;
    api.cutWatches();
    const relist = () => api.requests.findIndex((request) => request.query.get('watch') !== 'true');
    await until(() => relist() >= 0);
    // by now the watch after the new list may have begun
    expect(relist()).toBe(3);
    api.put(THINGS, thing('b'));
    await until(() => isEqual(informer));
  });

  it('backs off from watches that end at once, and asks no more often than every 30 s in the end', async () => {
    const { api } = home;
    api.fault = (request) => (request.query.get('watch') === 'true' ? { end: true } : undefined);
    const { informer } = start({ clock, random: () => 0 });
    await until(() => informer.hasSynced());
    const watches = () => api.requests.filter((request) => request.query.get('watch') === 'true').length;
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      await until(() => clock.sleeping === 1);
      const before = watches();
      const startedAt = clock.now();
      while (watches() === before) {
        await clock.advance(100);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      waits.push(Math.round((clock.now() - startedAt) / 100) / 10);
    }
    expect(waits[0]).toBeCloseTo(0.8, 0);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(29);
    expect(waits.at(-1)).toBeLessThanOrEqual(32);
  });

  it('survives an API server that is away at first, and answers with errors in between', async () => {
    const { api } = home;
    let left = 6;
    api.fault = () => (left-- > 0 ? [{ drop: true }, { status: 500 }, { status: 503 }][left % 3] : undefined);
    api.put(THINGS, thing('a'));
    const { informer } = start();
    await informer.waitForSync();
    expect(informer.list()).toHaveLength(1);
  });

  it('tells a handler that comes late what is already there, and goes on when a handler fails', async () => {
    const { api } = home;
    api.put(THINGS, thing('a'));
    const { informer } = start();
    informer.addHandler({
      added: () => {
        throw new Error('bug');
      },
    });
    await informer.waitForSync();
    const late: string[] = [];
    const remove = informer.addHandler({ added: (object, initial) => late.push(`${object.metadata.name} ${initial}`) });
    expect(late).toEqual(['a true']);
    remove();
    api.put(THINGS, thing('b'));
    await until(() => isEqual(informer));
    expect(late).toHaveLength(1);
  });

  it('keeps indexes equal to the store and drops managedFields', async () => {
    const { api } = home;
    const { informer } = start();
    informer.addIndex('size', (object) => [String(object.spec?.size)]);
    await informer.waitForSync();
    await until(() => api.watchers === 1);
    api.put(THINGS, thing('a', { size: 1 }, { managedFields: [{ manager: 'x' }] }));
    api.put(THINGS, thing('b', { size: 1 }, { namespace: 'other' }));
    await until(() => isEqual(informer));
    expect(informer.byIndex('size', '1')).toHaveLength(2);
    expect(informer.list('acme').map((object) => object.metadata.name)).toEqual(['a']);
    expect(informer.get({ namespace: 'acme', name: 'a' })?.metadata.managedFields).toBeUndefined();
    api.put(THINGS, thing('a', { size: 2 }));
    api.remove(THINGS, 'other/b');
    await until(() => isEqual(informer));
    expect(informer.byIndex('size', '1')).toEqual([]);
    expect(informer.byIndex('size', '2')).toHaveLength(1);
    expect(() => informer.byIndex('none', '')).toThrow('no index "none"');
  });

  it('ends up with what the server has, and hands every handler a consistent story, wherever connections are cut', async () => {
    const action = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({ do: fc.constant('put'), name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('remove'), name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') }),
      },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constantFrom('cut', 'bookmark', 'pause', 'outage', 'outage'),
          name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(action, { minLength: 10, maxLength: 60 }),
        fc.array(fc.integer({ min: 1, max: 1500 }), { maxLength: 12 }),
        async (actions, cuts) => {
          const round = await startDouble();
          const { api } = round;
          const ending = new AbortController();
          api.fault = (request) => {
            const bytes = request.query.get('watch') === 'true' ? cuts.shift() : undefined;
            return bytes === undefined ? undefined : { cutAfterBytes: bytes };
          };
          const informer = new SharedInformer<Thing>({
            client: round.client,
            resource: things,
            log: silentLogger,
            clock: impatient,
            pageSize: 2,
          });
          /** What somebody who only listens to events believes. */
          const believed = new Map<string, string | undefined>();
          const wrong: string[] = [];
          const demand = (isTrue: boolean, what: string) => {
            if (!isTrue) wrong.push(what);
          };
          informer.addHandler({
            added: ({ metadata }) => {
              demand(!believed.has(metadata.name), `${metadata.name} added twice`);
              believed.set(metadata.name, metadata.resourceVersion);
            },
            updated: (previous, { metadata }) => {
              demand(
                believed.get(metadata.name) === previous.metadata.resourceVersion,
                `${metadata.name}: unknown previous`,
              );
              demand(
                Number(metadata.resourceVersion) > Number(previous.metadata.resourceVersion),
                `${metadata.name} went back`,
              );
              believed.set(metadata.name, metadata.resourceVersion);
            },
            deleted: ({ metadata }) => demand(believed.delete(metadata.name), `${metadata.name} deleted twice`),
          });
          const ended = informer.run(ending.signal);
          await informer.waitForSync();
          for (const step of actions) {
            if (step.do === 'put') api.put(THINGS, thing(step.name));
            if (step.do === 'remove') api.remove(THINGS, `acme/${step.name}`);
            if (step.do === 'cut') api.cutWatches();
            if (step.do === 'bookmark') api.bookmark();
            if (step.do === 'outage') {
              api.cutWatches();
              api.remove(THINGS, `acme/${step.name}`);
              api.compact();
            }
            // lets events flow while more happens
            await new Promise((resolve) => setTimeout(resolve, step.do === 'pause' ? 4 : 0));
          }
          const want = () =>
            new Map([...api.stored(THINGS).values()].map((o) => [o.metadata.name, o.metadata.resourceVersion]));
          const same = () =>
            believed.size === want().size && [...want()].every(([name, rv]) => believed.get(name) === rv);
          await until(() => informer.hasSynced() && same());
          expect(new Map(informer.list().map((o) => [o.metadata.name, o.metadata.resourceVersion]))).toEqual(believed);
          expect(wrong).toEqual([]);
          ending.abort();
          await ended;
          await round.stop();
        },
      ),
      { numRuns: 60 },
    );
  });
});
