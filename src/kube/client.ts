import type { KubeList, KubeObject, Status } from '../api/meta.ts';
import { isNotFound } from './apiError.ts';
import type { Connection } from './connection.ts';
import { apiVersionOf, type ObjectKey, pathOf, type Resource } from './resource.ts';
import { type CallOptions, type ClientOptions, type RawRequest, RestClient } from './restClient.ts';
import { readWatch, type WatchEvent } from './watchStream.ts';

const FIELD_MANAGER = 'hostler';
const PAGE_SIZE = 500;
/** A little more than the minute between bookmarks. */
const WATCH_IDLE_MS = 100_000;

/** Options of calls that change something. */
export interface WriteOptions extends CallOptions {
  subresource?: 'status' | 'scale' | 'finalize';
  dryRun?: boolean;
  /** Default `hostler`. */
  fieldManager?: string;
}

/** What to list or watch. */
export interface Selection extends CallOptions {
  /** Default: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

/** Options of {@link Client.list} and {@link Client.pages}. */
export interface ListOptions extends Selection {
  /** Objects per page; default 500; 0 = everything in one answer. */
  pageSize?: number;
  /** Default: consistent and most recent; `0`: whatever the server has at hand. */
  resourceVersion?: string;
}

/** Options of {@link Client.watch}. */
export interface WatchOptions extends Selection {
  /** Events after this one; from a list or from an earlier event. */
  resourceVersion: string;
  /** After which the server ends the watch. */
  timeoutSeconds: number;
  /** Silence after which the connection counts as dead; default 100 000 ms. */
  idleTimeoutMs?: number;
}

/** Options of {@link Client.delete}. */
export interface DeleteOptions extends CallOptions {
  /** Only this incarnation, else 409. */
  uid?: string;
  /** Only this version, else 409. */
  resourceVersion?: string;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
}

/** A JSON-patch operation (RFC 6902). */
export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  path: string;
  from?: string;
  value?: unknown;
}

/**
 * Reads and writes objects of any resource over the Kubernetes API.
 *
 * Answers with Retry-After (429, 503 …) are tried again up to ten times; 401 once with fresh credentials; a GET, PUT,
 * PATCH or DELETE that met a kept connection just being closed once. Nothing else is retried: callers are level-based.
 * Every method throws ApiError (the server said no), ApiConnectionError (no answer; a write may have happened) or
 * the reason of `signal`.
 */
export class Client {
  readonly #rest: RestClient;
  readonly #connection: Connection;
  #userName: string | undefined;

  constructor(options: ClientOptions) {
    this.#connection = options.connection;
    this.#rest = new RestClient(options);
  }

  /** Address of the API server. */
  get server(): URL {
    return this.#connection.server;
  }

  /** Namespace of the kubeconfig's context. */
  get namespace(): string {
    return this.#connection.namespace;
  }

  /** The object. @throws ApiError 404 when there is none. */
  async get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    return this.request<T>({ method: 'GET', path: pathOf(resource, key), ...options });
  }

  /** The object, or undefined when there is none. */
  async find<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options: CallOptions = {},
  ): Promise<T | undefined> {
    try {
      return await this.get(resource, key, options);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Every matching object, read in pages that show one moment. @throws ApiError 410 when paging took too long. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    const items: T[] = [];
    let metadata: KubeList['metadata'] = {};
    for await (const page of this.pages(resource, options)) {
      for (const item of page.items) items.push(item);
      metadata = page.metadata;
    }
    return { apiVersion: apiVersionOf(resource), kind: `${resource.kind}List`, metadata, items };
  }

  /** The same page by page. Items always carry apiVersion and kind. */
  async *pages<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): AsyncGenerator<KubeList<T>> {
    const { pageSize = PAGE_SIZE, resourceVersion, namespace, labelSelector, fieldSelector, ...call } = options;
    const limit = pageSize === 0 ? undefined : String(pageSize);
    let token: string | undefined;
    do {
      // a continue token fixes the resourceVersion; sending both is refused
      const from = token === undefined ? { resourceVersion } : { continue: token };
      const page: KubeList<T> = await this.request<KubeList<T>>({
        method: 'GET',
        path: pathOf(resource, { namespace }),
        query: { labelSelector, fieldSelector, limit, ...from },
        ...call,
      });
      const type = { apiVersion: apiVersionOf(resource), kind: resource.kind };
      yield { ...page, items: page.items.map((item) => ({ ...item, ...type })) };
      token = page.metadata.continue;
    } while (token !== undefined && token !== '');
  }

  /** Creates `object` in its namespace. @throws ApiError 409 AlreadyExists. @returns it as stored. */
  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = pathOf(resource, { namespace: object.metadata.namespace });
    return this.request<T>({ method: 'POST', path, body: object, ...writeOptions(options) });
  }

  /** Replaces the object, if `metadata.resourceVersion` is still current. @throws ApiError 409 Conflict. */
  async update<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = pathOf(resource, object.metadata, options.subresource);
    return this.request<T>({ method: 'PUT', path, body: object, ...writeOptions(options) });
  }

  /**
   * Changes some fields, by JSON merge patch (an object) or JSON patch (an array of operations).
   * `metadata.resourceVersion` in a merge patch makes it conditional.
   */
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: object | readonly JsonPatchOperation[],
    options: WriteOptions = {},
  ): Promise<T> {
    const contentType = Array.isArray(patch) ? 'application/json-patch+json' : 'application/merge-patch+json';
    const path = pathOf(resource, key, options.subresource);
    return this.request<T>({ method: 'PATCH', path, body: patch, contentType, ...writeOptions(options) });
  }

  /** Asks for deletion; the object stays until its finalizers are gone. Returns it, or a Status when it is gone. */
  async delete(resource: Resource, key: ObjectKey, options: DeleteOptions = {}): Promise<KubeObject | Status> {
    const { uid, resourceVersion, propagationPolicy = 'Background', gracePeriodSeconds, ...call } = options;
    const preconditions = uid === undefined && resourceVersion === undefined ? undefined : { uid, resourceVersion };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy, gracePeriodSeconds, preconditions };
    return this.request({ method: 'DELETE', path: pathOf(resource, key), body, ...call });
  }

  /**
   * Changes after `resourceVersion`, bookmarks included, until the server ends the watch.
   * @throws ApiError 410 when the resourceVersion is too old; ApiConnectionError, MalformedFrameError.
   */
  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, signal } = options;
    const query = {
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
      watch: 'true',
      allowWatchBookmarks: 'true',
    };
    const path = pathOf(resource, { namespace });
    const response = await this.#rest.open({ method: 'GET', path, query, ...callOptions(options) });
    try {
      yield* readWatch<T>(response, `WATCH ${path}`, options.idleTimeoutMs ?? WATCH_IDLE_MS);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** As whom the API knows this client, such as `system:serviceaccount:hostler-system:hostler`; asked once. */
  async userName(options: CallOptions = {}): Promise<string> {
    this.#userName ??= await this.#askWho(options);
    return this.#userName;
  }

  async #askWho(options: CallOptions): Promise<string> {
    const type = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const review = await this.request<{ status?: { userInfo?: { username?: string } } }>({
      method: 'POST',
      path,
      body: type,
      ...callOptions(options),
    });
    return review.status?.userInfo?.username ?? '';
  }

  /** Any call that answers with JSON: discovery, `/version`, other media types. */
  async request<R>(request: RawRequest): Promise<R> {
    return (await this.#rest.request(request)) as R;
  }

  /** Closes every connection; running calls fail. */
  close(): void {
    this.#rest.close();
  }
}

function callOptions(options: CallOptions): CallOptions {
  const { signal, timeoutMs } = options;
  return { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) };
}

function writeOptions(options: WriteOptions): CallOptions & Pick<RawRequest, 'query'> {
  const query = {
    fieldManager: options.fieldManager ?? FIELD_MANAGER,
    dryRun: options.dryRun === true ? 'All' : undefined,
  };
  return { query, ...callOptions(options) };
}
