import type { EffectiveServer } from '../../api/effective.ts';
import type { HostKey } from '../../api/knownHost.ts';
import type { Server } from '../../api/server.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { digest } from '../../lib/canonicalJson.ts';
import type { Credential, PrivilegeOptions } from '../../ssh/connectOptions.ts';
import { publicKeyOf } from '../../ssh/keys.ts';
import { requiredValue, type ReadSecret, type SecretReader } from './secrets.ts';

type CredentialName = NonNullable<NonNullable<ServerStatus['auth']>['current']>;

/** The credentials of one Server, read at one moment. */
export interface Keyring {
  main: { name: CredentialName; credential: Credential };
  bootstrap: Credential | undefined;
  /** Digest of what the login depends on: object versions and spec.ssh; no secret. */
  version: string;
}

/** Reads the Secrets that a Server's spec.ssh refers to. */
export class KeyringReader {
  readonly #secrets: SecretReader;

  constructor(secrets: SecretReader) {
    this.#secrets = secrets;
  }

  /** @throws as SecretReader.read and requiredValue */
  async read(server: Server, effective: EffectiveServer, signal: AbortSignal): Promise<Keyring> {
    const { auth, privilege } = effective.ssh;
    const read = (ref: { name: string } | undefined, field: string) => this.#optional(server, ref, field, signal);
    const key = await read(auth.privateKeySecretRef, 'spec.ssh.auth.privateKeySecretRef');
    const password = await read(auth.passwordSecretRef, 'spec.ssh.auth.passwordSecretRef');
    const first = await read(auth.bootstrap?.passwordSecretRef, 'spec.ssh.auth.bootstrap.passwordSecretRef');
    const root = await read(privilege.passwordSecretRef, 'spec.ssh.privilege.passwordSecretRef');
    return {
      main:
        key === undefined
          ? { name: 'Password', credential: passwordOf(password) }
          : { name: 'PrivateKey', credential: keyOf(key) },
      bootstrap: first && passwordOf(first),
      version: digest({
        ssh: effective.ssh,
        addresses: effective.addresses,
        secrets: [key, password, first, root].map((found) => found?.secret.version),
      }),
    };
  }

  /** How root is had. A session keeps this for as long as it lives, so that it holds nothing of a run. */
  privilege(server: Server, effective: EffectiveServer, signal: AbortSignal): PrivilegeOptions {
    const { mode, passwordSecretRef: ref } = effective.ssh.privilege;
    if (ref === undefined) return { mode };
    const { namespace } = server.metadata;
    return {
      mode,
      password: async () => {
        const found = await this.#required(namespace, ref, 'spec.ssh.privilege.passwordSecretRef', signal);
        return requiredValue(found.secret, 'password', ref, 'kubernetes.io/basic-auth');
      },
    };
  }

  async #optional(
    server: Server,
    ref: { name: string } | undefined,
    field: string,
    signal: AbortSignal,
  ): Promise<Found | undefined> {
    return ref && this.#required(server.metadata.namespace, ref, field, signal);
  }

  async #required(
    namespace: string | undefined,
    ref: { name: string },
    field: string,
    signal: AbortSignal,
  ): Promise<Found> {
    return { ref, secret: await this.#secrets.read({ namespace: namespace ?? '', name: ref.name }, field, signal) };
  }
}

/** The public half of the main credential; undefined when that is a password. @throws as parsePrivateKey */
export function publicKeyIn({ main: { credential } }: Keyring): HostKey | undefined {
  return credential.kind === 'key' ? publicKeyOf(credential.privateKey, credential.passphrase) : undefined;
}

interface Found {
  ref: { name: string };
  secret: ReadSecret;
}

function keyOf({ secret, ref }: Found): Credential {
  const privateKey = requiredValue(secret, 'ssh-privatekey', ref, 'kubernetes.io/ssh-auth');
  return { kind: 'key', privateKey, passphrase: secret.value('passphrase') };
}

function passwordOf(found: Found | undefined): Credential {
  // the CRD's rule demands exactly one main credential
  if (found === undefined) throw new TypeError('spec.ssh.auth has no credential');
  return { kind: 'password', password: requiredValue(found.secret, 'password', found.ref, 'kubernetes.io/basic-auth') };
}
