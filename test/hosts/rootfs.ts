import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, run } from './command.ts';
import { type Network, nameServers } from './network.ts';

/** What makes one host's file system its own. */
export interface RootOptions {
  /** The host's directory; `root` inside it becomes the mounted file system. */
  directory: string;
  layers: string[];
  hostname: string;
  address: string;
  network: Network;
  authorizedKeys: string[];
  /** Size of its root file system, for disks that fill; undefined: as much as the machine has. */
  diskMegabytes: number | undefined;
}

/** Stacks a writable layer on the base image and gives it an identity of its own, before the first boot. */
export async function prepareRoot(options: RootOptions): Promise<string> {
  const root = await mountRoot(options);
  await freshIdentity(root, options.hostname);
  await configureNetwork(root, options);
  await mkdir(join(root, 'root/.ssh'), { recursive: true, mode: 0o700 });
  await writeFile(join(root, 'root/.ssh/authorized_keys'), `${options.authorizedKeys.join('\n')}\n`, { mode: 0o600 });
  await run(['chroot', root, 'systemctl', 'enable', '--quiet', 'systemd-networkd', 'ssh']);
  // The first would delay the boot, the second fails because a host has the machine's kernel and no modules.
  const masked = ['systemd-networkd-wait-online.service', 'systemd-modules-load.service'];
  await run(['chroot', root, 'systemctl', 'mask', '--quiet', ...masked]);
  return root;
}

async function mountRoot({ directory, layers, diskMegabytes }: RootOptions): Promise<string> {
  const disk = join(directory, 'disk');
  await mkdir(disk, { recursive: true });
  if (diskMegabytes !== undefined) await run(['mount', '-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', disk]);
  const [root, upper, work] = [join(directory, 'root'), join(disk, 'upper'), join(disk, 'work')];
  const bound = ['docker', 'containerd'].map((name) => join(directory, name));
  await Promise.all([root, upper, work, ...bound].map((path) => mkdir(path, { recursive: true })));
  const options = `lowerdir=${layers.join(':')},upperdir=${upper},workdir=${work}`;
  const mounted = await attempt(['mount', '-t', 'overlay', 'overlay', '-o', options, root]);
  // Where the file system below cannot carry an overlay (such as another overlay), a plain copy does the same, slower.
  if (mounted.code !== 0) for (const layer of [...layers].reverse()) await run(['cp', '-a', `${layer}/.`, root]);
  return root;
}

/** Clones of one image would otherwise share machine id and SSH host keys. */
async function freshIdentity(root: string, hostname: string): Promise<void> {
  if (existsSync(join(root, 'etc/machine-id'))) await truncate(join(root, 'etc/machine-id'));
  await rm(join(root, 'var/lib/dbus/machine-id'), { force: true });
  await run(['sh', '-c', 'rm -f "$1"/etc/ssh/ssh_host_*', 'sh', root]);
  await run(['ssh-keygen', '-A', '-f', root]);
  await writeFile(join(root, 'etc/hostname'), `${hostname}\n`);
  await writeFile(join(root, 'etc/hosts'), `127.0.0.1 localhost\n::1 localhost ip6-localhost\n127.0.1.1 ${hostname}\n`);
}

async function configureNetwork(root: string, { address, network }: RootOptions): Promise<void> {
  const unit = `[Match]
Name=host0
[Network]
Address=${address}/24
Gateway=${network.prefix}.1
LinkLocalAddressing=no
IPv6AcceptRA=no
`;
  await writeFile(join(root, 'etc/systemd/network/10-host0.network'), unit);
  const servers = (await nameServers()).map((server) => `nameserver ${server}\n`).join('');
  await rm(join(root, 'etc/resolv.conf'), { force: true });
  await writeFile(join(root, 'etc/resolv.conf'), servers);
}

/** Adds the suite's security archive, of which a freshly made host has real pending updates. */
export async function enableSecurityUpdates(root: string): Promise<void> {
  await copyFile(join(root, 'etc/hostler-test/security.list'), join(root, 'etc/apt/sources.list.d/security.list'));
}

/** An account on a host. */
export interface UserOptions {
  name: string;
  /** Without one the account has no password login. */
  password?: string;
  /** `password` asks for the account's password; default `none`: not in sudoers. */
  sudo?: 'NOPASSWD' | 'password' | 'none';
  authorizedKeys?: string[];
  /** More groups, such as `docker`. */
  groups?: string[];
}

/** POSIX sh: $1 name, $2 NOPASSWD|password|none, $3 authorized keys, $4 groups; password on standard input. */
export const ADD_USER_SCRIPT = `set -eu
id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
IFS= read -r password || :
if [ -n "$password" ]; then printf '%s:%s\\n' "$1" "$password" | chpasswd; fi
[ -z "$4" ] || usermod -aG "$4" "$1"
rm -f "/etc/sudoers.d/90-$1"
case $2 in
  NOPASSWD) printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\\n' "$1" >"/etc/sudoers.d/90-$1" ;;
  password) printf '%s ALL=(ALL:ALL) ALL\\n' "$1" >"/etc/sudoers.d/90-$1" ;;
esac
home=$(getent passwd "$1" | cut -d: -f6)
if [ -n "$3" ]; then
  install -d -m 700 -o "$1" -g "$1" "$home/.ssh"
  printf '%s\\n' "$3" >"$home/.ssh/authorized_keys"
  chown "$1:$1" "$home/.ssh/authorized_keys"
  chmod 600 "$home/.ssh/authorized_keys"
fi
`;

/** The public host keys of a prepared root, as lines `type base64`. */
export async function hostPublicKeys(root: string): Promise<string[]> {
  const names = ['ed25519', 'ecdsa', 'rsa'];
  const lines = await Promise.all(
    names.map((name) => readFile(join(root, `etc/ssh/ssh_host_${name}_key.pub`), 'utf8')),
  );
  return lines.map((line) => line.trim().split(' ').slice(0, 2).join(' '));
}
