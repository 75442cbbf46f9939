import { stringifyJson, type JsonObject } from '../codec/json.ts';
import type { Endpoint, Exchange } from '../http/context.ts';
import { answeredAsKnown, hashOf } from '../http/document.ts';
import { acceptClauses } from '../http/negotiate.ts';
import { sendBody, sendText } from '../http/respond.ts';
import { methodNotAllowed, notAcceptable } from '../http/status.ts';
import type { Catalog } from '../registry/catalog.ts';
import { openApiV2Document } from './documents.ts';
import { openApiV2Protobuf } from './protobufV2.ts';

const PATH = '/openapi/v2';
const INFO = { title: 'Kubernetes', version: 'unversioned' };
const PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** What clients in Go ask for; no media type, and clients cannot read it in an answer. */
const ASKED_FOR = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const JSON_TYPES = ['application/json', 'application/*', '*/*'];

/** The document in one of its two forms, as of one generation of the catalog. */
interface Form {
  generation: number;
  body: string | Buffer;
  hash: string;
}

/** `/openapi/v2`: the definitions of all kinds, as JSON, or as the protobuf that clients in Go read. */
export class OpenApiV2Endpoint implements Endpoint {
  readonly #catalog: Catalog;
  #json: Form | undefined;
  #protobuf: Form | undefined;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const { info, request, response } = exchange;
    if (info.path !== PATH) return false;
    if (!['get', 'head'].includes(info.verb)) throw methodNotAllowed();
    const isJson = JSON_TYPES.includes(typeFor(request.headers.accept));
    const { body, hash } = isJson ? this.#asJson() : this.#asProtobuf();
    if (answeredAsKnown(exchange, hash)) return true;
    if (isJson) await sendText(exchange, { code: 200, text: body });
    else {
      response.setHeader('content-type', PROTOBUF);
      await sendBody(request, response, body);
    }
    return true;
  }

  #asJson(): Form {
    if (this.#json?.generation !== this.#catalog.generation) this.#json = this.#form(stringifyJson);
    return this.#json;
  }

  #asProtobuf(): Form {
    if (this.#protobuf?.generation !== this.#catalog.generation) this.#protobuf = this.#form(openApiV2Protobuf);
    return this.#protobuf;
  }

  #form(encode: (document: JsonObject) => string | Buffer): Form {
    const { generation } = this.#catalog;
    const resources = this.#catalog.groups().flatMap(({ versions }) => versions.flatMap((one) => one.resources));
    const body = encode(openApiV2Document(resources, INFO));
    return { generation, body, hash: hashOf(body) };
  }
}

function typeFor(accept = ''): string {
  const known = [ASKED_FOR, PROTOBUF, ...JSON_TYPES];
  const wanted = accept.trim() === '' ? '*/*' : acceptClauses(accept).find(({ type }) => known.includes(type))?.type;
  if (wanted === undefined) throw notAcceptable(known);
  return wanted;
}
