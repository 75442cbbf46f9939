import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { grantCommand } from '../../src/cli/grant.ts';
import { Client } from '../../src/kube/client.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { run } from '../hosts/command.ts';
import { ControlPlane, type Launch } from './controlPlane.ts';
import type { ProcessOptions } from './hostlerProcess.ts';
import { KubeCluster } from './kubeCluster.ts';
import { helmPath } from './kubectl.ts';

const CHART = fileURLToPath(new URL('../../charts/hostler', import.meta.url));
const ACCOUNT = { namespace: 'hostler-system', name: 'hostler' } as const;

/**
 * `hostler controller` beside a real kube-apiserver, where the chart put the CRDs, the policies and an account with its
 * roles; only the Pod is a process of the test's own, so that it can be killed and told what to load. The cluster
 * outlives it.
 */
export class OperatorPlane extends ControlPlane {
  readonly home = 'operator';
  readonly #cluster: KubeCluster;
  readonly #account: string;
  /** One for all calls: the API is never killed, and another handshake with it costs more than a request. */
  readonly #client: Client;
  /** One Role names them all. */
  #granted: Promise<unknown> = Promise.resolve();

  private constructor(
    directory: string,
    cluster: { cluster: KubeCluster; account: string },
    flags: readonly string[],
    options: ProcessOptions,
  ) {
    super(directory, flags, options);
    this.#cluster = cluster.cluster;
    this.#account = cluster.account;
    this.#client = super.client;
  }

  /** Starts a cluster, installs the chart and starts the controllers. `flags` go to `hostler controller`. */
  static async start(flags: readonly string[] = [], options: ProcessOptions = {}): Promise<OperatorPlane> {
    const cluster = await KubeCluster.start();
    let plane: OperatorPlane | undefined;
    try {
      const chart = ['install', 'hostler', CHART, '--set', 'replicaCount=0'];
      await run([await helmPath(), ...chart, '--kubeconfig', cluster.kubeconfig]);
      const account = await cluster.kubeconfigOfServiceAccount(ACCOUNT);
      const directory = await mkdtemp(join(tmpdir(), 'hostler-control-'));
      plane = new OperatorPlane(directory, { cluster, account }, flags, options);
      await plane.start();
      return plane;
    } catch (error) {
      await (plane ?? { remove: () => cluster.stop() }).remove();
      throw error;
    }
  }

  get url(): string {
    return this.#cluster.url;
  }

  get kubeconfig(): string {
    return this.#cluster.kubeconfig;
  }

  override get client(): Client {
    return this.#client;
  }

  controllersClient(): Promise<Client> {
    return Promise.resolve(new Client({ connection: defaultConnection({ kubeconfig: this.#account }) }));
  }

  /** As whoever owns a credential does it: `hostler grant`. */
  async grant(names: readonly string[], namespace = 'default'): Promise<void> {
    const args = [...names, '--capture-output', '--namespace', namespace, '--kubeconfig', this.kubeconfig];
    const granted = this.#granted.then(() => grantCommand().parseAsync(args, { from: 'user' }));
    this.#granted = granted.catch(() => undefined);
    await granted;
  }

  /** The API is the cluster's. */
  async startWithoutControllers(): Promise<void> {
    await this.kill();
  }

  override async remove(): Promise<void> {
    await super.remove();
    this.#client.close();
    await this.#cluster.stop();
  }

  protected launch(): Launch {
    const args = ['controller', '--kubeconfig', this.#account, '--identity', 'operator', '--bundle-dir', this.bundles];
    return { args, ready: 'informers have synced' };
  }
}
