import { randomBytes } from 'node:crypto';
import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import { encryptStorage } from '../../src/apiserver/storage/encryption.ts';
import type { Storage } from '../../src/apiserver/storage/storage.ts';
import { temporaryDirectory } from '../support/storage.ts';
import { describeStorage, type StorageFixture } from './storage.ts';

describeStorage('an encrypted store', async (): Promise<StorageFixture> => {
  const directory = await temporaryDirectory();
  const keys = [{ name: 'key', key: randomBytes(32) }];
  const open = async (): Promise<Storage> =>
    encryptStorage(await openEmbeddedStorage(directory.path), { prefixes: ['/a/', '/m/'], keys });
  let storage = await open();
  return {
    storage,
    reopen: async () => {
      await storage.close();
      storage = await open();
      return storage;
    },
    remove: async () => {
      await storage.close();
      await directory.remove();
    },
  };
});
