import { exitCodes } from '../exitCodes.ts';

/** What `apt-cache policy` says about one package. */
export interface PackageOffer {
  /** What apt would install, pins considered. */
  candidate?: string;
  /** Versions that a repository offers (not those that are only installed), in apt's order. */
  versions: string[];
}

const MAX_VERSIONS = 500;

/**
 * Reads the output of `apt-cache policy PACKAGE…` (LC_ALL=C). Packages that apt does not know are absent.
 * Source: apt-cache(8); the version table marks the installed version with `***` and names each origin below it.
 */
export function parsePolicy(text: string): Map<string, PackageOffer> {
  const blocks = text.split(/^([a-z0-9][a-z0-9.+-]*)(?::[a-z0-9]+)?:$/m);
  const offers = new Map<string, PackageOffer>();
  for (let index = 1; index < blocks.length; index += 2) {
    const offer = parseOffer(blocks[index + 1] ?? '');
    if (offer.candidate !== undefined || offer.versions.length > 0) offers.set(blocks[index] ?? '', offer);
  }
  return offers;
}

function parseOffer(block: string): PackageOffer {
  const candidate = /^ {2}Candidate: (\d\S*)$/m.exec(block)?.[1];
  // a version and the origins below it
  const rows = block.matchAll(/^ (?:\*{3}| {3}) (\S+) -?\d+\n((?: {6,}.*\n?)*)/gm);
  const versions = [...rows].flatMap(([, version = '', origins = '']) =>
    /^ +-?\d+ [a-z+]+:\S+ /m.test(origins) ? [version] : [],
  );
  return { ...(candidate === undefined ? {} : { candidate }), versions: versions.slice(0, MAX_VERSIONS) };
}

/** One active entry of sources.list. */
export interface SourceEntry {
  /** File it stands in. */
  path: string;
  uri: string;
  suites: string[];
}

/**
 * The active `deb` entries of one file, in either format.
 * Source: sources.list(5).
 */
export function parseSourceEntries(path: string, text: string): SourceEntry[] {
  return path.endsWith('.sources') ? stanzaEntries(path, text) : lineEntries(path, text);
}

function lineEntries(path: string, text: string): SourceEntry[] {
  return [...text.matchAll(/^[ \t]*deb[ \t]+(?:\[[^\]\n]*\][ \t]+)?(\S+)[ \t]+(\S+)/gm)].map(
    ([, uri = '', suite = '']) => ({
      path,
      uri: withoutSlash(uri),
      suites: [suite],
    }),
  );
}

function stanzaEntries(path: string, text: string): SourceEntry[] {
  const stanzas = text.replace(/^#.*\n?/gm, '').split(/\n[ \t]*\n/);
  return stanzas.flatMap((stanza) => {
    const enabled = field(stanza, 'Enabled')[0]?.toLowerCase() !== 'no';
    if (!enabled || !field(stanza, 'Types').includes('deb')) return [];
    const suites = field(stanza, 'Suites');
    return field(stanza, 'URIs').map((uri) => ({ path, uri: withoutSlash(uri), suites }));
  });
}

function field(stanza: string, name: string): string[] {
  const value = new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'im').exec(stanza)?.[1] ?? '';
  return value.split(/\s+/).filter((word) => word !== '');
}

function withoutSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}

/** A signed repository as an entry of sources.list has it. */
export interface AptRepository {
  /** Without a slash at the end: `https://download.docker.com/linux/debian`. */
  uri: string;
  /** `bookworm`. */
  suite: string;
  /** `['stable']`. */
  components: readonly string[];
  /** ASCII-armored public key. */
  key: string;
}

/** Where Hostler puts its one entry, wherever the engine is declared to come from. */
export const ownSource = {
  list: '/etc/apt/sources.list.d/hostler-docker.list',
  key: '/etc/apt/keyrings/hostler-docker.asc',
} as const;

/** The entry of `repository` for hosts of `architecture` (Debian's name), as Docker documents it. */
export function sourceLine({ uri, suite, components }: AptRepository, architecture: string): string {
  return `deb [arch=${architecture} signed-by=${ownSource.key}] ${uri} ${suite} ${components.join(' ')}`;
}

/** Says, while it is there, that Hostler worked on packages and did not come to see them whole. */
export const unfinishedRecord = '/var/lib/hostler/apt-unfinished';

/** `half_installed`: prints "STATE NAME" of what dpkg did not bring to its end, triggers too; false when there is none. */
export const HALF_INSTALLED = `
half_installed() { dpkg-query -W -f '\${db:Status-Abbrev} \${Package}\\n' | grep -E '^.([HUFWt]|.R)'; }
`;

/** Seconds that a job itself waits for a busy package manager; then it ends and Hostler waits, visibly. */
const LOCK_WAIT_SECONDS = 20;

/**
 * Shell functions for everything that runs apt or dpkg. Needs {@link FAIL}. Questions are never asked and configuration
 * files never replaced; nothing is removed, downgraded or unheld unless the caller says so; timers are left alone.
 *
 * - `apt_begin`: waits for the locks, then repairs an interrupted dpkg. From then on a cut is on record.
 * - `apt_end`: in the trap of EXIT; takes it off the record where all packages are whole.
 * - `apt_get ARGS…`: apt-get with all that; its output is in `$apt_log` and on standard error.
 * - `apt_refresh ARGS…`: `apt-get update`.
 * - `apt_explain`: after a failure; ends the script with the exit code that says why, or returns.
 * - `held NAME`, `own_hold NAME`, `hold NAME…`, `unhold NAME…`: holds, with a record of those Hostler set.
 */
export const APT = `
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true APT_LISTCHANGES_FRONTEND=none
export NEEDRESTART_MODE=l NEEDRESTART_SUSPEND=1 UCF_FORCE_CONFFOLD=1 LC_ALL=C
state=/var/lib/hostler
holds=$state/holds
apt_stamp=$state/apt-updated
[ -d "$state" ] || mkdir -m 0700 "$state"
apt_log=$(mktemp /run/hostler-apt.XXXXXX)
apt_unfinished=${unfinishedRecord}
trap apt_end EXIT

apt_holder() {
  inodes=$(stat -c %i:%n /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock 2>/dev/null) || :
  while read -r _ _ _ _ pid where _; do
    for lock in $inodes; do
      if [ "\${where##*:}" = "\${lock%%:*}" ] && [ -d "/proc/$pid" ]; then
        name=unknown
        read -r name <"/proc/$pid/comm" || :
        printf '%s (pid %s) holds %s' "$name" "$pid" "\${lock#*:}"
        return 0
      fi
    done
  done </proc/locks
  return 1
}
apt_wait() {
  waited=0
  while holder=$(apt_holder); do
    [ "$waited" -lt ${LOCK_WAIT_SECONDS} ] || fail ${exitCodes.packageManagerBusy} "$holder"
    sleep 1
    waited=$((waited + 1))
  done
}
logged() {
  if "$@" >"$apt_log" 2>&1; then code=0; else code=$?; fi
  cat "$apt_log" >&2
  return "$code"
}
apt_get() {
  logged apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 \\
    -o DPkg::Lock::Timeout=${LOCK_WAIT_SECONDS} -o Acquire::Retries=2 "$@"
}
apt_refresh() {
  apt_wait
  apt_get "$@" update || return $?
  [ "$#" -gt 0 ] || touch "$apt_stamp"
}
apt_explain() {
  if grep -qE 'No space left on device|enough free space|Disk quota exceeded' "$apt_log"; then
    fail ${exitCodes.diskFull} "$(df -P / /usr /var /var/cache/apt/archives /tmp | awk 'NR > 1 && $4 < 512000 && !seen[$6]++ { printf "%s has %d MB free. ", $6, $4 / 1024 }')"
  fi
  if grep -qE 'Could not get lock|Unable to lock|Unable to acquire the dpkg|is locked by another process' "$apt_log"; then
    fail ${exitCodes.packageManagerBusy} "$(apt_holder || sed -n 's/.*It is held by process \\([0-9]*\\) (\\(.*\\)).*/\\2 (pid \\1) holds the package manager/p' "$apt_log" | head -n 1)"
  fi
  if grep -qE 'Packages need to be removed but remove is disabled|Held packages were changed' "$apt_log"; then
    fail ${exitCodes.conflict} "$(sed -n '/^The following .*\\(REMOVED\\|held\\)/,/^[^ ]/p' "$apt_log" | tr -s '\\n ' ' ')"
  fi
}
${HALF_INSTALLED.trim()}
apt_cut() { [ -n "$(ls -A /var/lib/dpkg/updates)" ] || half_installed >/dev/null; }
apt_end() {
  rm -f "$apt_log"
  if [ -e "$apt_unfinished" ] && ! apt_cut; then rm -f "$apt_unfinished"; fi
}
apt_begin() {
  apt_wait
  # on disk before dpkg's own record of it
  if printf '' >>"$apt_unfinished"; then sync "$apt_unfinished" "$state" 2>/dev/null || sync; fi
  if apt_cut; then
    logged dpkg --configure -a --force-confdef --force-confold || :
    if half_installed >/dev/null; then apt_get --no-remove -f install || apt_explain; fi
    if broken=$(half_installed); then
      fail ${exitCodes.packageManagerBroken} "$(printf '%s' "$broken" | tr -s '\\n' ' ') stayed half-installed."
    fi
  fi
}
held() { [ "$(dpkg-query -W -f '\${db:Status-Want}' "$1" 2>/dev/null)" = hold ]; }
own_hold() { [ -f "$holds" ] && grep -qxF -e "$1" "$holds"; }
record_holds() {
  { if [ -f "$holds" ]; then cat "$holds"; fi; printf '%s\\n' "$@"; } | sort -u >"$holds.new"
  mv "$holds.new" "$holds"
}
hold() {
  for name do held "$name" || { record_holds "$name"; apt-mark hold "$name" >&2; }; done
}
unhold() {
  for name do
    own_hold "$name" || continue
    if held "$name"; then apt-mark unhold "$name" >&2; fi
    grep -vxF -e "$name" "$holds" >"$holds.new" || :
    mv "$holds.new" "$holds"
  done
}
`;

/**
 * Begins every script of a task. `fail CODE TEXT` ends it; the text becomes the message of the condition, after
 * `$aftermath` where the script has set that: what else its failure means for the host. The engine's own umask would make files that others have to read unreadable for them.
 */
export const FAIL = `
umask 022
fail() {
  printf '\\nhostler: %s\\n' "$(printf '%s' "\${aftermath:-}$2" | tr -s '\\n\\t ' ' ' | cut -c 1-700)" >&2
  exit "$1"
}
`;
