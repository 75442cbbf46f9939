import { timingSafeEqual } from 'node:crypto';
import type { JsonObject } from '../codec/json.ts';
import type { User } from '../http/authentication.ts';
import { metaOf, objectAt, textAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { accountUser, isThere, readLiving, type Identity } from './accountLookup.ts';
import { audiencesOfPlainToken } from './audiences.ts';
import type { SigningKey } from './signingKey.ts';

/** Issuer of tokens that are kept in Secrets. */
export const SECRET_ISSUER = 'kubernetes/serviceaccount';
/** Where such a token says what it is about. */
const CLAIM = 'kubernetes.io/serviceaccount/';
/** Set by somebody who wants to see whether a token is still needed. */
const INVALID_SINCE = 'kubernetes.io/legacy-token-invalid-since';

/**
 * Tokens of ServiceAccounts that are kept in Secrets of type kubernetes.io/service-account-token. They have no end:
 * each is good while the account is there and the Secret holds this very token.
 */
export class SecretTokens {
  readonly #key: SigningKey;
  readonly #accounts: StoredResource;
  readonly #secrets: StoredResource;

  constructor(deps: { key: SigningKey; accounts: StoredResource; secrets: StoredResource }) {
    this.#key = deps.key;
    this.#accounts = deps.accounts;
    this.#secrets = deps.secrets;
  }

  /** A new token of `account`, to be kept in the Secret of that name. */
  issue({ namespace, name, uid }: Identity, secret: string): string {
    return this.#key.sign({
      iss: SECRET_ISSUER,
      [`${CLAIM}namespace`]: namespace,
      [`${CLAIM}secret.name`]: secret,
      [`${CLAIM}service-account.name`]: name,
      [`${CLAIM}service-account.uid`]: uid,
      sub: `system:serviceaccount:${namespace}:${name}`,
    });
  }

  /** Whose token this is; undefined when it is not good any more. @param claims  Of `token`, which our key signed. */
  async userOf(
    { token, claims }: { token: string; claims: JsonObject },
    audiences: readonly string[],
  ): Promise<{ user: User; audiences: string[] } | undefined> {
    const accepted = audiencesOfPlainToken(audiences);
    const namespace = textAt(claims, `${CLAIM}namespace`);
    const account = {
      namespace,
      name: textAt(claims, `${CLAIM}service-account.name`),
      uid: textAt(claims, `${CLAIM}service-account.uid`),
    };
    if (accepted.length === 0 || !(await isThere(this.#accounts, account))) return undefined;
    const secret = await readLiving(this.#secrets, { namespace, name: textAt(claims, `${CLAIM}secret.name`) });
    if (secret === undefined || !holds(secret, token)) return undefined;
    return { user: accountUser(account), audiences: accepted };
  }
}

function holds(secret: JsonObject, token: string): boolean {
  if (textAt(objectAt(metaOf(secret), 'labels'), INVALID_SINCE) !== '') return false;
  const [kept, sent] = [Buffer.from(textAt(objectAt(secret, 'data'), 'token'), 'base64'), Buffer.from(token)];
  return kept.length === sent.length && timingSafeEqual(kept, sent);
}
