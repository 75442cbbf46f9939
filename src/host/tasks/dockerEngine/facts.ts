import type { EffectiveServer } from '../../../api/effective.ts';
import {
  HALF_INSTALLED,
  ownSource,
  parseSourceEntries,
  unfinishedRecord,
  type PackageOffer,
  type SourceEntry,
} from '../../providers/apt.ts';
import { bundlesDirectory } from '../../transfer.ts';
import { dockerCeSource } from '../../providers/dockerCe.ts';
import type { Records } from '../../records.ts';
import type { FactFragment } from '../../task.ts';
import { parseInfo, type EngineInfo } from './info.ts';
import { downgradeRecord } from './scripts.ts';

/** Packages that make, bring or displace an engine. */
const PACKAGES = [
  'docker-ce docker-ce-cli containerd.io docker.io docker-cli containerd runc',
  'docker-buildx-plugin docker-compose-plugin moby-engine moby-cli podman-docker docker-engine',
].join(' ');

const MAX_PROBLEM_LENGTH = 700;

/** A package in dpkg's (or rpm's) database. */
export interface InstalledPackage {
  version: string;
  /** False: dpkg was cut off in the middle of it. */
  complete: boolean;
  held: boolean;
}

/** The unit, or the nearest thing the init system has. */
interface EngineService {
  /** `masked`: somebody forbade it. */
  startup: 'enabled' | 'disabled' | 'masked' | 'unknown';
  state: 'active' | 'inactive' | 'failed' | 'starting' | 'stopping' | 'absent';
}

/** /etc/docker/daemon.json. */
interface DaemonFile {
  state: 'present' | 'absent' | 'unreadable';
  text: string;
  /** SHA-256 of the bytes in the file, taken before `text` was read: the guard of every change to it. */
  digest?: string;
}

/** Something that was brought to the host (transfer.ts). */
export interface BundleOnHost {
  /** The SHA-256, with `.part` or `.new` while it is not whole. */
  name: string;
  /** It is a repository that apt can read. */
  ready: boolean;
  /** Why it will never be one. */
  problem?: string;
}

/** What the task sees. */
export interface DockerHave {
  packages: ReadonlyMap<string, InstalledPackage>;
  /** Path of a dockerd, whoever put it there. */
  daemonPath?: string;
  snap: boolean;
  service: EngineService;
  /** What the running daemon says; absent: it does not run, does not answer, or may not be asked. */
  info?: EngineInfo;
  /** False: the daemon was not asked, or by somebody whom it need not answer: silence means nothing. */
  mayAsk: boolean;
  file: DaemonFile;
  /** daemon.json was written, but the daemon was not told yet. */
  pendingActivation?: 'reload' | 'restart';
  /** The engine was downgraded and did not run since. */
  downgrade?: {
    from: string;
    to: string;
    /** What kept the older daemon from starting; absent: it was not tried yet. */
    problem?: string;
  };
  /** Packages that dpkg did not bring to their end when Hostler's own work on them was cut off; absent: all are whole. */
  unfinished?: readonly string[];
  /** Packages that Hostler put on hold. */
  ownHolds: readonly string[];
  /** Entries for the declared repository; only looked for when it is declared. */
  sources: readonly SourceEntry[];
  ownEntry?: { line: string; key: string };
  /** Hostler fetched the package lists within the last 6 hours. */
  listsFresh: boolean;
  bundles: readonly BundleOnHost[];
  /** What the packages of the declared bundle depend on and neither it nor the host has. */
  unmet?: readonly string[];
  /** What repositories offer, by package; with source Bundle what the bundle on the host does. */
  offers?: ReadonlyMap<string, PackageOffer>;
}

/** No daemon runs that a start or restart could disturb, and none is on its way: a restart begins with a stop. */
export function isIdle({ service, info }: DockerHave): boolean {
  return info === undefined && ['inactive', 'failed', 'absent'].includes(service.state);
}

/**
 * Looks at the engine: packages from dpkg's database, the unit, and, only if the daemon already runs (its socket would
 * start it), what it says of itself.
 */
export const engineFragment: FactFragment<Partial<DockerHave>> = {
  args: (effective) => [sourceUrl(effective)],
  script: `
if command -v dpkg-query >/dev/null 2>&1; then
  run packages dpkg-query -W -f '\${Package}\\t\${Version}\\t\${db:Status-Want}\\t\${db:Status-Status}\\n' ${PACKAGES}
elif command -v rpm >/dev/null 2>&1; then
  run packages rpm -q --qf '%{NAME}\\t%{EVR}\\tinstall\\tinstalled\\n' ${PACKAGES}
fi
for path in /usr/bin/dockerd /usr/sbin/dockerd /usr/local/bin/dockerd; do
  if [ -x "$path" ]; then put daemon "$path"; break; fi
done
if [ -d /snap/docker/current ]; then put snap 1; fi
active=no
if [ -d /run/systemd/system ]; then
  unit=$(systemctl show docker.service -p LoadState -p ActiveState -p UnitFileState 2>/dev/null)
  put unit "$unit"
  case $unit in *ActiveState=active*) active=yes ;; esac
else
  if [ -x /etc/init.d/docker ]; then put script 1; fi
  for link in /etc/runlevels/default/docker /etc/rc2.d/S*docker; do
    if [ -e "$link" ]; then put enabled 1; fi
  done
  # no newline ends the file
  pid=
  if { read -r pid || [ -n "$pid" ]; } </run/docker.pid && [ -d "/proc/$pid" ]; then active=yes; put pid 1; fi 2>/dev/null
fi
if [ "$active" = yes ]; then
  tool=
  if command -v curl >/dev/null 2>&1; then
    tool=curl
    run info curl -sf -m 10 --noproxy '*' --unix-socket /run/docker.sock http://localhost/info
  elif command -v docker >/dev/null 2>&1; then
    tool=docker
    run info timeout 10 docker -H unix:///run/docker.sock info --format '{{json .}}'
  fi
  if [ -n "$tool" ] && [ -w /run/docker.sock ]; then put asked 1; fi
fi
if [ -e /etc/docker/daemon.json ]; then run digest sha256sum /etc/docker/daemon.json; fi
file config /etc/docker/daemon.json
# a daemon that started since has read the file
if [ ! /run/docker.pid -nt /var/lib/hostler/docker-activate ]; then file activate /var/lib/hostler/docker-activate; fi
file downgrade ${downgradeRecord}
file holds /var/lib/hostler/holds
if [ -e ${unfinishedRecord} ]; then
  ${HALF_INSTALLED.trim()}
  run unfinished half_installed
fi
if [ -e /var/lib/hostler/apt-updated ]; then run fresh find /var/lib/hostler/apt-updated -mmin -360; fi
number=0
for path in ${bundlesDirectory}/*; do
  if [ -e "$path" ]; then
    number=$((number + 1))
    put "bundle.$number.name" "\${path##*/}"
    if [ -e "$path/ready" ]; then put "bundle.$number.ready" 1; fi
    file "bundle.$number.problem" "$path/problem"
  fi
done
if [ -n "$1" ]; then
  number=0
  for path in $(grep -rlsF -e "$1" /etc/apt/sources.list /etc/apt/sources.list.d); do
    number=$((number + 1))
    put "source.$number.path" "$path"
    file "source.$number.text" "$path"
  done
  file own-list ${ownSource.list}
  file own-key ${ownSource.key}
fi
`,
  parse: parseEngine,
};

/** What stands in every entry for the declared repository. */
function sourceUrl({ docker }: EffectiveServer): string {
  if (docker?.source.type === 'DockerCE') return `${dockerCeSource().url}/`;
  return docker?.source.mirror?.url.replace(/\/+$/, '') ?? '';
}

function parseEngine(records: Records): Partial<DockerHave> {
  const info = parseInfo(records.text('info') ?? '');
  const daemonPath = records.text('daemon');
  return {
    packages: parsePackages(records.entry('packages')?.text ?? ''),
    ...(daemonPath === undefined ? {} : { daemonPath }),
    snap: records.text('snap') !== undefined,
    service: parseService(records),
    ...(info === undefined ? {} : { info }),
    mayAsk: records.text('asked') !== undefined,
    file: parseFile(records),
    sources: parseSources(records),
    bundles: parseBundles(records),
    ...parseOwn(records),
  };
}

/** What Hostler itself left on the host. */
function parseOwn(
  records: Records,
): Pick<DockerHave, 'ownHolds' | 'ownEntry' | 'pendingActivation' | 'downgrade' | 'unfinished' | 'listsFresh'> {
  const activation = records.text('activate')?.trim();
  const list = records.text('own-list');
  return {
    ...parseUnfinished(records.lines('unfinished') ?? []),
    ...(activation === 'reload' || activation === 'restart' ? { pendingActivation: activation } : {}),
    ...parseDowngrade(records.text('downgrade') ?? ''),
    ownHolds: records.lines('holds') ?? [],
    ...(list === undefined ? {} : { ownEntry: { line: list.trim(), key: (records.text('own-key') ?? '').trim() } }),
    listsFresh: (records.text('fresh') ?? '') !== '',
  };
}

/** @param lines  "STATE NAME" each. */
function parseUnfinished(lines: readonly string[]): Pick<DockerHave, 'unfinished'> {
  const unfinished = lines.flatMap((line) => line.split(' ').at(-1) ?? []);
  return unfinished.length === 0 ? {} : { unfinished };
}

function parseDowngrade(text: string): Pick<DockerHave, 'downgrade'> {
  const [from = '', to = '', ...rest] = text.split('\n');
  const problem = rest.join(' ').replace(/\s+/g, ' ').trim().slice(0, MAX_PROBLEM_LENGTH);
  return to === '' ? {} : { downgrade: { from, to, ...(problem === '' ? {} : { problem }) } };
}

function parsePackages(text: string): Map<string, InstalledPackage> {
  const packages = new Map<string, InstalledPackage>();
  for (const line of text.split('\n')) {
    const [name = '', version = '', want = '', status = ''] = line.split('\t');
    // removed packages leave their configuration files behind
    if (status === '' || status === 'not-installed' || status === 'config-files') {
      if (want === 'hold') packages.set(name, { version: '', complete: true, held: true });
      continue;
    }
    packages.set(name, { version, complete: status === 'installed', held: want === 'hold' });
  }
  return packages;
}

function parseService(records: Records): EngineService {
  const unit = records.text('unit');
  if (unit === undefined) {
    const state =
      records.text('pid') !== undefined ? 'active' : records.text('script') === undefined ? 'absent' : 'inactive';
    return { startup: records.text('enabled') === undefined ? 'disabled' : 'enabled', state };
  }
  const property = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
  return {
    startup: startupOf(property('UnitFileState'), property('LoadState')),
    state: property('LoadState') === 'not-found' ? 'absent' : stateOf(property('ActiveState')),
  };
}

function startupOf(fileState: string, loadState: string): EngineService['startup'] {
  if (fileState.startsWith('masked') || loadState === 'masked') return 'masked';
  if (fileState.startsWith('enabled')) return 'enabled';
  return fileState === 'disabled' ? 'disabled' : 'unknown';
}

function stateOf(active: string): EngineService['state'] {
  if (active === 'active' || active === 'reloading') return 'active';
  if (active === 'activating') return 'starting';
  if (active === 'deactivating') return 'stopping';
  return active === 'failed' ? 'failed' : 'inactive';
}

function parseFile(records: Records): DaemonFile {
  const status = records.status('config');
  const digest = /^\\?([0-9a-f]{64}) /.exec(records.text('digest') ?? '')?.[1];
  if (status === 1) return { state: 'absent', text: '' };
  if (status !== 0 || digest === undefined) return { state: 'unreadable', text: '' };
  return { state: 'present', text: records.text('config') ?? '', digest };
}

function parseSources(records: Records): SourceEntry[] {
  return records.names('source.').flatMap((name) => {
    const path = name.endsWith('.path') ? records.text(name) : undefined;
    const text = records.text(name.replace(/path$/, 'text'));
    return path === undefined || text === undefined ? [] : parseSourceEntries(path, text);
  });
}

function parseBundles(records: Records): BundleOnHost[] {
  return records.names('bundle.').flatMap((key) => {
    const name = key.endsWith('.name') ? (records.text(key) ?? '') : '';
    if (!/^[0-9a-f]{64}(\.part|\.new)?$/.test(name)) return [];
    const problem = records.text(key.replace(/name$/, 'problem'))?.trim().slice(0, MAX_PROBLEM_LENGTH);
    const ready = records.text(key.replace(/name$/, 'ready')) !== undefined;
    return [{ name, ready, ...(problem === undefined ? {} : { problem }) }];
  });
}
