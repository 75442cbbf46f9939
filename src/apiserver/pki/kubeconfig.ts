import type { KeyPair } from './pki.ts';

/** What a kubeconfig says: one cluster, one user, one context. */
export interface Kubeconfig {
  /** `https://host:port` */
  server: string;
  /** CA certificate, PEM. */
  ca: string;
  /** Name of the user entry. */
  user: string;
  credentials: KeyPair;
  /** Default `default`. */
  namespace?: string;
}

/** Writes `config` to `path` (0600), replacing it as a whole. */
export async function writeKubeconfig(path: string, config: Kubeconfig): Promise<void> {
  return Promise.reject(new Error(`not implemented: ${path} ${config.server}`));
}
