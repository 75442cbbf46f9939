import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf, memoryOf } from './processFigures.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The built command as a process of its own, measured from outside. */
export class BuiltProcess {
  readonly #nodeFlags: readonly string[];
  #child: ChildProcess | undefined;

  /** `nodeFlags` are of node itself, such as --cpu-prof. */
  constructor(nodeFlags: readonly string[] = []) {
    this.#nodeFlags = nodeFlags;
  }

  /** Starts it and waits for output that `ready` knows (default: for the process); milliseconds until then. */
  protected async run(args: readonly string[], ready?: (output: string) => boolean): Promise<number> {
    const begin = performance.now();
    const child = spawn(process.execPath, [...this.#nodeFlags, MAIN, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        if (ready?.(chunk.toString())) resolve();
      });
      if (ready === undefined) child.once('spawn', resolve);
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`hostler ${args[0] ?? ''} ended with ${String(code)}`)));
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
    if (this.#child?.pid === undefined) throw new Error('the process does not run');
    return this.#child.pid;
  }
}
