import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root, where `tsx` and this library resolve from. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Things worth keeping between runs: base images, the apt repository, kubectl. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'hostler');

/** Everything of the fleets that exist now; overlayfs needs a real file system here, not another overlay. */
export const FLEETS = process.env['HOSTLER_FLEETS_DIR'] ?? '/var/lib/hostler-fleets';

/** Prefix of machine names, bridges and cgroups, by which leftovers are found. */
export const PREFIX = 'hostler-';

/** The directory of one fleet. */
export function fleetDirectory(fleet: string): string {
  return join(FLEETS, fleet);
}

/** The directory of one host: `root`, `upper`, `work`, `docker`, `host.json`, `console.log`. */
export function hostDirectory(fleet: string, host: string): string {
  return join(fleetDirectory(fleet), 'hosts', host);
}

/** The name of a host as `systemd-nspawn` knows it, which is also its cgroup's name. */
export function machineName(fleet: string, host: string): string {
  return `${PREFIX}${fleet}-${host}`;
}
