import type { Agent } from 'node:http';

/** What a request must carry to be let in. */
export interface Credentials {
  headers: Record<string, string>;
  tls: TlsOptions;
  /** Replaces our own connections; set when the kubeconfig asks for a proxy. */
  agent?: Agent;
}

/** TLS part of {@link Credentials}; PEM. */
export interface TlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  /** false only when the kubeconfig says insecure-skip-tls-verify. */
  rejectUnauthorized?: boolean;
}

/** How to reach one API server and who to be there. */
export interface Connection {
  /** May have a path, which comes before every request's. */
  server: URL;
  /** The context's namespace, or `default`. */
  namespace: string;
  /** The kubeconfig, where nobody named it and only the working directory chose it. */
  foundAt?: string;
  /**
   * Current credentials; files and plugins are read again after a minute.
   * @param refresh  Read them again now: the server said 401.
   */
  credentials(refresh?: boolean): Promise<Credentials>;
}

/** The kubeconfig, or what it refers to, is missing or wrong; the message says where and what to do. */
export class KubeconfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'KubeconfigError';
  }
}

/** A connection with fixed credentials, such as the standalone process has to its own API server. */
export function fixedConnection(options: { server: string; token?: string } & TlsOptions): Connection {
  const { server, token, ...tls } = options;
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    server: serverUrl(server, 'server'),
    namespace: 'default',
    credentials: () => Promise.resolve({ headers, tls }),
  };
}

/**
 * `text` as the URL of an API server.
 * @param field  Where it stands, for the message.
 * @throws KubeconfigError  when it is no URL, or would send credentials unprotected.
 */
export function serverUrl(text: string, field: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    throw new KubeconfigError(`${field}: "${text}" is no URL of an API server; write https://host:port.`);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new KubeconfigError(
      `${field}: "${text}" would send credentials unprotected; use https:// (http:// is accepted for loopback only).`,
    );
  }
  return url;
}

/** Of `URL.hostname`. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
