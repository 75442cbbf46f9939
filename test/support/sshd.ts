import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './freePort.ts';

/** See {@link startSshd}. */
export interface SshdOptions {
  /** Where keys and configuration live; default: a new directory under the system's temporary one, removed by `stop`. */
  directory?: string;
  /** Default: a free port. */
  port?: number;
  /** Lines for sshd_config, before the built-in ones: the first value of a keyword wins. */
  config?: readonly string[];
  /** Default: ed25519, ecdsa and rsa. */
  hostKeyTypes?: readonly ('ed25519' | 'ecdsa' | 'rsa')[];
  /** Lets it outlive this process, to be ended by {@link endSshd}; default false. */
  detached?: boolean;
}

/** A real OpenSSH server on loopback that lets the invoking user in with {@link clientKey}. */
export interface Sshd {
  readonly address: '127.0.0.1';
  readonly port: number;
  /** Of the process that listens. */
  readonly pid: number;
  /** The user that runs it: the only one who can log in. */
  readonly user: string;
  /** OpenSSH private key that is let in. */
  readonly clientKey: string;
  readonly clientKeyFile: string;
  /** Lines `TYPE BASE64`. */
  readonly hostKeys: readonly string[];
  readonly directory: string;
  /** What it logged so far. */
  log(): string;
  /** Ends it, with every login, as a crash would. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with other host keys if asked. */
  restart(options?: { newHostKeys?: boolean }): Promise<void>;
}

/** Path of the sshd binary, undefined when openssh-server is not installed. */
export function findSshd(): string | undefined {
  return ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd'].find((path) => existsSync(path));
}

/**
 * Starts sshd as the invoking user, on loopback only. Needs no privilege; as root it needs sshd's privilege separation
 * directory, which is made.
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const binary = findSshd();
  if (binary === undefined) throw new Error('sshd is not installed: apt-get install openssh-server');
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'hostler-sshd-'));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const types = options.hostKeyTypes ?? ['ed25519', 'ecdsa', 'rsa'];
  const clientKeyFile = join(directory, 'client');
  makeKey(clientKeyFile, 'ed25519');
  writeFileSync(join(directory, 'authorized_keys'), readFileSync(`${clientKeyFile}.pub`), { mode: 0o600 });
  for (const type of types) makeKey(join(directory, `host_${type}`), type);
  const port = options.port ?? (await freePort());
  const logFile = join(directory, 'sshd.log');
  const configFile = join(directory, 'sshd_config');
  writeFileSync(
    configFile,
    [
      ...(options.config ?? []),
      `ListenAddress 127.0.0.1:${String(port)}`,
      ...types.map((type) => `HostKey ${join(directory, `host_${type}`)}`),
      `AuthorizedKeysFile ${join(directory, 'authorized_keys')}`,
      `PidFile ${join(directory, 'sshd.pid')}`,
      'StrictModes no',
      'UsePAM no',
      'UseDNS no',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'LogLevel VERBOSE',
      // bash reads ~/.bashrc for commands over ssh at SHLVL 1 only; a developer's pyenv lines cost 0.5 s a command
      'SetEnv SHLVL=5',
      '',
    ].join('\n'),
  );
  const start = () => launch([binary, '-f', configFile], { logFile, port, detached: options.detached === true });
  let child = await start();
  const readHostKeys = (): string[] =>
    types.map((type) =>
      readFileSync(join(directory, `host_${type}.pub`), 'utf8')
        .split(' ')
        .slice(0, 2)
        .join(' ')
        .trim(),
    );
  let hostKeys = readHostKeys();
  return {
    address: '127.0.0.1',
    port,
    get pid() {
      return child.pid ?? 0;
    },
    user: userInfo().username,
    clientKey: readFileSync(clientKeyFile, 'utf8'),
    clientKeyFile,
    directory,
    get hostKeys() {
      return hostKeys;
    },
    log: () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : ''),
    stop: async () => {
      await end(child);
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
    },
    restart: async ({ newHostKeys = false } = {}) => {
      await end(child);
      if (newHostKeys) {
        for (const type of types) {
          rmSync(join(directory, `host_${type}`));
          makeKey(join(directory, `host_${type}`), type);
        }
        hostKeys = readHostKeys();
      }
      child = await start();
    },
  };
}

/** A key pair made by ssh-keygen; `format` as its option -m. */
export function sshKeygen(
  type: 'ed25519' | 'ecdsa' | 'rsa' | 'dsa',
  options: { bits?: number; passphrase?: string; format?: 'PEM' | 'PKCS8' | 'RFC4716' } = {},
): { privateKey: string; publicKey: string } {
  const directory = mkdtempSync(join(tmpdir(), 'hostler-key-'));
  const file = join(directory, 'key');
  const { bits, passphrase = '', format } = options;
  const more = [...(bits === undefined ? [] : ['-b', String(bits)]), ...(format === undefined ? [] : ['-m', format])];
  try {
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test key', ...more, '-f', file]);
    return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8').trim() };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function makeKey(file: string, type: string): void {
  if (existsSync(file) && existsSync(`${file}.pub`)) return;
  // half a pair is what an interrupted run left
  rmSync(file, { force: true });
  const bits = type === 'rsa' ? ['-b', '3072'] : [];
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-C', 'hostler-sandbox', '-f', file]);
}

async function launch(
  [binary = '', ...args]: readonly string[],
  { logFile, port, detached }: { logFile: string; port: number; detached: boolean },
): Promise<ChildProcess> {
  const check = spawnSync(binary, ['-t', ...args], { encoding: 'utf8' });
  if (check.status !== 0) throw new Error(`sshd refuses its configuration: ${check.stderr}`);
  // an earlier one on the same port said the same
  const begin = existsSync(logFile) ? readFileSync(logFile).length : 0;
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile).subarray(begin).toString('utf8') : '');
  const child = spawn(binary, ['-D', '-E', logFile, ...args], { stdio: 'ignore', detached });
  if (detached) child.unref();
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) break;
    if (log().includes(`listening on 127.0.0.1 port ${String(port)}`)) return child;
    await sleep(50);
  }
  throw new Error(`sshd did not start: ${log()}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  endSshd(child.pid);
  await exited;
}

/** Ends the listener and every login it serves. */
export function endSshd(pid: number): void {
  for (const login of descendants(pid)) kill(login);
  kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // it ended by itself meanwhile
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Processes that sshd forked for logins, sshd processes only: what a login started may outlive it. */
function descendants(parent: number): number[] {
  const listed = spawnSync('ps', ['-e', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' });
  // a minimal container has no ps: the logins end with their clients then
  if (listed.error !== undefined) return [];
  const rows = listed.stdout.split('\n').map((line) => line.trim().split(/\s+/));
  const children = rows
    .filter(([, ppid, command]) => Number(ppid) === parent && command?.startsWith('sshd'))
    .map(([pid]) => Number(pid));
  return children.flatMap((pid) => [...descendants(pid), pid]);
}
