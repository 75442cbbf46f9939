import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Looks often, and goes wherever a test's host is. */
const FLAGS = ['--health-interval', '2s', '--drift-interval', '4s', '--denied-cidrs', '', '--log-level', 'debug'];

/** A real `hostler controller` process. */
export class ControllerProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  /** Starts one. What it logs is appended to `log`. */
  constructor(options: { kubeconfig: string; identity: string; log: string; flags?: readonly string[] }) {
    const { kubeconfig, identity, log, flags = [] } = options;
    const args = ['controller', '--kubeconfig', kubeconfig, '--identity', identity, ...FLAGS, ...flags];
    this.#child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.stderr!.pipe(createWriteStream(log, { flags: 'a', mode: 0o600 }), { end: false });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Stops it in the middle of whatever it does, until {@link thaw}. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** kill -9, as a crash; also of a frozen one. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** Asks it to stop and waits. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}
