import type { SystemInfo } from '../api/serverStatus.ts';
import { present } from './facts/present.ts';
import type { JobOnHost } from './jobs.ts';
import type { OwnerOnHost } from './ownership.ts';

export type PackageManager = NonNullable<SystemInfo['packageManager']>;
export type InitSystem = NonNullable<SystemInfo['initSystem']>;

/** /etc/os-release, as far as it decides anything. */
export interface OsRelease {
  /** Lower case: `debian`. */
  id: string;
  /** ID_LIKE, nearest relative first. */
  idLike: string[];
  /** PRETTY_NAME. */
  name: string;
  /** VERSION_ID: `12`, `22.04`; absent on rolling distributions. */
  versionID?: string;
  /** VERSION_CODENAME: `bookworm`. */
  codename?: string;
}

/** features.md 1.4: 1 fully supported, 2 supported, 3 best effort; undefined: not known to work. */
export type OsTier = 1 | 2 | 3;

/** A file system that matters to Hostler. */
export interface FileSystem {
  /** Directory that was asked about: `/`, `/var/lib`, `/var/lib/docker`. */
  path: string;
  totalBytes: number;
  freeBytes: number;
}

/** Who listens on a TCP port. */
export interface PortHolder {
  port: number;
  /** Name of the process; undefined when it may not be seen without root. */
  process?: string;
  pid?: number;
}

/** Who holds a package manager's lock. */
export interface LockHolder {
  pid: number;
  /** Name of the process: `unattended-upgr`. */
  process: string;
  /** Lock file. */
  path: string;
}

/**
 * Packages that wait. Filled by the slow fragments that src/host/providers/facts.ts exports as
 * `providerFacts: readonly FactFragment<Partial<HostFacts>>[]`; they join the core facts in observe.ts.
 */
export interface UpdateFacts {
  /** Packages with a newer version. */
  pending: number;
  /** Of these, from a security suite. */
  security: number;
}

/**
 * What a host is, apart from what the tasks look at. A member that is absent could not be looked at:
 * it never means "not there".
 */
export interface HostFacts {
  hostname?: string;
  os?: OsRelease;
  osTier?: OsTier;
  /** uname -r. */
  kernel?: string;
  /** Debian name where there is one: amd64, arm64, armhf, i386, riscv64, s390x, ppc64el; else uname -m. */
  architecture?: string;
  packageManager: PackageManager;
  initSystem: InitSystem;
  machineID?: string;
  /** Changes with every boot; boot id, in containers that share it with PID 1's start time. */
  bootID?: string;
  /** Kind of container when the host is one: `systemd-nspawn`, `lxc`, `docker` … */
  container?: string;
  cpus?: number;
  memoryBytes?: number;
  fileSystems: FileSystem[];
  /** The login user. */
  user?: { name: string; uid: number; groups: string[]; isRoot: boolean };
  /** Listeners on 80 and 443; [] = both free. */
  ports?: PortHolder[];
  /** Slow fact. Whether the package repositories / Docker Hub's registry can be reached. */
  network?: { internet: boolean; registry: boolean };
  /** Host's clock minus ours, milliseconds; accurate to about a second. */
  clockSkewMs?: number;
  /** The host says that its clock is synchronised. */
  clockSynchronized?: boolean;
  /** dpkg's journal is not empty: it was cut off in the middle, or is at work (see `packageLocks`). */
  packagesInterrupted?: boolean;
  /** [] = no package manager is at work. */
  packageLocks?: LockHolder[];
  /** Newest installed kernel of the running one's flavour. */
  installedKernel?: string;
  /** /run/reboot-required exists; `packages` from its .pkgs file. */
  reboot?: { required: boolean; packages: string[] };
  updates?: UpdateFacts;
  owner: OwnerOnHost;
  /** Hostler's jobs on the host, oldest first; absent: could not look. */
  jobs?: JobOnHost[];
}

/** `facts` as status.systemInfo shows them (dockerVersion and containersRunning come from the tasks). */
export function systemInfoOf(facts: HostFacts): SystemInfo {
  return present({
    hostname: facts.hostname,
    osID: facts.os?.id.slice(0, 64),
    osName: facts.os?.name,
    osVersion: facts.os?.versionID?.slice(0, 64),
    osCodename: facts.os?.codename?.slice(0, 64),
    kernelVersion: facts.kernel,
    architecture: facts.architecture?.slice(0, 64),
    packageManager: facts.packageManager,
    initSystem: facts.initSystem,
  });
}
