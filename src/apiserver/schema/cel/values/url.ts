import { goQuote } from '../../goText.ts';
import { structOf } from '../types/type.ts';
import { parseAny } from './address.ts';
import { EvaluationError } from './errors.ts';
import { noSuchOverload } from './overload.ts';
import { Opaque, type Value } from './value.ts';

export const URL_TYPE = structOf('kubernetes.URL');

/** Parts of a URL as Go's net/url gives them. */
interface Parts {
  scheme: string;
  /** Instead of all that follows, when the scheme is followed by no slash: `mailto:a@b`. */
  opaque: string;
  user: string | undefined;
  host: string;
  /** As written. */
  path: string;
  query: string | undefined;
  fragment: string | undefined;
}

/** An absolute URL or path. */
export class Url extends Opaque {
  readonly type = URL_TYPE;
  readonly scheme: string;
  readonly host: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    super();
    this.scheme = parts.scheme;
    this.host = parts.host;
    this.#parts = parts;
  }

  equals(other: Value): boolean {
    if (!(other instanceof Url)) throw noSuchOverload();
    return this.text === other.text;
  }

  /** Without port and without the brackets of an IPv6 address. */
  get hostname(): string {
    const host = this.port === '' ? this.host.replace(/:$/, '') : this.host.slice(0, -this.port.length - 1);
    return /^\[.*\]$/.test(host) ? host.slice(1, -1) : host;
  }

  get port(): string {
    return /:(\d*)$/.exec(this.host)?.[1] ?? '';
  }

  get escapedPath(): string {
    const { path } = this.#parts;
    return /^(?:[A-Za-z\d\-._~!$&'()*+,;=:@[\]/]|%[\da-fA-F]{2})*$/.test(path)
      ? path
      : escapePath(unescape(path) ?? path);
  }

  /** Values by key, in order; what is malformed is left out. */
  get query(): ReadonlyMap<string, readonly string[]> {
    const result = new Map<string, string[]>();
    for (const pair of (this.#parts.query ?? '').split('&')) {
      if (pair === '' || pair.includes(';')) continue;
      const [rawKey, rawValue = ''] = cut(pair, '=');
      const key = unescape(rawKey.replaceAll('+', ' '));
      const value = unescape(rawValue.replaceAll('+', ' '));
      if (key === undefined || value === undefined) continue;
      const values = result.get(key);
      if (values === undefined) result.set(key, [value]);
      else values.push(value);
    }
    return result;
  }

  get text(): string {
    const { scheme, opaque, user, host, query, fragment } = this.#parts;
    const head = scheme === '' ? '' : `${scheme}:`;
    const authority = host === '' && user === undefined ? '' : `//${user === undefined ? '' : `${user}@`}${host}`;
    const tail = `${query === undefined ? '' : `?${query}`}${fragment ? `#${fragment}` : ''}`;
    return `${head}${opaque === '' ? authority + this.escapedPath : opaque}${tail}`;
  }
}

function unescape(text: string): string | undefined {
  if (/%(?![\da-fA-F]{2})/.test(text)) return undefined;
  const bytes = Buffer.from(text)
    .toString('latin1')
    .replace(/%([\da-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function escapePath(text: string): string {
  return text.replace(/[^A-Za-z\d\-_.~$&+,/:;=@]/gu, (char) =>
    encodeURIComponent(char).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`),
  );
}

/** Why `text` is no absolute URL or path, as Go's url.ParseRequestURI says it; undefined when it is one. */
export function requestUriProblem(text: string): string | undefined {
  const problem = typeof parse(text, true) === 'string' ? parse(text, true) : undefined;
  return typeof problem === 'string' ? `parse ${goQuote(text)}: ${problem}` : undefined;
}

/** @throws EvaluationError  with kube's text when `text` is no absolute URL or path. */
export function parseUrl(text: string): Url {
  const problem = requestUriProblem(text);
  if (problem !== undefined) throw new EvaluationError(`URL parse error during conversion from string: ${problem}`);
  const hash = text.indexOf('#');
  const parts = parse(hash < 0 ? text : text.slice(0, hash), false);
  if (typeof parts === 'string')
    throw new EvaluationError(`URL parse error during conversion from string: parse ${goQuote(text)}: ${parts}`);
  return new Url({ ...parts, fragment: hash < 0 ? undefined : text.slice(hash + 1) });
}

/** Go's net/url.parse, without the fragment. @returns a text that says what is wrong. */
function parse(text: string, viaRequest: boolean): Parts | string {
  const problem = textProblem(text, viaRequest);
  if (problem !== undefined) return problem;
  const none = { scheme: '', opaque: '', user: undefined, host: '', query: undefined, fragment: undefined };
  if (text === '*') return { ...none, path: '*' };
  const scheme = /^[A-Za-z][A-Za-z\d+.-]*(?=:)/.exec(text)?.[0] ?? '';
  const [rest, query] = cut(scheme === '' ? text : text.slice(scheme.length + 1), '?');
  const parts: Parts = { ...none, scheme: scheme.toLowerCase(), query, path: rest };
  if (rest.startsWith('/')) return hasAuthority(parts, viaRequest) ? withAuthority(parts) : withPath(parts, rest);
  if (scheme !== '') return { ...parts, opaque: rest, path: '' };
  return viaRequest ? 'invalid URI for request' : withPath(parts, rest);
}

function textProblem(text: string, viaRequest: boolean): string | undefined {
  if (Array.from(text).some((char) => char < ' ' || char === '\x7f'))
    return 'net/url: invalid control character in URL';
  if (text === '' && viaRequest) return 'empty url';
  return text.startsWith(':') ? 'missing protocol scheme' : undefined;
}

function cut(text: string, separator: string): [string, string | undefined] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function hasAuthority({ scheme, path }: Parts, viaRequest: boolean): boolean {
  return path.startsWith('//') && (scheme !== '' || (!viaRequest && !path.startsWith('///')));
}

function withAuthority(parts: Parts): Parts | string {
  const slash = parts.path.indexOf('/', 2);
  const authority = slash < 0 ? parts.path.slice(2) : parts.path.slice(2, slash);
  const at = authority.lastIndexOf('@');
  const user = at < 0 ? undefined : authority.slice(0, at);
  const host = authority.slice(at + 1);
  const problem = hostProblem(host, parts.scheme) ?? userProblem(user ?? '');
  if (problem !== undefined) return problem;
  return withPath({ ...parts, user, host: unescape(host) ?? '' }, slash < 0 ? '' : parts.path.slice(slash));
}

function withPath(parts: Parts, path: string): Parts | string {
  return escapeProblem(path) ?? { ...parts, path };
}

function userProblem(user: string): string | undefined {
  return /^[A-Za-z\d\-._:~!$&'()*+,;=%@]*$/.test(user) ? escapeProblem(user) : 'net/url: invalid userinfo';
}

function escapeProblem(text: string): string | undefined {
  const bad = /%(?![\da-fA-F]{2})[^]{0,2}/.exec(text)?.[0];
  return bad === undefined ? undefined : `invalid URL escape ${goQuote(bad)}`;
}

function hostProblem(host: string, scheme: string): string | undefined {
  const open = host.lastIndexOf('[');
  if (open > 0) return 'invalid IP-literal';
  if (open === 0) return literalProblem(host);
  const strict = scheme === 'http' || scheme === 'https';
  const colon = strict ? host.indexOf(':') : host.lastIndexOf(':');
  return (colon < 0 ? undefined : portProblem(host.slice(colon))) ?? charactersProblem(host);
}

function literalProblem(host: string): string | undefined {
  const close = host.lastIndexOf(']');
  if (close < 0) return "missing ']' in host";
  const problem = portProblem(host.slice(close + 1));
  if (problem !== undefined) return problem;
  const address = host.slice(1, close).replace(/%25/, '%');
  try {
    return parseAny(address).length === 4 ? 'invalid IP-literal' : undefined;
  } catch (error) {
    return error instanceof EvaluationError ? `invalid host: ${error.message}` : undefined;
  }
}

function portProblem(port: string): string | undefined {
  return port === '' || /^:\d*$/.test(port) ? undefined : `invalid port ${goQuote(port)} after host`;
}

function charactersProblem(host: string): string | undefined {
  const escape = escapeProblem(host) ?? lowEscapeProblem(host);
  if (escape !== undefined) return escape;
  const bad = /[^A-Za-z\d\-_.~!$&'()*+,;=:[\]<>"%\x80-\u{10ffff}]/u.exec(host)?.[0];
  return bad === undefined ? undefined : `invalid character ${goQuote(bad)} in host name`;
}

/** Only bytes beyond ASCII may be escaped in a host. */
function lowEscapeProblem(host: string): string | undefined {
  const bad = /%(?!25)[0-7][\da-fA-F]/.exec(host)?.[0];
  return bad === undefined ? undefined : `invalid URL escape ${goQuote(bad)}`;
}
