import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { freeze, hostCgroup, killCgroup, leaderOf, programsIn } from './cgroup.ts';
import { type CommandResult, SYSTEM_PATH, attempt, run, until } from './command.ts';
import type { Suite } from './aptSources.ts';
import { ADD_USER_SCRIPT, type UserOptions, enableSecurityUpdates, hostPublicKeys } from './rootfs.ts';

/** What is written down about a host, in its `host.json`. */
export interface HostRecord {
  name: string;
  fleet: string;
  machineName: string;
  address: string;
  suite: Suite;
  bridge: string;
  /** The host's directory on the machine. */
  directory: string;
  /** Private key that root of the host accepts, for looking at the host by `ssh`. */
  keyFile: string;
}

export interface ExecOptions {
  /** Standard input of the script. */
  input?: string | Buffer;
  /** Milliseconds; default 600 000. */
  timeoutMs?: number;
  /** Positional parameters `$1`, `$2` … of the script. */
  args?: readonly string[];
}

const SUPERVISE = fileURLToPath(new URL('supervise.sh', import.meta.url));
const BOOT_TIMEOUT_MS = 60_000;

/** One booted Debian machine with a real sshd on port 22. */
export class Host {
  readonly record: HostRecord;
  readonly port = 22;

  constructor(record: HostRecord) {
    this.record = record;
  }

  get name(): string {
    return this.record.name;
  }

  get address(): string {
    return this.record.address;
  }

  get machineName(): string {
    return this.record.machineName;
  }

  get suite(): Suite {
    return this.record.suite;
  }

  /** The host's file system as seen from the machine: files can be read and written here, also while it is off. */
  get root(): string {
    return `${this.record.directory}/root`;
  }

  /** Runs a POSIX sh script as root inside the host, without SSH: works with the link down or a firewall in the way. */
  async exec(script: string, options: ExecOptions = {}): Promise<CommandResult> {
    return this.#enter(await this.leader(), script, options);
  }

  /**
   * A path as the running host has it; undefined while it is down, be it between two boots. Where a reboot is waited
   * for, nothing may be run in the host: systemd-shutdown stops every process before it ends it, nsenter stops with
   * its own, and the host waits 90 s for that one to be gone.
   */
  async #pathIfUp(path: string): Promise<string | undefined> {
    const leader = await leaderOf(this.machineName);
    return leader === undefined ? undefined : `/proc/${leader}/root${path}`;
  }

  #enter(leader: number, script: string, options: ExecOptions = {}): Promise<CommandResult> {
    const inside = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LANG=C.UTF-8'];
    const enter = ['nsenter', '-t', String(leader), '-m', '-u', '-i', '-n', '-p', '-r', '-w', 'env', '-i', ...inside];
    return attempt([...enter, 'sh', '-c', script, 'sh', ...(options.args ?? [])], {
      env: { PATH: SYSTEM_PATH },
      ...(options.input === undefined ? {} : { input: options.input }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    });
  }

  /** Like {@link exec}, but returns standard output and rejects when the script fails. */
  async run(script: string, options: ExecOptions = {}): Promise<string> {
    const result = await this.exec(script, options);
    if (result.code !== 0) {
      throw new Error(
        `On ${this.machineName}, exit code ${result.code} of: ${script.slice(0, 400)}\n${result.stderr.slice(-4000)}`,
      );
    }
    return result.stdout;
  }

  /** Runs one shell command over a real SSH login by OpenSSH's client; default: root with the fleet's key. */
  ssh(command: string, options: { user?: string; keyFile?: string } = {}): Promise<CommandResult> {
    return attempt([...this.sshCommand(options), command]);
  }

  /** The `ssh` command line that logs into this host, without a remote command. */
  sshCommand({ user = 'root', keyFile = this.record.keyFile }: { user?: string; keyFile?: string } = {}): string[] {
    const settings = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=10'];
    const options = [...settings, 'IdentitiesOnly=yes', 'LogLevel=ERROR'].flatMap((setting) => ['-o', setting]);
    return ['ssh', '-i', keyFile, ...options, `${user}@${this.address}`];
  }

  /** Public host keys, as lines `type base64`. */
  hostKeys(): Promise<string[]> {
    return hostPublicKeys(this.root);
  }

  /** Changes with every boot. */
  async bootId(): Promise<string> {
    return (await this.run('cat /proc/sys/kernel/random/boot_id')).trim();
  }

  /** Creates an account, or changes one that exists. */
  async addUser(user: UserOptions): Promise<void> {
    const groups = user.groups?.join(',') ?? '';
    const args = [user.name, user.sudo ?? 'none', user.authorizedKeys?.join('\n') ?? '', groups];
    await this.run(ADD_USER_SCRIPT, { args, input: `${user.password ?? ''}\n` });
  }

  /** Adds the suite's security archive to the apt sources (no `apt-get update`): the host has real updates pending. */
  addSecurityUpdates(): Promise<void> {
    return enableSecurityUpdates(this.root);
  }

  /** Switches the host on and waits until its sshd answers. */
  async start(): Promise<void> {
    const { machineName, directory, bridge } = this.record;
    const child = spawn('sh', [SUPERVISE, machineName, hostCgroup(machineName), directory, bridge], {
      detached: true,
      stdio: 'ignore',
      env: { PATH: SYSTEM_PATH },
    });
    child.unref();
    await this.waitForSsh();
  }

  /** Waits until sshd sends its banner and ordinary users may log in. */
  async waitForSsh(timeoutMs = BOOT_TIMEOUT_MS): Promise<void> {
    await until(`an SSH banner from ${this.machineName}`, timeoutMs, async () =>
      (await this.#answers()) && (await leaderOf(this.machineName)) !== undefined ? true : undefined,
    );
    await until(`the end of /run/nologin on ${this.machineName}`, timeoutMs, async () =>
      (await this.#mayLogIn()) ? true : undefined,
    );
  }

  /** Reboots the host from inside and waits for the new boot's sshd. */
  async reboot(): Promise<void> {
    const before = await this.bootId();
    await this.exec('systemctl reboot');
    await this.waitForReboot(before);
  }

  /** Waits until the host has another boot id than `before` and its sshd answers. */
  async waitForReboot(before: string, timeoutMs = BOOT_TIMEOUT_MS): Promise<void> {
    await until(`a reboot of ${this.machineName}`, timeoutMs, async () => {
      const path = await this.#pathIfUp('/proc/sys/kernel/random/boot_id');
      const now = path === undefined ? undefined : await readFile(path, 'utf8').catch(() => undefined);
      return now !== undefined && now.trim() !== before ? true : undefined;
    });
    await this.waitForSsh(timeoutMs);
  }

  /** Shuts the host down orderly and waits until it is off; `start` switches it on again. */
  async stop(): Promise<void> {
    await this.exec('systemctl poweroff');
    await until(`power-off of ${this.machineName}`, BOOT_TIMEOUT_MS, async () =>
      (await this.isRunning()) ? undefined : true,
    );
    await killCgroup(this.machineName);
  }

  /** Cuts the power: every process ends at once, nothing is written back. */
  async kill(): Promise<void> {
    await killCgroup(this.machineName);
  }

  /** Process ids on the machine of what runs `program` in the host; looks from outside, which no reboot minds. */
  programs(program: string): Promise<number[]> {
    return programsIn(this.machineName, program);
  }

  async isRunning(): Promise<boolean> {
    return existsSync(hostCgroup(this.machineName)) && (await leaderOf(this.machineName)) !== undefined;
  }

  /** Stops every process of the host where it stands: it hangs, with its connections open. */
  pause(): Promise<void> {
    return freeze(this.machineName, true);
  }

  resume(): Promise<void> {
    return freeze(this.machineName, false);
  }

  /** Pulls the network cable. */
  async linkDown(): Promise<void> {
    await run(['ip', 'link', 'set', await this.#link(), 'down']);
  }

  async linkUp(): Promise<void> {
    await run(['ip', 'link', 'set', await this.#link(), 'up']);
  }

  /** Process id on the machine of the host's PID 1. */
  async leader(): Promise<number> {
    const leader = await leaderOf(this.machineName);
    if (leader === undefined) throw new Error(`${this.machineName} is not running`);
    return leader;
  }

  /** The machine's end of the host's cable. Its name is shortened by nspawn, so it is found by its number. */
  async #link(): Promise<string> {
    const index = (await this.run('cat /sys/class/net/host0/iflink')).trim();
    const links = await run(['ip', '-o', 'link', 'show', 'master', this.record.bridge]);
    const name = new RegExp(`^${index}: ([^:@]+)`, 'm').exec(links)?.[1];
    if (name === undefined) throw new Error(`No link with number ${index} hangs on ${this.record.bridge}`);
    return name;
  }

  async #mayLogIn(): Promise<boolean> {
    const run = await this.#pathIfUp('/run');
    return run !== undefined && existsSync(run) && !existsSync(`${run}/nologin`);
  }

  #answers(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect({ host: this.address, port: this.port, timeout: 1000 });
      const finish = (answer: boolean) => {
        socket.destroy();
        resolve(answer);
      };
      socket.once('data', (data) => finish(data.toString().startsWith('SSH-')));
      socket.once('error', () => finish(false));
      socket.once('timeout', () => finish(false));
      socket.once('close', () => finish(false));
    });
  }
}
