import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectionFromKubeconfig } from '../../src/kube/kubeconfig.ts';
import type { Connection } from '../../src/kube/connection.ts';
import { freePort } from '../support/freePort.ts';
import { cpuSecondsOf, memoryOf } from './processFigures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/main.js');

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
export class ServerProcess {
  readonly directory: string;
  readonly #port: number;
  readonly #flags: readonly string[];
  readonly #nodeFlags: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(directory: string, port: number, flags: readonly string[], options: ProcessOptions) {
    this.directory = directory;
    this.#port = port;
    this.#flags = options.controllers === true ? flags : ['--no-controllers', ...flags];
    this.#nodeFlags = options.nodeFlags ?? [];
  }

  /** One with an empty data directory, not started; `flags` go to `hostler serve`. */
  static async create(flags: readonly string[] = [], options: ProcessOptions = {}): Promise<ServerProcess> {
    return new ServerProcess(await mkdtemp(join(tmpdir(), 'hostler-bench-')), await freePort(), flags, options);
  }

  get connection(): Connection {
    return connectionFromKubeconfig(join(this.directory, 'kubeconfig'));
  }

  /** Milliseconds from the start of the process until it says that its API is ready. */
  async start(): Promise<number> {
    const args = [...this.#nodeFlags, MAIN, 'serve', '--data-dir', this.directory, '--log-level', 'error'];
    const begin = performance.now();
    const child = spawn(process.execPath, [...args, '--listen', `127.0.0.1:${this.#port}`, ...this.#flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('hostler serves')) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`hostler serve ended with ${String(code)}`)));
    });
    return performance.now() - begin;
  }

  /** A figure of /proc/PID/status in MB, such as VmRSS. */
  memory(field: string): Promise<number> {
    return memoryOf(this.#pid, field);
  }

  /** User and system time it has used, in seconds. */
  cpuSeconds(): Promise<number> {
    return cpuSecondsOf(this.#pid);
  }

  /** Stops it as `kill` does and waits. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  get #pid(): number {
    if (this.#child?.pid === undefined) throw new Error('hostler serve does not run');
    return this.#child.pid;
  }

  /** Ends it and removes its data. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }
}
