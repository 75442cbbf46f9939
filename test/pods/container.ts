import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SYSTEM_PATH } from '../hosts/command.ts';

/** A directory of the machine that a container sees at `path`. */
export interface Mount {
  source: string;
  path: string;
  readOnly: boolean;
}

/** What one container is run from. */
export interface ContainerOptions {
  /** A directory for its root. */
  directory: string;
  /** Name of the network namespace it lives in. */
  network: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  workingDirectory: string;
  uid: number;
  gid: number;
  readOnlyRoot: boolean;
  mounts: readonly Mount[];
  /** stdout and stderr are appended here. */
  log: string;
}

/** Of the machine: programs and libraries. Everything else of the root is the container's own. */
const SHARED = [...new Set(['/usr', dirname(dirname(process.execPath))])];
/** Where root file systems are merged, these are links into /usr. */
const LINKS = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * Starts `argv` in a root of its own: only the machine's programs are shared, read-only; no capability, no new
 * privileges. It ends with this process.
 */
export async function startContainer(options: ContainerOptions): Promise<ChildProcess> {
  const root = join(options.directory, 'root');
  const mounts = [...SHARED.map((path) => ({ source: path, path, readOnly: true })), ...options.mounts];
  for (const path of ['proc', 'dev', 'tmp']) await mkdir(join(root, path), { recursive: true });
  for (const { source, path } of mounts) await makeMountPoint(source, join(root, path));
  const script = [
    'root=$1; shift',
    ...LINKS.map((name) => `ln -sfn usr/${name} "$root/${name}"`),
    // a mount of its own, which can be read-only while what is mounted in it is not
    'mount --bind "$root" "$root"',
    ...mounts.flatMap(bind),
    'mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"',
    ...(options.readOnlyRoot ? ['mount -o remount,bind,ro "$root"'] : []),
    'exec chroot "$root" "$@"',
  ].join('\n');
  const outside = ['--pdeathsig', 'KILL', 'ip', 'netns', 'exec', options.network, 'unshare', '--mount'];
  outside.push('--propagation', 'private', 'sh', '-eu', '-c', script, 'container', root);
  const inside = ['setpriv', '--reuid', `${options.uid}`, '--regid', `${options.gid}`, '--clear-groups'];
  inside.push('--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--pdeathsig', 'KILL');
  inside.push('env', '-C', options.workingDirectory, ...options.argv);
  const log = openSync(options.log, 'a', 0o600);
  const child = spawn('setpriv', [...outside, ...inside], {
    stdio: ['ignore', log, log],
    env: { PATH: SYSTEM_PATH, ...options.env },
  });
  closeSync(log);
  return child;
}

async function makeMountPoint(source: string, target: string): Promise<void> {
  const isDirectory = (await stat(source)).isDirectory();
  await mkdir(isDirectory ? target : dirname(target), { recursive: true });
  if (!isDirectory) await writeFile(target, '', { flag: 'a' });
}

function bind({ source, path, readOnly }: Mount): string[] {
  const target = `"$root"${quoted(path)}`;
  return [`mount --rbind ${quoted(source)} ${target}`, ...(readOnly ? [`mount -o remount,bind,ro ${target}`] : [])];
}

/** For paths that the tests choose themselves. */
function quoted(path: string): string {
  if (!/^[\w./@+-]+$/.test(path)) throw new Error(`a path of a container needs plain characters: ${path}`);
  return `'${path}'`;
}
