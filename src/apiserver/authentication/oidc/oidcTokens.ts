import type { Clock } from '../../../lib/clock.ts';
import { messageOf } from '../../../lib/errors.ts';
import type { Logger } from '../../../lib/logger.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { User } from '../../http/authentication.ts';
import { audiencesOfPlainToken } from '../audiences.ts';
import type { TokenSource } from '../bearer.ts';
import { checkClaims, TokenRefused, userOfClaims } from './claims.ts';
import { KeySet } from './keySet.ts';
import { keySource } from './keySource.ts';
import type { OidcSettings } from './settings.ts';

/** ID tokens of one OpenID Connect issuer, by kube-apiserver's rules. Why one is refused stands in the log. */
export class OidcTokens implements TokenSource {
  readonly #settings: OidcSettings;
  readonly #keys: KeySet;
  readonly #clock: Clock;
  readonly #log: Logger;

  private constructor(settings: OidcSettings, deps: { clock: Clock; log: Logger; keys: KeySet }) {
    this.#settings = settings;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#keys = deps.keys;
  }

  /**
   * Starts reading the keys, and waits for those of a file only: no server waits for an issuer.
   * @throws Error when that file cannot be used.
   */
  static async start(settings: OidcSettings, { clock, log }: { clock: Clock; log: Logger }): Promise<OidcTokens> {
    const source = keySource(settings);
    if (settings.keys.from === 'file') await source().catch(unusableFile);
    const keys = new KeySet({ source, algorithms: settings.signingAlgorithms, clock, log });
    // the log shall say at once when the issuer cannot be asked
    void keys.refresh();
    return new OidcTokens(settings, { clock, log, keys });
  }

  async userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined> {
    // the token is for the issuer's client; whoever takes it as that is this server
    const accepted = audiencesOfPlainToken(audiences);
    if (accepted.length === 0 || unprovenIssuer(token) !== this.#settings.issuerUrl) return undefined;
    try {
      return { user: await this.#prove(token), audiences: accepted };
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      this.#log.info({ reason: error.message, issuer: this.#settings.issuerUrl }, 'an OIDC token was refused');
      return undefined;
    }
  }

  async #prove(token: string): Promise<User> {
    const claims = parse(await this.#keys.verify(token));
    if (claims === undefined) throw new TokenRefused('the claims are no JSON object');
    checkClaims(claims, this.#settings, this.#clock.now() / 1000);
    return userOfClaims(claims, this.#settings);
  }
}

function unusableFile(error: unknown): never {
  throw new Error(`--oidc-jwks-file: ${messageOf(error)}. Save there what the issuer's jwks_uri shows.`, {
    cause: error,
  });
}

/** Whose token it says to be: enough to leave it to others, never to believe it. */
function unprovenIssuer(token: string): unknown {
  const [, payload, signature, ...more] = token.split('.');
  if (payload === undefined || signature === undefined || more.length > 0) return undefined;
  return parse(Buffer.from(payload, 'base64url'))?.['iss'];
}

function parse(bytes: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined; // a token of another kind, or none at all
  }
}
