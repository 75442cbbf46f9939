import { spawn } from 'node:child_process';

/** The outcome of a program that ran, whatever its exit code. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Sent to the program's standard input, which is then closed. */
  input?: string | Buffer;
  /** Replaces the whole environment; default: this process's environment with the sbin directories in PATH. */
  env?: Record<string, string>;
  cwd?: string;
  /** Milliseconds; default 600 000. The program is killed after that and the call rejects. */
  timeoutMs?: number;
}

/** PATH with the sbin directories, which a plain user shell lacks. */
export const SYSTEM_PATH = [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(Boolean).join(':');

/** Runs a program and waits for it; rejects only when it could not be started or took too long. */
export function attempt(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const { promise, resolve, reject } = deferred<CommandResult>();
  const child = spawn(program, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: options.env ?? { ...process.env, PATH: SYSTEM_PATH },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  const timeoutMs = options.timeoutMs ?? 600_000;
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    reject(new Error(`${shown(argv)} took longer than ${timeoutMs} ms`));
  }, timeoutMs);
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that does not read its input closes the pipe early: its exit code tells what that means.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  child.on('error', (error) => {
    clearTimeout(timer);
    reject(error);
  });
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    resolve({
      code: code ?? (signal === null ? 255 : 128),
      stdout: Buffer.concat(stdout).toString(),
      stderr: Buffer.concat(stderr).toString(),
    });
  });
  return promise;
}

/** Runs a program and returns its standard output; rejects with its standard error when it fails. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const result = await attempt(argv, options);
  if (result.code !== 0) {
    throw new Error(`${shown(argv)} exited with ${result.code}: ${(result.stderr || result.stdout).slice(-4000)}`);
  }
  return result.stdout;
}

/** A promise with its handles, as `Promise.withResolvers` gives from Node 22 on. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

function shown(argv: readonly string[]): string {
  const text = argv.join(' ');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}

/** Polls `probe` until it returns something other than undefined; rejects after `timeoutMs` naming `what`. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
