import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { JsonObject } from '../codec/json.ts';
import { CREDENTIAL_ID, type User } from '../http/authentication.ts';
import { objectAt, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { accountUser, isThere } from './accountLookup.ts';
import { ISSUER } from './audiences.ts';
import type { TokenSource } from './bearer.ts';
import { SECRET_ISSUER, SecretTokens } from './secretTokens.ts';
import type { SigningKey } from './signingKey.ts';

/** What the clocks of two servers may differ by, in seconds. */
const LEEWAY = 60;

/** An object whose deletion ends a token. */
export interface BoundObject {
  kind: 'Secret';
  name: string;
  uid: string;
}

/** What a token says. */
interface TokenWish {
  namespace: string;
  name: string;
  uid: string;
  audiences: readonly string[];
  expirationSeconds: number;
  bound: BoundObject | undefined;
}

/**
 * Tokens of ServiceAccounts: signed, with an end, and good only while their account (and what they are bound to) is
 * there. Those without an end, which are kept in Secrets, are known here, too.
 */
export class AccountTokens implements TokenSource {
  readonly #key: SigningKey;
  readonly #clock: Clock;
  readonly #accounts: StoredResource;
  readonly #secrets: StoredResource;
  /** Those that are kept in Secrets. */
  readonly ofSecrets: SecretTokens;

  constructor(deps: { key: SigningKey; clock: Clock; accounts: StoredResource; secrets: StoredResource }) {
    this.#key = deps.key;
    this.#clock = deps.clock;
    this.#accounts = deps.accounts;
    this.#secrets = deps.secrets;
    this.ofSecrets = new SecretTokens(deps);
  }

  /** A new token. @returns it and its end, in milliseconds. */
  issue(wish: TokenWish): { token: string; expiresAt: number } {
    const now = Math.floor(this.#clock.now() / 1000);
    const { namespace, name, uid, bound } = wish;
    const expires = now + wish.expirationSeconds;
    const token = this.#key.sign({
      aud: wish.audiences.length === 0 ? [ISSUER] : wish.audiences,
      exp: expires,
      iat: now,
      iss: ISSUER,
      jti: randomUUID(),
      'kubernetes.io': {
        namespace,
        serviceaccount: { name, uid },
        ...(bound === undefined ? {} : { secret: { name: bound.name, uid: bound.uid } }),
      },
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
    return { token, expiresAt: expires * 1000 };
  }

  async userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined> {
    const claims = this.#key.verify(token) as JsonObject | undefined;
    if (claims === undefined) return undefined;
    return textAt(claims, 'iss') === SECRET_ISSUER
      ? this.ofSecrets.userOf({ token, claims }, audiences)
      : this.#userOf(claims, audiences);
  }

  async #userOf(
    claims: JsonObject,
    audiences: readonly string[],
  ): Promise<{ user: User; audiences: string[] } | undefined> {
    if (textAt(claims, 'iss') !== ISSUER || !this.#isNow(claims)) return undefined;
    const accepted = (audiences.length === 0 ? [ISSUER] : audiences).filter((one) =>
      textsAt(claims, 'aud').includes(one),
    );
    if (accepted.length === 0) return undefined;
    const about = objectAt(claims, 'kubernetes.io');
    const namespace = textAt(about, 'namespace');
    const account = objectAt(about, 'serviceaccount');
    const name = textAt(account, 'name');
    const uid = textAt(account, 'uid');
    if (!(await isThere(this.#accounts, { namespace, name, uid }))) return undefined;
    const secret = objectAt(about, 'secret');
    if (secret !== undefined) {
      const bound = { namespace, name: textAt(secret, 'name'), uid: textAt(secret, 'uid') };
      if (!(await isThere(this.#secrets, bound))) return undefined;
    }
    const user = accountUser({ namespace, name, uid });
    const extra = { [CREDENTIAL_ID]: [`JTI=${textAt(claims, 'jti')}`] };
    return { user: { ...user, extra }, audiences: accepted };
  }

  #isNow(claims: JsonObject): boolean {
    const now = this.#clock.now() / 1000;
    const { exp, nbf, iat } = claims;
    const isBegun = [nbf, iat].every((time) => typeof time !== 'number' || now >= time - LEEWAY);
    return isBegun && typeof exp === 'number' && now <= exp + LEEWAY;
  }
}
