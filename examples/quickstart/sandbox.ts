import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { removeFleet } from '../../test/hosts/cleanup.ts';
import { Fleet } from '../../test/hosts/fleet.ts';
import type { Host } from '../../test/hosts/host.ts';
import { missingPackages } from '../../test/hosts/machine.ts';
import type { Machine } from './machine.ts';
import { readState, remember, rememberPackages } from './state.ts';
import { say, withProgress } from './support.ts';

const SERVER_NAME = 'sandbox-1';

/** One fleet per working directory, so that two clones do not share a machine. */
export function fleetName(directory = '.'): string {
  return `qs-${createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 8)}`;
}

/** A real Debian 12 with systemd, sshd and apt, on a network of its own; one that an earlier run booted is kept. */
export async function sandbox(): Promise<Machine> {
  const name = fleetName();
  const before = (await readState()).servers.find((one) => one.serverName === SERVER_NAME);
  const booted = before?.kind === 'sandbox' && before.booted;
  // what an interrupted run left half-made is of no use
  if (!booted) await removeFleet(name);
  await remember({ kind: 'sandbox', serverName: SERVER_NAME, fleet: name, booted });
  await rememberPackages(missingPackages());
  const { fleet, host } = await withProgress((tell) => boot(name, tell));
  await remember({ kind: 'sandbox', serverName: SERVER_NAME, fleet: name, booted: true });
  say(`${host.machineName} (Debian 12, systemd, sshd) answers at ${host.address}`);
  return {
    kind: 'sandbox',
    serverName: SERVER_NAME,
    user: 'root',
    address: host.address,
    addressType: 'IPv4',
    port: host.port,
    privateKey: await readFile(fleet.keyFile, 'utf8'),
    remark: '',
  };
}

async function boot(name: string, tell: (line: string) => void): Promise<{ fleet: Fleet; host: Host }> {
  const fleet = (await Fleet.open(name, tell)) ?? (await Fleet.create({ name, persistent: true, say: tell }));
  const found = (await fleet.hosts()).find((host) => host.name === SERVER_NAME);
  if (found === undefined) return { fleet, host: await fleet.up({ name: SERVER_NAME }) };
  if (!(await found.isRunning())) await found.start();
  return { fleet, host: found };
}
