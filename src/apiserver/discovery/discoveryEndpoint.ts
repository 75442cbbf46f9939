import { acceptClauses, negotiate } from '../http/negotiate.ts';
import type { Endpoint, Exchange } from '../http/context.ts';
import { answeredAsKnown, hashOf } from '../http/document.ts';
import { sendText } from '../http/respond.ts';
import { methodNotAllowed } from '../http/status.ts';
import type { Catalog } from '../registry/catalog.ts';
import { aggregated, apiGroup, coreVersions, groupList, resourceList } from './documents.ts';

const NO_TRANSFORMS = new Set<never>();
const AGGREGATED = 'APIGroupDiscoveryList';

/** A document, encoded, with its hash. */
interface Document {
  text: string;
  hash: string;
}

/** `/api`, `/apis` and below: what is served here. Documents are made once per change of the catalog. */
export class DiscoveryEndpoint implements Endpoint {
  readonly #catalog: Catalog;
  #generation = -1;
  #documents = new Map<string, Document>();

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const path = exchange.info.path.replace(/\/$/, '');
    const parts = path.split('/').slice(1);
    const [root] = parts;
    if ((root !== 'api' && root !== 'apis') || parts.length > 3 || exchange.info.isResource) return false;
    const version = parts.length === 1 ? aggregatedVersion(exchange.request.headers.accept) : undefined;
    const made = this.#document(`${path} ${version ?? ''}`, () => this.#make(parts, version, exchange));
    if (made === undefined) return false;
    if (!['get', 'head'].includes(exchange.info.verb)) throw methodNotAllowed();
    await send(exchange, made, version);
    return true;
  }

  #make(parts: string[], version: string | undefined, exchange: Exchange): object | undefined {
    const [root, ...below] = parts;
    if (below.length > 0) return root === 'api' ? this.#below('', below) : this.#below(below[0] ?? '', below.slice(1));
    if (version !== undefined) return aggregated(this.#catalog, root === 'api' ? 'api' : 'apis', version);
    return root === 'api' ? coreVersions(exchange.request.headers.host ?? '') : groupList(this.#catalog);
  }

  /** A group (named groups only) or the resources of one of its versions. */
  #below(name: string, parts: readonly string[]): object | undefined {
    const group = this.#catalog.groups().find((one) => one.name === name);
    const [wanted, ...more] = parts;
    if (group === undefined || more.length > 0) return undefined;
    if (wanted === undefined) return apiGroup(group);
    const found = group.versions.find((one) => one.version === wanted);
    if (found === undefined) return undefined;
    return resourceList(found.resources, name === '' ? found.version : `${name}/${found.version}`);
  }

  #document(key: string, make: () => object | undefined): Document | undefined {
    if (this.#generation !== this.#catalog.generation) {
      this.#documents = new Map();
      this.#generation = this.#catalog.generation;
    }
    const known = this.#documents.get(key);
    if (known !== undefined) return known;
    const object = make();
    if (object === undefined) return undefined;
    const text = JSON.stringify(object);
    const made = { text, hash: hashOf(text) };
    // keys hold the path, which is the client's: bound what they can make us keep
    if (this.#documents.size < 1_000) this.#documents.set(key, made);
    return made;
  }
}

/** The version of the aggregated document that the client prefers over the legacy one. */
function aggregatedVersion(accept: string | undefined): string | undefined {
  for (const { type, params } of acceptClauses(accept ?? '')) {
    if (type !== 'application/json') continue;
    if (!params.has('as')) return undefined;
    const version = params.get('v');
    const known = params.get('g') === 'apidiscovery.k8s.io' && params.get('as') === AGGREGATED;
    if (known && (version === 'v2' || version === 'v2beta1')) return version;
  }
  return undefined;
}

async function send(exchange: Exchange, document: Document, version: string | undefined): Promise<void> {
  const { request, response } = exchange;
  response.setHeader('cache-control', 'public');
  if (answeredAsKnown(exchange, document.hash)) return;
  if (version !== undefined) {
    response.setHeader('content-type', `application/json;g=apidiscovery.k8s.io;v=${version};as=${AGGREGATED}`);
    await sendText(exchange, { code: 200, text: document.text });
    return;
  }
  await sendText(exchange, { code: 200, text: document.text }, negotiate(request.headers.accept, NO_TRANSFORMS));
}
