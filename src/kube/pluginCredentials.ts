import http, { type RequestOptions } from 'node:http';
import type https from 'node:https';
import { messageOf } from '../lib/errors.ts';
import { type Credentials, KubeconfigError, type TlsOptions } from './connection.ts';
import type { Cluster, User } from './kubeconfigSchema.ts';

/**
 * Credentials that only @kubernetes/client-node can make: exec plugins, auth providers (OIDC, Azure, GCP), proxies.
 * It is loaded here and not before: it costs 0.7 s and 75 MB, which most kubeconfigs do not need.
 * @throws KubeconfigError  when the plugin fails.
 */
export async function pluginCredentials(cluster: Cluster, user: User): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(JSON.stringify(asKubeconfig(cluster, user)));
  const options: https.RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const who = user.exec === undefined ? 'auth-provider' : `exec plugin "${user.exec.command}"`;
    throw new KubeconfigError(`kubeconfig: the ${who} gave no credentials: ${messageOf(error).trim()}`, {
      cause: error,
    });
  }
  const proxied = cluster['proxy-url'] !== undefined && options.agent instanceof http.Agent;
  return {
    headers: headersOf(options),
    tls: tlsFrom(options),
    ...(proxied && options.agent instanceof http.Agent ? { agent: options.agent } : {}),
  };
}

/** One cluster, one user; exec plugins are told who asks, as kubectl does. */
function asKubeconfig(cluster: Cluster, user: User): object {
  const exec = user.exec;
  const env: unknown[] = Array.isArray(exec?.['env']) ? exec['env'] : [];
  const told = exec === undefined ? user : { ...user, exec: { ...exec, env: [...env, execInfo(exec['apiVersion'])] } };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'current',
    contexts: [{ name: 'current', context: { cluster: 'current', user: 'current' } }],
    clusters: [{ name: 'current', cluster }],
    users: [{ name: 'current', user: told }],
  };
}

function execInfo(apiVersion: unknown): { name: string; value: string } {
  const version = typeof apiVersion === 'string' ? apiVersion : 'client.authentication.k8s.io/v1';
  const info = { apiVersion: version, kind: 'ExecCredential', spec: { interactive: false } };
  return { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) };
}

function headersOf(options: RequestOptions): Record<string, string> {
  const given = Object.entries(options.headers ?? {}).filter((entry) => typeof entry[1] === 'string');
  const headers = Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), String(value)]));
  const basic = typeof options.auth === 'string' ? Buffer.from(options.auth).toString('base64') : undefined;
  return basic === undefined ? headers : { ...headers, authorization: `Basic ${basic}` };
}

function tlsFrom(options: https.RequestOptions): TlsOptions {
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
  const [ca, cert, key] = [text(options.ca), text(options.cert), text(options.key)];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(options.servername === undefined ? {} : { servername: options.servername }),
    ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
  };
}
