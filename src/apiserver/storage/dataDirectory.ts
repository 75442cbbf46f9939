/** Where the standalone server keeps its state; see {@link prepareDataDirectory}. */
export interface DataDirectory {
  /** Directory of the embedded store. */
  store: string;
  /** Directory of certificates and keys. */
  pki: string;
  encryptionKey: string;
  kubeconfig: string;
  pidFile: string;
  log: string;
}

/** Makes `path` (0700) with its sub-directories and says where everything in it lies. */
export async function prepareDataDirectory(path: string): Promise<DataDirectory> {
  return Promise.reject(new Error(`not implemented: ${path}`));
}
