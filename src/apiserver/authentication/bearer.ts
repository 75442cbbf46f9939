import type { IncomingMessage } from 'node:http';
import { ANONYMOUS, type Authenticator, type User } from '../http/authentication.ts';
import { ApiError, unauthorized } from '../http/status.ts';
import { namesToken, takeToken } from './protocolToken.ts';

/** Knows the users of one kind of tokens. */
export interface TokenSource {
  /**
   * Whose token this is; undefined for one that is not known here, or not good any more.
   * @param audiences  Whom the token must be meant for; empty = this server.
   */
  userOf(token: string, audiences: readonly string[]): Promise<{ user: User; audiences: string[] } | undefined>;
}

/**
 * Users by bearer token, unless `otherwise` knows who it is: as in kube-apiserver a client certificate goes first.
 * A token that nobody knows is a 401, never anonymous; a header that holds none is passed over.
 */
export class BearerAuthenticator implements Authenticator {
  readonly #sources: readonly TokenSource[];
  readonly #otherwise: Authenticator;

  constructor(sources: readonly TokenSource[], otherwise: Authenticator) {
    this.#sources = sources;
    this.#otherwise = otherwise;
  }

  authenticate(request: IncomingMessage): User | Promise<User> {
    const { authorization } = request.headers;
    const token = bearerToken(authorization ?? '');
    if (token !== undefined) return this.#byToken(request, () => token);
    if (namesToken(request)) return this.#byToken(request, () => takeToken(request));
    return this.#otherwise.authenticate(request);
  }

  async #byToken(request: IncomingMessage, tokenOf: () => string | undefined): Promise<User> {
    const known = await this.#known(request);
    if (known !== undefined) return known;
    const token = tokenOf();
    const found = token === undefined ? undefined : await this.review(token, []);
    if (found === undefined) throw unauthorized();
    return found.user;
  }

  /** Who it is without the token. Something that is no good leaves it to the token. */
  async #known(request: IncomingMessage): Promise<User | undefined> {
    try {
      const user = await this.#otherwise.authenticate(request);
      return user === ANONYMOUS ? undefined : user;
    } catch (error) {
      if (error instanceof ApiError && error.code === 401) return undefined;
      throw error;
    }
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

/** As kube-apiserver reads it: the word after `bearer`, whatever follows it. */
function bearerToken(header: string): string | undefined {
  const [scheme = '', token = ''] = header.trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}
