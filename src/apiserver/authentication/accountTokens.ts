import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { JsonObject } from '../codec/json.ts';
import { CREDENTIAL_ID, type User } from '../http/authentication.ts';
import { isDeleting, metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { decodeEntry } from '../registry/versions.ts';
import type { SigningKey } from './signingKey.ts';
import type { TokenSource } from './bearer.ts';

/** Issuer of our tokens, and their audience unless another is asked for. */
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

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

/** Tokens of ServiceAccounts: signed, with an end, and good only while their account (and what they are bound to) is there. */
export class AccountTokens implements TokenSource {
  readonly #key: SigningKey;
  readonly #clock: Clock;
  readonly #accounts: StoredResource;
  readonly #secrets: StoredResource;

  constructor(deps: { key: SigningKey; clock: Clock; accounts: StoredResource; secrets: StoredResource }) {
    this.#key = deps.key;
    this.#clock = deps.clock;
    this.#accounts = deps.accounts;
    this.#secrets = deps.secrets;
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
    if (claims === undefined || textAt(claims, 'iss') !== ISSUER || !this.#isNow(claims)) return undefined;
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
    return { user: toUser({ namespace, name, uid, id: textAt(claims, 'jti') }), audiences: accepted };
  }

  #isNow(claims: JsonObject): boolean {
    const now = this.#clock.now() / 1000;
    const { exp, nbf, iat } = claims;
    const isBegun = [nbf, iat].every((time) => typeof time !== 'number' || now >= time - LEEWAY);
    return isBegun && typeof exp === 'number' && now <= exp + LEEWAY;
  }
}

/** The very object, not one of the same name that came later. The store is asked, as a cache may be behind. */
async function isThere(
  resource: StoredResource,
  { namespace, name, uid }: { namespace: string; name: string; uid: string },
): Promise<boolean> {
  if (namespace === '' || name === '' || uid === '') return false;
  const entry = await resource.store.storage.get(resource.store.key(namespace, name));
  if (entry === undefined) return false;
  const object = decodeEntry(resource, entry);
  return textAt(metaOf(object), 'uid') === uid && !isDeleting(object);
}

function toUser({ namespace, name, uid, id }: { namespace: string; name: string; uid: string; id: string }): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra: { [CREDENTIAL_ID]: [`JTI=${id}`] },
  };
}
