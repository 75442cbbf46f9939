import { ISSUER } from '../authentication/audiences.ts';
import type { SigningKey } from '../authentication/signingKey.ts';
import type { Endpoint, Exchange } from './context.ts';

/** OpenID discovery of the issuer of ServiceAccount tokens, for others who verify them. */
export class IssuerEndpoint implements Endpoint {
  readonly #key: SigningKey;

  constructor(key: SigningKey) {
    this.#key = key;
  }

  handle({ info, request, response }: Exchange): Promise<boolean> {
    const path = info.path.replace(/\/$/, '');
    const isConfiguration = path === '/.well-known/openid-configuration';
    if (!isConfiguration && path !== '/openid/v1/jwks') return Promise.resolve(false);
    if (info.verb !== 'get') return Promise.resolve(false);
    const document = isConfiguration
      ? {
          issuer: ISSUER,
          jwks_uri: `https://${request.headers.host ?? ''}/openid/v1/jwks`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        }
      : { keys: [this.#key.jwk] };
    const type = isConfiguration ? 'application/json' : 'application/jwk-set+json';
    response.writeHead(200, { 'content-type': type, 'cache-control': 'public, max-age=3600' });
    response.end(JSON.stringify(document));
    return Promise.resolve(true);
  }
}
