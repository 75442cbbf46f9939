import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecOptions, ExecResult, Privilege, Script, Session } from '../../src/ssh/session.ts';

/** A {@link Session} over a local shell, with Hostler's state directory in a temporary one. */
export interface LocalSession extends Session {
  /** Stands for /var/lib/hostler; its parent exists, itself at first not. */
  readonly stateDirectory: string;
  /** Names of the scripts that ran, in order. */
  readonly ran: string[];
  remove(): void;
}

/** Runs scripts by `shell` on this machine, as this user. */
export function localSession(
  options: { shell?: readonly string[]; privilege?: Privilege; env?: NodeJS.ProcessEnv; stateDirectory?: string } = {},
): LocalSession {
  const root = mkdtempSync(join(tmpdir(), 'hostler-unit-'));
  const stateDirectory = options.stateDirectory ?? join(root, 'hostler');
  const [program = 'sh', ...programArgs] = options.shell ?? ['sh'];
  const ran: string[] = [];
  const here = (text: string): string => text.replaceAll('/var/lib/hostler', stateDirectory);
  return {
    stateDirectory,
    ran,
    privilege: options.privilege ?? { kind: 'root' },
    peer: '127.0.0.1:0',
    release: () => undefined,
    remove: () => rmSync(root, { recursive: true, force: true }),
    run: async (script: Script, limits: ExecOptions = {}): Promise<ExecResult> => {
      ran.push(script.name);
      const text = `set -eu\n(\n${here(script.text)}\n)\n`;
      const child = spawn(program, [...programArgs, '-c', text, 'sh', ...(script.args ?? []).map(here)], {
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LC_ALL: 'C.UTF-8', ...options.env },
        ...(limits.signal === undefined ? {} : { signal: limits.signal }),
      });
      child.stdin.on('error', () => undefined).end(script.input ?? '');
      const third = child.stdio[3] as import('node:stream').Duplex;
      third.on('error', () => undefined).end(script.secretInput ?? '');
      const output = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk));
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk));
      const [exitCode, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
        child.on('error', reject).on('close', (code, name) => resolve([code, name]));
      });
      return { ...output, exitCode: exitCode ?? 255, signal: signal ?? undefined, truncated: false, durationMs: 0 };
    },
  };
}

/** The shells that /bin/sh is on the supported systems, as far as this machine has them. */
export const shells: readonly { name: string; shell: readonly string[] }[] = [
  { name: 'dash', shell: ['dash'] },
  { name: 'bash', shell: ['bash', '--norc', '--posix'] },
  { name: 'busybox ash', shell: ['busybox', 'sh'] },
].filter(({ shell }) => spawnSync(shell[0] ?? '', [...shell.slice(1), '-c', ':']).status === 0);
