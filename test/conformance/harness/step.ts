import type { IncomingHttpHeaders } from 'node:http';

/** What is sent. In `path`, `body` and header values `{ns}` stands for the case's namespace; see {@link Step}. */
export interface HttpStep {
  kind: 'http';
  method: string;
  path: string;
  /** A string or Buffer goes as it is, anything else as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** Sent again until the answer fits; for what controllers do later. */
  until?: (reply: { code: number; body: unknown; headers: IncomingHttpHeaders }) => boolean;
  /** What of the body is compared; default: all of it. */
  pick?: (body: Json) => unknown;
  /** Who asks; default: the administrator. */
  as?: User;
}

/** Watches until `count` events have come, and a moment longer, so that one too many is seen. */
export interface WatchStep {
  kind: 'watch';
  path: string;
  count: number;
  /** Steps to do once the watch is open. */
  meanwhile: readonly Step[];
  as?: User;
  /** Asked for as a WebSocket, with these headers; default: by HTTP. */
  webSocket?: Readonly<Record<string, string>>;
}

/** A kubectl command. */
export interface KubectlStep {
  kind: 'kubectl';
  args: readonly string[];
  stdin?: string;
}

/**
 * One thing that a client does. `{name.N}`, `{uid.N}`, `{rv.N}` and `{continue.N}` stand for what the answer of step N
 * (from 0; steps inside a watch are numbered in their order, after the watch itself) said in its metadata, `{token.N}`
 * for the token that the Secret in it holds.
 */
export type Step = HttpStep | WatchStep | KubectlStep;

/** Somebody with a client certificate. */
export interface User {
  name: string;
  groups?: readonly string[];
}

/** Somebody without one. */
export const NOBODY: User = { name: '' };

/** Parsed JSON, to be looked into. */
export type Json = any;

type Extra = Partial<Pick<HttpStep, 'headers' | 'until' | 'pick' | 'as'>>;

/** Where resources are served. Others are given by whole path. */
const PREFIXES: Readonly<Record<string, string>> = {
  configmaps: '/api/v1',
  secrets: '/api/v1',
  serviceaccounts: '/api/v1',
  events: '/api/v1',
  leases: '/apis/coordination.k8s.io/v1',
  roles: '/apis/rbac.authorization.k8s.io/v1',
  rolebindings: '/apis/rbac.authorization.k8s.io/v1',
  widgets: '/apis/conformance.example.com/v1',
  gears: '/apis/conformance.example.com/v1',
  servers: '/apis/hostler.dev/v1alpha1',
  knownhosts: '/apis/hostler.dev/v1alpha1',
  serveroperations: '/apis/hostler.dev/v1alpha1',
};

/** `configmaps/x?dryRun=All` → the path in the case's namespace; what begins with `/` stays. */
function pathOf(short: string): string {
  if (short.startsWith('/')) return short;
  const resource = short.split(/[/?]/)[0] ?? '';
  const prefix = PREFIXES[resource];
  if (prefix === undefined) throw new Error(`no prefix is known for ${resource}`);
  return `${prefix}/namespaces/{ns}/${short}`;
}

function http(method: string, path: string, body: unknown, extra: Extra = {}): HttpStep {
  return { kind: 'http', method, path: pathOf(path), ...(body === undefined ? {} : { body }), ...extra };
}

export const get = (path: string, extra?: Extra): HttpStep => http('GET', path, undefined, extra);
export const create = (path: string, body: unknown, extra?: Extra): HttpStep => http('POST', path, body, extra);
export const replace = (path: string, body: unknown, extra?: Extra): HttpStep => http('PUT', path, body, extra);
export const remove = (path: string, body?: unknown, extra?: Extra): HttpStep => http('DELETE', path, body, extra);
export const send = (method: string, path: string, body?: unknown, extra?: Extra): HttpStep =>
  http(method, path, body, extra);

const patch =
  (type: string) =>
  (path: string, body: unknown, extra: Extra = {}): HttpStep =>
    http('PATCH', path, body, { ...extra, headers: { 'content-type': type, ...extra.headers } });

export const jsonPatch = patch('application/json-patch+json');
export const mergePatch = patch('application/merge-patch+json');
/** Server-side apply by `manager`; `path` may have a query. */
export const applyPatch = (manager: string, path: string, body: unknown, extra: Extra = {}): HttpStep =>
  patch('application/apply-patch+yaml')(`${path}${path.includes('?') ? '&' : '?'}fieldManager=${manager}`, body, extra);

export const strategicPatch = patch('application/strategic-merge-patch+json');

/** Opens a watch, does the steps, and compares the first `count` events (and any that came at once after them). */
export const watch = (path: string, count: number, meanwhile: readonly Step[] = []): WatchStep => ({
  kind: 'watch',
  path: pathOf(path),
  count,
  meanwhile,
});

/** The same over a WebSocket, as some clients watch. `headers` beside those of every handshake. */
export const webSocket = (
  path: string,
  count: number,
  meanwhile: readonly Step[] = [],
  headers: Readonly<Record<string, string>> = { origin: 'https://localhost' },
): WatchStep => ({ ...watch(path, count, meanwhile), webSocket: headers });

/** Runs kubectl in the case's namespace; exit code and output are compared. */
export const kubectl = (command: string, stdin?: string): KubectlStep => ({
  kind: 'kubectl',
  args: command.split(' '),
  ...(stdin === undefined ? {} : { stdin }),
});

/** A copy of `object` without some members. */
export const without = (object: Json, ...names: string[]): Json =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

export const gone = ({ code }: { code: number }): boolean => code === 404;

/** A ConfigMap. */
export const configMap = (name: string, data: unknown = { a: '1' }, metadata: object = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

/** A Widget of the suite's own CustomResourceDefinition. */
export const widget = (name: string, spec: unknown = {}, metadata: object = {}): Json => ({
  apiVersion: 'conformance.example.com/v1',
  kind: 'Widget',
  metadata: { name, ...metadata },
  spec,
});

/** A Gear: without status subresource, columns or rules. */
export const gear = (name: string, spec: unknown = {}, metadata: object = {}): Json => ({
  apiVersion: 'conformance.example.com/v1',
  kind: 'Gear',
  metadata: { name, ...metadata },
  spec,
});
