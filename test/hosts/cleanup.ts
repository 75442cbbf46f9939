import { existsSync, readFileSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { existingCgroups, killCgroup } from './cgroup.ts';
import { attempt, run } from './command.ts';
import type { FleetRecord } from './fleet.ts';
import { mounts } from './machine.ts';
import { existingNetworks, removeNetwork } from './network.ts';
import { FLEETS, PREFIX, fleetDirectory } from './paths.ts';

/** Names of the fleets that have a directory, complete or not. */
export async function fleetNames(): Promise<string[]> {
  return existsSync(FLEETS) ? (await readdir(FLEETS)).sort() : [];
}

/** Ends the processes of a fleet and removes all it made. Works on whatever a crash left; harmless when nothing is left. */
export async function removeFleet(name: string): Promise<void> {
  const directory = fleetDirectory(name);
  if (!existsSync(directory)) return;
  const hosts = existsSync(join(directory, 'hosts')) ? await readdir(join(directory, 'hosts')) : [];
  await Promise.all(hosts.map((host) => killCgroup(`${PREFIX}${name}-${host}`)));
  const record = await readRecord(name);
  if (record !== undefined) await removeNetwork(record.network);
  await unmountBelow(directory);
  await run(['rm', '-rf', '--one-file-system', directory]);
}

/** Removes every fleet, and cgroups and bridges by their name where no fleet is written down any more. */
export async function removeEverything(): Promise<void> {
  for (const name of await fleetNames()) await removeFleet(name);
  for (const machine of await existingCgroups()) await killCgroup(machine);
  for (const network of await existingNetworks()) await removeNetwork(network);
}

/** Removes fleets whose owning process is gone. Normally their guards have done so. */
export async function removeOrphans(): Promise<void> {
  for (const name of await fleetNames()) {
    const owner = (await readRecord(name))?.owner;
    if (owner !== undefined && startTime(owner.pid) !== owner.startTime) await removeFleet(name);
  }
}

/** When a process started, so that a reused process id is not taken for it. Source: proc_pid_stat(5), field 22. */
export function startTime(pid: number): string | undefined {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}

async function readRecord(name: string): Promise<FleetRecord | undefined> {
  const path = join(fleetDirectory(name), 'fleet.json');
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as FleetRecord) : undefined;
}

async function unmountBelow(directory: string): Promise<void> {
  const below = mounts().filter(({ path }) => path.startsWith(`${directory}/`));
  for (const { path } of below.reverse()) {
    const unmounted = await attempt(['umount', path]);
    // Something may still hold the mount for a moment; lazily it goes as soon as that ends.
    if (unmounted.code !== 0) await run(['umount', '-l', path]);
  }
}
