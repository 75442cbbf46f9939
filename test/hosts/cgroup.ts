import { existsSync } from 'node:fs';
import { readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './command.ts';
import { cgroupRoot } from './machine.ts';
import { PREFIX } from './paths.ts';

/** The cgroup of one host; without one of its own all hosts would share one tree and see each other's units. */
export function hostCgroup(machine: string): string {
  return join(cgroupRoot(), machine);
}

/** Names of all cgroups that hosts of this library have or left behind. */
export async function existingCgroups(): Promise<string[]> {
  return (await readdir(cgroupRoot())).filter((name) => name.startsWith(PREFIX));
}

/** Process ids in the cgroup and below it. */
async function processesIn(cgroup: string): Promise<number[]> {
  const found: number[] = [];
  for (const directory of await tree(cgroup)) {
    const text = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(ignoreGone);
    found.push(...(text ?? '').split('\n').filter(Boolean).map(Number));
  }
  return found;
}

/** The process that is PID 1 inside the host, or undefined while it is not running. */
export async function leaderOf(machine: string): Promise<number | undefined> {
  for (const pid of await processesIn(hostCgroup(machine))) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(ignoreGone);
    if (/^NSpid:\s+\d+\s+1$/m.test(status ?? '') && (await runsInit(pid))) return pid;
  }
  return undefined;
}

/** Processes of the host by the name of their program; process ids of the machine. */
export async function programsIn(machine: string, name: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processesIn(hostCgroup(machine)))
    if ((await readFile(`/proc/${pid}/comm`, 'utf8').catch(ignoreGone))?.trimEnd() === name) found.push(pid);
  return found;
}

/** nspawn's own child is PID 1 for a moment before it becomes systemd. */
async function runsInit(pid: number): Promise<boolean> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(ignoreGone);
  return name !== undefined && !name.startsWith('(sd-') && !name.startsWith('systemd-nspawn');
}

/** Stops or continues every process of the host at once. */
export async function freeze(machine: string, frozen: boolean): Promise<void> {
  const cgroup = hostCgroup(machine);
  await writeFile(join(cgroup, 'cgroup.freeze'), frozen ? '1' : '0');
  await until(`${frozen ? 'freezing' : 'thawing'} ${machine}`, 10_000, async () =>
    (await readFile(join(cgroup, 'cgroup.events'), 'utf8')).includes(`frozen ${frozen ? 1 : 0}`) ? true : undefined,
  );
}

/** Kills every process of the host, its supervisor included, and removes its cgroups. Harmless when there are none. */
export async function killCgroup(machine: string): Promise<void> {
  const cgroup = hostCgroup(machine);
  if (!existsSync(cgroup)) return;
  await until(`the end of the processes of ${machine}`, 20_000, async () => {
    const alive = await processesIn(cgroup);
    if (alive.length === 0) return true;
    if (existsSync(join(cgroup, 'cgroup.kill'))) await writeFile(join(cgroup, 'cgroup.kill'), '1');
    else for (const pid of alive) killProcess(pid);
    return undefined;
  });
  await until(`the removal of cgroup ${machine}`, 20_000, async () => {
    for (const directory of (await tree(cgroup)).reverse()) await rmdir(directory).catch(() => undefined);
    return existsSync(cgroup) ? undefined : true;
  });
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** The cgroup and all below it, parents first. */
async function tree(cgroup: string): Promise<string[]> {
  const entries = await readdir(cgroup, { withFileTypes: true }).catch(ignoreGone);
  const below = (entries ?? []).filter((entry) => entry.isDirectory()).map((entry) => tree(join(cgroup, entry.name)));
  return entries === undefined ? [] : [cgroup, ...(await Promise.all(below)).flat()];
}

/** Processes and cgroups may end while they are looked at. */
function ignoreGone(error: unknown): undefined {
  if (!isGone(error)) throw error;
  return undefined;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['ENOENT', 'ESRCH', 'ENODEV'].includes(String(error.code));
}
