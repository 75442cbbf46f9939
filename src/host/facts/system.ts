import type { HostFacts, InitSystem, OsRelease, PackageManager } from '../facts.ts';
import type { Records } from '../records.ts';
import type { FactFragment } from '../task.ts';
import { osTier, parseOsRelease } from './osRelease.ts';
import { present } from './present.ts';

const NAME_LIMIT = 253;

/** Names of uname -m that Debian writes differently. */
const debianArchitectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  armv7l: 'armhf',
  i386: 'i386',
  i686: 'i386',
  ppc64le: 'ppc64el',
};

/** Package managers in the order in which they are believed when several are installed and the system is not known. */
const managers: readonly { manager: PackageManager; tool: string; systems: readonly string[] }[] = [
  { manager: 'apt', tool: 'apt-get', systems: ['debian', 'ubuntu'] },
  { manager: 'dnf', tool: 'dnf', systems: ['fedora', 'rhel', 'centos', 'rocky', 'almalinux', 'amzn'] },
  { manager: 'yum', tool: 'yum', systems: ['rhel', 'centos', 'amzn'] },
  { manager: 'apk', tool: 'apk', systems: ['alpine'] },
  { manager: 'pacman', tool: 'pacman', systems: ['arch'] },
];

/** What the machine is: one uname, the rest by builtins. */
export const systemFacts: FactFragment<Partial<HostFacts>> = {
  script: `
run uname uname -n -r -m
if [ -r /etc/os-release ]; then file os-release /etc/os-release; else file os-release /usr/lib/os-release; fi
for tool in apt-get dnf yum apk pacman; do
  if command -v "$tool" >/dev/null 2>&1; then put "tool.$tool" 1; fi
done
if [ -d /run/systemd/system ]; then put init systemd
elif [ -d /run/openrc ] || command -v openrc-init >/dev/null 2>&1; then put init openrc
elif [ -d /etc/init.d ] && [ -e /etc/inittab ]; then put init sysvinit
fi
file container /run/systemd/container
if [ -e /run/systemd/timesync/synchronized ]; then put synchronized 1; fi
if [ -e /.dockerenv ]; then put dockerenv 1; fi
if [ -e /run/.containerenv ]; then put podmanenv 1; fi
`,
  parse: (records) => {
    const [hostname, kernel, machine] = (records.text('uname') ?? '')
      .split(' ')
      .map((word) => word.slice(0, NAME_LIMIT));
    const os = parseOsRelease(records.text('os-release') ?? '');
    return present({
      hostname: hostname === '' ? undefined : hostname,
      kernel,
      architecture: architectureOf(machine),
      os,
      osTier: os && osTier(os),
      container: containerOf(records),
      packageManager: packageManagerOf(records, os),
      clockSynchronized: records.text('synchronized') === undefined ? undefined : true,
      initSystem: initSystemOf(records.text('init')),
    });
  },
};

function architectureOf(machine: string | undefined): string | undefined {
  return machine === undefined ? undefined : (debianArchitectures[machine] ?? machine);
}

function packageManagerOf(records: Records, os: OsRelease | undefined): PackageManager {
  const present = managers.filter(({ tool }) => records.text(`tool.${tool}`) !== undefined);
  const kin = os === undefined ? [] : [os.id, ...os.idLike];
  const native = present.find(({ systems }) => systems.some((system) => kin.includes(system)));
  return (native ?? present[0])?.manager ?? 'none';
}

function initSystemOf(text: string | undefined): InitSystem {
  return text === 'systemd' || text === 'openrc' || text === 'sysvinit' ? text : 'unknown';
}

function containerOf(records: Records): string | undefined {
  const named = records.text('container')?.trim().slice(0, 64);
  if (named) return named;
  if (records.text('dockerenv') !== undefined) return 'docker';
  return records.text('podmanenv') === undefined ? undefined : 'podman';
}
