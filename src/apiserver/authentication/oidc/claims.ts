import type { JsonObject, JsonValue } from '../../codec/json.ts';
import type { User } from '../../http/authentication.ts';
import { RESERVED_PREFIX, type OidcSettings } from './settings.ts';

/** A token's clock may be ahead of ours by this much, in seconds; one that is over has no such grace. */
const NOT_BEFORE_LEEWAY_S = 60;

/** Why a token is not taken; tells the names of claims, never what they hold. */
export class TokenRefused extends Error {}

/**
 * Checks everything but the signature.
 * @param now  Seconds since the epoch.
 * @throws TokenRefused
 */
export function checkClaims(claims: JsonObject, settings: OidcSettings, now: number): void {
  const { aud, exp, nbf } = claims;
  if (claims['iss'] !== settings.issuerUrl) throw new TokenRefused('iss is another issuer');
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (!audiences.includes(settings.clientId)) throw new TokenRefused('aud does not name this client id');
  if (typeof exp !== 'number' || now > exp) throw new TokenRefused('exp has passed');
  checkNotBefore(nbf, now);
  for (const [name, value] of Object.entries(settings.requiredClaims)) {
    if (claims[name] !== value) throw new TokenRefused(`the required claim ${name} is missing or has another value`);
  }
}

function checkNotBefore(nbf: JsonValue | undefined, now: number): void {
  if (nbf === undefined || nbf === null) return;
  if (typeof nbf !== 'number' || now + NOT_BEFORE_LEEWAY_S < nbf) throw new TokenRefused('nbf is still to come');
}

/**
 * The user that checked claims speak of. No name and no group begins with `system:`, whatever the issuer says.
 * @throws TokenRefused
 */
export function userOfClaims(claims: JsonObject, settings: OidcSettings): User {
  const name = nameOf(claims, settings);
  const groups = groupsOf(claims, settings).filter((group) => !group.startsWith(RESERVED_PREFIX));
  return { name, groups: [...new Set([...groups, 'system:authenticated'])] };
}

function nameOf(claims: JsonObject, { usernameClaim, usernamePrefix }: OidcSettings): string {
  const value = claims[usernameClaim];
  if (typeof value !== 'string' || value === '') {
    throw new TokenRefused(`the user name claim ${usernameClaim} is missing or no text`);
  }
  // an issuer that does not say whether an address is verified is believed, as in kube-apiserver
  if (usernameClaim === 'email' && claims['email_verified'] !== undefined && claims['email_verified'] !== true) {
    throw new TokenRefused('email is not verified');
  }
  const name = usernamePrefix + value;
  if (name.startsWith(RESERVED_PREFIX)) throw new TokenRefused(`the user name begins with ${RESERVED_PREFIX}`);
  return name;
}

function groupsOf(claims: JsonObject, { groupsClaim, groupsPrefix }: OidcSettings): string[] {
  const value = groupsClaim === '' ? undefined : claims[groupsClaim];
  if (value === undefined || value === null) return [];
  const groups = Array.isArray(value) ? value : [value];
  return groups.map((group) => {
    if (typeof group !== 'string')
      throw new TokenRefused(`the groups claim ${groupsClaim} is no text or list of texts`);
    return groupsPrefix + group;
  });
}
