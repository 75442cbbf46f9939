import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Where the standalone server keeps its state; absolute paths. */
export interface DataDirectory {
  path: string;
  /** Directory of the embedded store. */
  store: string;
  /** Directory of certificates and keys. */
  pki: string;
  encryptionKey: string;
  kubeconfig: string;
  pidFile: string;
  log: string;
}

/**
 * Makes the directory `path` and those in it, and says where everything lies. Only their owner may look into
 * `store` and `pki`; `path` itself keeps its mode where it existed.
 */
export async function prepareDataDirectory(path: string): Promise<DataDirectory> {
  const root = resolve(path);
  const directory: DataDirectory = {
    path: root,
    store: join(root, 'store'),
    pki: join(root, 'pki'),
    encryptionKey: join(root, 'encryption.key'),
    kubeconfig: join(root, 'kubeconfig'),
    pidFile: join(root, 'hostler.pid'),
    log: join(root, 'serve.log'),
  };
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const part of [directory.store, directory.pki]) {
    await mkdir(part, { recursive: true, mode: 0o700 });
    await chmod(part, 0o700);
  }
  return directory;
}
