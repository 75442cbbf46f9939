import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectionFromKubeconfig } from '../../src/kube/kubeconfig.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { freePort } from '../support/freePort.ts';
import { BuiltProcess } from './builtProcess.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Compiles src to dist: what people run, and the only thing whose start time means something. */
export async function build(): Promise<void> {
  const child = spawn('npm', ['run', '-s', 'build'], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve).once('error', reject);
  });
  if (code !== 0) throw new Error(`npm run build ended with ${String(code)}`);
}

/** How {@link ServerProcess.create} sets a process up. */
interface ProcessOptions {
  /** With the controllers; default false. */
  controllers?: boolean;
  /** Of node itself, such as --cpu-prof. */
  nodeFlags?: readonly string[];
}

/** The built `hostler serve` as a process of its own. */
export class ServerProcess extends BuiltProcess {
  readonly directory: string;
  readonly #port: number;
  readonly #flags: readonly string[];

  private constructor(directory: string, port: number, flags: readonly string[], options: ProcessOptions) {
    super(options.nodeFlags);
    this.directory = directory;
    this.#port = port;
    this.#flags = options.controllers === true ? flags : ['--no-controllers', ...flags];
  }

  /** One with an empty data directory, not started; `flags` go to `hostler serve`. */
  static async create(flags: readonly string[] = [], options: ProcessOptions = {}): Promise<ServerProcess> {
    return new ServerProcess(await mkdtemp(join(tmpdir(), 'hostler-bench-')), await freePort(), flags, options);
  }

  get kubeconfig(): string {
    return join(this.directory, 'kubeconfig');
  }

  get connection(): Connection {
    return connectionFromKubeconfig(this.kubeconfig);
  }

  /** Milliseconds from the start of the process until it says that its API is ready. */
  async start(): Promise<number> {
    const listen = `127.0.0.1:${this.#port}`;
    return this.run(
      ['serve', '--data-dir', this.directory, '--log-level', 'error', '--listen', listen, ...this.#flags],
      (line) => line.includes('hostler serves'),
    );
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }
}
