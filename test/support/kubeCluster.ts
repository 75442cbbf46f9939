import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeKubeconfig } from '../../src/apiserver/pki/kubeconfig.ts';
import { ensurePki, type ClientIdentity, type Pki } from '../../src/apiserver/pki/pki.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { run } from '../hosts/command.ts';
import { freePort } from './freePort.ts';
import { buildKubeBinaries, type KubeBinaries } from './kubeBinaries.ts';
import { kubectlPath } from './kubectl.ts';

/** Kubernetes' own administrator: by RBAC, as the bootstrap roles bind this group, may do everything. */
const ADMIN: ClientIdentity = { name: 'admin', user: 'kubernetes-admin', groups: ['system:masters'] };
const CONTROLLER_MANAGER: ClientIdentity = {
  name: 'controller-manager',
  user: 'system:kube-controller-manager',
  groups: ['system:masters'],
};
const START_TIMEOUT_MS = 120_000;
/** The end of a log that an error quotes, in characters. */
const LOG_TAIL = 3000;
/** Those that need a kubelet, a cloud or an own certificate do nothing here but cost memory and log lines. */
const CONTROLLERS = [
  '*',
  '-nodeipam',
  '-nodelifecycle',
  '-node-route-controller',
  '-service-lb-controller',
  '-cloud-node-lifecycle-controller',
  '-persistentvolume-attach-detach-controller',
  '-persistentvolume-binder-controller',
  '-persistentvolume-expander-controller',
  '-ttl-controller',
];

/** What {@link KubeCluster.start} may be told. */
export interface KubeClusterOptions {
  /** Default: those of {@link buildKubeBinaries}. */
  binaries?: KubeBinaries;
  /** Flags of kube-apiserver beside the usual. */
  apiServerFlags?: readonly string[];
  /** Where it answers beside loopback, for whoever forwards to it. */
  addresses?: readonly string[];
  /** Namespaces, garbage collection, service accounts, Deployments …; default: true. */
  controllerManager?: boolean;
}

/**
 * A real Kubernetes control plane without nodes: etcd, kube-apiserver with RBAC, kube-controller-manager, on free ports
 * of loopback and a directory of its own. Its processes end with this one, however it ends.
 */
export class KubeCluster {
  readonly directory: string;
  /** `https://127.0.0.1:port` */
  readonly url: string;
  readonly pki: Pki;
  /** The administrator's. */
  readonly kubeconfig: string;
  readonly etcdUrl: string;
  /** Milliseconds from the last start of kube-apiserver until it was ready. */
  apiServerStartMs = 0;
  readonly #processes: ChildProcess[];
  #apiServer: ChildProcess | undefined;
  #startApiServerAgain: () => Promise<void> = () => Promise.resolve();

  private constructor(parts: Pick<KubeCluster, 'directory' | 'url' | 'pki' | 'kubeconfig' | 'etcdUrl'>) {
    this.directory = parts.directory;
    this.url = parts.url;
    this.pki = parts.pki;
    this.kubeconfig = parts.kubeconfig;
    this.etcdUrl = parts.etcdUrl;
    this.#processes = [];
  }

  /** Starts one; resolves when every part of it works and namespace `default` has its service account. */
  static async start(options: KubeClusterOptions = {}): Promise<KubeCluster> {
    const binaries = options.binaries ?? (await buildKubeBinaries((line) => console.log(line)));
    const directory = await mkdtemp(join(tmpdir(), 'hostler-kubernetes-'));
    const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()];
    const cluster = new KubeCluster({
      directory,
      url: `https://127.0.0.1:${port}`,
      pki: await ensurePki(join(directory, 'pki'), { hosts: ['127.0.0.1', ...(options.addresses ?? [])] }),
      kubeconfig: join(directory, 'kubeconfig'),
      etcdUrl: `http://127.0.0.1:${etcdPort}`,
    });
    try {
      await cluster.#writeFiles();
      await cluster.#startEtcd(binaries, peerPort);
      cluster.#startApiServerAgain = () => cluster.#startApiServer(binaries, options.apiServerFlags ?? []);
      await cluster.#startApiServerAgain();
      if (options.controllerManager !== false) await cluster.startControllerManager(binaries);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  get apiServerPid(): number {
    return this.#apiServer?.pid ?? 0;
  }

  /** Ends kube-apiserver as `kill` does and starts it on the same data. @returns {@link apiServerStartMs} */
  async restartApiServer(): Promise<number> {
    if (this.#apiServer !== undefined) await end(this.#apiServer, 'SIGTERM');
    await this.#startApiServerAgain();
    return this.apiServerStartMs;
  }

  /** A kubeconfig for somebody else: a client certificate with that user and those groups. */
  async kubeconfigOf(identity: ClientIdentity): Promise<string> {
    const path = join(this.directory, `${identity.name}.kubeconfig`);
    const credentials = await this.pki.client(identity);
    await writeKubeconfig(path, { server: this.url, ca: this.pki.ca, user: identity.user, credentials });
    return path;
  }

  /** A kubeconfig with a token of that service account, which is good for a day. */
  async kubeconfigOfServiceAccount({ namespace, name }: { namespace: string; name: string }): Promise<string> {
    const path = join(this.directory, `${namespace}-${name}.kubeconfig`);
    const kubectl = await kubectlPath();
    const token = await run([
      ...[kubectl, '--kubeconfig', this.kubeconfig, '--namespace', namespace],
      ...['create', 'token', name, '--duration=24h'],
    ]);
    const files = { token: `${path}.token`, ca: join(this.directory, 'pki/ca.crt') };
    await writeFile(files.token, token.trim(), { mode: 0o600 });
    const config = {
      clusters: [{ name: 'own', cluster: { server: this.url, 'certificate-authority': files.ca } }],
      users: [{ name, user: { tokenFile: files.token } }],
      contexts: [{ name: 'own', context: { cluster: 'own', user: name } }],
      'current-context': 'own',
    };
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** An HTTPS agent with that user's client certificate; default: the administrator's. */
  async agentOf(identity: ClientIdentity = ADMIN): Promise<Agent> {
    const { cert, key } = await this.pki.client(identity);
    return new Agent({ ca: this.pki.ca, cert, key, keepAlive: true });
  }

  /** Ends all processes and removes what they kept. */
  async stop(): Promise<void> {
    for (const child of this.#processes.reverse()) await end(child);
    await rm(this.directory, { recursive: true, force: true });
  }

  async #writeFiles(): Promise<void> {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const write = (name: string, text: string | Buffer): Promise<void> =>
      writeFile(join(this.directory, name), text, { mode: 0o600 });
    await write('service-account.key', privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await write('service-account.pub', publicKey.export({ type: 'spki', format: 'pem' }));
    const admin = await this.kubeconfigOf(ADMIN);
    await writeFile(this.kubeconfig, await readFile(admin), { mode: 0o600 });
  }

  async #startEtcd({ etcd }: KubeBinaries, peerPort: number): Promise<void> {
    const peerUrl = `http://127.0.0.1:${peerPort}`;
    const child = this.#spawn('etcd', etcd, [
      `--data-dir=${join(this.directory, 'etcd')}`,
      `--listen-client-urls=${this.etcdUrl}`,
      `--advertise-client-urls=${this.etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`,
      `--initial-advertise-peer-urls=${peerUrl}`,
      `--initial-cluster=default=${peerUrl}`,
      // nobody needs the data after a crash of this machine
      '--unsafe-no-fsync',
      '--log-level=warn',
    ]);
    await this.#until(child, 'etcd', async () => {
      const { ok } = await fetch(`${this.etcdUrl}/health`);
      return ok;
    });
  }

  async #startApiServer({ apiServer }: KubeBinaries, flags: readonly string[]): Promise<void> {
    const pki = join(this.directory, 'pki');
    const begin = performance.now();
    const child = this.#spawn('kube-apiserver', apiServer, [
      `--etcd-servers=${this.etcdUrl}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${new URL(this.url).port}`,
      `--tls-cert-file=${join(pki, 'server.crt')}`,
      `--tls-private-key-file=${join(pki, 'server.key')}`,
      `--client-ca-file=${join(pki, 'ca.crt')}`,
      `--service-account-key-file=${join(this.directory, 'service-account.pub')}`,
      `--service-account-signing-key-file=${join(this.directory, 'service-account.key')}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      '--service-cluster-ip-range=10.0.0.0/24',
      '--authorization-mode=RBAC',
      // a loopback address is no endpoint that a Service may have
      '--endpoint-reconciler-type=none',
      ...flags,
    ]);
    this.#apiServer = child;
    await this.#until(child, 'kube-apiserver', async () => (await this.#get('/readyz')) === 200);
    this.apiServerStartMs = performance.now() - begin;
  }

  /**
   * Starts kube-controller-manager where it was left out at first. Its garbage collector knows at once the kinds that
   * are served by now, others within half a minute.
   */
  async startControllerManager(binaries?: KubeBinaries): Promise<void> {
    const { controllerManager } = binaries ?? (await buildKubeBinaries((line) => console.log(line)));
    const child = this.#spawn('kube-controller-manager', controllerManager, [
      `--kubeconfig=${await this.kubeconfigOf(CONTROLLER_MANAGER)}`,
      `--controllers=${CONTROLLERS.join(',')}`,
      `--service-account-private-key-file=${join(this.directory, 'service-account.key')}`,
      `--root-ca-file=${join(this.directory, 'pki/ca.crt')}`,
      '--leader-elect=false',
      '--secure-port=0',
    ]);
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    await this.#until(child, 'kube-controller-manager', async () => (await this.#get(account)) === 200);
  }

  /** setpriv(1) has the kernel end the program with this process, also when that is killed. */
  #spawn(name: string, program: string, args: readonly string[]): ChildProcess {
    const log = openSync(join(this.directory, `${name}.log`), 'a', 0o600);
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#processes.push(child);
    return child;
  }

  async #until(child: ChildProcess, name: string, check: () => Promise<boolean>): Promise<void> {
    const problem = { last: 'it did not answer' };
    child.once('error', (error) => (problem.last = error.message));
    const limit = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < limit && child.exitCode === null && child.signalCode === null) {
      try {
        if (await check()) return;
      } catch (error) {
        problem.last = messageOf(error);
      }
      await sleep(50);
    }
    const log = await readFile(join(this.directory, `${name}.log`), 'utf8');
    const how = child.exitCode === null ? `did not become ready (${problem.last})` : `ended with ${child.exitCode}`;
    throw new Error(`${name} ${how}:\n${log.slice(-LOG_TAIL)}`);
  }

  async #get(path: string): Promise<number> {
    const agent = await this.agentOf();
    try {
      return await new Promise((resolve, reject) => {
        get(new URL(path, this.url), { agent }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode ?? 0));
        }).once('error', reject);
      });
    } finally {
      agent.destroy();
    }
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}
