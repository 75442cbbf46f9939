import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../src/kube/client.ts';
import { fixedConnection } from '../../src/kube/connection.ts';
import { ControlPlane, type Launch } from './controlPlane.ts';
import { freePort } from './freePort.ts';
import type { ProcessOptions } from './hostlerProcess.ts';

/** `hostler serve`: API server, store and controllers in one process. */
export class StandalonePlane extends ControlPlane {
  readonly home = 'standalone';
  readonly #port: number;

  private constructor(directory: string, port: number, flags: readonly string[], options: ProcessOptions) {
    super(directory, flags, options);
    this.#port = port;
  }

  /** Starts one on a free port. `flags` go to `hostler serve`. */
  static async start(flags: readonly string[] = [], options: ProcessOptions = {}): Promise<StandalonePlane> {
    const directory = await mkdtemp(join(tmpdir(), 'hostler-control-'));
    const plane = new StandalonePlane(directory, await freePort(), flags, options);
    await plane.start();
    return plane;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#port}`;
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  async controllersClient(): Promise<Client> {
    const read = (name: string): Promise<string> => readFile(join(this.directory, 'pki', name), 'utf8');
    const [ca, cert, key] = await Promise.all(['ca.crt', 'controller-manager.crt', 'controller-manager.key'].map(read));
    return new Client({
      connection: fixedConnection({ server: this.url, ca: ca ?? '', cert: cert ?? '', key: key ?? '' }),
    });
  }

  /** A kubeconfig that reaches the API through another port of loopback. */
  async kubeconfigThrough(port: number): Promise<string> {
    const path = join(this.directory, `kubeconfig-${port}`);
    const text = await readFile(this.kubeconfig, 'utf8');
    await writeFile(path, text.replaceAll(`127.0.0.1:${this.#port}`, `127.0.0.1:${port}`), { mode: 0o600 });
    return path;
  }

  /** They may read every Secret. */
  async grant(): Promise<void> {
    // from the beginning
  }

  async startWithoutControllers(): Promise<void> {
    await this.start(['--no-controllers']);
  }

  protected launch(): Launch {
    const args = ['serve', '--data-dir', this.directory, '--listen', `127.0.0.1:${this.#port}`];
    return { args, ready: 'hostler serves' };
  }
}
