import { compactVerify, createLocalJWKSet, errors, type CompactVerifyGetKey, type CryptoKey } from 'jose';
import type { Clock } from '../../../lib/clock.ts';
import type { Logger } from '../../../lib/logger.ts';
import { TokenRefused } from './claims.ts';
import type { KeySource } from './keySource.ts';

/** Least time between two attempts to read the keys, in milliseconds, whatever tokens come. */
const MIN_INTERVAL_MS = 10_000;
/** From this age on keys are read again, so that one the issuer took back counts no more. */
const MAX_AGE_MS = 10 * 60_000;

type FindKey = ReturnType<typeof createLocalJWKSet>;

/**
 * The issuer's public keys, read when first needed, when a token names an unknown one, and when they are old. Those
 * that were read once are good until others could be: an issuer that is away keeps nobody out.
 */
export class KeySet {
  readonly #source: KeySource;
  readonly #algorithms: string[];
  readonly #clock: Clock;
  readonly #log: Logger;
  #findKey: FindKey | undefined;
  #readAt = -Infinity;
  #triedAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(deps: { source: KeySource; algorithms: readonly string[]; clock: Clock; log: Logger }) {
    this.#source = deps.source;
    this.#algorithms = [...deps.algorithms];
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /**
   * The payload of a compact JWS that one of the keys signed.
   * @throws TokenRefused
   */
  async verify(token: string): Promise<Uint8Array> {
    if (this.#clock.now() - this.#readAt > MAX_AGE_MS) {
      const reading = this.refresh();
      if (this.#findKey === undefined) await reading;
    }
    const payload = await this.#verifyNow(token);
    if (payload !== undefined) return payload;
    const before = this.#findKey;
    await this.refresh();
    const later = this.#findKey === before ? undefined : await this.#verifyNow(token);
    if (later === undefined) throw new TokenRefused('no key of the issuer fits');
    return later;
  }

  /** Reads the keys, unless that was tried a moment ago. Never rejects: what was read before stays. */
  async refresh(): Promise<void> {
    if (this.#reading === undefined && this.#clock.now() - this.#triedAt < MIN_INTERVAL_MS) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      this.#findKey = createLocalJWKSet(await this.#source());
      this.#readAt = this.#clock.now();
    } catch (error) {
      this.#log.warn({ error }, 'the keys of the OIDC issuer could not be read');
    } finally {
      this.#triedAt = this.#clock.now();
    }
  }

  /**
   * Undefined when none of the known keys signed it: others may have.
   * @throws TokenRefused when it is no good with any key.
   */
  async #verifyNow(token: string): Promise<Uint8Array | undefined> {
    if (this.#findKey === undefined) return undefined;
    try {
      return await this.#verifyBy(token, this.#findKey);
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return this.#verifyByAny(token, error);
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      // by its code: a message might quote the token
      throw new TokenRefused(error instanceof errors.JOSEError ? error.code : 'the key of the issuer is unusable');
    }
  }

  /** A token without `kid` may be signed by any of several keys. */
  async #verifyByAny(token: string, keys: AsyncIterable<CryptoKey>): Promise<Uint8Array | undefined> {
    for await (const key of keys) {
      try {
        return await this.#verifyBy(token, () => key);
      } catch {
        // not signed by this one, or this one is unusable: the next may be the one
      }
    }
    return undefined;
  }

  async #verifyBy(token: string, findKey: CompactVerifyGetKey): Promise<Uint8Array> {
    const { payload } = await compactVerify(token, findKey, { algorithms: this.#algorithms });
    return payload;
  }
}
