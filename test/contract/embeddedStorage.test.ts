import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import { temporaryDirectory } from '../support/storage.ts';
import { describeStorage, type StorageFixture } from './storage.ts';

describeStorage('the embedded store', async (): Promise<StorageFixture> => {
  const directory = await temporaryDirectory();
  let storage = await openEmbeddedStorage(directory.path);
  return {
    storage,
    reopen: async () => {
      await storage.close();
      storage = await openEmbeddedStorage(directory.path);
      return storage;
    },
    remove: async () => {
      await storage.close();
      await directory.remove();
    },
  };
});
