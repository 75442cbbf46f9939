import { randomUUID } from 'node:crypto';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../../src/api/meta.ts';

/** What happens to one request instead of, or on top of, a proper answer. */
export interface Fault {
  /** Answers with this status; with `retryAfter` also the header, in seconds. */
  status?: number;
  reason?: string;
  retryAfter?: number;
  /** Closes the connection without an answer. */
  drop?: boolean;
  /** Closes the connection after the request took effect. */
  dropAfter?: boolean;
  /** Never answers. */
  hang?: boolean;
  /** Watch: destroys the connection after so many bytes of events. */
  cutAfterBytes?: number;
  /** Watch: sends this raw text first. */
  raw?: string;
  /** Watch: ends properly at once. */
  end?: boolean;
}

export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http.IncomingHttpHeaders;
  body: unknown;
}

interface Change {
  revision: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
  collection: string;
  previous: KubeObject | undefined;
}

interface Watcher {
  collection: string;
  send: (change: Change) => void;
  response: ServerResponse;
}

interface Target {
  collection: string;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
  gv: string;
}

type Loose = KubeObject & Record<string, unknown>;

/**
 * A Kubernetes API in memory that misbehaves on demand: enough of lists, pages, watches, writes and preconditions for
 * the client layer, over real HTTP. Faults that the real server never shows on demand are what it is for.
 */
export class ApiDouble {
  readonly requests: SeenRequest[] = [];
  /** Asked for every request; the first fault returned is applied. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #server = http.createServer((request, response) => void this.#serve(request, response));
  readonly #objects = new Map<string, Loose>();
  readonly #watchers = new Set<Watcher>();
  #history: Change[] = [];
  #revision = 100;
  #compacted = 0;
  /** Kinds by plural. */
  readonly kinds: Record<string, string> = {
    servers: 'Server',
    configmaps: 'ConfigMap',
    namespaces: 'Namespace',
    leases: 'Lease',
    events: 'Event',
  };

  async start(): Promise<string> {
    this.#server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  get revision(): number {
    return this.#revision;
  }

  /** Open watches. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** Stored objects of a collection path such as `/apis/hostler.dev/v1alpha1/servers`, by namespace/name. */
  stored(collection: string): Map<string, KubeObject> {
    const found = [...this.#objects].filter(([key]) => key.startsWith(`${collection}|`));
    return new Map(found.map(([key, object]) => [key.slice(collection.length + 1), object]));
  }

  /** Forgets all history: every resourceVersion before now is too old. */
  compact(): void {
    this.#compacted = this.#revision;
    this.#history = [];
  }

  /** Sends a bookmark to every watch. */
  bookmark(): void {
    for (const watcher of this.#watchers) {
      const [kind, gv] = this.#typeOf(watcher.collection);
      const object = { apiVersion: gv, kind, metadata: { resourceVersion: String(this.#revision) } };
      watcher.response.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
    }
  }

  /** Breaks every open watch. */
  cutWatches(): void {
    for (const watcher of this.#watchers) watcher.response.destroy();
  }

  /** Sets the state as another client would. */
  put(collection: string, object: Loose | KubeObject): KubeObject {
    const key = `${collection}|${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const previous = this.#objects.get(key);
    const metadata = {
      uid: randomUUID(),
      creationTimestamp: '2026-01-01T00:00:00Z',
      generation: 1,
      ...previous?.metadata,
      ...object.metadata,
      resourceVersion: String(++this.#revision),
    };
    const [kind, apiVersion] = this.#typeOf(collection);
    const stored: Loose = { ...object, apiVersion, kind, metadata };
    this.#objects.set(key, stored);
    this.#emit({
      revision: this.#revision,
      type: previous === undefined ? 'ADDED' : 'MODIFIED',
      object: stored,
      collection,
      previous,
    });
    return stored;
  }

  /** Removes an object as another client would. */
  remove(collection: string, key: string): void {
    const previous = this.#objects.get(`${collection}|${key}`);
    if (previous === undefined) return;
    this.#objects.delete(`${collection}|${key}`);
    const object = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(++this.#revision) } };
    this.#emit({ revision: this.#revision, type: 'DELETED', object, collection, previous });
  }

  #emit(change: Change): void {
    this.#history.push(change);
    for (const watcher of this.#watchers) if (watcher.collection === change.collection) watcher.send(change);
  }

  #typeOf(collection: string): [kind: string, apiVersion: string] {
    const parts = collection.split('/').filter((part) => part !== '');
    const plural = parts.at(-1) ?? '';
    return [this.kinds[plural] ?? plural, parts[0] === 'api' ? (parts[1] ?? '') : parts.slice(1, 3).join('/')];
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const seen: SeenRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString()),
    };
    this.requests.push(seen);
    const fault = this.fault(seen) ?? {};
    if (fault.hang === true) return;
    if (fault.drop === true) response.destroy();
    else if (fault.status !== undefined) this.#inject(response, fault.status, fault);
    else if (seen.query.get('watch') === 'true') this.#watch(seen, response, parse(url.pathname), fault);
    else this.#answer(response, this.#reply(seen, parse(url.pathname)), fault);
  }

  #inject(response: ServerResponse, status: number, fault: Fault): void {
    if (fault.retryAfter !== undefined) response.setHeader('retry-after', String(fault.retryAfter));
    send(response, failure(status, fault.reason ?? 'Injected', 'injected'));
  }

  #answer(response: ServerResponse, reply: Reply, fault: Fault): void {
    if (fault.dropAfter === true) response.destroy();
    else send(response, reply);
  }

  #reply(seen: SeenRequest, target: Target): Reply {
    const { collection, namespace = '', name = '' } = target;
    if (seen.method === 'GET' && name === '') return this.#list(seen, target);
    if (seen.method === 'POST') return this.#create(seen, target);
    const current = this.#objects.get(`${collection}|${namespace}/${name}`);
    if (current === undefined) return failure(404, 'NotFound', `${name} not found`);
    if (seen.method === 'GET') return { code: 200, body: current };
    return (
      refused(seen, current) ??
      (seen.method === 'DELETE' ? this.#delete(target, current) : this.#write(seen, target, current))
    );
  }

  #create(seen: SeenRequest, target: Target): Reply {
    const object = structuredClone(seen.body) as Loose;
    const { name, generateName } = object.metadata;
    if (name === '' && generateName !== undefined) object.metadata.name = `${generateName}${randomUUID().slice(0, 5)}`;
    const exists = this.#objects.has(`${target.collection}|${target.namespace ?? ''}/${object.metadata.name}`);
    return exists ? failure(409, 'AlreadyExists', 'exists') : { code: 201, body: this.put(target.collection, object) };
  }

  #delete(target: Target, current: Loose): Reply {
    this.remove(target.collection, `${target.namespace ?? ''}/${target.name ?? ''}`);
    return {
      code: 200,
      body: { kind: 'Status', apiVersion: 'v1', status: 'Success', details: { uid: current.metadata.uid } },
    };
  }

  #write(seen: SeenRequest, target: Target, current: Loose): Reply {
    const next = (seen.method === 'PUT' ? seen.body : merge(current, seen.body)) as Loose;
    const stored = this.put(target.collection, {
      ...next,
      metadata: { ...next.metadata, uid: current.metadata.uid ?? '' },
    });
    const isDone = stored.metadata.deletionTimestamp !== undefined && (stored.metadata.finalizers ?? []).length === 0;
    if (isDone) this.#delete(target, current);
    return { code: 200, body: stored };
  }

  #list(seen: SeenRequest, target: Target): Reply {
    const token = seen.query.get('continue');
    const [atText, start = ''] = token === null ? [] : token.split(':');
    const at = atText === undefined ? this.#revision : Number(atText);
    if (at < this.#compacted) return failure(410, 'Expired', 'the continue token is too old');
    const limit = Number(seen.query.get('limit') ?? 0);
    const all = [...this.#stateAt(target.collection, at)]
      .filter(([key]) => target.namespace === undefined || key.startsWith(`${target.namespace}/`))
      .filter(([, object]) => matches(object, seen.query.get('labelSelector')))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .filter(([key]) => key > start);
    const page = limit === 0 ? all : all.slice(0, limit);
    const next = page.length < all.length ? `${at}:${page.at(-1)?.[0] ?? ''}` : undefined;
    // as a real list of a built-in kind: the items have no kind of their own
    const items = page.map(([, object]) => ({ ...object, kind: undefined, apiVersion: undefined }));
    const metadata = { resourceVersion: String(at), continue: next };
    return { code: 200, body: { kind: 'List', apiVersion: target.gv, metadata, items } };
  }

  /** The collection as it was, by undoing history. */
  #stateAt(collection: string, revision: number): Map<string, KubeObject> {
    const state = this.stored(collection);
    for (const change of this.#history.toReversed()) {
      if (change.revision <= revision || change.collection !== collection) continue;
      const key = `${change.object.metadata.namespace ?? ''}/${change.object.metadata.name}`;
      if (change.previous === undefined) state.delete(key);
      else state.set(key, change.previous);
    }
    return state;
  }

  #watch(seen: SeenRequest, response: ServerResponse, target: Target, fault: Fault): void {
    const from = Number(seen.query.get('resourceVersion') ?? 0);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (fault.raw !== undefined) response.write(fault.raw);
    if (fault.end === true || from < this.#compacted) {
      const { body } = failure(410, 'Expired', 'too old resource version');
      response.end(fault.end === true ? '' : `${JSON.stringify({ type: 'ERROR', object: body })}\n`);
      return;
    }
    let left = fault.cutAfterBytes ?? Infinity;
    const send = (change: Change): void => {
      if (target.namespace !== undefined && change.object.metadata.namespace !== target.namespace) return;
      if (!matches(change.object, seen.query.get('labelSelector'))) return;
      const frame = Buffer.from(`${JSON.stringify({ type: change.type, object: change.object })}\n`);
      if (response.destroyed) return;
      response.write(frame.subarray(0, left));
      left -= frame.length;
      // after what was written is on its way
      if (left <= 0) setImmediate(() => response.socket?.destroy());
    };
    const watcher: Watcher = { collection: target.collection, send, response };
    for (const change of this.#history)
      if (change.collection === target.collection && change.revision > from) send(change);
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }
}

interface Reply {
  code: number;
  body: unknown;
}

function send(response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.code, { 'content-type': 'application/json' });
  response.end(JSON.stringify(reply.body));
}

function failure(code: number, reason: string, message: string, causes: object[] = []): Reply {
  return {
    code,
    body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details: { causes } },
  };
}

/** Preconditions, as a real server checks them: for deletions in the options, else in the object. */
function refused(seen: SeenRequest, current: KubeObject): Reply | undefined {
  const body = seen.body as KubeObject & { preconditions?: { uid?: string; resourceVersion?: string } };
  const wanted: { uid?: string; resourceVersion?: string } =
    (seen.method === 'DELETE' ? body.preconditions : body.metadata) ?? {};
  if (![undefined, current.metadata.resourceVersion].includes(wanted.resourceVersion)) {
    return failure(409, 'Conflict', 'the object has been modified');
  }
  if ([undefined, current.metadata.uid].includes(wanted.uid)) return undefined;
  if (seen.method === 'DELETE') return failure(409, 'Conflict', 'uid mismatch');
  return failure(422, 'Invalid', 'immutable', [{ field: 'metadata.uid', reason: 'FieldValueInvalid' }]);
}

function parse(path: string): Target {
  const parts = path.split('/').filter((part) => part !== '');
  const prefix = parts.splice(0, parts[0] === 'api' ? 2 : 3);
  const isNamespaced = parts[0] === 'namespaces' && parts.length > 2;
  const namespace = isNamespaced ? parts.splice(0, 2)[1] : undefined;
  const [plural = '', name, subresource] = parts;
  return {
    collection: `/${[...prefix, plural].join('/')}`,
    namespace,
    name,
    subresource,
    gv: prefix.slice(1).join('/'),
  };
}

/** `a=b`, `a in (b,c)`, `a`; joined by commas outside parentheses. */
function matches(object: KubeObject, selector: string | null): boolean {
  const labels = object.metadata.labels ?? {};
  return (selector ?? '').split(/,(?![^(]*\))/).every((term) => {
    if (term === '') return true;
    const [name = '', value] = term.split('=');
    return value === undefined ? name in labels : labels[name] === value;
  });
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = typeof target === 'object' && target !== null ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    result[name] = value === null ? undefined : merge(result[name], value);
  }
  return JSON.parse(JSON.stringify(result)) as unknown;
}
