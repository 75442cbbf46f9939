import { groupVersionPath } from '../discovery/documents.ts';
import type { Endpoint, Exchange } from '../http/context.ts';
import { answeredAsKnown, hashOf } from '../http/document.ts';
import { negotiate } from '../http/negotiate.ts';
import { sendText } from '../http/respond.ts';
import { methodNotAllowed } from '../http/status.ts';
import type { Catalog } from '../registry/catalog.ts';
import type { ServedResource } from '../registry/resource.ts';
import { openApiDocument } from './documents.ts';

const ROOT = '/openapi/v3';
const NO_TRANSFORMS = new Set<never>();

interface Document {
  resources: readonly ServedResource[];
  text: string;
  hash: string;
}

/** `/openapi/v3` and one document per group-version, made anew when a resource of it changes. */
export class OpenApiEndpoint implements Endpoint {
  readonly #catalog: Catalog;
  readonly #documents = new Map<string, Document>();
  #generation = -1;
  #index = '';

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const { path, verb } = exchange.info;
    if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return false;
    this.#refresh();
    const name = path.slice(ROOT.length + 1);
    const document = this.#documents.get(name);
    if (path !== ROOT && document === undefined) return false;
    if (!['get', 'head'].includes(verb)) throw methodNotAllowed();
    const { text, hash } = document ?? { text: this.#index, hash: hashOf(this.#index) };
    if (answeredAsKnown(exchange, hash)) return true;
    if (document !== undefined && answeredElsewhere(exchange, hash)) return true;
    await sendText(exchange, { code: 200, text }, negotiate(exchange.request.headers.accept, NO_TRANSFORMS));
    return true;
  }

  #refresh(): void {
    if (this.#generation === this.#catalog.generation) return;
    this.#generation = this.#catalog.generation;
    const paths: Record<string, { serverRelativeURL: string }> = {};
    const present = new Set<string>();
    for (const group of this.#catalog.groups()) {
      for (const { version, resources } of group.versions) {
        const name = groupVersionPath({ group: group.name, version });
        present.add(name);
        const { hash } = this.#documentOf(name, resources);
        paths[name] = { serverRelativeURL: `${ROOT}/${name}?hash=${hash}` };
      }
    }
    for (const name of this.#documents.keys()) if (!present.has(name)) this.#documents.delete(name);
    this.#index = JSON.stringify({ paths });
  }

  #documentOf(name: string, resources: readonly ServedResource[]): Document {
    const known = this.#documents.get(name);
    const same =
      known?.resources.length === resources.length && resources.every((one, i) => known.resources[i] === one);
    if (known !== undefined && same) return known;
    const text = openApiDocument(resources);
    const made = { resources, text, hash: hashOf(text) };
    this.#documents.set(name, made);
    return made;
  }
}

/**
 * The hash in the URL changes with the document, so that what a client keeps under it stays right: who asks by an old
 * one is sent to the new one. Returns whether all is said.
 */
function answeredElsewhere({ info, response }: Exchange, hash: string): boolean {
  const asked = info.query.get('hash') ?? '';
  if (asked === '') return false;
  if (asked === hash) {
    response.setHeader('cache-control', 'public, immutable');
    return false;
  }
  response.writeHead(301, { 'content-type': 'application/json', location: `${info.path}?hash=${hash}` }).end();
  return true;
}
