import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { isIPv6, type AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { systemClock, type Clock } from '../lib/clock.ts';
import type { Logger } from '../lib/logger.ts';
import type { AuditPolicy } from './audit/policy.ts';
import { AuditLog, type AuditSink } from './audit/requestAudit.ts';
import { AccountTokens } from './authentication/accountTokens.ts';
import { BearerAuthenticator, type TokenSource } from './authentication/bearer.ts';
import { BootstrapTokens } from './authentication/bootstrapTokens.ts';
import type { OidcTokens } from './authentication/oidc/oidcTokens.ts';
import type { OidcSettings } from './authentication/oidc/settings.ts';
import { SigningKey } from './authentication/signingKey.ts';
import { StaticTokens } from './authentication/staticTokens.ts';
import { EscalationCheck } from './authorization/escalation.ts';
import { RbacAuthorizer } from './authorization/rbacAuthorizer.ts';
import { RbacIndex } from './authorization/rbacIndex.ts';
import { NamespaceLifecycle } from './admission/namespaceLifecycle.ts';
import { PolicyAdmission } from './admission/policies/policyAdmission.ts';
import { PolicyIndex } from './admission/policies/policyIndex.ts';
import { builtinResources } from './builtins/builtins.ts';
import { WatchHub } from './cache/watchHub.ts';
import { Controllers, requireStored } from './controllers/controllers.ts';
import { DiscoveryEndpoint } from './discovery/discoveryEndpoint.ts';
import { createApp } from './http/app.ts';
import { CertificateAuthenticator } from './http/authentication.ts';
import { HealthEndpoint, type HealthCheck } from './http/healthEndpoint.ts';
import { InFlight } from './http/inflight.ts';
import { IssuerEndpoint } from './http/issuerEndpoint.ts';
import { Metrics } from './http/metrics.ts';
import { ResourceEndpoint, serves } from './http/resourceEndpoint.ts';
import { RootEndpoint } from './http/rootEndpoint.ts';
import { isTokenRequest, TokenEndpoint } from './http/tokenEndpoint.ts';
import { VersionEndpoint } from './http/versionEndpoint.ts';
import { upgradeListener } from './http/webSocket.ts';
import { OpenApiEndpoint } from './openapi/openApiEndpoint.ts';
import { OpenApiV2Endpoint } from './openapi/openApiV2Endpoint.ts';
import type { KeyPair } from './pki/certificates.ts';
import type { Pki } from './pki/pki.ts';
import type { RegistryDeps } from './registry/call.ts';
import { Catalog } from './registry/catalog.ts';
import type { StoredResource } from './registry/resource.ts';
import { Creations } from './registry/creations.ts';
import { KeyedLock } from './registry/keyedLock.ts';
import type { Storage } from './storage/storage.ts';

/** What {@link startApiServer} needs. */
export interface ApiServerOptions {
  storage: Storage;
  /** The server's certificate, and the CA of client certificates (CN = user name, O = groups). */
  pki: Pick<Pki, 'ca' | 'serving' | 'accountKey'>;
  /** Port 0 = any free port. */
  listen: { host: string; port: number };
  log: Logger;
  /** Lines `token,user,uid,"groups"`: tokens that are good until the process ends. */
  staticTokens?: string;
  /** Whose ID tokens are taken beside our own. */
  oidc?: OidcSettings;
  /** Default: the system's. */
  clock?: Clock;
  /** CustomResourceDefinitions to install (or bring up to date) before `ready`. */
  crds?: readonly object[];
  /** Further objects to install (or bring up to date) before `ready`, in this order. */
  objects?: readonly object[];
  /**
   * How long other servers over the same store may take to see what was written there; default 0: there are none. What
   * is deleted with all in it, namespaces and definitions, is gone no sooner.
   */
  othersLagMs?: number;
  /** What is written of requests, and where to. */
  audit?: { policy: AuditPolicy; sink: AuditSink };
}

/** A running server. */
export interface ApiServer {
  /** `https://host:port`, as this machine reaches it. */
  url: string;
  caPem: string;
  /** Resolves once the namespaces and `crds` exist and are established and `/readyz` says ok; rejects when that fails. */
  ready: Promise<void>;
  /** New connections are made with this certificate from now on; those that are open go on. */
  useCertificate(serving: KeyPair): void;
  /** Ends watches, waits for running requests (10 s at most) and closes the listener; not the storage. */
  close(): Promise<void>;
}

/** All addresses are none to connect to, and the certificate does not name them. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
/** Go's clients keep idle connections for 90 s; a shorter time here would cut off requests just being sent. */
const KEEP_ALIVE_MS = 180_000;
const HEADERS_MS = 30_000;
const REQUEST_MS = 120_000;
const DRAIN_MS = 10_000;
/** As kube-apiserver's --request-timeout. */
const DEADLINE_MS = 60_000;
/** All headers of a request and its URL; 1 MiB as in kube-apiserver, for many groups or a long selector. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** Starts the Kubernetes API on `options.storage`. Resolves when it listens. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const parts = await assemble(options);
  const { server } = parts;
  try {
    server.listen(options.listen.port, options.listen.host);
    await once(server, 'listening');
  } catch (error) {
    await parts.hub.stop();
    throw error;
  }
  const ready = parts.controllers.start().then(() => {
    parts.state.ready = true;
  });
  // whoever awaits `ready` gets the error; nobody awaiting it must not end the process
  ready.catch((error: unknown) => options.log.error({ error }, 'the API server did not become ready'));
  let closing: Promise<void> | undefined;
  return {
    url: urlOf(server, options.listen.host),
    caPem: options.pki.ca,
    ready,
    useCertificate: (serving) => server.setSecureContext(secureContext({ ca: options.pki.ca, serving })),
    close: () => (closing ??= stop(parts)),
  };
}

interface State {
  ready: boolean;
  stopping: boolean;
}

interface Parts {
  server: Server;
  state: State;
  hub: WatchHub;
  catalog: Catalog;
  inFlight: InFlight;
  controllers: Controllers;
}

async function startOidc(settings: OidcSettings, deps: { clock: Clock; log: Logger }): Promise<OidcTokens> {
  // its library takes a while to load, and few have an issuer
  const { OidcTokens } = await import('./authentication/oidc/oidcTokens.ts');
  return OidcTokens.start(settings, deps);
}

async function assemble(options: ApiServerOptions): Promise<Parts> {
  const { storage, log, pki } = options;
  const clock = options.clock ?? systemClock;
  const state: State = { ready: false, stopping: false };
  const oidc = options.oidc && (await startOidc(options.oidc, { clock, log }));
  const hub = new WatchHub({ storage, log, clock });
  await hub.start();
  const catalog = new Catalog();
  const index = new RbacIndex();
  const authorizer = new RbacAuthorizer(index);
  const key = new SigningKey(pki.accountKey);
  const sources: TokenSource[] = [];
  const authenticator = new BearerAuthenticator(sources, new CertificateAuthenticator(() => clock.now()));
  catalog.serve('built-in', builtinResources({ storage, hub, log, authorizer, tokens: authenticator, clock }));
  const rbac = (plural: string): StoredResource => requireStored(catalog, 'rbac.authorization.k8s.io', plural);
  await index.start({
    roles: rbac('roles'),
    clusterRoles: rbac('clusterroles'),
    roleBindings: rbac('rolebindings'),
    clusterRoleBindings: rbac('clusterrolebindings'),
  });
  const [accounts, secrets] = [requireStored(catalog, '', 'serviceaccounts'), requireStored(catalog, '', 'secrets')];
  const tokens = new AccountTokens({ key, clock, accounts, secrets });
  sources.push(new StaticTokens(options.staticTokens ?? ''), new BootstrapTokens(secrets, clock), tokens);
  // last: it alone may have to ask somebody else
  if (oidc !== undefined) sources.push(oidc);
  const policies = new PolicyIndex();
  const admission = (plural: string): StoredResource => requireStored(catalog, 'admissionregistration.k8s.io', plural);
  await policies.start(admission('validatingadmissionpolicies'), admission('validatingadmissionpolicybindings'));
  const namespaces = requireStored(catalog, '', 'namespaces');
  const registry: RegistryDeps = {
    clock,
    log,
    locks: new KeyedLock(),
    creations: new Creations(),
    admissions: [new NamespaceLifecycle(namespaces), new EscalationCheck(authorizer, index)],
    policies: [new PolicyAdmission({ index: policies, catalog, namespaces, authorizer })],
  };
  const inFlight = new InFlight();
  const metrics = new Metrics(
    () => inFlight.counts,
    (info) => serves(catalog, info) || isTokenRequest(info),
  );
  const app = createApp({
    clock,
    log,
    authenticator,
    authorizer,
    inFlight,
    metrics,
    audit: options.audit && new AuditLog({ ...options.audit, clock }),
    endpoints: [
      new TokenEndpoint({ tokens, accounts, secrets, registry }),
      new ResourceEndpoint(catalog, registry, authorizer),
      new DiscoveryEndpoint(catalog),
      new OpenApiEndpoint(catalog),
      new OpenApiV2Endpoint(catalog),
      new HealthEndpoint(healthChecks(storage, state)),
      new VersionEndpoint(),
      new RootEndpoint(catalog),
      new IssuerEndpoint(key),
      metrics,
    ],
    deadlineMs: DEADLINE_MS,
    isStopping: () => state.stopping,
  });
  const server = createServer(
    {
      ...app.classes,
      ...secureContext(pki),
      requestCert: true,
      // who has no certificate may still ask for health; who has a wrong one gets a 401 that says so
      rejectUnauthorized: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    app.listener,
  );
  server.on('upgrade', upgradeListener(app));
  const controllers = new Controllers({
    catalog,
    registry,
    custom: { storage, hub, log },
    log,
    caPem: pki.ca,
    tokens: tokens.ofSecrets,
    crds: options.crds ?? [],
    objects: options.objects ?? [],
    othersLagMs: options.othersLagMs ?? 0,
  });
  return { server, state, hub, catalog, inFlight, controllers };
}

function secureContext({ ca, serving }: Pick<Pki, 'ca' | 'serving'>): SecureContextOptions {
  return { ca, cert: serving.cert, key: serving.key, minVersion: 'TLSv1.2' };
}

function healthChecks(storage: Storage, state: State): HealthCheck[] {
  return [
    { name: 'ping', check: () => undefined },
    {
      name: 'etcd',
      check: async () => {
        await storage.revision();
        return undefined;
      },
    },
    {
      name: 'poststarthook/bootstrap',
      readyOnly: true,
      check: () => (state.ready ? undefined : 'namespaces and definitions are not in place yet'),
    },
    { name: 'shutdown', readyOnly: true, check: () => (state.stopping ? 'process is shutting down' : undefined) },
  ];
}

function urlOf(server: Server, listening: string): string {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a TCP port');
  const host = LOOPBACK_OF[listening] ?? listening;
  return `https://${isIPv6(host) ? `[${host}]` : host}:${address.port}`;
}

async function stop(parts: Parts): Promise<void> {
  const { server, state, catalog, inFlight, controllers, hub } = parts;
  state.stopping = true;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  await controllers.stop();
  // what is running may still read
  for (const { store } of catalog.stored()) store.cache.endWatches();
  const timeout = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_MS).unref());
  await Promise.race([inFlight.drained(), timeout]);
  server.closeIdleConnections();
  server.closeAllConnections();
  await closed;
  for (const { store } of catalog.stored()) store.cache.end();
  await hub.stop();
}
