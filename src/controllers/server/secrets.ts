import type { Client } from '../../kube/client.ts';
import { isForbidden } from '../../kube/apiError.ts';
import { secrets } from '../../kube/resource.ts';
import { TerminalError, TransientError } from '../../lib/errors.ts';
import { redactor } from '../../lib/redaction.ts';
import { howToGrant } from './grants.ts';

/** What Hostler logs in with. Whatever else is in a Secret is nothing to it, and not secret in a text. */
const CREDENTIALS = ['ssh-privatekey', 'passphrase', 'password'];
/** More than an RSA key of 16,384 bits takes, encrypted. */
const MAX_CREDENTIAL_BYTES = 16 * 1024;

/** One Secret as it is now: decoded values, and which version of it they are. Never log one. */
export interface ReadSecret {
  /** Names version and object, nothing of the content. */
  version: { uid: string; resourceVersion: string };
  /** @throws TransientError SecretTooLarge  when it is larger than any credential. */
  value(key: string): string | undefined;
}

/**
 * Reads Secrets by GET, when they are needed; never lists or watches. Credentials are known to the redactor for
 * as long as that version is the newest one seen.
 */
export class SecretReader {
  readonly #client: Client;

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
    const credentials = CREDENTIALS.flatMap((name) => values.get(name) ?? []).filter((value) => !isTooLarge(value));
    redactor.keep(uid, resourceVersion, credentials);
    return {
      version: { uid, resourceVersion },
      value: (name) => {
        const value = values.get(name);
        if (value !== undefined && CREDENTIALS.includes(name) && isTooLarge(value)) throw tooLarge(key, name, field);
        return value;
      },
    };
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
}

function isTooLarge(value: string): boolean {
  return Buffer.byteLength(value) > MAX_CREDENTIAL_BYTES;
}

function tooLarge(key: { namespace: string; name: string }, name: string, field: string): TransientError {
  return new TransientError(
    'SecretTooLarge',
    `The ${name} in Secret ${key.namespace}/${key.name} of ${field} has more than ${MAX_CREDENTIAL_BYTES} bytes.`,
    { remedy: 'Put the credential alone there.' },
  );
}

/**
 * A value that must be there.
 * @throws TransientError SecretMissing  naming the key; as {@link ReadSecret.value}.
 */
export function requiredValue(secret: ReadSecret, key: string, ref: { name: string }, type: string): string {
  const value = secret.value(key);
  if (value !== undefined && value !== '') return value;
  throw new TransientError('SecretMissing', `Secret ${ref.name} has no key ${key}.`, {
    remedy: `It must be of type ${type} with the key ${key}.`,
  });
}
