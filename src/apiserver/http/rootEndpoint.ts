import type { Catalog } from '../registry/catalog.ts';
import type { Endpoint, Exchange } from './context.ts';
import { sendText } from './respond.ts';
import { methodNotAllowed } from './status.ts';

/** What is served beside resources. */
const OTHERS = [
  '/.well-known/openid-configuration',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

/** `/`: the paths that are served. */
export class RootEndpoint implements Endpoint {
  readonly #catalog: Catalog;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    if (exchange.info.path !== '/') return false;
    if (!['get', 'head'].includes(exchange.info.verb)) throw methodNotAllowed();
    await sendText(exchange, { code: 200, text: JSON.stringify({ paths: this.#paths() }) });
    return true;
  }

  #paths(): string[] {
    const ofGroups = this.#catalog.groups().flatMap(({ name, versions }) => {
      const root = name === '' ? '/api' : `/apis/${name}`;
      return [root, ...versions.map(({ version }) => `${root}/${version}`)];
    });
    return [...OTHERS, '/apis', ...ofGroups].sort();
  }
}
