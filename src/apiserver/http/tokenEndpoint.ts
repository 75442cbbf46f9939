import { toTime } from '../../lib/clock.ts';
import type { AccountTokens, BoundObject } from '../authentication/accountTokens.ts';
import { ISSUER } from '../authentication/audiences.ts';
import { stringifyJson, type JsonObject } from '../codec/json.ts';
import type { Admission, Call, RegistryDeps } from '../registry/call.ts';
import { metaOf, objectAt, textAt, textsAt } from '../registry/object.ts';
import type { StoredResource } from '../registry/resource.ts';
import { decodeEntry } from '../registry/versions.ts';
import { invalid as invalidField } from '../schema/fieldErrors.ts';
import type { Endpoint, Exchange } from './context.ts';
import { decodeObject } from './decode.ts';
import { negotiate, type Transform } from './negotiate.ts';
import type { RequestInfo } from './requestInfo.ts';
import { addWarnings, sendText } from './respond.ts';
import { badRequest, conflict, invalid, methodNotAllowed, notFound } from './status.ts';
import { readWriteOptions } from './writeOptions.ts';

const PLAIN: ReadonlySet<Transform> = new Set<Transform>(['None']);
const TOKEN_REQUEST = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;

/** `serviceaccounts/token`: TokenRequest. */
export class TokenEndpoint implements Endpoint {
  readonly #tokens: AccountTokens;
  readonly #accounts: StoredResource;
  readonly #secrets: StoredResource;
  readonly #registry: RegistryDeps;

  constructor(deps: {
    tokens: AccountTokens;
    accounts: StoredResource;
    secrets: StoredResource;
    registry: RegistryDeps;
  }) {
    this.#tokens = deps.tokens;
    this.#registry = deps.registry;
    this.#accounts = deps.accounts;
    this.#secrets = deps.secrets;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const { request, info } = exchange;
    const { namespace, name } = info;
    if (!isTokenRequest(info)) return false;
    if (info.verb !== 'create') throw methodNotAllowed();
    if (name === '') throw badRequest('name must be provided');
    const media = negotiate(request.headers.accept, PLAIN, true);
    const { object } = await decodeObject(exchange, { protobuf: true });
    checkKind(object);
    checkNamespace(object, namespace);
    const call = this.#call(exchange);
    await this.#admit(this.#registry.admissions, call, object);
    checkName(object, name);
    const account = await this.#read(this.#accounts, namespace, name);
    const uid = textAt(metaOf(account), 'uid');
    checkUid(object, { name, uid });
    const wish = objectAt(object, 'spec');
    const expirationSeconds = secondsOf(wish, textAt(metaOf(object), 'name'));
    const asked = textsAt(wish, 'audiences');
    const audiences = asked.length === 0 ? [ISSUER] : asked;
    const creationTimestamp = toTime(this.#registry.clock.now());
    const wanted: JsonObject = {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { ...metaOf(object), name, namespace, uid, creationTimestamp },
      spec: { audiences, expirationSeconds, boundObjectRef: objectAt(wish, 'boundObjectRef') ?? null },
      status: { token: '', expirationTimestamp: null },
    };
    await this.#admit(this.#registry.policies, call, wanted).finally(() => {
      addWarnings(exchange.response, call.warnings);
    });
    const bound = await this.#bound(wish, namespace);
    const { token, expiresAt } = this.#tokens.issue({ namespace, name, uid, audiences, expirationSeconds, bound });
    const answer = { ...wanted, status: { token, expirationTimestamp: toTime(expiresAt) } };
    await sendText(exchange, { code: 201, text: stringifyJson(answer) }, media);
    return true;
  }

  #call({ request, info, user, audit }: Exchange): Call {
    return {
      ...readWriteOptions(info.query, request.headers['user-agent'], 'CreateOptions'),
      resource: this.#accounts,
      subresource: 'token',
      namespace: info.namespace,
      name: info.name,
      user,
      operation: 'Update',
      repeated: [],
      warnings: [],
      annotate: (key, value) => audit?.annotate(key, value),
    };
  }

  /** A token is nothing that is stored, and yet created: whoever judges creations judges this, too. */
  async #admit(judges: readonly Admission[], call: Call, object: JsonObject): Promise<void> {
    for (const judge of judges) {
      await judge.admit({ operation: 'CREATE', call, kind: TOKEN_REQUEST, object, old: undefined });
    }
  }

  async #bound(spec: JsonObject | undefined, namespace: string): Promise<BoundObject | undefined> {
    const ref = objectAt(spec, 'boundObjectRef');
    if (ref === undefined) return undefined;
    const name = textAt(ref, 'name');
    const kind = textAt(ref, 'kind');
    const apiVersion = textAt(ref, 'apiVersion');
    const ofCore = !apiVersion.includes('/');
    const elsewhere = ofCore ? NOT_SERVED.get(kind) : undefined;
    if (elsewhere !== undefined) throw notFound({ group: '', resource: elsewhere, name });
    if (kind !== 'Secret' || !ofCore) {
      const version = apiVersion.includes('/') ? apiVersion : `/${apiVersion}`;
      throw badRequest(`cannot bind token to object of type ${version}, Kind=${kind}`);
    }
    const uid = textAt(metaOf(await this.#read(this.#secrets, namespace, name)), 'uid');
    const wanted = textAt(ref, 'uid');
    if (wanted !== '' && wanted !== uid) {
      throw conflict(
        { group: '', resource: 'secrets', name },
        `the UID in the bound object reference (${wanted}) does not match the UID in record. The object might have been deleted and then recreated`,
      );
    }
    return { kind: 'Secret', name, uid };
  }

  async #read(resource: StoredResource, namespace: string, name: string): Promise<JsonObject> {
    const entry = await resource.store.storage.get(resource.store.key(namespace, name));
    if (entry === undefined) throw notFound({ group: '', resource: resource.names.plural, name });
    return decodeEntry(resource, entry);
  }
}

/** Kinds to which Kubernetes can bind a token; here are no objects of them. */
const NOT_SERVED: ReadonlyMap<string, string> = new Map([
  ['Pod', 'pods'],
  ['Node', 'nodes'],
]);

function checkKind(object: JsonObject): void {
  const kind = textAt(object, 'kind');
  if (kind !== '' && kind !== 'TokenRequest')
    throw badRequest(`the kind in the data (${kind}) does not match the expected kind (TokenRequest)`);
}

function checkName(object: JsonObject, name: string): void {
  const said = textAt(metaOf(object), 'name');
  if (said === '' || said === name) return;
  throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest', name }, [
    invalidField('metadata.name', said, 'must match the service account name if specified'),
  ]);
}

/** A token is for the account that its client means, not for another that got the same name. */
function checkUid(object: JsonObject, { name, uid }: { name: string; uid: string }): void {
  const said = textAt(metaOf(object), 'uid');
  if (said === '' || said === uid) return;
  throw conflict(
    { group: 'authentication.k8s.io', resource: 'TokenRequest', name },
    `the UID in the token request (${said}) does not match the UID of the service account (${uid})`,
  );
}

function checkNamespace(object: JsonObject, namespace: string): void {
  const said = textAt(metaOf(object), 'namespace');
  if (said === '' || said === namespace) return;
  throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
}

function secondsOf(spec: JsonObject | undefined, name: string): number {
  const seconds = spec?.['expirationSeconds'] ?? DEFAULT_SECONDS;
  const field = 'spec.expirationSeconds';
  if (typeof seconds !== 'number' || !Number.isInteger(seconds)) throw badRequest(`${field} must be a whole number`);
  const refuse = (text: string): Error =>
    invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest', name }, [invalidField(field, seconds, text)]);
  if (seconds < MIN_SECONDS) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > MAX_SECONDS) throw refuse('may not specify a duration larger than 2^32 seconds');
  return seconds;
}

/** Whether `info` is about the tokens of a ServiceAccount. */
export function isTokenRequest({ group, version, resource, subresource, namespace, rest }: RequestInfo): boolean {
  const isToken = group === '' && version === 'v1' && resource === 'serviceaccounts' && subresource === 'token';
  return isToken && namespace !== '' && rest.length === 0;
}
