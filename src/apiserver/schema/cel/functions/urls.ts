import * as types from '../types/type.ts';
import { ArrayList } from '../values/list.ts';
import { EntryMap } from '../values/map.ts';
import { parseUrl, requestUriProblem, Url, URL_TYPE } from '../values/url.ts';
import * as is from './declare.ts';
import { func, instance, method, type Library, type Overload } from './declare.ts';

const url = instance(URL_TYPE, Url);

function part(id: string, read: (value: Url) => string): Overload[] {
  return [method(id, [url], types.STRING, read)];
}

function queryOf(value: Url): EntryMap {
  return new EntryMap(Array.from(value.query, ([key, values]) => [key, new ArrayList(values)] as const));
}

/** Kubernetes' URLs. */
export const urls: Library = {
  url: [func('string_to_url', [is.STRING], URL_TYPE, parseUrl)],
  isURL: [func('is_url_string', [is.STRING], types.BOOL, (text: string) => requestUriProblem(text) === undefined)],
  getScheme: part('url_get_scheme', (value) => value.scheme),
  getHost: part('url_get_host', (value) => value.host),
  getHostname: part('url_get_hostname', (value) => value.hostname),
  getPort: part('url_get_port', (value) => value.port),
  getEscapedPath: part('url_get_escaped_path', (value) => value.escapedPath),
  getQuery: [method('url_get_query', [url], types.mapOf(types.STRING, types.listOf(types.STRING)), queryOf)],
};
