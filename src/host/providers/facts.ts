import { compareDebianVersions } from '../../lib/versionRange.ts';
import type { HostFacts, LockHolder, UpdateFacts } from '../facts.ts';
import type { Records } from '../records.ts';
import type { FactFragment } from '../task.ts';

/**
 * What package managers and kernels say about a host, for the one observe script. Fills `packagesInterrupted`,
 * `packageLocks`, `reboot` and `installedKernel` on every look, `updates` on slow ones (no network: only what the
 * package lists on the host know).
 */
export const providerFacts: readonly FactFragment<Partial<HostFacts>>[] = [
  { script: packageStateScript(), parse: parsePackageState },
  { script: rebootScript(), parse: parseReboot },
  { script: updatesScript(), slow: true, parse: parseUpdates },
];

/** Locks are fcntl locks: /proc/locks names inode and pid, flock(1) would not see them. */
function packageStateScript(): string {
  return `
set -- /var/lib/dpkg/updates/*
if [ ! -d /var/lib/dpkg ]; then :
elif [ -e "$1" ]; then put interrupted yes
else put interrupted no
fi
if [ -r /proc/locks ]; then
  put looked yes
  inodes=$(stat -c %i:%n /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock /var/lib/rpm/.rpm.lock /var/lib/pacman/db.lck 2>/dev/null)
  n=0
  while read -r _ _ _ _ pid where _; do
    for lock in $inodes; do
      [ "\${where##*:}" = "\${lock%%:*}" ] || continue
      [ -d "/proc/$pid" ] || continue
      name=unknown
      read -r name <"/proc/$pid/comm"
      n=$((n + 1))
      put "lock.$n" "$pid \${lock#*:} $name"
    done
  done </proc/locks
fi
`;
}

/** Source: proc_locks(5); dpkg(1) on /var/lib/dpkg/updates: entries there are a run that did not end. */
function parsePackageState(records: Records): Partial<HostFacts> {
  const interrupted = records.text('interrupted');
  const holders = new Map<string, LockHolder>();
  for (const name of records.names('lock.')) {
    const [, pid, path, process] = /^(\d{1,10}) (\/\S+) (.*)$/.exec(records.text(name) ?? '') ?? [];
    if (pid === undefined || path === undefined || process === undefined) continue;
    holders.set(path, { pid: Number(pid), path, process });
  }
  return {
    ...(interrupted === undefined ? {} : { packagesInterrupted: interrupted === 'yes' }),
    ...(records.text('looked') === undefined ? {} : { packageLocks: [...holders.values()] }),
  };
}

function rebootScript(): string {
  return `
required=no
for flag in /run/reboot-required /var/run/reboot-required; do
  if [ -e "$flag" ]; then required=yes; file packages "$flag.pkgs"; break; fi
done
put required "$required"
read -r running </proc/sys/kernel/osrelease
put running "$running"
contained=no
for flag in /run/systemd/container /.dockerenv /run/.containerenv /dev/lxd; do
  if [ -e "$flag" ]; then contained=yes; fi
done
put contained "$contained"
for kernel in /boot/vmlinuz-*; do put "kernel.\${n:=1}" "\${kernel#/boot/vmlinuz-}"; n=$((n + 1)); done
`;
}

/** A container runs the machine's kernel, whatever is in its own /boot: no claim then. */
function parseReboot(records: Records): Partial<HostFacts> {
  const required = records.text('required');
  const running = records.text('running');
  const kernels = records.names('kernel.').flatMap((name) => records.text(name) ?? []);
  const installed =
    running === undefined || records.text('contained') !== 'no' ? undefined : newestKernel(kernels, running);
  return {
    ...(required === undefined
      ? {}
      : { reboot: { required: required === 'yes', packages: [...new Set(records.lines('packages') ?? [])].sort() } }),
    ...(installed === undefined ? {} : { installedKernel: installed }),
  };
}

/**
 * The newest of `kernels` (names behind /boot/vmlinuz-) of the flavour of the running one: `6.1.0-21-amd64` is no
 * successor of `6.1.0-18-cloud-amd64`. Undefined when there is none of that flavour.
 */
export function newestKernel(kernels: readonly string[], running: string): string | undefined {
  return kernels
    .filter((name) => /^\d/.test(name) && flavourOf(name) === flavourOf(running))
    .sort(compareDebianVersions)
    .at(-1);
}

function flavourOf(kernel: string): string {
  const parts = kernel.split('-');
  return parts.slice(parts.findLastIndex((part) => /^\d/.test(part)) + 1).join('-');
}

/**
 * Simulates the upgrade that `apt-get dist-upgrade` would do; held packages are not in it. The simulation takes half a
 * second, so it is left out where every installed package is its own candidate: then it has nothing to upgrade.
 */
function updatesScript(): string {
  return `
up_to_date() {
  dpkg-query -W -f '\${db:Status-Status} \${binary:Package}\n' |
    awk '$1 != "config-files" && $1 != "not-installed" { print $2 }' | xargs apt-cache policy | awk '
      /^  Installed: / { installed = $2 }
      /^  Candidate: / { seen = 1; if ($2 != installed) newer = 1 }
      END { exit newer || !seen }'
}
if command -v apt-get >/dev/null 2>&1; then
  if up_to_date 2>/dev/null; then put updates '0 0'
  elif plan=$(apt-get -s -qq -o Debug::NoLocking=1 -o APT::Get::Show-User-Simulation-Note=0 dist-upgrade 2>/dev/null); then
    printf '%s\\n' "$plan" | awk '
      /^Inst [^ ]+ \\[/ { pending++; if ($0 ~ /Security:|-security[ ,]/) security++ }
      END { print pending + 0, security + 0 }' | rec updates
  fi
fi
`;
}

function parseUpdates(records: Records): Partial<HostFacts> {
  const [, pending, security] = /^(\d{1,6}) (\d{1,6})$/.exec(records.text('updates') ?? '') ?? [];
  if (pending === undefined || security === undefined) return {};
  const updates: UpdateFacts = { pending: Number(pending), security: Number(security) };
  return { updates };
}
