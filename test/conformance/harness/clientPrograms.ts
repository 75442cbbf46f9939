import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { withLock } from '../../hosts/lock.ts';
import { CACHE, REPOSITORY } from '../../hosts/paths.ts';
import { go, goVersionOf, missingGo } from '../../support/go.ts';

const MODULE = join(REPOSITORY, 'test/tools/client-programs');
const PROGRAM = join(CACHE, 'client-programs');
const GO_VERSION = goVersionOf(readFileSync(join(MODULE, 'go.mod'), 'utf8'));
const RUN_MS = 150_000;

/** The definition of the kind that the operator among them looks after. */
export const SITES_FILE = join(MODULE, 'sites.yaml');

/** Why the client programs cannot be built here; undefined when they can. */
export async function clientProgramsObstacle(): Promise<string | undefined> {
  const missing = await missingGo(MODULE, GO_VERSION);
  return missing && `they are built with Go ${GO_VERSION} or newer, and ${missing}`;
}

/**
 * Builds them, with the flags and the libraries of kube-apiserver, so that most of it is in Go's cache where that was
 * built before. Returns the path of the program.
 */
export async function buildClientPrograms(): Promise<string> {
  const args = ['build', '-trimpath', '-ldflags', '-s -w', '-o', PROGRAM, '.'];
  await withLock(`${PROGRAM}.lock`, () => go(MODULE, args));
  return PROGRAM;
}

/** Runs every check. Returns the lines it printed, and what went to its log. */
export async function runChecks(kubeconfig: string): Promise<{ lines: string[]; log: string }> {
  return new Promise((resolve, reject) => {
    execFile(PROGRAM, ['-kubeconfig', kubeconfig], { timeout: RUN_MS }, (error, stdout, stderr) => {
      if (error === null || typeof error.code === 'number') resolve({ lines: stdout.trim().split('\n'), log: stderr });
      else reject(new Error(`the client programs did not end:\n${stdout}${stderr}`, { cause: error }));
    });
  });
}

/** A program that follows ConfigMaps and says what it sees. */
export class Follower {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  #log = '';

  constructor(kubeconfig: string) {
    const child = spawn(PROGRAM, ['-kubeconfig', kubeconfig, '-relist'], { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(line));
    this.#child = child;
  }

  /** Waits until it has said all of `lines`, in whatever order. */
  async until(lines: readonly string[], ms = 30_000): Promise<void> {
    const limit = Date.now() + ms;
    while (!lines.every((line) => this.lines.includes(line))) {
      if (Date.now() > limit || this.#child.exitCode !== null) {
        throw new Error(`it said:\n${this.lines.join('\n')}\n${this.#log}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await ended;
  }
}
