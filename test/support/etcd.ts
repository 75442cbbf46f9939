import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareTestPrograms } from '../hosts/machine.ts';
import { freePort } from './freePort.ts';

/** Data of etcd lies in memory: no test here is about the disk. */
const MEMORY = '/dev/shm';
const START_MS = 20_000;
/** It says so by other words with TLS than without. */
const SERVING = /serving client traffic/;

/** How {@link EtcdCluster.start} sets up etcd. */
export interface EtcdClusterOptions {
  /** Default 1. */
  members?: number;
  /** PEM files. Clients must then have a certificate of `ca`. */
  tls?: { ca: string; cert: string; key: string };
}

/** A real etcd, of one member or several, on loopback ports. */
export class EtcdCluster {
  readonly members: readonly EtcdMember[];
  readonly #directory: string;

  private constructor(directory: string, members: readonly EtcdMember[]) {
    this.#directory = directory;
    this.members = members;
  }

  /** Starts a fresh cluster; resolves when it answers. */
  static async start(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
    const program = await etcdProgram();
    const directory = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'hostler-etcd-'));
    const ports = [];
    for (let i = 0; i < (options.members ?? 1); i++) ports.push({ client: await freePort(), peer: await freePort() });
    const initial = ports.map(({ peer }, i) => `m${i}=http://127.0.0.1:${peer}`).join(',');
    const members = ports.map(
      ({ client, peer }, i) => new EtcdMember({ program, directory, name: `m${i}`, client, peer, initial, ...options }),
    );
    const cluster = new EtcdCluster(directory, members);
    try {
      await cluster.startAll();
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  get endpoints(): string[] {
    return this.members.map((member) => member.endpoint);
  }

  async startAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.start()));
  }

  /** Kills all members at once; their data stays. */
  async killAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  /** Ends all members and removes their data. */
  async remove(): Promise<void> {
    await this.killAll();
    await rm(this.#directory, { recursive: true, force: true });
  }
}

interface MemberOptions {
  program: string;
  directory: string;
  name: string;
  client: number;
  peer: number;
  /** `--initial-cluster` */
  initial: string;
  tls?: { ca: string; cert: string; key: string };
}

/** One process of etcd. */
export class EtcdMember {
  readonly endpoint: string;
  readonly #options: MemberOptions;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(options: MemberOptions) {
    this.#options = options;
    this.endpoint = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${options.client}`;
  }

  /** Starts it, on the data it had; resolves when it serves clients. */
  async start(): Promise<void> {
    const { program, directory, name, client, peer, initial, tls } = this.#options;
    const scheme = tls === undefined ? 'http' : 'https';
    const flags = {
      name,
      'data-dir': join(directory, name),
      'listen-client-urls': `${scheme}://127.0.0.1:${client}`,
      'advertise-client-urls': `${scheme}://127.0.0.1:${client}`,
      'listen-peer-urls': `http://127.0.0.1:${peer}`,
      'initial-advertise-peer-urls': `http://127.0.0.1:${peer}`,
      'initial-cluster': initial,
      'heartbeat-interval': '50',
      'election-timeout': '500',
      logger: 'zap',
      ...(tls === undefined
        ? {}
        : { 'cert-file': tls.cert, 'key-file': tls.key, 'trusted-ca-file': tls.ca, 'client-cert-auth': 'true' }),
    };
    const args = Object.entries(flags).map(([key, value]) => `--${key}=${value}`);
    // the kernel ends it with this process, also when that is killed
    const argv = ['--pdeathsig', 'KILL', program, ...args];
    const child = spawn('setpriv', argv, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] } });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string): void => reject(new Error(`etcd ${name} ${why}:\n${this.#output.slice(-2_000)}`));
      const timer = setTimeout(() => fail('did not start in time'), START_MS);
      child.once('error', (error) => fail(error.message));
      child.once('exit', () => fail('ended'));
      child.stderr.on('data', (chunk: Buffer) => {
        this.#output = `${this.#output}${chunk.toString()}`.slice(-20_000);
        if (!SERVING.test(this.#output)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Ends it at once, as a crash does, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    this.#output = '';
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGSTOP, SIGCONT and the like. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }
}

let preparing: Promise<string[]> | undefined;

/** The program to run: that of KUBEBUILDER_ASSETS, where it is set, else Debian's, which is installed when missing. */
async function etcdProgram(): Promise<string> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && existsSync(join(assets, 'etcd'))) return join(assets, 'etcd');
  preparing ??= prepareTestPrograms((line) => process.stderr.write(`${line}\n`), ['etcd']);
  const missing = await preparing;
  if (missing.length > 0) throw new Error(`etcd is missing: apt-get install ${missing.join(' ')}`);
  return '/usr/bin/etcd';
}
