import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** Claims of a JSON Web Token. */
export type Claims = Record<string, unknown>;

const ALGORITHM = 'ES256';

/** An EC P-256 key that signs JSON Web Tokens (ES256) and knows its own again. */
export class SigningKey {
  readonly #private: KeyObject;
  readonly #public: KeyObject;
  /** SHA-256 of the public key; `kid` of its tokens. */
  readonly id: string;

  /** @param pem  PKCS#8. */
  constructor(pem: string) {
    this.#private = createPrivateKey(pem);
    this.#public = createPublicKey(this.#private);
    const der = this.#public.export({ type: 'spki', format: 'der' });
    this.id = createHash('sha256').update(der).digest('base64url');
  }

  /** The public half, as a JSON Web Key. */
  get jwk(): Claims {
    return { use: 'sig', alg: ALGORITHM, kid: this.id, ...this.#public.export({ format: 'jwk' }) };
  }

  sign(claims: Claims): string {
    const head = `${encode({ alg: ALGORITHM, kid: this.id })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(head), { key: this.#private, dsaEncoding: 'ieee-p1363' });
    return `${head}.${signature.toString('base64url')}`;
  }

  /** The claims of a token that this key signed; undefined for every other text. Says nothing about time. */
  verify(token: string): Claims | undefined {
    const parts = token.split('.');
    const [header = '', body = '', signature = ''] = parts;
    if (parts.length !== 3 || decode(header)?.['alg'] !== ALGORITHM) return undefined;
    const key = { key: this.#public, dsaEncoding: 'ieee-p1363' } as const;
    const isOwn = verify('sha256', Buffer.from(`${header}.${body}`), key, Buffer.from(signature, 'base64url'));
    return isOwn ? decode(body) : undefined;
  }
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Claims) : undefined;
  } catch {
    return undefined;
  }
}
