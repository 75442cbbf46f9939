import type { Connection } from '../../../src/kube/connection.ts';
import { until } from '../../hosts/command.ts';
import { freePort } from '../../support/freePort.ts';
import { BuiltProcess } from '../builtProcess.ts';
import { ServerProcess } from '../serverProcess.ts';

/** How a rehearsal runs its control plane. */
export interface ControlPlaneOptions {
  /** API server and controllers each on their own, as on a Kubernetes cluster. */
  apart: boolean;
  connections: number;
  nodeFlags: readonly string[];
}

/** What is rehearsed: an API server, and the process with the controllers, which may be the same. */
export interface ControlPlane {
  connection: Connection;
  api: BuiltProcess;
  controllers: BuiltProcess;
  /** Where the process with the controllers tells its metrics. */
  metricsOfControllers: URL;
  start(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** A control plane with an empty store, not started. */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { apart, connections, nodeFlags } = options;
  const metrics = `127.0.0.1:${await freePort()}`;
  const flags = ['--denied-cidrs', '', '--max-connections', String(connections), '--metrics-listen', metrics];
  const metricsOfControllers = new URL(`http://${metrics}/metrics`);
  if (!apart) {
    const server = await ServerProcess.create(flags, { controllers: true, nodeFlags });
    return plane(server, server, metricsOfControllers);
  }
  const server = await ServerProcess.create();
  return plane(server, new ControllerProcess(server, flags, nodeFlags), metricsOfControllers);
}

/** The built `hostler controller` beside a `hostler serve`. */
class ControllerProcess extends BuiltProcess {
  readonly #server: ServerProcess;
  readonly #flags: readonly string[];

  constructor(server: ServerProcess, flags: readonly string[], nodeFlags: readonly string[]) {
    super(nodeFlags);
    this.#server = server;
    this.#flags = flags;
  }

  async start(): Promise<void> {
    const { kubeconfig } = this.#server;
    await this.run(['controller', '--kubeconfig', kubeconfig, '--log-level', 'error', ...this.#flags]);
  }
}

function plane(api: ServerProcess, controllers: ServerProcess | ControllerProcess, metrics: URL): ControlPlane {
  return {
    api,
    controllers,
    metricsOfControllers: metrics,
    get connection() {
      return api.connection;
    },
    async start() {
      await api.start();
      if (controllers !== api) await controllers.start();
      await until(`metrics at ${metrics.href}`, 30_000, () =>
        fetch(metrics).then(
          (response) => response.ok || undefined,
          () => undefined,
        ),
      );
    },
    async stop() {
      await controllers.stop();
      await api.stop();
    },
    async remove() {
      await controllers.stop('SIGKILL');
      await api.remove();
    },
  };
}
