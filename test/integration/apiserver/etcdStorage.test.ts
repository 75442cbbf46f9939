import { openEtcdStorage } from '../../../src/apiserver/storage/etcd.ts';
import { describeStorage, type StorageFixture } from '../../contract/storage.ts';
import { EtcdCluster } from '../../support/etcd.ts';

describeStorage('the store in etcd', async (): Promise<StorageFixture> => {
  // compaction is for a whole etcd: each test gets its own
  const cluster = await EtcdCluster.start();
  const options = { endpoints: cluster.endpoints, prefix: '/acme' };
  let storage = await openEtcdStorage(options);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      storage = await openEtcdStorage(options);
      return storage;
    },
    remove: async () => {
      await storage.close();
      await cluster.remove();
    },
  };
});
