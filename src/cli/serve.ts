import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { controllerBindings, controllerRoles, peopleRoles, systemNamespace } from '../api/access.ts';
import { admissionPolicies } from '../api/policies.ts';
import { toCrd } from '../api/crd.ts';
import { kinds } from '../api/kinds.ts';
import { AuditFile } from '../apiserver/audit/auditFile.ts';
import type { AuditPolicy } from '../apiserver/audit/policy.ts';
import { INSTALLED_BY } from '../apiserver/controllers/installObject.ts';
import { writeKubeconfig } from '../apiserver/pki/kubeconfig.ts';
import { keepCertificates, readCertificates, type Certificates } from '../apiserver/pki/controlPlaneCertificates.ts';
import { ADMIN, CONTROLLER_MANAGER } from '../apiserver/pki/pki.ts';
import { startApiServer, type ApiServer, type ApiServerOptions } from '../apiserver/server.ts';
import type { Storage } from '../apiserver/storage/storage.ts';
import { Client } from '../kube/client.ts';
import { fixedConnection } from '../kube/connection.ts';
import { systemClock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/logger.ts';
import { version } from '../lib/version.ts';
import { type AuditTarget, auditTarget } from './auditOptions.ts';
import { etcdTarget } from './etcdOptions.ts';
import { type OidcTarget, oidcTarget } from './oidcOptions.ts';
import { openStore, proveAuthority } from './openStore.ts';
import { print } from './output.ts';
import { untilAskedToStop } from './stopSignal.ts';
import type { ServeOptions } from './serveCommand.ts';

/** What kube-apiserver gives others to see that a namespace is being deleted. */
const OTHERS_LAG_MS = 5_000;

/** The controllers of this process, as roles are given to them. */
const CONTROLLERS = {
  kind: 'User',
  apiGroup: 'rbac.authorization.k8s.io',
  name: CONTROLLER_MANAGER.user,
} as const;

/** `manifest` says of which version it is: a server of an older one on the same store leaves it alone. */
function asInstalled(manifest: object): object {
  const { metadata = {} } = manifest as { metadata?: { annotations?: object } };
  return { ...manifest, metadata: { ...metadata, annotations: { ...metadata.annotations, [INSTALLED_BY]: version } } };
}

/** Policies and their bindings. */
function policyObjects(): object[] {
  return admissionPolicies().flatMap(({ objects }) => objects);
}

/** Runs the control plane until it is asked to stop. */
export async function serve(options: ServeOptions): Promise<void> {
  const log = createLogger({ level: options.logLevel });
  await untilAskedToStop(log, (signal) => serveFrom(resolve(options.dataDir), options, { log, signal }));
}

async function serveFrom(dataDir: string, options: ServeOptions, { log, signal }: Context): Promise<void> {
  const etcd = etcdTarget(options);
  const oidc = oidcTarget(options);
  const audit = await openAudit(auditTarget(options), log);
  await prepareDataDir(dataDir);
  const storage = await openStore({ dataDir, etcd }, log);
  try {
    await runControlPlane({ ...options, dataDir }, { storage, oidc, audit }, { log, signal });
  } finally {
    await storage.close();
  }
}

/** Opens the audit log. @throws Error that names the flag, what is wrong and what to do. */
async function openAudit(target: AuditTarget | undefined, log: Logger): Promise<ApiServerOptions['audit']> {
  if (target === undefined) return undefined;
  const { policy, path, rotation } = target;
  return { policy: await readPolicy(policy), sink: path === undefined ? standardOutput : openAuditFile(path) };

  function openAuditFile(file: string): AuditFile {
    try {
      return new AuditFile(resolve(file), rotation, { clock: systemClock, log: log.child({ component: 'audit' }) });
    } catch (error) {
      throw new Error(`--audit-log-path ${file}: ${messageOf(error)}. Name a file that may be written, or "-".`, {
        cause: error,
      });
    }
  }
}

/** Node writes to a pipe or file at once, as the sink of audit events promises. */
const standardOutput = { write: (line: string) => void process.stdout.write(line) };

async function readPolicy({ path, text }: AuditTarget['policy']): Promise<AuditPolicy> {
  // most starts have no policy
  const { parsePolicy } = await import('../apiserver/audit/policy.ts');
  try {
    return parsePolicy(text);
  } catch (error) {
    throw new Error(`--audit-policy-file ${path}: ${messageOf(error)}. Correct it: without it nothing may start.`, {
      cause: error,
    });
  }
}

/** Makes the data directory and proves that it can be written. */
async function prepareDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(
      `The data directory ${dataDir} cannot be used (${messageOf(error)}). Choose with --data-dir one on a local disk that you may write.`,
      { cause: error },
    );
  }
}

interface Context {
  log: Logger;
  signal: AbortSignal;
}

/** What the flags stand for, opened and checked. */
interface Opened {
  storage: Storage;
  oidc: OidcTarget | undefined;
  audit: ApiServerOptions['audit'];
}

async function runControlPlane(options: ServeOptions, opened: Opened, { log, signal }: Context): Promise<void> {
  const { storage, oidc, audit } = opened;
  const { dataDir, listen } = options;
  const kept = { directory: join(dataDir, 'pki'), hosts: [listen.host, ...options.tlsSan], clock: systemClock };
  let certificates = await readCertificates(kept);
  if (options.etcdEndpoints !== undefined) await proveAuthority(storage, certificates.ca, dataDir);
  const api = await listening({
    storage,
    pki: certificates,
    ...(options.tokenAuthFile === undefined ? {} : { staticTokens: await readFile(options.tokenAuthFile, 'utf8') }),
    ...(oidc === undefined ? {} : { oidc }),
    ...(audit === undefined ? {} : { audit }),
    ...(options.etcdEndpoints === undefined ? {} : { othersLagMs: OTHERS_LAG_MS }),
    listen,
    log: log.child({ component: 'apiserver' }),
    crds: kinds.map(toCrd).map(asInstalled),
    objects: [
      systemNamespace(),
      ...peopleRoles(),
      ...controllerRoles(),
      ...controllerBindings(CONTROLLERS),
      ...policyObjects(),
    ].map(asInstalled),
  });
  const over = new AbortController();
  const renewed = async (next: Certificates): Promise<void> => {
    certificates = next;
    api.useCertificate(next.serving);
    await writeAdminKubeconfig(options, next, api);
  };
  const keeping = keepCertificates(certificates, { ...kept, renewed, log, signal: over.signal });
  try {
    await api.ready;
    const kubeconfig = await writeAdminKubeconfig(options, certificates, api);
    await writeFile(join(dataDir, 'hostler.pid'), `${process.pid}\n`, { mode: 0o600 });
    print(`hostler serves ${api.url}`);
    print(`kubeconfig: ${kubeconfig}`);
    if (options.controllers) {
      // loaded after the API answers
      const { runControllers } = await import('./runControllers.ts');
      await runControllers(options, {
        client: controllerClient(() => certificates, api, log),
        identity: await identityOf(dataDir),
        bundleDirectory: join(dataDir, 'bundles'),
        log,
        signal,
      });
    } else await aborted(signal);
  } finally {
    over.abort();
    await keeping;
    await api.close();
    await rm(join(dataDir, 'hostler.pid'), { force: true });
  }
}

/** Starts the API server; a failure to listen is told with what helps. */
async function listening(options: ApiServerOptions): Promise<ApiServer> {
  try {
    return await startApiServer(options);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && error.syscall === 'listen')) throw error;
    throw new Error(`${error.message}. Stop what uses this address, or choose another with --listen.`, {
      cause: error,
    });
  }
}

async function writeAdminKubeconfig(
  options: ServeOptions,
  { ca, admin }: Certificates,
  api: ApiServer,
): Promise<string> {
  const config = { server: api.url, ca, user: ADMIN.user, credentials: admin };
  const path = join(options.dataDir, 'kubeconfig');
  await writeKubeconfig(path, config);
  if (options.kubeconfigOut !== undefined) await writeKubeconfig(resolve(options.kubeconfigOut), config);
  return path;
}

/** The controllers are an ordinary user of the API, over the same HTTPS as everybody. */
function controllerClient(current: () => Certificates, api: ApiServer, log: Logger): Client {
  const connection = () => fixedConnection({ server: api.url, ca: current().ca, ...current().controllers });
  return new Client({ connection: { ...connection(), credentials: () => connection().credentials() }, log });
}

/** One name for this data directory, so that a restart takes its shards back at once. */
async function identityOf(dataDir: string): Promise<string> {
  const path = join(dataDir, 'identity');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    const identity = `standalone-${randomUUID()}`;
    await writeFile(path, `${identity}\n`, { mode: 0o600, flag: 'wx' });
    return identity;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolvePromise) => {
    signal.addEventListener('abort', () => resolvePromise(), { once: true });
  });
}
