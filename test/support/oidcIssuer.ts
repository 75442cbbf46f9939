import { constants, createPublicKey, generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePki, type Pki } from '../../src/apiserver/pki/pki.ts';
import { freePort } from './freePort.ts';

/** A key that signs tokens. `kid` is absent where the issuer gives its keys no names. */
export interface TokenKey {
  alg: 'RS256' | 'PS256' | 'ES256';
  kid?: string;
  privateKey: KeyObject;
}

export type TokenClaims = Record<string, unknown>;

/** A new key. */
export function tokenKey(alg: TokenKey['alg'] = 'RS256', kid: string = randomUUID()): Required<TokenKey> {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { alg, kid, privateKey };
}

/** The public half as the issuer shows it. */
export function publicJwk({ alg, kid, privateKey }: TokenKey): Record<string, unknown> {
  return {
    ...createPublicKey(privateKey).export({ format: 'jwk' }),
    use: 'sig',
    alg,
    ...(kid === undefined ? {} : { kid }),
  };
}

/** A compact JWS over `claims`, made without the library that checks it. */
export function signToken(key: TokenKey, claims: TokenClaims): string {
  const header = { alg: key.alg, typ: 'JWT', ...(key.kid === undefined ? {} : { kid: key.kid }) };
  const text = `${encode(header)}.${encode(claims)}`;
  const padding = key.alg === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {};
  const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363', ...padding });
  return `${text}.${signature.toString('base64url')}`;
}

/** One part of a token. */
export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** An OpenID Connect issuer on loopback, as far as who checks tokens sees one: its document and its keys, by HTTPS. */
export class OidcIssuer {
  readonly directory: string;
  readonly url: string;
  /** The certificate authority of its certificate, PEM. */
  readonly ca: string;
  readonly caFile: string;
  /** What it shows; tests change it at will. */
  keys: TokenKey[];
  /** What it says it is. */
  issuer: string;
  /** Requests for the keys so far. */
  asked = 0;
  readonly #pki: Pki;
  #server: Server | undefined;

  private constructor(directory: string, port: number, pki: Pki, keys: TokenKey[]) {
    this.directory = directory;
    this.url = `https://127.0.0.1:${port}`;
    this.issuer = this.url;
    this.ca = pki.ca;
    this.caFile = join(directory, 'issuer-ca.pem');
    this.keys = keys;
    this.#pki = pki;
  }

  /** Starts one with one RS256 key. */
  static async start(keys: TokenKey[] = [tokenKey()]): Promise<OidcIssuer> {
    const directory = await mkdtemp(join(tmpdir(), 'hostler-oidc-'));
    const pki = await ensurePki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
    const issuer = new OidcIssuer(directory, await freePort(), pki, keys);
    await writeFile(issuer.caFile, pki.ca);
    await issuer.up();
    return issuer;
  }

  /** Answers from now on. */
  async up(): Promise<void> {
    const { cert, key } = this.#pki.serving;
    const server = createServer({ cert, key }, (request, response) => {
      const body = this.#answer(request.url ?? '');
      response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body ?? {}));
    });
    await new Promise<void>((resolve) => server.listen(Number(new URL(this.url).port), '127.0.0.1', resolve));
    this.#server = server;
  }

  /** Refuses connections from now on. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  }

  async remove(): Promise<void> {
    await this.down();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** A token that is good for an hour; `claims` replace or add, undefined takes away. */
  token(claims: TokenClaims = {}, key: TokenKey | undefined = this.keys[0]): string {
    if (key === undefined) throw new Error('the issuer has no key');
    return signToken(key, { ...goodClaims(this.url), ...claims });
  }

  #answer(path: string): object | undefined {
    if (path === '/.well-known/openid-configuration') return { issuer: this.issuer, jwks_uri: `${this.url}/keys` };
    if (path !== '/keys') return undefined;
    this.asked++;
    return { keys: this.keys.map(publicJwk) };
  }
}

/** What every token says. @param nowMs  Milliseconds since the epoch. */
export function goodClaims(issuer: string, nowMs = Date.now()): TokenClaims {
  const now = Math.floor(nowMs / 1000);
  return { iss: issuer, aud: 'hostler', sub: 'jane', exp: now + 3600, iat: now };
}
