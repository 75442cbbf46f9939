import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ConditionType } from '../../src/api/conditions.ts';
import { findCondition, type Condition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Server } from '../../src/api/server.ts';
import type { OperationType, ServerOperation, ServerOperationStatus } from '../../src/api/serverOperation.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import { Client } from '../../src/kube/client.ts';
import { fixedConnection } from '../../src/kube/connection.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { secrets } from '../../src/kube/resource.ts';
import { freePort } from './freePort.ts';
import { underWatch } from './underWatch.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GOES_WITH_PARENT = fileURLToPath(new URL('goesWithParent.ts', import.meta.url));
const START_TIMEOUT_MS = 120_000;

/** What every start of the process has beside its flags. */
export interface ProcessOptions {
  /** Modules that are loaded before the program. */
  preload?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** A real `hostler serve` process with a data directory of its own; survives any number of kills and starts. */
export class ControlPlane {
  readonly directory: string;
  readonly #port: number;
  readonly #flags: readonly string[];
  /** For starts from now on. */
  process: ProcessOptions;
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(directory: string, port: number, flags: readonly string[], options: ProcessOptions) {
    this.directory = directory;
    this.#port = port;
    this.#flags = flags;
    this.process = options;
  }

  /** Starts one on a free port. `flags` go to `hostler serve`. */
  static async start(flags: readonly string[] = [], options: ProcessOptions = {}): Promise<ControlPlane> {
    const directory = await mkdtemp(join(tmpdir(), 'hostler-control-'));
    const plane = new ControlPlane(directory, await freePort(), flags, options);
    underWatch.planes.add(plane);
    await plane.start();
    return plane;
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  /** A client with the certificate of the control plane's own controllers. */
  async controllersClient(): Promise<Client> {
    const read = (name: string): Promise<string> => readFile(join(this.directory, 'pki', name), 'utf8');
    const [ca, cert, key] = await Promise.all(['ca.crt', 'controller-manager.crt', 'controller-manager.key'].map(read));
    return new Client({
      connection: fixedConnection({ server: this.url, ca: ca ?? '', cert: cert ?? '', key: key ?? '' }),
    });
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('the control plane does not run');
    return this.#child.pid;
  }

  get client(): Client {
    return new Client({ connection: defaultConnection({ kubeconfig: this.kubeconfig }) });
  }

  /** A kubeconfig that reaches the API through another port of loopback. */
  async kubeconfigThrough(port: number): Promise<string> {
    const path = join(this.directory, `kubeconfig-${port}`);
    const text = await readFile(this.kubeconfig, 'utf8');
    await writeFile(path, text.replaceAll(`127.0.0.1:${this.#port}`, `127.0.0.1:${port}`), { mode: 0o600 });
    return path;
  }

  /** Resolves when the process of the last start is gone, whoever ended it. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Starts the process (again) and waits until its API is ready. */
  async start(flags: readonly string[] = this.#flags): Promise<void> {
    const modules = ['tsx', GOES_WITH_PARENT, ...(this.process.preload ?? [])];
    const imports = modules.flatMap((module) => ['--import', module]);
    const args = [...imports, 'src/main.ts', 'serve', '--data-dir', this.directory];
    args.push('--listen', `127.0.0.1:${this.#port}`, '--log-level', 'debug', ...flags);
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...this.process.env },
    });
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once('exit', () => resolve()));
    const log = createWriteStream(join(this.directory, 'serve.log'), { flags: 'a', mode: 0o600 });
    child.stderr.pipe(log, { end: false });
    const ready = new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('hostler serves')) resolve();
      });
      child.once('exit', (code) =>
        reject(new Error(`hostler serve ended with ${String(code)}; see ${this.directory}/serve.log`)),
      );
    });
    await Promise.race([ready, timeout(START_TIMEOUT_MS, 'hostler serve did not become ready')]);
  }

  /** kill -9, as a crash. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks it to stop and waits. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Stops it and removes everything it kept. */
  async remove(): Promise<void> {
    underWatch.planes.delete(this);
    if (this.#child !== undefined) await this.#end('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Everything it logged so far, over all starts; empty where a test took the file away. */
  async log(): Promise<string> {
    const path = join(this.directory, 'serve.log');
    return existsSync(path) ? readFile(path, 'utf8') : '';
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await this.#ended;
  }

  /** Creates a Secret with the data given as plain text. */
  async createSecret(name: string, type: string, data: Record<string, string>, namespace = 'default'): Promise<void> {
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

async function timeout(ms: number, message: string): Promise<never> {
  await sleep(ms, undefined, { ref: false });
  throw new Error(message);
}
