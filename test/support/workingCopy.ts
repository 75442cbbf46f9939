import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attempt, run } from '../hosts/command.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The repository as a stranger has it after a clone and `npm ci`, in a directory of its own. */
export interface WorkingCopy {
  directory: string;
  remove(): Promise<void>;
}

/**
 * Makes one of the files that git knows, also those changed but not committed.
 * @param options.owner  User who owns the copy and may write to it; default: the invoking one.
 */
export async function workingCopy(options: { owner?: string } = {}): Promise<WorkingCopy> {
  const directory = await mkdtemp(join(tmpdir(), 'hostler-copy-'));
  await copySources(directory);
  if (options.owner !== undefined) await run(['chown', '-R', options.owner, directory]);
  await linkPackages(directory);
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Copies the files that git knows, also those changed but not committed, into `directory`. */
export async function copySources(directory: string): Promise<void> {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const deleted = new Set(
    execFileSync('git', ['ls-files', '-z', '--deleted'], { cwd: ROOT, encoding: 'utf8' }).split('\0'),
  );
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  for (const file of files.filter((name) => name !== '' && !deleted.has(name)))
    await cp(join(ROOT, file), join(directory, file), { recursive: true, force: true });
}

/** Hard links where the file system allows them: another user need not be able to read the repository itself. */
async function linkPackages(directory: string): Promise<void> {
  const [from, to] = [join(ROOT, 'node_modules'), join(directory, 'node_modules')];
  const linked = await attempt(['cp', '-al', from, to]);
  if (linked.code === 0) return;
  await rm(to, { recursive: true, force: true });
  await run(['cp', '-a', from, to]);
}
