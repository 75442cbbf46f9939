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
  await writeFileAtomic(path, toYaml(config));
}

/** A text in JSON is one in YAML. */
function toYaml({ server, ca, user, credentials, namespace = 'default' }: Kubeconfig): string {
  return `apiVersion: v1
kind: Config
clusters:
  - name: hostler
    cluster:
      server: ${JSON.stringify(server)}
      certificate-authority-data: ${base64(ca)}
users:
  - name: ${JSON.stringify(user)}
    user:
      client-certificate-data: ${base64(credentials.cert)}
      client-key-data: ${base64(credentials.key)}
contexts:
  - name: hostler
    context:
      cluster: hostler
      user: ${JSON.stringify(user)}
      namespace: ${JSON.stringify(namespace)}
current-context: hostler
`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
