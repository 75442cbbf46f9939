import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import type { Suite } from './aptSources.ts';
import { baseLayers } from './base.ts';
import { removeFleet, removeOrphans, startTime } from './cleanup.ts';
import { SYSTEM_PATH, run } from './command.ts';
import { underWatch } from '../support/underWatch.ts';
import { Host, type HostRecord } from './host.ts';
import { prepareMachine } from './machine.ts';
import { type Network, createNetwork } from './network.ts';
import { FLEETS, REPOSITORY, fleetDirectory, hostDirectory, machineName } from './paths.ts';
import { type UserOptions, prepareRoot } from './rootfs.ts';

/** What is written down about a fleet, in its `fleet.json`. */
export interface FleetRecord {
  name: string;
  network: Network;
  /** The process that the fleet lives and dies with; none for fleets started by the command. */
  owner?: { pid: number; startTime: string };
}

export interface FleetOptions {
  /** Lower-case letters, digits and dashes, at most 20; default: unique. */
  name?: string;
  /** Lets the hosts outlive this process; default false: they end with it, also when it is killed. */
  persistent?: boolean;
  /** Is told about slow steps, such as making a base image. */
  say?: (line: string) => void;
}

export interface UpOptions {
  /** Default `host1`, `host2` …; also the hostname. */
  name?: string;
  /** Default bookworm (Debian 12). */
  suite?: Suite;
  /** Public key lines that root accepts beside the fleet's own key. */
  authorizedKeys?: string[];
  users?: UserOptions[];
  /** With the suite's own `docker.io` installed and running; default false. */
  docker?: boolean;
  /** With the security archive as an apt source; default false. See {@link Host.addSecurityUpdates}. */
  security?: boolean;
  /** Size of its root file system, held in memory: for disks that fill. Default: as much as the machine has. */
  diskMegabytes?: number;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$/;
const FIRST_ADDRESS = 10;

/** Test hosts on a network of their own. Several fleets can run at once. */
export class Fleet {
  readonly record: FleetRecord;
  readonly #say: (line: string) => void;
  readonly #lifeline: Writable | undefined;

  private constructor(record: FleetRecord, say: (line: string) => void, lifeline?: Writable) {
    this.record = record;
    this.#say = say;
    this.#lifeline = lifeline;
  }

  /** Makes an empty fleet. Call {@link down} when done; it also goes when this process ends in any way. */
  static async create(options: FleetOptions = {}): Promise<Fleet> {
    const say = options.say ?? (() => undefined);
    const name = options.name ?? `t${process.pid}-${randomBytes(3).toString('hex')}`;
    if (!NAME.test(name))
      throw new Error(`fleet name ${JSON.stringify(name)}: use a-z, 0-9 and -, at most 20 characters`);
    await prepareMachine(say);
    await removeOrphans();
    const directory = fleetDirectory(name);
    await mkdir(FLEETS, { recursive: true, mode: 0o700 });
    await mkdir(directory).catch((error: unknown) => {
      throw new Error(`Fleet ${name} exists; remove it by: npm run hosts -- down --fleet ${name}`, { cause: error });
    });
    const owner = { pid: process.pid, startTime: startTime(process.pid) ?? '' };
    const lifeline = options.persistent === true ? undefined : startGuard(name);
    const record = { name, network: await createNetwork(), ...(options.persistent === true ? {} : { owner }) };
    await writeRecord(join(directory, 'fleet.json'), record);
    await mkdir(join(directory, 'hosts'));
    await run([
      'ssh-keygen',
      '-q',
      '-t',
      'ed25519',
      '-N',
      '',
      '-C',
      `hostler-${name}`,
      '-f',
      join(directory, 'id_ed25519'),
    ]);
    const fleet = new Fleet(record, say, lifeline);
    underWatch.fleets.add(fleet);
    return fleet;
  }

  /** Opens a persistent fleet by name, or returns undefined when there is none. */
  static async open(name: string, say?: (line: string) => void): Promise<Fleet | undefined> {
    const path = join(fleetDirectory(name), 'fleet.json');
    if (!existsSync(path)) return undefined;
    await prepareMachine(say);
    return new Fleet(JSON.parse(await readFile(path, 'utf8')) as FleetRecord, say ?? (() => undefined));
  }

  get name(): string {
    return this.record.name;
  }

  /** The machine's address on the fleet's network: what the hosts can reach it by. */
  get gateway(): string {
    return `${this.record.network.prefix}.1`;
  }

  /** Private key whose public half root of every host accepts. */
  get keyFile(): string {
    return join(fleetDirectory(this.name), 'id_ed25519');
  }

  /** Makes one host, boots it and waits until its sshd answers. May be called concurrently. */
  async up(options: UpOptions = {}): Promise<Host> {
    const suite = options.suite ?? 'bookworm';
    const layers = await baseLayers({ suite, docker: options.docker === true, say: this.#say });
    const host = new Host(await this.#claim(suite, options.name));
    const ownKey = (await readFile(`${this.keyFile}.pub`, 'utf8')).trim();
    await prepareRoot({
      directory: host.record.directory,
      layers,
      hostname: host.name,
      address: host.address,
      network: this.record.network,
      authorizedKeys: [ownKey, ...(options.authorizedKeys ?? [])],
      diskMegabytes: options.diskMegabytes,
    });
    if (options.security === true) await host.addSecurityUpdates();
    await host.start();
    for (const user of options.users ?? []) await host.addUser(user);
    return host;
  }

  /** The hosts of this fleet, by name. */
  async hosts(): Promise<Host[]> {
    const directory = join(fleetDirectory(this.name), 'hosts');
    const names = (await readdir(directory)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
    const paths = names.map((name) => join(directory, name, 'host.json')).filter((path) => existsSync(path));
    return Promise.all(paths.map(async (path) => new Host(JSON.parse(await readFile(path, 'utf8')) as HostRecord)));
  }

  /** Removes the hosts, their files and the network. Idempotent. */
  async down(): Promise<void> {
    underWatch.fleets.delete(this);
    await removeFleet(this.name);
    this.#lifeline?.end();
  }

  async #claim(suite: Suite, wanted: string | undefined): Promise<HostRecord> {
    const { name: fleet, network } = this.record;
    for (let number = 1; number < 240; number++) {
      const name = wanted ?? `host${number}`;
      if (!NAME.test(name))
        throw new Error(`host name ${JSON.stringify(name)}: use a-z, 0-9 and -, at most 20 characters`);
      const directory = hostDirectory(fleet, name);
      const made = await exclusively(() => mkdir(directory));
      if (!made && wanted !== undefined) throw new Error(`Host ${name} exists in fleet ${fleet}`);
      if (!made) continue;
      const address = await this.#claimAddress(name);
      const record: HostRecord = {
        name,
        fleet,
        machineName: machineName(fleet, name),
        address,
        suite,
        bridge: network.bridge,
        directory,
        keyFile: this.keyFile,
      };
      await writeRecord(join(directory, 'host.json'), record);
      return record;
    }
    throw new Error(`Fleet ${fleet} is full`);
  }

  /** Creating a file exclusively is the claim, so that concurrent processes never share an address. */
  async #claimAddress(host: string): Promise<string> {
    for (let last = FIRST_ADDRESS; last < 255; last++) {
      const address = `${this.record.network.prefix}.${last}`;
      const path = join(fleetDirectory(this.name), `address-${address}`);
      if (await exclusively(() => writeFile(path, host, { flag: 'wx' }))) return address;
    }
    throw new Error(`Fleet ${this.name} has no free address`);
  }
}

/** Whole or not at all: other processes read it at any time. */
async function writeRecord(path: string, record: FleetRecord | HostRecord): Promise<void> {
  await writeFile(`${path}.new`, JSON.stringify(record, undefined, 2));
  await rename(`${path}.new`, path);
}

async function exclusively(create: () => Promise<unknown>): Promise<boolean> {
  try {
    await create();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Starts a process that removes the fleet when this process is gone: the pipe between them closes then. */
function startGuard(name: string): Writable {
  const remove = [process.execPath, '--import', 'tsx', 'test/hosts/cli.ts', 'down', '--fleet', name, '--quiet'];
  const child = spawn('sh', ['-c', 'cat >/dev/null; exec "$@"', 'hostler-guard', ...remove], {
    cwd: REPOSITORY,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, PATH: SYSTEM_PATH, NODE_OPTIONS: '' },
  });
  child.unref();
  // A pipe of a child is a socket; it must not keep this process alive.
  if (child.stdin instanceof Socket) child.stdin.unref();
  return child.stdin;
}
