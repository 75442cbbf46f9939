import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SYSTEM_PATH } from './command.ts';

/** Programs that the test hosts need on the machine, and the Debian packages that bring them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'systemd-nspawn': 'systemd-container',
  debootstrap: 'debootstrap',
  ip: 'iproute2',
  iptables: 'iptables',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  nsenter: 'util-linux',
  flock: 'util-linux',
  gpg: 'gnupg',
};
/** Programs that other tests run on the machine itself: a loopback sshd, another shell, another key tool, a store. */
const TEST_PROGRAMS: Readonly<Record<string, string>> = {
  sshd: 'openssh-server',
  busybox: 'busybox',
  openssl: 'openssl',
  etcd: 'etcd-server',
  'lua5.1': 'lua5.1',
};
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const PACKAGES_LOCK = '/run/lock/hostler-packages';
const INOTIFY = '/proc/sys/fs/inotify/max_user_instances';
const INOTIFY_WANTED = 8192;

let prepared: Promise<void> | undefined;

/**
 * Makes this machine able to run test hosts, once per process: installs missing Debian packages (saying so), switches
 * on IPv4 forwarding and raises the inotify limit.
 * @throws Error  naming exactly what is missing when this process may not, such as when it is not root.
 */
export function prepareMachine(say: (line: string) => void = () => undefined): Promise<void> {
  prepared ??= prepare(say);
  return prepared;
}

/** What hinders test hosts on this machine, as sentences; empty when they can run or root can make them run. */
export function obstacles(): string[] {
  const found: string[] = [];
  if (process.platform !== 'linux') return [`booting a host needs Linux, this is ${process.platform}`];
  if (process.getuid?.() !== 0) found.push('booting a host needs root (systemd-nspawn)');
  else if (!mayAdministrate())
    found.push('root may not mount file systems here (CAP_SYS_ADMIN), as in most containers');
  else if (!hasWritableCgroups()) found.push('no writable cgroup2 file system is mounted');
  const missing = missingPackages();
  if (missing.length > 0 && !onPath('apt-get')) {
    found.push(`these Debian packages are missing and there is no apt-get: ${missing.join(' ')}`);
  }
  return found;
}

/** Source: capabilities(7), CAP_SYS_ADMIN is number 21. */
function mayAdministrate(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n;
}

function hasWritableCgroups(): boolean {
  const mount = cgroupMount();
  if (mount === undefined) return false;
  try {
    accessSync(join(mount, 'cgroup.procs'), constants.W_OK);
    return true;
  } catch {
    return false; // Read-only, or not the root of a hierarchy: what matters is only that it cannot be written.
  }
}

/** Debian packages that {@link prepareMachine} would install. */
export function missingPackages(): string[] {
  const missing = absent(PROGRAMS);
  return existsSync(KEYRING) ? missing : [...missing, 'debian-archive-keyring'];
}

/** Debian packages that {@link prepareTestPrograms} would install. */
export function missingTestPackages(wanted: readonly string[] = Object.keys(TEST_PROGRAMS)): string[] {
  return absent(Object.fromEntries(Object.entries(TEST_PROGRAMS).filter(([program]) => wanted.includes(program))));
}

/**
 * Installs Debian packages with programs that tests run on the machine itself, saying so.
 * @param wanted  Default: all of them.
 * Returns the packages that are missing still, because this process may not install them.
 */
export async function prepareTestPrograms(say: (line: string) => void, wanted?: readonly string[]): Promise<string[]> {
  const missing = missingTestPackages(wanted);
  if (missing.length === 0 || process.getuid?.() !== 0 || !onPath('apt-get')) return missing;
  // Only the program is wanted. Debian's ssh service does not start where this file is. Source: ssh.service, ssh(init.d).
  if (missing.includes('openssh-server')) {
    await mkdir('/etc/ssh', { recursive: true });
    await writeFile('/etc/ssh/sshd_not_to_be_run', 'openssh-server was installed for the tests of Hostler only\n');
  }
  // Nor may etcd's service start and take its port. It is not masked where somebody has it already.
  if (missing.includes('etcd-server') && !existsSync('/etc/systemd/system/etcd.service')) {
    await mkdir('/etc/systemd/system', { recursive: true });
    await symlink('/dev/null', '/etc/systemd/system/etcd.service');
  }
  await installPackages(missing, say);
  return missingTestPackages(wanted);
}

function absent(programs: Readonly<Record<string, string>>): string[] {
  return [...new Set(Object.entries(programs).flatMap(([program, name]) => (onPath(program) ? [] : [name])))];
}

/** Directory of the cgroup2 hierarchy, such as `/sys/fs/cgroup` or `/sys/fs/cgroup/unified`. */
export function cgroupRoot(): string {
  const mount = cgroupMount();
  if (mount === undefined) throw new Error('No cgroup2 file system is mounted; mount one at /sys/fs/cgroup.');
  return mount;
}

function cgroupMount(): string | undefined {
  return mounts().find(({ type }) => type === 'cgroup2')?.path;
}

/** Mount points of this process, in the order they were mounted. Source: proc_pid_mountinfo(5). */
export function mounts(): { path: string; type: string }[] {
  if (process.platform !== 'linux') return [];
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const path = before.split(' ')[4];
    const type = after.split(' ')[0];
    return path === undefined || type === undefined ? [] : [{ path: unescape(path), type }];
  });
}

/** mountinfo writes space, tab, newline and backslash as three octal digits. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

function onPath(program: string): boolean {
  return SYSTEM_PATH.split(':').some((directory) => existsSync(join(directory, program)));
}

async function prepare(say: (line: string) => void): Promise<void> {
  const hindrances = obstacles();
  if (hindrances.length > 0) throw new Error(`Test hosts cannot run here: ${hindrances.join('; ')}.`);
  const missing = missingPackages();
  if (missing.length > 0) await installPackages(missing, say);
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  const limit = Number(await readFile(INOTIFY, 'utf8'));
  if (limit < INOTIFY_WANTED) await writeFile(INOTIFY, String(INOTIFY_WANTED));
}

/** POSIX sh: the packages as arguments. The package lists are read only where that is needed. */
const INSTALL = `
install() { apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }
install "$@" || { apt-get update -q && install "$@"; }`;

/**
 * In a session of its own, with the lock and a log file of its own: Ctrl-C at the terminal must not interrupt dpkg, and
 * a second run waits for the first one's end.
 */
async function installPackages(packages: string[], say: (line: string) => void): Promise<void> {
  say(`installing Debian packages: ${packages.join(' ')}`);
  const directory = await mkdtemp(join(tmpdir(), 'hostler-apt-'));
  try {
    const log = join(directory, 'log');
    const code = await runDetached(['flock', PACKAGES_LOCK, 'sh', '-c', INSTALL, 'sh', ...packages], log);
    if (code === 0) return;
    const last = (await readFile(log, 'utf8')).trim().split('\n').slice(-10).join('\n');
    throw new Error(`installing ${packages.join(' ')} failed (apt-get, exit code ${code}):\n${last}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function runDetached(argv: readonly string[], logFile: string): Promise<number> {
  const [program = '', ...args] = argv;
  const log = await open(logFile, 'w');
  try {
    const env = { ...process.env, PATH: SYSTEM_PATH, DEBIAN_FRONTEND: 'noninteractive' };
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log.fd, log.fd], env });
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 128));
    });
  } finally {
    await log.close();
  }
}
