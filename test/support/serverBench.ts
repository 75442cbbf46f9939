import { fileURLToPath } from 'node:url';
import { API_VERSION } from '../../src/api/meta.ts';
import type { ArtifactBundle } from '../../src/api/artifactBundle.ts';
import { knownHostName, type HostKey, type KnownHost } from '../../src/api/knownHost.ts';
import { findCondition, type Condition, type ConditionType } from '../../src/api/conditions.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerOperation } from '../../src/api/serverOperation.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import type { ServerStatus } from '../../src/api/serverStatus.ts';
import { ServerReconciler } from '../../src/controllers/server/reconciler.ts';
import { Client } from '../../src/kube/client.ts';
import { fixedConnection } from '../../src/kube/connection.ts';
import { EventRecorder } from '../../src/kube/eventRecorder.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import type { Lister } from '../../src/kube/informer.ts';
import type { KubeObject } from '../../src/api/meta.ts';
import type { Result } from '../../src/kube/reconciler.ts';
import { StatusWriter } from '../../src/kube/statusWriter.ts';
import { BundleDirectory } from '../../src/lib/bundleDirectory.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { SessionPool } from '../../src/ssh/pool.ts';
import { ApiDouble } from './apiDouble.ts';
import { FakeClock } from './fakeClock.ts';
import type { SshServer } from './sshServer.ts';
import { underWatch } from './underWatch.ts';

const NOWHERE = 'http://127.0.0.1:9';
/** Environment that spares this machine's own package lists and the network a look. */
export const quickLook = {
  APT_CONFIG: fileURLToPath(new URL('quickLook.apt.conf', import.meta.url)),
  http_proxy: NOWHERE,
  https_proxy: NOWHERE,
};

const NAMESPACE = 'acme';
const SERVERS = '/apis/hostler.dev/v1alpha1/servers';
const KNOWN_HOSTS = '/apis/hostler.dev/v1alpha1/knownhosts';
const BUNDLES = '/apis/hostler.dev/v1alpha1/artifactbundles';
const OPERATIONS = '/apis/hostler.dev/v1alpha1/serveroperations';

/**
 * The Server controller's reconciler against an API in memory, one run at a time, by a clock that the test moves.
 * Nothing is managed, so that it may look at this very machine.
 */
export class ServerBench {
  #held: ServerOperation[] | undefined;
  readonly api: ApiDouble;
  readonly clock = new FakeClock();
  readonly #client: Client;
  #pool = new SessionPool();
  #events: EventRecorder;
  #reconciler: ServerReconciler;

  private constructor(url: string, api: ApiDouble) {
    this.api = api;
    this.#client = new Client({ connection: fixedConnection({ server: url }) });
    this.#events = this.#recorder();
    this.#reconciler = this.#make();
  }

  /** One with Server eu-1 on that host, where user `tester` may log in; nobody has looked at it yet. */
  static async startOn(host: SshServer): Promise<ServerBench> {
    host.users.set('tester', { env: quickLook });
    const bench = await ServerBench.start();
    bench.putSecret('key', { 'ssh-privatekey': host.clientKey });
    bench.putServer('eu-1', {
      addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
      ssh: {
        port: host.port,
        user: 'tester',
        auth: { privateKeySecretRef: { name: 'key' } },
        privilege: { mode: 'None' },
      },
    });
    return bench;
  }

  static async start(): Promise<ServerBench> {
    const api = new ApiDouble();
    Object.assign(api.kinds, { knownhosts: 'KnownHost', secrets: 'Secret', serveroperations: 'ServerOperation' });
    const bench = new ServerBench(await api.start(), api);
    // what it stores outlives it, until the test is over
    underWatch.benches.clear();
    underWatch.benches.add(bench);
    return bench;
  }

  async stop(): Promise<void> {
    await this.#pool.close();
    this.#client.close();
    await this.api.stop();
  }

  /** Another process takes over from one that was killed: nothing in memory survives. */
  async restart(): Promise<void> {
    await this.#pool.close();
    this.#pool = new SessionPool();
    this.#events = this.#recorder();
    this.#reconciler = this.#make();
  }

  /** Creates a Secret, or gives one that exists another content. */
  putSecret(name: string, data: Record<string, string>): void {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const secret = { metadata: { namespace: NAMESPACE, name }, data: Object.fromEntries(encoded) as object };
    this.api.put('/api/v1/secrets', secret as unknown as KubeObject);
  }

  /** Creates a Server, or changes its spec as a user would. */
  putServer(name: string, spec: ServerSpec): void {
    const before = this.api.stored(SERVERS).get(`${NAMESPACE}/${name}`);
    const generation = (before?.metadata.generation ?? 0) + 1;
    const metadata = { namespace: NAMESPACE, name, generation, finalizers: ['hostler.dev/server'] };
    this.api.put(SERVERS, { ...before, apiVersion: API_VERSION, kind: 'Server', metadata, spec });
  }

  /** Gives a Server the status that earlier runs left. */
  putStatus(name: string, status: ServerStatus): void {
    this.api.put(SERVERS, { ...this.server(name), status });
  }

  /** Creates or changes the ArtifactBundle `docker`, which holds nothing. */
  putBundle(metadata: { uid: string; generation: number }): void {
    const named = { ...metadata, namespace: NAMESPACE, name: 'docker' };
    const bundle: ArtifactBundle = {
      apiVersion: API_VERSION,
      kind: 'ArtifactBundle',
      metadata: named,
      spec: { artifacts: [] },
    };
    this.api.put(BUNDLES, bundle);
  }

  /** Asks for an act on a Server; the next run carries it out. */
  putOperation(name: string, spec: ServerOperation['spec']): void {
    const metadata = { namespace: NAMESPACE, name, generation: 1 };
    this.api.put(OPERATIONS, { apiVersion: API_VERSION, kind: 'ServerOperation', metadata, spec });
  }

  operation(name: string): ServerOperation | undefined {
    return this.api.stored(OPERATIONS).get(`${NAMESPACE}/${name}`) as ServerOperation | undefined;
  }

  /** From now on runs see the operations of this moment, as when the informer lags behind. */
  holdOperations(): void {
    this.#held = structuredClone(this.#lister<ServerOperation>(OPERATIONS).list());
  }

  /** The only KnownHost there is. */
  get knownHost(): KnownHost {
    const [found] = this.#lister<KnownHost>(KNOWN_HOSTS).list();
    if (found === undefined) throw new Error('no host is known yet');
    return found;
  }

  /** What is trusted at one address and port, behind a jump host where one is named. */
  knownHostAt(address: string, port: number, via?: string): KnownHost | undefined {
    return this.#lister<KnownHost>(KNOWN_HOSTS).get({ namespace: NAMESPACE, name: knownHostName(address, port, via) });
  }

  /** Makes the trusted machine another one than this very machine. */
  trustAnotherMachine(machineID: string, known = this.knownHost): void {
    this.api.put(KNOWN_HOSTS, { ...known, spec: { ...known.spec, machineID } });
  }

  /** Makes the trusted host key another one, as before the host was built anew. */
  trustAnotherKey(key: HostKey): void {
    const { spec } = this.knownHost;
    this.api.put(KNOWN_HOSTS, { ...this.knownHost, spec: { ...spec, keys: [key] } });
  }

  get servers(): Server[] {
    return this.#lister<Server>(SERVERS).list();
  }

  server(name: string): Server {
    const found = this.api.stored(SERVERS).get(`${NAMESPACE}/${name}`);
    if (found === undefined) throw new Error(`there is no Server ${name}`);
    return found as Server;
  }

  condition(name: string, type: ConditionType): Condition | undefined {
    return findCondition(this.server(name).status?.conditions, type);
  }

  /** One run, with its Events written. */
  async reconcile(name: string): Promise<Result> {
    try {
      const request = { namespace: NAMESPACE, name };
      return await this.#reconciler.reconcile(request, new AbortController().signal, silentLogger);
    } finally {
      await this.#events.flush();
    }
  }

  /** Writes of the API so far, Events left out. */
  get writes(): number {
    return this.api.requests.filter(({ method, path }) => method !== 'GET' && !path.includes('/events')).length;
  }

  /** `REASON: message` of every Event. */
  get events(): string[] {
    const all = [...this.api.stored('/api/v1/events').values()] as (KubeObject & { reason: string; message: string })[];
    return all.map(({ reason, message }) => `${reason}: ${message}`);
  }

  #recorder(): EventRecorder {
    return new EventRecorder({ client: this.#client, log: silentLogger, component: 'bench', clock: this.clock });
  }

  #make(): ServerReconciler {
    const informer = { addHandler: () => () => undefined };
    return new ServerReconciler({
      client: this.#client,
      servers: this.#lister<Server>(SERVERS),
      knownHosts: this.#lister<KnownHost>(KNOWN_HOSTS),
      operations: this.#operations(),
      bundles: this.#lister<ArtifactBundle>(BUNDLES),
      bundleDirectory: new BundleDirectory('/nonexistent'),
      statusWriter: new StatusWriter(this.#client, servers, informer),
      operationStatus: new StatusWriter(this.#client, serverOperations, informer),
      events: this.#events,
      shards: {
        holds: () => true,
        confirm: () => Promise.resolve(true),
        token: () => ({ leaseUid: 'lease-1', transitions: 1 }),
        onChange: () => () => undefined,
      },
      installationUID: 'installation-1',
      pool: this.#pool,
      tasks: [],
      clock: this.clock,
      intervals: { healthMs: 120_000, driftMs: 600_000, requalifyMs: 7 * 24 * 3600_000 },
      deniedCidrs: [],
    });
  }

  #operations(): Lister<ServerOperation> {
    const lister = this.#lister<ServerOperation>(OPERATIONS);
    const ofServer = (key: string) =>
      (this.#held ?? lister.list()).filter(
        ({ metadata, spec }) => `${metadata.namespace ?? ''}/${spec.serverRef.name}` === key,
      );
    return { ...lister, byIndex: (_index, key) => ofServer(key) };
  }

  #lister<T extends KubeObject>(collection: string): Lister<T> {
    const all = () => this.api.stored(collection) as Map<string, T>;
    return {
      get: ({ namespace, name }) => all().get(`${namespace ?? ''}/${name}`),
      list: () => [...all().values()],
      byIndex: () => [],
    };
  }
}
