import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './workingCopy.ts';

export interface CommandOptions {
  cwd: string;
  /** Beside PATH. */
  env: Record<string, string>;
  /** Standard input; default: none. */
  input?: string;
}

/** How a run of the command ended. */
interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs `hostler` as a person does: in a process of its own. */
export async function runHostler(args: readonly string[], { cwd, env, input }: CommandOptions): Promise<Outcome> {
  const argv = ['--import', join(ROOT, 'node_modules/tsx/dist/loader.mjs'), join(ROOT, 'src/main.ts'), ...args];
  const child = spawn(process.execPath, argv, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 128)));
  return { code, stdout, stderr };
}
