import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Fleet } from '../../test/hosts/fleet.ts';
import { obstacles } from '../../test/hosts/machine.ts';
import { findSshd } from '../../test/support/sshd.ts';
import { DATA_DIR, isAlive, readState, say, writeState, type State } from './support.ts';

/** The server that the quickstart works on. */
export interface Machine {
  serverName: string;
  kind: State['kind'];
  user: string;
  address: string;
  port: number;
  privateKey: string;
  /** What this kind of server cannot show; printed at the end. */
  remark: string;
}

interface Choice {
  host: string | undefined;
  keyFile: string | undefined;
}

/** An own server when one is named, else a sandbox, else what this machine allows. */
export async function chooseMachine(choice: Choice): Promise<Machine> {
  if (choice.host !== undefined) return ownHost(choice.host, choice.keyFile);
  const hindrances = obstacles();
  if (hindrances.length === 0) return sandbox();
  say(`This machine cannot boot a sandbox server: ${hindrances.join('; ')}.`);
  return localSshd();
}

async function ownHost(host: string, keyFile: string | undefined): Promise<Machine> {
  const { user, address, port } = parseHost(host);
  const path =
    keyFile ?? [join(homedir(), '.ssh/id_ed25519'), join(homedir(), '.ssh/id_rsa')].find((one) => existsSync(one));
  if (path === undefined) throw new Error('no private key in ~/.ssh; name one with --key-file');
  const serverName = 'my-server';
  await writeState({ kind: 'host', serverName });
  say(`Using ${host} with the key ${path}`);
  return {
    kind: 'host',
    serverName,
    user,
    address,
    port,
    privateKey: await readFile(path, 'utf8'),
    remark: '\nDocker is managed in whatever version the server has; see examples/quickstart/server.yaml for more.',
  };
}

function parseHost(host: string): { user: string; address: string; port: number } {
  const parts = /^(?:(?<user>[^@]+)@)?(?:\[(?<v6>[^\]]+)\]|(?<name>[^:]+))(?::(?<port>\d{1,5}))?$/.exec(host)?.groups;
  const address = parts?.['v6'] ?? parts?.['name'];
  if (address === undefined) throw new Error(`--host "${host}" is not user@address[:port]`);
  return { user: parts?.['user'] ?? 'root', address, port: Number(parts?.['port'] ?? 22) };
}

/** A real Debian 12 with systemd, sshd and apt, on a network of its own. */
async function sandbox(): Promise<Machine> {
  const serverName = 'sandbox-1';
  // one per working directory, so that two clones do not share a machine
  const fleetName = `qs-${createHash('sha256').update(resolve('.')).digest('hex').slice(0, 8)}`;
  await writeState({ kind: 'sandbox', serverName, fleet: fleetName });
  const fleet = (await Fleet.open(fleetName, say)) ?? (await Fleet.create({ name: fleetName, persistent: true, say }));
  const found = (await fleet.hosts()).find((host) => host.name === serverName);
  if (found !== undefined && !(await found.isRunning())) await found.start();
  const host = found ?? (await fleet.up({ name: serverName }));
  say(`${host.machineName} (Debian 12, systemd, sshd) answers at ${host.address}`);
  return {
    kind: 'sandbox',
    serverName,
    user: 'root',
    address: host.address,
    port: host.port,
    privateKey: await readFile(fleet.keyFile, 'utf8'),
    remark: '',
  };
}

/** A login without root on this machine: enough to see connecting, trust, facts and preflight. */
async function localSshd(): Promise<Machine> {
  if (findSshd() === undefined) {
    throw new Error(
      'neither a sandbox nor a local sshd is possible: install openssh-server, or name a server with -- --host user@address',
    );
  }
  const serverName = 'this-machine';
  const before = await readState();
  const running = before?.sshdPid !== undefined && isAlive(before.sshdPid);
  const sshd = running ? await describeSshd() : await startDetachedSshd();
  await writeState({ kind: 'local', serverName, sshdPid: sshd.pid });
  return {
    kind: 'local',
    serverName,
    user: sshd.user,
    address: '127.0.0.1',
    port: sshd.port,
    privateKey: await readFile(sshd.clientKeyFile, 'utf8'),
    remark: `
This was an unprivileged login to this machine, under management Observe. It shows connecting, host key trust, facts
and preflight; it does not show Docker being installed, drift being repaired, or reboots. For these use a Linux machine
where you are root, or a server of your own: npm run quickstart -- --host root@address`,
  };
}

interface SshdInfo {
  pid: number;
  port: number;
  user: string;
  clientKeyFile: string;
}

const SSHD_DIR = join(DATA_DIR, 'sshd');

async function describeSshd(): Promise<SshdInfo> {
  return JSON.parse(await readFile(join(SSHD_DIR, 'info.json'), 'utf8')) as SshdInfo;
}

/** The sshd outlives this process: a keeper of its own starts it and stays. */
async function startDetachedSshd(): Promise<SshdInfo> {
  const keeper = spawn(process.execPath, ['--import', 'tsx', 'examples/quickstart/sshdKeeper.ts', SSHD_DIR], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((ready, failed) => {
    keeper.stdout.once('data', () => ready());
    keeper.once('exit', (code) => failed(new Error(`the local sshd did not start (exit code ${String(code)})`)));
  });
  keeper.stdout.destroy();
  keeper.unref();
  return describeSshd();
}
