import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Mirrors, type Suite, machineMirrors, securityBeside } from './aptSources.ts';
import { run } from './command.ts';
import { withLock } from './lock.ts';
import { CACHE } from './paths.ts';

const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'openssh-server',
  'sudo',
  'iproute2',
  'ca-certificates',
  'procps',
  'netbase',
  'iputils-ping',
];
/** Raised when the recipe changes, so that old caches are not used. */
const RECIPE = 2;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const MACHINE_CERTIFICATES = '/usr/local/share/ca-certificates';

/** What a base image is made for. */
export interface BaseOptions {
  suite: Suite;
  /** With the suite's own `docker.io` installed; default false. */
  docker?: boolean;
  say?: (line: string) => void;
}

/**
 * The read-only directories a host of `suite` is stacked on, topmost first, as overlayfs wants its `lowerdir`.
 * Made on first use (about a minute, 280 MB) and kept in the cache; made whole or not at all, by one process at a time.
 */
export async function baseLayers(options: BaseOptions): Promise<string[]> {
  const mirrors = await machineMirrors();
  const certificates = await machineCertificates();
  const recipe = JSON.stringify([RECIPE, options.suite, PACKAGES, mirrors, certificates]);
  const key = `${options.suite}-${createHash('sha256').update(recipe).digest('hex').slice(0, 12)}`;
  const base = await once(key, options.say, (directory) =>
    bootstrap(directory, options.suite, { mirrors, certificates }),
  );
  if (options.docker !== true) return [base];
  const layer = await once(`${key}-docker`, options.say, (directory) => installDocker(options.suite, base, directory));
  return [layer, base];
}

/** The Debian mirror of this machine, or where it has none, the one that debootstrap chose for a base image. */
export async function debianMirror(): Promise<string> {
  const { debian } = await machineMirrors();
  if (debian !== undefined) return debian;
  const [base = ''] = await baseLayers({ suite: 'bookworm' });
  return mirrorIn(base);
}

async function mirrorIn(root: string): Promise<string> {
  const mirror = /^deb (\S+)/m.exec(await readFile(join(root, 'etc/apt/sources.list'), 'utf8'))?.[1];
  if (mirror === undefined) throw new Error(`${root} has no apt source`);
  return mirror;
}

/** Makes `bases/<name>` with `make` unless it exists, under a lock, in a temporary directory that is then renamed. */
async function once(
  name: string,
  say: BaseOptions['say'],
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const bases = join(CACHE, 'bases');
  const directory = join(bases, name);
  if (existsSync(directory)) return directory;
  await mkdir(bases, { recursive: true });
  await withLock(join(bases, `${name}.lock`), async () => {
    if (existsSync(directory)) return;
    say?.(`making the base image ${name} (once, about a minute)`);
    const temporary = join(bases, `.${name}.partial`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary);
    await make(temporary);
    await rename(temporary, directory);
  });
  return directory;
}

async function bootstrap(
  directory: string,
  suite: Suite,
  settings: { mirrors: Mirrors; certificates: Record<string, string> },
): Promise<void> {
  const { mirrors, certificates } = settings;
  const argv = ['debootstrap', '--variant=minbase', `--keyring=${KEYRING}`, `--include=${PACKAGES.join(',')}`];
  await run([...argv, suite, directory, ...(mirrors.debian === undefined ? [] : [mirrors.debian])], {
    timeoutMs: 1_200_000,
  });
  const mirror = mirrors.debian ?? (await mirrorIn(directory));
  const security = mirrors.security ?? securityBeside(mirror);
  await writeFile(
    join(directory, 'etc/apt/sources.list'),
    `deb ${mirror} ${suite} main\ndeb ${mirror} ${suite}-updates main\n`,
  );
  await mkdir(join(directory, 'etc/hostler-test'), { recursive: true });
  await writeFile(join(directory, 'etc/hostler-test/security.list'), `deb ${security} ${suite}-security main\n`);
  await writeFile(join(directory, 'etc/apt/apt.conf.d/01machine'), mirrors.aptConf);
  for (const [name, text] of Object.entries(certificates)) {
    await writeFile(join(directory, 'usr/local/share/ca-certificates', name), text);
  }
  if (Object.keys(certificates).length > 0) await run(['chroot', directory, 'update-ca-certificates']);
  await inChroot(directory, [
    ['apt-get', 'update', '-q'],
    // Nothing is pending on a fresh host, unless the security archive is added.
    ['apt-get', 'upgrade', '-y', '-q'],
  ]);
}

/** Installs docker.io into an overlay over `base` and leaves only what it changed in `directory`. */
async function installDocker(suite: Suite, base: string, directory: string): Promise<void> {
  const scratch = `${directory}.scratch`;
  await rm(scratch, { recursive: true, force: true });
  const [work, root] = [join(scratch, 'work'), join(scratch, 'root')];
  await mkdir(work, { recursive: true });
  await mkdir(root);
  await run([
    'mount',
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base},upperdir=${directory},workdir=${work}`,
    root,
  ]);
  try {
    const packages = ['docker.io', 'iptables', ...(suite === 'bookworm' ? [] : ['docker-cli'])];
    await inChroot(root, [
      ['apt-get', 'update', '-q'],
      ['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages],
    ]);
  } finally {
    await run(['umount', root]);
  }
  await rm(scratch, { recursive: true, force: true });
}

/** Runs apt commands in a root that is not booted: no service is started, and no package file is kept. */
async function inChroot(root: string, commands: string[][]): Promise<void> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive' };
  await writeFile(join(root, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  await writeFile(join(root, 'etc/resolv.conf'), await readFile('/etc/resolv.conf', 'utf8'));
  for (const command of [...commands, ['apt-get', 'clean']]) await run(['chroot', root, ...command], { env });
  await rm(join(root, 'usr/sbin/policy-rc.d'));
}

/** Certificate authorities that this machine's administrator added, which its mirror or proxy may need. */
async function machineCertificates(): Promise<Record<string, string>> {
  if (!existsSync(MACHINE_CERTIFICATES)) return {};
  const names = (await readdir(MACHINE_CERTIFICATES)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(MACHINE_CERTIFICATES, name), 'utf8')));
  return Object.fromEntries(names.map((name, index) => [name, texts[index] ?? '']));
}
