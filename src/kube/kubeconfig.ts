import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { messageOf } from '../lib/errors.ts';
import { yaml } from '../lib/yaml.ts';
import { type Connection, type Credentials, KubeconfigError, serverUrl, type TlsOptions } from './connection.ts';
import { checkFoundContent, checkFoundFile } from './foundKubeconfig.ts';
import { type Cluster, type Context, Kubeconfig, type User } from './kubeconfigSchema.ts';
import { pluginCredentials } from './pluginCredentials.ts';

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** As client-go: projected tokens and rotated certificates are seen within this time. */
const REREAD_MS = 60_000;

/**
 * The connection that a kubeconfig describes.
 * @param paths  One file, or several joined by `:` as in `$KUBECONFIG`: the first definition of a name wins.
 * @param options.context  Default: the current-context.
 * @throws KubeconfigError  when it cannot be read or names what it does not contain.
 */
export function connectionFromKubeconfig(paths: string, options: { context?: string } = {}): Connection {
  const files = paths.split(delimiter).filter((path) => path !== '');
  const merged = merge(files.map((file) => readFile(file)));
  const name = options.context ?? merged.currentContext;
  if (name === undefined || name === '') {
    throw new KubeconfigError(
      `${paths}: current-context is not set; name one with --context or "kubectl config use-context".`,
    );
  }
  const context = find(merged.contexts, name, `${paths}: context`);
  const cluster = find(merged.clusters, context.cluster, `${paths}: cluster`);
  const user = context.user === undefined ? {} : find(merged.users, context.user, `${paths}: user`);
  return {
    server: serverUrl(cluster.server, `${paths}: cluster "${context.cluster}": server`),
    namespace: context.namespace ?? 'default',
    credentials: reread(() => credentialsOf(cluster, user)),
  };
}

/**
 * The connection that a kubeconfig describes which nobody named, and which is only in the working directory.
 * @throws KubeconfigError  also when it can be somebody else's.
 */
export function connectionFromFound(path: string, options: { context?: string } = {}): Connection {
  checkFoundFile(path);
  checkFoundContent(path, readFile(path));
  return { ...connectionFromKubeconfig(path, options), foundAt: path };
}

/** The connection of a Pod, by its ServiceAccount; undefined outside a cluster. */
export function connectionInCluster(
  env: NodeJS.ProcessEnv = process.env,
  directory: string = SERVICE_ACCOUNT,
): Connection | undefined {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === undefined || host === '' || !existsSync(join(directory, 'token'))) return undefined;
  const cluster: Cluster = { server: 'https://in-cluster', 'certificate-authority': join(directory, 'ca.crt') };
  const user: User = { tokenFile: join(directory, 'token') };
  const namespace = join(directory, 'namespace');
  return {
    server: serverUrl(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST'),
    namespace: existsSync(namespace) ? readText(namespace, 'namespace').trim() : 'default',
    credentials: reread(() => credentialsOf(cluster, user)),
  };
}

/**
 * The first of: `options.kubeconfig`, `$KUBECONFIG`, `./.hostler/kubeconfig`, `~/.kube/config`, the Pod's ServiceAccount.
 * @throws KubeconfigError  when none exists, or the one found is wrong.
 */
export function defaultConnection(options: { kubeconfig?: string; context?: string } = {}): Connection {
  const { kubeconfig, ...rest } = options;
  const named = kubeconfig ?? process.env['KUBECONFIG'];
  if (named !== undefined && named !== '') return connectionFromKubeconfig(named, rest);
  const here = join('.hostler', 'kubeconfig');
  if (existsSync(here)) return connectionFromFound(here, rest);
  const candidates = homes().map((home) => join(home, '.kube', 'config'));
  const found = candidates.find((path) => existsSync(path));
  const connection = found === undefined ? connectionInCluster() : connectionFromKubeconfig(found, rest);
  if (connection !== undefined) return connection;
  throw new KubeconfigError(
    `No kubeconfig found: looked at $KUBECONFIG, ${[here, ...candidates].join(', ')} and for a Pod's ServiceAccount. ` +
      'Name one with --kubeconfig, or start a control plane with "hostler serve".',
  );
}

/** The user's home; none in a container that runs as a user whom nothing there knows. */
function homes(): string[] {
  try {
    return [homedir()];
  } catch {
    return [];
  }
}

interface Merged {
  currentContext: string | undefined;
  clusters: Map<string, Cluster>;
  users: Map<string, User>;
  contexts: Map<string, Context>;
}

function merge(configs: readonly Kubeconfig[]): Merged {
  const merged: Merged = { currentContext: undefined, clusters: new Map(), users: new Map(), contexts: new Map() };
  // last to first, so that the first definition of a name stays
  for (const config of configs.toReversed()) {
    merged.currentContext = config['current-context'] ?? merged.currentContext;
    for (const { name, cluster } of config.clusters ?? []) merged.clusters.set(name, cluster);
    for (const { name, user } of config.users ?? []) merged.users.set(name, user ?? {});
    for (const { name, context } of config.contexts ?? []) merged.contexts.set(name, context);
  }
  return merged;
}

function readFile(path: string): Kubeconfig {
  const text = readText(path, 'kubeconfig');
  let value: unknown;
  try {
    value = yaml().parse(text);
  } catch (error) {
    throw new KubeconfigError(`${path}: is no YAML: ${messageOf(error)}`, { cause: error });
  }
  const result = Kubeconfig.safeParse(value ?? {});
  if (!result.success) {
    const issues = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new KubeconfigError(`${path}: is no kubeconfig: ${issues.join('; ')}`);
  }
  return absolute(result.data, dirname(resolve(path)));
}

/** Paths inside a kubeconfig are relative to the file they stand in. */
function absolute(config: Kubeconfig, directory: string): Kubeconfig {
  const fix = (holder: Record<string, unknown>, field: string): void => {
    const path = holder[field];
    if (typeof path === 'string' && path !== '') holder[field] = resolve(directory, path);
  };
  for (const { cluster } of config.clusters ?? []) fix(cluster, 'certificate-authority');
  for (const { user } of config.users ?? []) {
    for (const field of ['client-certificate', 'client-key', 'tokenFile']) if (user) fix(user, field);
    // as kubectl: a command with a slash is a path, any other is looked up in $PATH
    if (user?.exec?.command.includes('/') === true) fix(user.exec, 'command');
  }
  return config;
}

function find<T>(entries: ReadonlyMap<string, T>, name: string, field: string): T {
  const found = entries.get(name);
  if (found !== undefined) return found;
  const known = [...entries.keys()].map((key) => `"${key}"`).join(', ');
  throw new KubeconfigError(`${field} "${name}" is not defined; defined are: ${known === '' ? 'none' : known}.`);
}

function needsPlugin(cluster: Cluster, user: User): boolean {
  return user.exec !== undefined || user['auth-provider'] !== undefined || cluster['proxy-url'] !== undefined;
}

async function credentialsOf(cluster: Cluster, user: User): Promise<Credentials> {
  const plain = { headers: plainHeaders(user), tls: tlsOf(cluster, user) };
  if (!needsPlugin(cluster, user)) return plain;
  const given = await pluginCredentials(cluster, user);
  return { ...given, headers: { ...plain.headers, ...given.headers }, tls: { ...plain.tls, ...given.tls } };
}

function plainHeaders(user: User): Record<string, string> {
  const token = user.tokenFile === undefined ? user.token : readText(user.tokenFile, 'tokenFile').trim();
  const basic = Buffer.from(`${user.username ?? ''}:${user.password ?? ''}`).toString('base64');
  return {
    ...(user.username === undefined ? {} : { authorization: `Basic ${basic}` }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(user.as === undefined ? {} : { 'impersonate-user': user.as }),
  };
}

/** TLS options of a kubeconfig; files are read now. */
function tlsOf(cluster: Cluster, user: User): TlsOptions {
  const pem = (data: string | undefined, path: string | undefined, field: string): string | undefined => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return path === undefined ? undefined : readText(path, field);
  };
  const ca = pem(cluster['certificate-authority-data'], cluster['certificate-authority'], 'certificate-authority');
  const cert = pem(user['client-certificate-data'], user['client-certificate'], 'client-certificate');
  const key = pem(user['client-key-data'], user['client-key'], 'client-key');
  const servername = cluster['tls-server-name'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(cluster['insecure-skip-tls-verify'] === true ? { rejectUnauthorized: false } : {}),
  };
}

function readText(path: string, field: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new KubeconfigError(`${field}: cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Keeps what `read` returned for a minute; concurrent callers share one read. */
function reread(read: () => Promise<Credentials>): (refresh?: boolean) => Promise<Credentials> {
  let current: { readAt: number; credentials: Promise<Credentials> } | undefined;
  return async (refresh = false) => {
    const now = performance.now();
    if (current === undefined || refresh || now - current.readAt > REREAD_MS) {
      // in a promise, so that what read() throws reaches this caller like every other failure
      const mine = { readAt: now, credentials: Promise.resolve().then(read) };
      current = mine;
      mine.credentials.catch(() => {
        if (current === mine) current = undefined;
      });
    }
    return current.credentials;
  };
}
