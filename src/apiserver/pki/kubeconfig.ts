import { stringify } from 'yaml';
import { writeFileAtomic } from '../../lib/atomicFile.ts';
import type { KeyPair } from './certificates.ts';

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

/** Writes `config` to `path` (0600), replacing the file as a whole. */
export async function writeKubeconfig(path: string, config: Kubeconfig): Promise<void> {
  const context = { cluster: 'hostler', user: config.user, namespace: config.namespace ?? 'default' };
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'hostler', cluster: { server: config.server, 'certificate-authority-data': base64(config.ca) } },
    ],
    users: [
      {
        name: config.user,
        user: {
          'client-certificate-data': base64(config.credentials.cert),
          'client-key-data': base64(config.credentials.key),
        },
      },
    ],
    contexts: [{ name: 'hostler', context }],
    'current-context': 'hostler',
  };
  await writeFileAtomic(path, stringify(document, { lineWidth: 0 }));
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
