import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { unauthorized } from './status.ts';

/** Who sends a request. */
export interface User {
  name: string;
  uid?: string;
  /** Groups as authenticated, `system:authenticated` or `system:unauthenticated` among them. */
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** The user of a request without credentials: may do what the roles of its group allow. */
export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** In `extra`: which credential it was, for audit logs. */
export const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/** Finds out who sends a request. */
export interface Authenticator {
  /**
   * @returns {@link ANONYMOUS} when no credential was sent.
   * @throws ApiError 401 when one was sent that is not good.
   */
  authenticate(request: IncomingMessage): User | Promise<User>;
}

/** What one connection proved. */
interface Proof {
  user: User;
  /** Milliseconds since the epoch after which the certificate counts no more. */
  validTo: number;
}

/**
 * Users by TLS client certificate: CN = name, O = groups. The certificate was verified against the client CA
 * in the handshake; its end of validity is looked at on every request, as connections live long.
 */
export class CertificateAuthenticator implements Authenticator {
  readonly #proofs = new WeakMap<TLSSocket, Proof | 'rejected'>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  authenticate(request: IncomingMessage): User {
    const { socket } = request;
    if (!(socket instanceof TLSSocket)) return ANONYMOUS;
    let proof = this.#proofs.get(socket);
    if (proof === undefined) {
      proof = prove(socket);
      this.#proofs.set(socket, proof);
    }
    if (proof === 'rejected' || proof.validTo < this.#now()) throw unauthorized();
    return proof.user;
  }
}

function prove(socket: TLSSocket): Proof | 'rejected' {
  const certificate = socket.getPeerCertificate();
  // without a certificate Node returns an empty object
  if (Object.keys(certificate).length === 0) return { user: ANONYMOUS, validTo: Infinity };
  if (!socket.authorized) return 'rejected';
  const name = values(certificate.subject.CN).at(-1);
  if (name === undefined || name === '') return 'rejected';
  const groups = values(certificate.subject.O);
  return {
    user: {
      name,
      groups: [...new Set([...groups, 'system:authenticated'])],
      extra: { [CREDENTIAL_ID]: [`X509SHA256=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`] },
    },
    validTo: Date.parse(certificate.valid_to),
  };
}

function values(field: string | string[] | undefined): string[] {
  if (field === undefined) return [];
  return Array.isArray(field) ? field : [field];
}
