import type { IncomingMessage } from 'node:http';
import type { Authenticator, User } from '../http/authentication.ts';
import { unauthorized } from '../http/status.ts';

/** Knows the users of one kind of tokens. */
export interface TokenSource {
  /**
   * Whose token this is; undefined for one that is not known here, or not good any more.
   * @param audiences  Whom the token must be meant for; empty = this server.
   */
  userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined>;
}

const BEARER = /^bearer +(\S+) *$/i;

/** Users by bearer token, and by whatever else where none is sent. A token that nobody knows is a 401, never anonymous. */
export class BearerAuthenticator implements Authenticator {
  readonly #sources: readonly TokenSource[];
  readonly #otherwise: Authenticator;

  constructor(sources: readonly TokenSource[], otherwise: Authenticator) {
    this.#sources = sources;
    this.#otherwise = otherwise;
  }

  authenticate(request: IncomingMessage): User | Promise<User> {
    const { authorization } = request.headers;
    if (authorization === undefined) return this.#otherwise.authenticate(request);
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) throw unauthorized();
    return this.#userOf(token);
  }

  async #userOf(token: string): Promise<User> {
    const found = await this.review(token, []);
    if (found === undefined) throw unauthorized();
    return found.user;
  }

  /** Whose token this is, for TokenReview. */
  async review(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined> {
    for (const source of this.#sources) {
      const found = await source.userOf(token, audiences);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
