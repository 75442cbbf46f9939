import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdStorage } from '../../../src/apiserver/storage/etcd.ts';
import { EtcdClient, type EtcdCall } from '../../../src/apiserver/storage/etcdClient.ts';
import { openSpace } from '../../../src/apiserver/storage/etcdMarker.ts';
import type { Entry } from '../../../src/apiserver/storage/storage.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { EtcdCluster } from '../../support/etcd.ts';
import { failsWith } from '../../support/storage.ts';

const KEY = '/registry/core/configmaps/default/cm';
const [mine, other] = [Buffer.from('mine'), Buffer.from('other')];

/** The first try of the next call is, or is not, carried out; its answer is lost, and others write before the second. */
interface Loss {
  carriedOut: boolean;
  between: () => Promise<unknown>;
}

class LossyClient extends EtcdClient {
  loss: Loss | undefined;

  override async call<T>(key: string, call: EtcdCall<T>): Promise<T> {
    const { loss } = this;
    if (loss === undefined) return super.call(key, call);
    this.loss = undefined;
    if (loss.carriedOut) await super.call(key, call);
    await loss.between();
    return super.call(key, (etcd, attempt) => call(etcd, attempt + 1));
  }
}

let cluster: EtcdCluster;
let client: LossyClient;
let storage: EtcdStorage;

beforeAll(async () => {
  cluster = await EtcdCluster.start();
  client = new LossyClient({ endpoints: cluster.endpoints }, silentLogger);
  storage = new EtcdStorage(client, await openSpace(client, '/acme'), { endpoints: cluster.endpoints });
});
afterAll(async () => {
  await storage.close();
  await cluster.remove();
});
beforeEach(async () => {
  const entry = await storage.get(KEY);
  if (entry !== undefined) await storage.delete(KEY, entry.revision);
});

/** Somebody else writes what is there. */
async function overwrite(): Promise<Entry> {
  const { revision } = (await storage.get(KEY))!;
  return storage.update(KEY, other, revision);
}

async function recreate(): Promise<Entry> {
  const entry = await storage.get(KEY);
  if (entry !== undefined) await storage.delete(KEY, entry.revision);
  return storage.create(KEY, other);
}

function lose(carriedOut: boolean, ...between: (() => Promise<unknown>)[]): void {
  client.loss = {
    carriedOut,
    between: async () => {
      for (const step of between) await step();
    },
  };
}

it('knows an update that was carried out and then overwritten for its own', async () => {
  const { revision } = await storage.create(KEY, Buffer.from('old'));
  let after = 0;
  lose(true, overwrite, async () => (after = (await overwrite()).revision));
  const written = await storage.update(KEY, mine, revision);
  expect(written.value).toEqual(mine);
  expect((await storage.list(KEY, { revision: written.revision })).entries).toEqual([written]);
  expect(await storage.get(KEY)).toEqual({ key: KEY, value: other, revision: after });
});

it('tells an update that was not carried out, and that others forestalled, as the conflict that it is', async () => {
  const { revision } = await storage.create(KEY, Buffer.from('old'));
  lose(false, overwrite, overwrite);
  const error = await failsWith('Conflict', storage.update(KEY, mine, revision));
  expect(error.current).toEqual(await storage.get(KEY));
});

it('does not take another object of the name for the one that it updated', async () => {
  const { revision } = await storage.create(KEY, Buffer.from('old'));
  lose(true, recreate);
  await failsWith('Conflict', storage.update(KEY, mine, revision));
});

it('says that it does not know what became of an update once its history is gone', async () => {
  const { revision } = await storage.create(KEY, Buffer.from('old'));
  lose(true, async () => storage.compact((await overwrite()).revision));
  const error = await failsWith('Unavailable', storage.update(KEY, mine, revision));
  expect(error.message).toContain('whether the change was made is not known');
});

it('knows an object that it created and others changed for its own, and one of others for theirs', async () => {
  lose(true, overwrite);
  const written = await storage.create(KEY, mine);
  expect((await storage.list(KEY, { revision: written.revision })).entries).toEqual([written]);
  await recreate();
  lose(false, overwrite);
  await failsWith('KeyExists', storage.create(KEY, mine));
});

it('deletes what it was asked to delete, and not what was created in its place', async () => {
  const first = await storage.create(KEY, Buffer.from('old'));
  let next: Entry | undefined;
  lose(true, async () => (next = await recreate()));
  const gone = await storage.delete(KEY, first.revision);
  expect(gone).toBeGreaterThan(first.revision);
  expect(gone).toBeLessThan(next!.revision);
  expect(await storage.get(KEY)).toEqual(next);
  lose(false, overwrite);
  await failsWith('Conflict', storage.delete(KEY, next!.revision));
});
