import type { JsonObject } from '../codec/json.ts';
import { stringifyJson } from '../codec/json.ts';
import type { Catalog } from '../registry/catalog.ts';
import { keyOf, refOf, type Call, type RegistryDeps, type Written } from '../registry/call.ts';
import { checkFields, checkType } from '../registry/checks.ts';
import { applyRequest } from '../registry/apply.ts';
import { createObject } from '../registry/create.ts';
import { deleteObject } from '../registry/delete.ts';
import { deleteListed } from '../registry/deleteCollection.ts';
import { readDeleteOptions } from '../registry/deleteOptions.ts';
import { listObjects, notInFuture } from '../registry/list.ts';
import { readListOptions, readRevision } from '../registry/listOptions.ts';
import { APPLY_PATCH, patchObject, patchProblems, patchTypes } from '../registry/patch.ts';
import { recordManager } from '../registry/recordManager.ts';
import { replaceObject } from '../registry/replace.ts';
import type { ReviewResource, ServedResource, StoredResource } from '../registry/resource.ts';
import { metaOf } from '../registry/object.ts';
import { applyScale } from '../registry/applyScale.ts';
import { patchScale, replaceScale, requireScale, SCALES, toScale } from '../registry/scale.ts';
import { select } from '../registry/selection.ts';
import { objectText, type View } from '../registry/transforms.ts';
import { cachedToText, decodeEntry } from '../registry/versions.ts';
import type { Entry } from '../storage/storage.ts';
import { refusal, type Authorizer } from './authorization.ts';
import type { Endpoint, Exchange } from './context.ts';
import { decodeObject, decodeOptional, decodeRequest, mediaType } from './decode.ts';
import { sendList } from './listResponse.ts';
import { negotiate, type MediaType, type Transform } from './negotiate.ts';
import type { RequestInfo } from './requestInfo.ts';
import { addWarnings, sendStatus, sendText } from './respond.ts';
import {
  badRequest,
  methodNotAllowed,
  methodNotSupported,
  notAcceptable,
  notFound,
  notFoundPath,
  unsupportedMediaType,
} from './status.ts';
import { runWatch } from './watchResponse.ts';
import { readForce, readWriteOptions, type WriteKind } from './writeOptions.ts';

const OBJECT_FORMS: ReadonlySet<Transform> = new Set<Transform>(['None', 'Table', 'PartialObjectMetadata']);
const LIST_FORMS: ReadonlySet<Transform> = new Set<Transform>(['None', 'Table', 'PartialObjectMetadataList']);
/** Which a watch can be had in: YAML has no end between two events. */
const WATCH_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const PLAIN: ReadonlySet<Transform> = new Set<Transform>(['None']);

/** One request to a stored resource. */
interface Target {
  exchange: Exchange;
  resource: StoredResource;
  subresource: Call['subresource'];
  /** For the person at the client, also beside an error. */
  warnings: string[];
}

/** All verbs of all resources, built-in or custom. */
export class ResourceEndpoint implements Endpoint {
  readonly #catalog: Catalog;
  readonly #deps: RegistryDeps;
  readonly #authorizer: Authorizer;

  constructor(catalog: Catalog, deps: RegistryDeps, authorizer: Authorizer) {
    this.#catalog = catalog;
    this.#deps = deps;
    this.#authorizer = authorizer;
  }

  async handle(exchange: Exchange): Promise<boolean> {
    const { info } = exchange;
    if (!info.isResource || info.rest.length > 0) return false;
    const resource = this.#catalog.find(info.group, info.version, info.resource);
    if (resource === undefined) return this.#unknown(info.group);
    if (!scopeFits(resource, exchange)) throw notFoundPath();
    if (resource.type === 'Review') await this.#review(exchange, resource);
    else {
      const subresource = subresourceOf(resource, info.subresource);
      if (subresource === undefined) throw notFoundPath();
      const target = { exchange, resource, subresource, warnings: [] };
      await this.#stored(target).catch((error: unknown) => {
        addWarnings(exchange.response, target.warnings);
        throw error;
      });
    }
    return true;
  }

  /** Nothing of that name in a group of built-in kinds is a Status; other paths may be somebody else's. */
  #unknown(group: string): boolean {
    if (this.#catalog.builtins(group).length > 0) throw notFoundPath();
    return false;
  }

  async #stored(target: Target): Promise<void> {
    checkMethod(target);
    const { deprecation } = target.resource;
    if (deprecation !== undefined) addWarnings(target.exchange.response, [deprecation]);
    switch (target.exchange.info.verb) {
      case 'get':
        return this.#get(target);
      case 'list':
        return this.#list(target);
      case 'watch':
        return this.#watch(target);
      case 'create':
        return this.#create(target);
      case 'update':
        return this.#update(target);
      case 'patch':
        return this.#patch(target);
      case 'delete':
        return this.#delete(target);
      default:
        return this.#deleteCollection(target);
    }
  }

  async #get(target: Target): Promise<void> {
    const { resource, subresource, exchange } = target;
    if (subresource === 'finalize') throw methodNotAllowed();
    const media = mediaOf(target, OBJECT_FORMS);
    const call = this.#call(target);
    const asked = readRevision(exchange.info.query);
    // what the store has is never older than what the cache shows
    if (asked !== undefined && asked > 0) await notInFuture(resource, asked);
    const entry = await resource.store.storage.get(keyOf(call));
    if (entry === undefined) throw notFound(refOf(call));
    const text = this.#textOf(target, call, { entry, media });
    await sendText(exchange, { code: 200, text }, media);
  }

  #textOf(target: Target, call: Call, found: { entry: Entry; media: MediaType }): string {
    const { resource, subresource } = target;
    if (subresource === 'scale') {
      const scale = toScale(decodeEntry(resource, found.entry), requireScale(call));
      return objectText(SCALES, scale, this.#view(target, found.media));
    }
    const cached = resource.store.cached(found.entry);
    if (cached !== undefined && found.media.transform === 'None') {
      return cachedToText(resource, cached);
    }
    return objectText(resource, decodeEntry(resource, found.entry), this.#view(target, found.media));
  }

  async #list(target: Target): Promise<void> {
    const { resource, exchange, subresource } = target;
    if (subresource !== '') throw methodNotAllowed();
    const media = mediaOf(target, LIST_FORMS);
    const options = readListOptions(exchange.info.query, 'list');
    const result = await listObjects(resource, this.#selection(target, options), options);
    await sendList(exchange, resource, result, this.#view(target, media));
  }

  async #watch(target: Target): Promise<void> {
    const { resource, exchange, subresource } = target;
    if (subresource !== '' || exchange.request.method !== 'GET') throw methodNotAllowed();
    const media = mediaOf(target, OBJECT_FORMS);
    if (media.encoding === 'yaml') throw notAcceptable(WATCH_TYPES);
    const options = readListOptions(exchange.info.query, 'watch');
    const selection = this.#selection(target, options);
    await runWatch(exchange, { resource, selection, options, media, now: () => this.#deps.clock.now() });
  }

  async #create(target: Target): Promise<void> {
    const { exchange, resource } = target;
    if (exchange.info.name !== '') throw methodNotAllowed();
    const media = mediaOf(target, OBJECT_FORMS);
    const call = this.#call(target, 'CreateOptions');
    // the body becomes the object: it is not kept here while it is stored
    const written = await decodeObject(exchange, bodyRules(resource)).then(({ object, repeated }) =>
      createObject(this.#deps, { ...call, repeated }, object),
    );
    await this.#sendWritten(target, { written, warnings: call.warnings, code: 201 }, media);
  }

  async #update(target: Target): Promise<void> {
    const { exchange, resource, subresource } = target;
    const media = mediaOf(target, OBJECT_FORMS);
    const call = this.#call(target, 'UpdateOptions');
    const { object, repeated } = await decodeObject(exchange, bodyRules(resource));
    if (subresource === 'scale') {
      return this.#sendScale(target, await replaceScale(this.#deps, call, requireScale(call), object), call);
    }
    const mayCreate = (): Promise<void> => this.#requireCreate(exchange);
    const { written, created } = await replaceObject(this.#deps, { ...call, repeated }, object, mayCreate);
    await this.#sendWritten(target, { written, warnings: call.warnings, code: created ? 201 : 200 }, media);
  }

  async #patch(target: Target): Promise<void> {
    const { exchange, resource, subresource } = target;
    if (subresource === 'finalize') throw methodNotAllowed();
    const media = mediaOf(target, OBJECT_FORMS);
    const type = mediaType(exchange.request);
    if (!patchTypes(resource).includes(type)) throw unsupportedMediaType(patchTypes(resource));
    if (type === APPLY_PATCH) return this.#apply(target, media);
    const call = this.#call(target, 'PatchOptions');
    const { value, duplicateFields } = await decodeRequest(exchange, bodyRules(resource));
    if (subresource === 'scale') {
      const scale = await patchScale(this.#deps, call, requireScale(call), { type, body: value });
      return this.#sendScale(target, scale, call);
    }
    const repeated = patchProblems(type, value, duplicateFields);
    const written = await patchObject(this.#deps, { ...call, repeated }, type, value);
    await this.#sendWritten(target, { written, warnings: call.warnings, code: 200 }, media);
  }

  async #apply(target: Target, media: MediaType): Promise<void> {
    const { exchange, resource, subresource } = target;
    const { value, duplicateFields, repeatedKeys } = await decodeRequest(exchange, bodyRules(resource));
    const repeated = repeatedKeys ?? duplicateFields.map((path) => `key "${path}" already set in map`);
    const call = { ...this.#call(target, 'ApplyOptions'), repeated };
    const force = readForce(exchange.info.query);
    if (subresource === 'scale') {
      return this.#sendScale(target, await applyScale(this.#deps, call, { body: value, force }), call);
    }
    const mayCreate = (): Promise<void> => this.#requireCreate(exchange);
    const { written, created } = await applyRequest(this.#deps, call, { body: value, force, mayCreate });
    await this.#sendWritten(target, { written, warnings: call.warnings, code: created ? 201 : 200 }, media);
  }

  /** A write that creates needs the right to create. @throws ApiError 403. */
  async #requireCreate({ info, user }: Exchange): Promise<void> {
    const attributes = { ...info, verb: 'create', user };
    const decision = await this.#authorizer.authorize(attributes);
    if (!decision.allowed) throw refusal(attributes, decision);
  }

  async #delete(target: Target): Promise<void> {
    const { exchange, subresource } = target;
    if (subresource !== '') throw methodNotAllowed();
    const media = mediaOf(target, OBJECT_FORMS);
    const options = readDeleteOptions(await decodeOptional(exchange), exchange.info.query);
    const call = { ...this.#call(target), dryRun: options.dryRun, options: options.said };
    const result = await deleteObject(this.#deps, call, options);
    if (result.gone && target.resource.strategy.showsDeleted !== true) {
      await sendStatus(exchange, result.status);
      return;
    }
    const text = objectText(target.resource, result.object, this.#view(target, media));
    await sendText(exchange, { code: !result.gone && options.wantsAccepted ? 202 : 200, text }, media);
  }

  async #deleteCollection(target: Target): Promise<void> {
    const { resource, exchange } = target;
    const media = mediaOf(target, LIST_FORMS);
    const listOptions = readListOptions(exchange.info.query, 'list');
    const options = readDeleteOptions(await decodeOptional(exchange), exchange.info.query);
    const call = { ...this.#call(target), dryRun: options.dryRun, options: options.said };
    const list = await listObjects(resource, this.#selection(target, listOptions), listOptions);
    await deleteListed({ deps: this.#deps, call, options }, list);
    await sendList(exchange, resource, list, this.#view(target, media));
  }

  async #review(exchange: Exchange, resource: ReviewResource): Promise<void> {
    if (exchange.info.verb !== 'create' || exchange.info.subresource !== '') throw methodNotAllowed();
    const media = negotiate(exchange.request.headers.accept, PLAIN, true);
    const { info, user, request } = exchange;
    const { validation, manager } = readWriteOptions(info.query, request.headers['user-agent'], 'CreateOptions');
    const { object, repeated } = await decodeObject(exchange, { protobuf: true });
    checkType(object, resource);
    const warnings: string[] = [];
    checkFields(resource.schema.admitRequest(object), { resource, validation, repeated, warnings });
    // now, so that a refusal has them, too
    addWarnings(exchange.response, warnings);
    if (!resource.namespaced) delete metaOf(object)['namespace'];
    recordManager({ resource, manager, subresource: '' }, { live: undefined, object }, this.#deps.clock);
    await resource.review(object, user, info.namespace);
    await sendText(exchange, { code: 201, text: stringifyJson(object) }, media);
  }

  #call(target: Target, optionsKind: WriteKind = ''): Call {
    const { exchange, resource, subresource } = target;
    const { info, request } = exchange;
    const written = optionsKind === '' ? new URLSearchParams() : info.query;
    return {
      ...readWriteOptions(written, request.headers['user-agent'], optionsKind),
      resource,
      subresource,
      namespace: resource.namespaced ? info.namespace : '',
      name: info.name,
      user: exchange.user,
      operation: 'Update',
      repeated: [],
      warnings: target.warnings,
      annotate: (key, value) => {
        exchange.audit?.annotate(key, value);
      },
    };
  }

  #selection(target: Target, options: { labelSelector: string; fieldSelector: string }): ReturnType<typeof select> {
    const { info } = target.exchange;
    const namespace = target.resource.namespaced ? info.namespace : '';
    return select(target.resource, { ...options, namespace, name: info.name });
  }

  #view(target: Target, media: MediaType): View {
    const include = target.exchange.info.query.get('includeObject');
    return {
      media,
      includeObject: include === 'None' || include === 'Object' ? include : 'Metadata',
      now: this.#deps.clock.now(),
    };
  }

  async #sendWritten(
    target: Target,
    result: { written: Written; warnings: readonly string[]; code: number },
    media: MediaType,
  ): Promise<void> {
    const { written, warnings, code } = result;
    const ready = media.transform === 'None' ? written.json : undefined;
    const text = ready ?? objectText(target.resource, written.object(), this.#view(target, media));
    await sendText(target.exchange, { code, text, warnings }, media);
  }

  async #sendScale(target: Target, scale: JsonObject, call: Call): Promise<void> {
    const media = mediaOf(target, OBJECT_FORMS);
    const text = objectText(SCALES, scale, this.#view(target, media));
    await sendText(target.exchange, { code: 200, text, warnings: call.warnings }, media);
  }
}

/** @throws ApiError 406 */
function mediaOf({ exchange, resource }: Target, forms: ReadonlySet<Transform>): MediaType {
  return negotiate(exchange.request.headers.accept, forms, resource.strategicKind !== undefined);
}

function bodyRules(resource: StoredResource): { protobuf: boolean } {
  return { protobuf: resource.strategicKind !== undefined };
}

/**
 * Namespaced resources need a namespace for everything but lists; others must have none.
 * @throws ApiError 405 for what is not a list over all namespaces.
 */
function scopeFits(resource: ServedResource, exchange: Exchange): boolean {
  const { info } = exchange;
  if (!resource.namespaced) return info.namespace === '' || (info.resource === 'namespaces' && info.group === '');
  if (info.namespace !== '' || info.verb === 'list' || info.verb === 'watch') return true;
  // as in kube-apiserver: a path of a built-in kind has methods, one of custom resources is there or not
  if (info.name === '' && (resource.type === 'Review' || resource.strategicKind !== undefined))
    throw methodNotAllowed();
  return false;
}

/** @throws ApiError 405 or 400 for what cannot be done with the resource, or without a name. */
function checkMethod({ exchange, resource, subresource }: Target): void {
  const { verb, name } = exchange.info;
  const isBuiltin = resource.strategicKind !== undefined;
  // as in kube-apiserver, of custom resources there is one
  const noHead = isBuiltin && exchange.request.method === 'HEAD';
  if (noHead || !resource.verbs.includes(verb)) throw methodNotAllowed();
  if (name === '') checkNameless(verb, subresource, isBuiltin ? undefined : resource);
}

/** Verbs of subresources; `list` is how a GET without a name is read. */
const ONE_VERBS: Readonly<Record<string, readonly string[]>> = {
  custom: ['update', 'patch'],
  status: ['list', 'update', 'patch'],
  finalize: ['update'],
};

/**
 * A subresource is always of one object. Otherwise who may `create` it would create whole objects, unseen by policies.
 * @param custom  The resource, where it is a custom one.
 */
function checkNameless(verb: string, subresource: string, custom: StoredResource | undefined): void {
  if (subresource === '') {
    if (verb === 'update' || verb === 'patch') throw methodNotAllowed();
    return;
  }
  const verbs = ONE_VERBS[custom === undefined ? subresource : 'custom'];
  if (verbs?.includes(verb) === true) throw badRequest('name must be provided');
  if (custom === undefined) throw methodNotAllowed();
  throw methodNotSupported({ group: custom.group, resource: custom.names.plural }, verb);
}

/** Whether `info` is about a resource, or a subresource of one, that {@link ResourceEndpoint} serves. */
export function serves(catalog: Catalog, info: RequestInfo): boolean {
  if (!info.isResource || info.rest.length > 0) return false;
  const resource = catalog.find(info.group, info.version, info.resource);
  if (resource === undefined) return false;
  return resource.type === 'Review' ? info.subresource === '' : subresourceOf(resource, info.subresource) !== undefined;
}

function subresourceOf(resource: StoredResource, name: string): Call['subresource'] | undefined {
  if (name === '') return '';
  if (name === 'status' && resource.status) return 'status';
  if (name === 'scale' && resource.scale !== undefined) return 'scale';
  if (name === 'finalize' && resource.finalize) return 'finalize';
  return undefined;
}
