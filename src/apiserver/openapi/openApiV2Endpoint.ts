import type { Endpoint, Exchange } from '../http/context.ts';
import { answeredAsKnown, hashOf } from '../http/document.ts';
import { acceptClauses } from '../http/negotiate.ts';
import { sendText } from '../http/respond.ts';
import { methodNotAllowed, notAcceptable } from '../http/status.ts';
import type { Catalog } from '../registry/catalog.ts';
import { openApiV2Document } from './documents.ts';

const PATH = '/openapi/v2';
const INFO = { title: 'Kubernetes', version: 'unversioned' };
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What clients in Go ask for; no media type, and clients cannot read it in an answer. */
const ASKED_FOR = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const JSON_TYPES = ['application/json', 'application/*', '*/*'];
/** openapi.v2.Document of gnostic: 1 swagger, 2 info (1 title, 2 version). */
const BYTES = Buffer.concat([field(1, '2.0'), field(2, Buffer.concat([field(1, INFO.title), field(2, INFO.version)]))]);

/**
 * `/openapi/v2`. As JSON, the definitions of all kinds. As protobuf, which only kubectl and others in Go read, it
 * describes nothing: they have OpenAPI v3. kubectl still asks here before it sends a kind `List`, or a kind that is not
 * served; it passes over what it does not find and lets the server validate, while without an answer it refuses the
 * manifest.
 */
export class OpenApiV2Endpoint implements Endpoint {
  readonly #catalog: Catalog;
  #document = { generation: -1, text: '', hash: '' };

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const { info, request, response } = exchange;
    if (info.path !== PATH) return false;
    if (!['get', 'head'].includes(info.verb)) throw methodNotAllowed();
    if (JSON_TYPES.includes(typeFor(request.headers.accept))) {
      const { text, hash } = this.#current();
      if (!answeredAsKnown(exchange, hash)) await sendText(exchange, { code: 200, text });
      return true;
    }
    response.setHeader('vary', 'Accept');
    response.setHeader('content-type', PROTOBUF);
    response.setHeader('content-length', BYTES.length);
    response.end(info.verb === 'head' ? undefined : BYTES);
    return true;
  }

  #current(): { text: string; hash: string } {
    const { generation } = this.#catalog;
    if (this.#document.generation !== generation) {
      const resources = this.#catalog.groups().flatMap(({ versions }) => versions.flatMap((one) => one.resources));
      const text = openApiV2Document(resources, INFO);
      this.#document = { generation, text, hash: hashOf(text) };
    }
    return this.#document;
  }
}

function typeFor(accept = ''): string {
  const known = [ASKED_FOR, PROTOBUF, ...JSON_TYPES];
  const wanted = accept.trim() === '' ? '*/*' : acceptClauses(accept).find(({ type }) => known.includes(type))?.type;
  if (wanted === undefined) throw notAcceptable(known);
  return wanted;
}

/** One length-delimited protobuf field of less than 128 bytes. */
function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes]);
}
