/** What a request asks for, read from its method and URL alone. */
export interface RequestInfo {
  /** True for `/api/v1/...` and `/apis/G/V/...` below the group-version. */
  isResource: boolean;
  /** Decoded path, with all its slashes: roles tell `/version/` from `/version`. */
  path: string;
  /** Kubernetes verb for resources (get, list, watch, create, update, patch, delete, deletecollection), else the lower-case method. */
  verb: string;
  group: string;
  version: string;
  /** Namespace of the URL; '' for cluster-wide. For a Namespace object itself its own name. */
  namespace: string;
  resource: string;
  subresource: string;
  name: string;
  /** What follows the subresource; no resource of ours has such a path. */
  rest: readonly string[];
  query: URLSearchParams;
}

/** Subresources of `namespaces`; any other word after `/namespaces/NS/` is a resource inside NS. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/**
 * Parses `method` and `url` (path and query as sent) by the rules of Kubernetes' RequestInfo.
 * @throws URIError when the path holds a broken percent escape.
 */
export function parseRequest(method: string, url: string): RequestInfo {
  const cut = url.indexOf('?');
  const query = new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1));
  const segments = (cut < 0 ? url : url.slice(0, cut)).split('/').map(decoded);
  const parts = segments.slice(segments.findIndex(isNamed), segments.findLastIndex(isNamed) + 1);
  const info: RequestInfo = {
    isResource: false,
    path: segments.join('/'),
    verb: method.toLowerCase(),
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    rest: [],
    query,
  };
  const tail = groupVersion(parts, info);
  if (tail === undefined || tail.length === 0) return info;
  info.isResource = true;
  info.verb = VERBS[method] ?? method.toLowerCase();
  resourcePath(tail, info);
  refineVerb(info);
  return info;
}

function decoded(segment: string): string {
  return segment.includes('%') ? decodeURIComponent(segment) : segment;
}

function isNamed(segment: string): boolean {
  return segment !== '';
}

/** Fills group and version; what is left names the resource. Undefined when this is no API path with a version. */
function groupVersion(parts: string[], info: RequestInfo): string[] | undefined {
  const [root, first, second] = parts;
  if (root === 'api' && first !== undefined) {
    info.version = first;
    return parts.slice(2);
  }
  if (root === 'apis' && first !== undefined && second !== undefined) {
    info.group = first;
    info.version = second;
    return parts.slice(3);
  }
  return undefined;
}

function resourcePath(tail: string[], info: RequestInfo): void {
  const whole = withoutWatch(tail, info);
  const parts = withoutNamespace(whole, info);
  const [resource = '', name = '', subresource = '', ...rest] = parts;
  info.resource = resource;
  info.name = name;
  info.subresource = subresource;
  // there are none in a namespace: who has rights in one has none about others
  const isNested = parts !== whole && resource === 'namespaces' && info.group === '';
  info.rest = isNested ? parts : rest;
}

/** The deprecated `/watch/` prefix stands for the parameter, whatever the method. */
function withoutWatch(parts: string[], info: RequestInfo): string[] {
  if (parts[0] !== 'watch' || parts.length < 2) return parts;
  info.verb = 'watch';
  return parts.slice(1);
}

function withoutNamespace(parts: string[], info: RequestInfo): string[] {
  const [first, second, third] = parts;
  if (first !== 'namespaces' || second === undefined) return parts;
  info.namespace = second;
  return third === undefined || NAMESPACE_SUBRESOURCES.has(third) ? parts : parts.slice(2);
}

function refineVerb(info: RequestInfo): void {
  if (info.name !== '' && info.verb !== 'watch') return;
  if (info.verb === 'get') info.verb = isTrue(info.query.get('watch')) ? 'watch' : 'list';
  if (info.verb === 'delete') info.verb = 'deletecollection';
}

/** Go's reading of a boolean query parameter, as Kubernetes does it: anything but `false`, `0` and absence is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0';
}
