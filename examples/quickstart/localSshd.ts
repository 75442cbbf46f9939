import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { missingTestPackages, prepareTestPrograms } from '../../test/hosts/machine.ts';
import { findSshd, startSshd } from '../../test/support/sshd.ts';
import type { Machine } from './machine.ts';
import { readState, remember, rememberPackages, type Entry } from './state.ts';
import { DATA_DIR, isOurs, say, withProgress } from './support.ts';

const SERVER_NAME = 'this-machine';
const DIRECTORY = join(DATA_DIR, 'sshd');
/** Where sshd of root separates privileges; removed again when it was not there. */
export const RUN_DIRECTORY = '/run/sshd';

/** How the package manager that a machine has installs an SSH server. */
const INSTALL: readonly (readonly [program: string, command: string])[] = [
  ['/usr/bin/apt-get', 'apt-get install openssh-server'],
  ['/usr/bin/dnf', 'dnf install openssh-server'],
  ['/usr/bin/yum', 'yum install openssh-server'],
  ['/usr/bin/zypper', 'zypper install openssh'],
  ['/usr/bin/pacman', 'pacman -S openssh'],
  ['/sbin/apk', 'apk add openssh'],
];

/** A login to this machine itself, by an sshd of our own on loopback: connecting, trust, facts and preflight. */
export async function localSshd(): Promise<Machine> {
  const user = loginUser();
  await requireSshd();
  const { port } = await keepRunning();
  return {
    kind: 'local',
    serverName: SERVER_NAME,
    user,
    address: '127.0.0.1',
    addressType: 'IPv4',
    port,
    privateKey: await readFile(join(DIRECTORY, 'client'), 'utf8'),
    remark: `
This was a login of ${user} to this machine itself, under management Observe: nothing on it is changed. It shows
connecting, host key trust, facts and preflight; it does not show Docker being installed, drift being repaired, or
reboots. For these use a Linux machine where you are root and may boot a sandbox, or a server of your own:
  npm run quickstart -- --host root@203.0.113.10`,
  };
}

/** sshd lets in only accounts that have a shell. */
function loginUser(): string {
  let account: { username: string; shell: string | null };
  try {
    account = userInfo();
  } catch (cause) {
    throw new Error('this user has no entry in /etc/passwd, so nobody can log in as it; use another one', { cause });
  }
  if (/\/(nologin|false)$/.test(account.shell ?? ''))
    throw new Error(`${account.username} cannot log in: its shell is ${account.shell ?? ''}; use another user`);
  return account.username;
}

async function requireSshd(): Promise<void> {
  if (findSshd() !== undefined) return;
  await rememberPackages(missingTestPackages(['sshd']));
  await withProgress((tell) => prepareTestPrograms(tell, ['sshd']));
  if (findSshd() !== undefined) return;
  const command = INSTALL.find(([program]) => existsSync(program))?.[1];
  const how = command === undefined ? '' : ` (${process.getuid?.() === 0 ? '' : 'sudo '}${command})`;
  throw new Error(
    `sshd is not installed, and without it this machine can show nothing: install an OpenSSH server${how}, or name a server of your own with -- --host user@address`,
  );
}

/** The sshd outlives this process; one that runs already is kept. */
async function keepRunning(): Promise<{ port: number }> {
  const before = (await readState()).servers.find((one) => one.kind === 'local');
  if (before?.port !== undefined && isLocalSshd(before)) return { port: before.port };
  const madeRunDirectory =
    before?.madeRunDirectory === true || (process.getuid?.() === 0 && !existsSync(RUN_DIRECTORY));
  const entry: Entry = { kind: 'local', serverName: SERVER_NAME, madeRunDirectory };
  await remember(entry);
  const { pid, port } = await startSshd({ directory: resolve(DIRECTORY), detached: true });
  await remember({ ...entry, sshdPid: pid, port });
  say(`sshd of ${userInfo().username} listens at 127.0.0.1:${port} (pid ${pid}, log ${DIRECTORY}/sshd.log)`);
  return { port };
}

/** Whether our sshd still runs: after a reboot its number may be another program's. */
export function isLocalSshd({ sshdPid }: { sshdPid?: number }): boolean {
  return sshdPid !== undefined && isOurs(sshdPid, resolve(DIRECTORY, 'sshd_config'));
}
