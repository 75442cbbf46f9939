import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConditionType } from '../../src/api/conditions.ts';
import { findCondition, type Condition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import type { OperationType, ServerOperation, ServerOperationStatus } from '../../src/api/serverOperation.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { Client } from '../../src/kube/client.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { secrets } from '../../src/kube/resource.ts';
import { HostlerProcess, type ProcessOptions } from './hostlerProcess.ts';
import { underWatch } from './underWatch.ts';

/** Where the controllers run: with Hostler's own API server, or as an operator in a Kubernetes cluster. */
export type Home = 'standalone' | 'operator';

/** What a home starts: arguments of `hostler`, and what it says once its API or its controllers are ready. */
export interface Launch {
  args: readonly string[];
  ready: string;
}

/**
 * A real control plane of Hostler's, with a directory of its own; survives any number of kills and starts. Tests are
 * written for this, and run in both homes.
 */
export abstract class ControlPlane {
  abstract readonly home: Home;
  /** `https://127.0.0.1:port` of the API. */
  abstract readonly url: string;
  /** The administrator's. */
  abstract readonly kubeconfig: string;
  /** What the process that {@link kill} ends keeps, its log included. */
  readonly directory: string;
  /** For starts from now on. */
  process: ProcessOptions;
  readonly #flags: readonly string[];
  #running: HostlerProcess | undefined;

  protected constructor(directory: string, flags: readonly string[], options: ProcessOptions) {
    this.directory = directory;
    this.#flags = flags;
    this.process = options;
    underWatch.planes.add(this);
  }

  /** A client as whom the controllers work. */
  abstract controllersClient(): Promise<Client>;

  /** Lets the controllers read Secrets of these names, where that is not so from the beginning. */
  abstract grant(names: readonly string[], namespace?: string): Promise<void>;

  /** Starts the API (again), if {@link kill} ends it, and no controllers. */
  abstract startWithoutControllers(): Promise<void>;

  /** How it is started with these flags. */
  protected abstract launch(flags: readonly string[]): Launch;

  get logFile(): string {
    return join(this.directory, 'hostler.log');
  }

  /** Where the files of ArtifactBundles lie. */
  get bundles(): string {
    return join(this.directory, 'bundles');
  }

  get isRunning(): boolean {
    return this.#running?.isRunning === true;
  }

  get pid(): number {
    if (this.#running === undefined) throw new Error('the control plane does not run');
    return this.#running.pid;
  }

  get client(): Client {
    return new Client({ connection: defaultConnection({ kubeconfig: this.kubeconfig }) });
  }

  /** Resolves when the process of the last start is gone, whoever ended it. */
  get ended(): Promise<void> {
    return this.#running?.ended ?? Promise.resolve();
  }

  /** Starts the process (again) and waits until it is ready. */
  async start(flags: readonly string[] = this.#flags): Promise<void> {
    const { args, ready } = this.launch(flags);
    this.#running = new HostlerProcess([...args, '--log-level', 'debug', ...flags], {
      log: this.logFile,
      ...this.process,
    });
    await this.#running.says(ready);
  }

  /** kill -9, as a crash: of everything that is Hostler's. */
  async kill(): Promise<void> {
    await this.#running?.end('SIGKILL');
  }

  /** Asks it to stop and waits. */
  async stop(): Promise<void> {
    await this.#running?.end('SIGTERM');
  }

  /** Stops it and removes everything it kept. */
  async remove(): Promise<void> {
    underWatch.planes.delete(this);
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Everything it logged so far, over all starts; empty where a test took the file away. */
  async log(): Promise<string> {
    return existsSync(this.logFile) ? readFile(this.logFile, 'utf8') : '';
  }

  /** Creates a Secret with the data given as plain text, which the controllers may read. */
  async createSecret(name: string, type: string, data: Record<string, string>, namespace = 'default'): Promise<void> {
    await this.grant([name], namespace);
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')] as const);
    await this.client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name, namespace },
      type,
      data: Object.fromEntries(encoded),
    });
  }

  /** Creates a Server in namespace default. */
  async createServer(name: string, spec: ServerSpec): Promise<Server> {
    const server: Server = { apiVersion: API_VERSION, kind: 'Server', metadata: { name, namespace: 'default' }, spec };
    return this.client.create(servers, server);
  }

  /** The Server as stored. */
  async server(name: string): Promise<Server> {
    return this.client.get(servers, { namespace: 'default', name });
  }

  /** Waits until `check` holds; fails with the Server's conditions when it does not in time. */
  async waitFor(name: string, check: (server: Server) => boolean, timeoutMs = 120_000): Promise<Server> {
    const until = Date.now() + timeoutMs;
    let last: Server | undefined;
    while (Date.now() < until) {
      last = await this.client.find(servers, { namespace: 'default', name });
      if (last !== undefined && check(last)) return last;
      await sleep(100);
    }
    throw new Error(`server ${name} did not come to the expected state:\n${describe(last)}`);
  }

  /** Waits until a condition has that status (and reason) for the newest generation. */
  async waitForCondition(name: string, type: ConditionType, status: string, reason?: string): Promise<Condition> {
    const server = await this.waitFor(name, (one) => {
      const found = findCondition(one.status?.conditions, type);
      const current = one.status?.observedGeneration === one.metadata.generation;
      return current && found?.status === status && (reason === undefined || found.reason === reason);
    });
    return findCondition(server.status?.conditions, type)!;
  }

  /** Creates a ServerOperation and waits until it ended. */
  async operate(
    server: string,
    type: OperationType,
    parameters: Partial<ServerOperation['spec']> = {},
    timeoutMs = 60_000,
  ): Promise<ServerOperationStatus> {
    const { metadata } = await this.client.create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: { generateName: `${server}-`, name: '', namespace: 'default' },
      spec: { serverRef: { name: server }, type, ...parameters },
    });
    const until = Date.now() + timeoutMs;
    while (Date.now() < until) {
      const { status } = await this.client.get(serverOperations, { namespace: 'default', name: metadata.name });
      if (status?.completionTime !== undefined) return status;
      await sleep(250);
    }
    throw new Error(`operation ${metadata.name} (${type}) did not end`);
  }

  /** Waits until the Server is gone. */
  async waitForGone(name: string, timeoutMs = 60_000): Promise<void> {
    const until = Date.now() + timeoutMs;
    while (Date.now() < until) {
      if ((await this.client.find(servers, { namespace: 'default', name })) === undefined) return;
      await sleep(250);
    }
    throw new Error(`server ${name} is still there:\n${describe(await this.server(name))}`);
  }
}

function describe(server: Server | undefined): string {
  if (server === undefined) return 'it does not exist';
  const { conditions = [], machine, provisioning } = server.status ?? {};
  return [
    JSON.stringify(machine),
    ...conditions.map((one) => `${one.type}=${one.status} ${one.reason}: ${one.message}`),
    ...(provisioning?.steps ?? []).map((one) => `step ${one.name} ${one.state}: ${one.message ?? ''}`),
  ].join('\n');
}
