import { chmod, copyFile, cp, mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Suite } from '../hosts/aptSources.ts';
import { debianMirror } from '../hosts/base.ts';
import { attempt, run } from '../hosts/command.ts';

/** Debian suites whose engines are packed as Docker CE, older first; both run on every suite that hosts are made of. */
const ENGINES_FROM = ['trixie', 'sid'] as const;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const RELEASE_NUMBER: Readonly<Record<Suite, string>> = { bookworm: '12', trixie: '13' };
const WANTED = ['docker.io', 'docker-cli', 'containerd', 'docker-buildx', 'docker-compose'];
const PLUGINS = 'usr/libexec/docker/cli-plugins';

interface Recipe {
  name: string;
  version: string;
  /** Control fields beside those that every package has. */
  control: Record<string, string>;
  /** Path in the package → file to copy there. */
  files: Record<string, string>;
  /** Path in the package → text. */
  texts?: Record<string, string>;
  /** systemd units that the package's scripts enable and start; the first names the service. */
  units?: string[];
}

/** Versions of one engine and what belongs to it, in the syntax of Docker's own repository. */
export interface EngineVersions {
  /** Such as `28.5.2`. */
  engine: string;
  /** Debian version by package name, such as `5:28.5.2-1~debian.12~bookworm`. */
  packages: Record<string, string>;
}

/**
 * Builds `.deb` files named and versioned like Docker's own for Debian, out of the real binaries of Debian's packages,
 * with scripts that do what Docker's do (enable, start, and restart on an upgrade).
 * Source: github.com/docker/docker-ce-packaging and docker/containerd-packaging, the control and rules files.
 */
export async function buildDockerPackages(suite: Suite, output: string): Promise<EngineVersions[]> {
  const built: EngineVersions[] = [];
  const scratch = `${output}.scratch`;
  try {
    const native = await unpacked(suite, join(scratch, 'native'), ['runc']);
    for (const source of ENGINES_FROM) {
      const { root, versions } = await unpacked(source, join(scratch, source), WANTED);
      // runc is the one binary that needs the C library of its own suite, so each suite keeps its own.
      const runc = await realpath(join(native.root, 'usr/sbin/runc'));
      const recipes = await engineRecipes(suite, { root, versions, runc });
      for (const recipe of recipes) await pack(recipe, join(scratch, 'pack'), output);
      const packages = Object.fromEntries(recipes.map(({ name, version }) => [name, version]));
      built.push({ engine: upstream(versions, 'docker.io'), packages });
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return built;
}

/** Downloads packages of a Debian suite, checked by apt against Debian's keys, and unpacks them into one tree. */
async function unpacked(
  suite: string,
  directory: string,
  names: string[],
): Promise<{ root: string; versions: Record<string, string> }> {
  const debian = await debianMirror();
  for (const part of ['lists/partial', 'cache/archives/partial', 'debs', 'root']) {
    await mkdir(join(directory, part), { recursive: true });
  }
  await writeFile(join(directory, 'sources.list'), `deb [signed-by=${KEYRING}] ${debian} ${suite} main\n`);
  await writeFile(join(directory, 'status'), '');
  const settings = {
    'Dir::Etc::sourcelist': join(directory, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State::lists': join(directory, 'lists'),
    'Dir::State::status': join(directory, 'status'),
    'Dir::Cache': join(directory, 'cache'),
    'APT::Sandbox::User': 'root',
    'Acquire::Check-Valid-Until': 'false',
  };
  const apt = ['apt-get', '-q', ...Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])];
  await run([...apt, 'update', '-o', 'APT::Update::Error-Mode=any']);
  const debs = join(directory, 'debs');
  await run([...apt, 'download', ...names], { cwd: debs });
  // The static init moved to a package of its own after Debian 13.
  if (names.includes('docker.io') && (await attempt([...apt, 'download', 'tini-static'], { cwd: debs })).code !== 0) {
    await run([...apt, 'download', 'tini'], { cwd: debs });
  }
  const versions: Record<string, string> = {};
  const root = join(directory, 'root');
  for (const file of await readdir(debs)) {
    await run(['dpkg-deb', '-x', join(debs, file), root]);
    const [name = '', version = ''] = file.split('_');
    versions[name] = decodeURIComponent(version);
  }
  return { root, versions };
}

/** `26.1.5+dfsg1-9+deb13u1` → `26.1.5`. */
function upstream(versions: Record<string, string>, name: string): string {
  const match = /^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(versions[name] ?? '');
  if (match?.[1] === undefined) throw new Error(`cannot read the upstream version of ${name}: ${versions[name] ?? ''}`);
  return match[1];
}

async function engineRecipes(
  suite: Suite,
  source: { root: string; versions: Record<string, string>; runc: string },
): Promise<Recipe[]> {
  const { root, versions, runc } = source;
  const tag = `-1~debian.${RELEASE_NUMBER[suite]}~${suite}`;
  const binary = (path: string) => join(root, path);
  const service = await readFile(binary('usr/lib/systemd/system/docker.service'), 'utf8');
  const engine = `5:${upstream(versions, 'docker.io')}${tag}`;
  return [
    {
      name: 'docker-ce',
      version: engine,
      control: {
        'Pre-Depends': 'init-system-helpers (>= 1.54~)',
        Depends: 'containerd.io (>= 1.7.0), docker-ce-cli, iptables, libc6 (>= 2.34), libsystemd0',
        Recommends: 'ca-certificates, procps',
        Conflicts: 'docker (<< 1.5~), docker-engine, docker.io',
        Replaces: 'docker-engine',
      },
      files: {
        'usr/bin/dockerd': binary('usr/sbin/dockerd'),
        'usr/bin/docker-proxy': binary('usr/sbin/docker-proxy'),
        'usr/bin/docker-init': binary('usr/bin/tini-static'),
        'lib/systemd/system/docker.socket': binary('usr/lib/systemd/system/docker.socket'),
      },
      texts: { 'lib/systemd/system/docker.service': service.replace('/usr/sbin/dockerd', '/usr/bin/dockerd') },
      units: ['docker.service', 'docker.socket'],
    },
    {
      name: 'docker-ce-cli',
      version: engine,
      control: {
        Depends: 'libc6 (>= 2.34)',
        Recommends: 'docker-buildx-plugin, docker-compose-plugin',
        // docker-cli is Debian's package of the same file since Debian 13.
        Conflicts: 'docker (<< 1.5~), docker-engine, docker.io, docker-cli',
      },
      files: { 'usr/bin/docker': binary('usr/bin/docker') },
    },
    {
      name: 'containerd.io',
      version: `${upstream(versions, 'containerd')}${tag}`,
      control: {
        Depends: 'libc6 (>= 2.34), libseccomp2',
        Provides: 'containerd, runc',
        Conflicts: 'containerd, runc',
        Replaces: 'containerd, runc',
      },
      files: {
        'usr/bin/containerd': binary('usr/bin/containerd'),
        'usr/bin/containerd-shim-runc-v2': binary('usr/bin/containerd-shim-runc-v2'),
        'usr/bin/ctr': binary('usr/bin/ctr'),
        'usr/bin/runc': runc,
        'lib/systemd/system/containerd.service': binary('usr/lib/systemd/system/containerd.service'),
      },
      texts: { 'etc/containerd/config.toml': 'disabled_plugins = ["cri"]\n' },
      units: ['containerd.service'],
    },
    {
      name: 'docker-buildx-plugin',
      version: `${upstream(versions, 'docker-buildx')}${tag}`,
      control: { Enhances: 'docker-ce-cli', Conflicts: 'docker-buildx' },
      files: { [`${PLUGINS}/docker-buildx`]: binary(`${PLUGINS}/docker-buildx`) },
    },
    {
      name: 'docker-compose-plugin',
      version: `${upstream(versions, 'docker-compose')}${tag}`,
      control: { Enhances: 'docker-ce-cli', Conflicts: 'docker-compose', Replaces: 'docker-compose' },
      files: { [`${PLUGINS}/docker-compose`]: binary(`${PLUGINS}/docker-compose`) },
    },
  ];
}

async function pack(recipe: Recipe, scratch: string, output: string): Promise<void> {
  await rm(scratch, { recursive: true, force: true });
  for (const [path, source] of Object.entries(recipe.files)) {
    await mkdir(dirname(join(scratch, path)), { recursive: true });
    await copyFile(await realpath(source), join(scratch, path));
  }
  for (const [path, text] of Object.entries(recipe.texts ?? {})) {
    await mkdir(dirname(join(scratch, path)), { recursive: true });
    await writeFile(join(scratch, path), text);
  }
  const control = join(scratch, 'DEBIAN');
  const architecture = (await run(['dpkg', '--print-architecture'])).trim();
  await mkdir(control, { recursive: true });
  await writeFile(join(control, 'control'), controlFile(recipe, architecture));
  const configuration = Object.keys(recipe.texts ?? {}).filter((path) => path.startsWith('etc/'));
  if (configuration.length > 0) {
    await writeFile(join(control, 'conffiles'), configuration.map((path) => `/${path}\n`).join(''));
  }
  for (const [name, text] of Object.entries(maintainerScripts(recipe.units ?? []))) {
    await writeFile(join(control, name), text);
    await chmod(join(control, name), 0o755);
  }
  const file = `${recipe.name}_${recipe.version.replace(/^\d+:/, '')}_${architecture}.deb`;
  // Fast rather than small: it only ever travels over the machine's own bridge.
  await run(['dpkg-deb', '--root-owner-group', '-Zgzip', '-z1', '-b', scratch, `${scratch}.deb`]);
  await mkdir(output, { recursive: true });
  await cp(`${scratch}.deb`, join(output, file));
}

function controlFile(recipe: Recipe, architecture: string): string {
  const fields = {
    Package: recipe.name,
    Version: recipe.version,
    Architecture: architecture,
    Maintainer: 'Hostler tests <tests@hostler.invalid>',
    Section: 'admin',
    Priority: 'optional',
    ...recipe.control,
    Description: `${recipe.name}, repacked from Debian for tests`,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

/** What debhelper's dh_installsystemd adds for `units`: enable and start, restart on an upgrade, stop on removal. */
function maintainerScripts(units: string[]): Record<string, string> {
  if (units.length === 0) return {};
  const all = units.join(' ');
  const group = units.includes('docker.service')
    ? 'getent group docker >/dev/null || groupadd --system docker\n  '
    : '';
  const postinst = `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  ${group}for unit in ${all}; do
    deb-systemd-helper unmask "$unit" >/dev/null || true
    if deb-systemd-helper --quiet was-enabled "$unit"; then deb-systemd-helper enable "$unit" >/dev/null || true
    else deb-systemd-helper update-state "$unit" >/dev/null || true; fi
  done
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    if [ -n "$2" ]; then action=restart; else action=start; fi
    deb-systemd-invoke $action ${all} >/dev/null || true
  fi
fi
`;
  const prerm = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop ${all} >/dev/null || true; fi
`;
  const postrm = `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
if [ "$1" = purge ]; then deb-systemd-helper purge ${all} >/dev/null || true; fi
`;
  return { postinst, prerm, postrm };
}
