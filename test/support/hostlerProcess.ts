import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GOES_WITH_PARENT = fileURLToPath(new URL('goesWithParent.ts', import.meta.url));
const START_TIMEOUT_MS = 120_000;

/** What every start of a process has beside its arguments. */
export interface ProcessOptions {
  /** Modules that are loaded before the program. */
  preload?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** A real `hostler` process, run from the sources. It ends with this one, however this one ends. */
export class HostlerProcess {
  /** Resolves when it is gone, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #log: string;
  readonly #child: ChildProcess;

  /** Starts one. What it logs is appended to the file `log`. */
  constructor(args: readonly string[], { log, preload = [], env = {} }: ProcessOptions & { log: string }) {
    const imports = ['tsx', GOES_WITH_PARENT, ...preload].flatMap((module) => ['--import', module]);
    this.#name = `hostler ${args[0] ?? ''}`;
    this.#log = log;
    this.#child = spawn(process.execPath, [...imports, 'src/main.ts', ...args], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    this.ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.stdout!.resume();
    this.#child.stderr!.pipe(createWriteStream(log, { flags: 'a', mode: 0o600 }), { end: false });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} does not run`);
    return this.#child.pid;
  }

  /**
   * Waits until it prints or logs `text`.
   * @throws Error  when it ends before, or does not within two minutes.
   */
  async says(text: string): Promise<void> {
    const { stdout, stderr } = this.#child;
    const over = new AbortController();
    const said = new Promise<void>((resolve, reject) => {
      for (const stream of [stdout!, stderr!]) {
        const look = (chunk: Buffer) => (chunk.includes(text) ? resolve() : undefined);
        stream.on('data', look);
        over.signal.addEventListener('abort', () => stream.off('data', look));
      }
      const fail = () =>
        reject(new Error(`${this.#name} ended with ${String(this.#child.exitCode)}; see ${this.#log}`));
      if (!this.isRunning) fail();
      this.#child.once('exit', fail);
    });
    const late = async (): Promise<never> => {
      await sleep(START_TIMEOUT_MS, undefined, { ref: false, signal: over.signal });
      throw new Error(`${this.#name} did not say "${text}"`);
    };
    try {
      await Promise.race([said, late()]);
    } finally {
      over.abort();
    }
  }

  /** Stops it in the middle of whatever it does, until {@link thaw}. */
  freeze(): void {
    this.#child.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child.kill('SIGCONT');
  }

  /** Ends it, as a crash by SIGKILL (also of a frozen one) or as asked by SIGTERM, and waits. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.isRunning) this.#child.kill(signal);
    await this.ended;
  }
}
