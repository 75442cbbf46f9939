import type { Client } from '../../kube/client.ts';
import { isForbidden } from '../../kube/apiError.ts';
import { secrets } from '../../kube/resource.ts';
import { TerminalError, TransientError } from '../../lib/errors.ts';
import { redactor } from '../../lib/redaction.ts';
import { howToGrant } from './grants.ts';

/** One Secret as it is now: decoded values, and which version of it they are. Never log one. */
export interface ReadSecret {
  /** Names version and object, nothing of the content. */
  version: { uid: string; resourceVersion: string };
  value(key: string): string | undefined;
}

/**
 * Reads Secrets by GET, when they are needed; never lists or watches. Everything read is known to the redactor for
 * as long as that version is the newest one seen.
 */
export class SecretReader {
  readonly #client: Client;
  readonly #registered = new Map<string, { version: string; release: () => void }>();

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * @param field  Field that refers to the Secret, for the message: `spec.ssh.auth.privateKeySecretRef`.
   * @throws TransientError SecretMissing, TerminalError SecretForbidden
   */
  async read(key: { namespace: string; name: string }, field: string, signal: AbortSignal): Promise<ReadSecret> {
    const secret = await this.#get(key, field, signal);
    if (secret === undefined) {
      throw new TransientError('SecretMissing', `Secret ${key.namespace}/${key.name} of ${field} does not exist.`, {
        remedy: 'Create it, or correct the reference.',
      });
    }
    const { uid = '', resourceVersion = '' } = secret.metadata;
    const values = new Map(
      Object.entries(secret.data ?? {}).map(([name, data]) => [name, Buffer.from(data, 'base64').toString('utf8')]),
    );
    this.#register(uid, resourceVersion, [...values.values()]);
    return { version: { uid, resourceVersion }, value: (name) => values.get(name) };
  }

  async #get(key: { namespace: string; name: string }, field: string, signal: AbortSignal) {
    try {
      return await this.#client.find(secrets, key, { signal });
    } catch (error) {
      if (!isForbidden(error)) throw error;
      const how = await howToGrant(this.#client, { asked: key.name, namespace: key.namespace }, signal);
      throw new TerminalError(
        'SecretForbidden',
        `Hostler may not read Secret ${key.namespace}/${key.name} of ${field}.`,
        {
          cause: error,
          remedy: `Whoever owns it grants that: ${how}`,
        },
      );
    }
  }

  #register(uid: string, version: string, values: readonly string[]): void {
    const known = this.#registered.get(uid);
    if (known?.version === version) return;
    const releases = values.map((value) => redactor.register(value));
    known?.release();
    this.#registered.set(uid, { version, release: () => releases.forEach((release) => release()) });
  }
}

/**
 * A value that must be there.
 * @throws TransientError SecretMissing  naming the key.
 */
export function requiredValue(secret: ReadSecret, key: string, ref: { name: string }, type: string): string {
  const value = secret.value(key);
  if (value !== undefined && value !== '') return value;
  throw new TransientError('SecretMissing', `Secret ${ref.name} has no key ${key}.`, {
    remedy: `It must be of type ${type} with the key ${key}.`,
  });
}
