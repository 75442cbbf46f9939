import { readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { attempt, run } from '../hosts/command.ts';
import type { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { watchApt } from '../support/aptWatch.ts';
import { CuttingProxy } from '../support/cuttingProxy.ts';
import { holdLock } from '../support/holdLock.ts';
import type { Account, Fault, HostPlan, LastingFault } from './schedule.ts';

/** The user that logs in where that is not root. */
export const USER = 'ops';
/** Longer than a host takes to come back: systemd gives what does not end 90 s. */
const HOST_AWAY_MS = 150_000;

/** Room for two engines, package lists and what is downloaded; held in memory. */
const DISK_MEGABYTES = 1800;
const MEGABYTE = 1024 * 1024;
const DPKG_POLL_MS = 20;

/** Notes every boot from the next one on. */
const BOOTS_UNIT = `[Service]
Type=oneshot
ExecStart=sh -c "echo boot >>/var/lib/boots"
[Install]
WantedBy=multi-user.target
`;

const sudoers = { free: 'NOPASSWD: ALL', asking: 'ALL' } as const;

/** A real host behind a link that can be cut, and how to make things go wrong with both. */
export class Target {
  readonly host: Host;
  readonly link: CuttingProxy;
  readonly plan: HostPlan;
  /** Reboots so far that nobody asked Hostler for. */
  reboots = 0;
  /** How often dpkg was killed where it stood. */
  dpkgKills = 0;
  /** How often the disk was full for a while; dpkg stops in the middle of a package then. */
  fullDisks = 0;
  #resolvers: string | undefined;
  /** Only one reboot at a time. */
  #rebooting: Promise<void> = Promise.resolve();

  private constructor(host: Host, link: CuttingProxy, plan: HostPlan) {
    this.host = host;
    this.link = link;
    this.plan = plan;
  }

  static async up(
    fleet: Fleet,
    name: string,
    plan: HostPlan,
    login: { key: string; password: string },
  ): Promise<Target> {
    const host = await fleet.up({
      name,
      diskMegabytes: DISK_MEGABYTES,
      users: [{ name: USER, password: login.password, sudo: 'NOPASSWD', authorizedKeys: [login.key] }],
    });
    const target = new Target(host, await CuttingProxy.start({ host: host.address, port: 22 }), plan);
    if (plan.account === 'passwordSudo') await target.#setSudo('asking');
    await watchApt(host);
    await host.run('cat >/etc/systemd/system/boots.service; systemctl enable --quiet boots', { input: BOOTS_UNIT });
    return target;
  }

  /** Makes it possible to {@link suffer} from a clock: the machine's own stays as it is. */
  async prepareClock(): Promise<void> {
    await this.host.run('apt-get -q update >/dev/null; apt-get -y -q install libfaketime >/dev/null 2>&1');
  }

  async down(): Promise<void> {
    await this.link.stop();
    await this.host.kill();
  }

  get account(): Account {
    return this.plan.account;
  }

  /** Makes it go wrong, and right again; resolves then. A killed control plane is not the host's business. */
  async suffer(fault: Exclude<Fault, { kind: 'KillControlPlane' }>): Promise<void> {
    switch (fault.kind) {
      case 'CutLink':
        this.link.cutAfter(fault.afterBytes, { heals: true });
        return;
      case 'FreezeLink':
        this.link.freeze();
        await sleep(fault.forMs);
        this.link.thaw();
        return;
      case 'FreezeSshd':
        await this.#run('pkill -STOP "^sshd" || true');
        await sleep(fault.forMs);
        await this.#run('pkill -CONT "^sshd" || true');
        return;
      case 'RebootHost':
        await this.#reboot(fault.how);
        return;
      case 'HoldApt': {
        const lock = await holdLock(this.host, fault.lock).catch(() => undefined);
        await sleep(fault.forMs);
        await lock?.release();
        return;
      }
      case 'KillDpkg':
        await this.#killDpkg(fault.withinMs);
        return;
      case 'FillDisk':
        this.fullDisks += 1;
        await this.#fillDisk(fault.leaveMegabytes);
        await sleep(fault.forMs);
        await rm(this.#filler, { force: true });
        return;
      case 'BreakNames': {
        const path = `${this.host.root}/etc/resolv.conf`;
        const before = (this.#resolvers ??= await readFile(path, 'utf8'));
        await writeFile(path, 'nameserver 127.0.0.1\n');
        await sleep(fault.forMs);
        await writeFile(path, before);
        return;
      }
      case 'MoveClock':
        await this.#moveClock(`${fault.days > 0 ? '+' : ''}${fault.days}d`);
        await sleep(fault.forMs);
        await this.#moveClock('+0');
        return;
      case 'ChangeSudo':
        await this.#setSudo(this.account === 'passwordSudo' ? 'free' : 'asking');
        await sleep(fault.forMs);
        await this.#setSudo(this.account === 'passwordSudo' ? 'asking' : 'free');
        return;
      case 'ShellNoise':
        await this.#makeNoise();
        await sleep(fault.forMs);
        await this.#run(`sed -i "/shell-noise/d" ${this.#home}/.bashrc`);
    }
  }

  /** Makes it go wrong for good. */
  async sufferForGood(fault: LastingFault): Promise<void> {
    if (fault === 'DemandSudoPassword') await this.#setSudo('asking');
    else {
      // a login that began before would end with the old keys
      await this.#run('systemctl stop ssh; pkill -KILL sshd || true');
      await this.#run('rm -f /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl start ssh');
    }
  }

  get #filler(): string {
    return `${this.host.root}/var/filler`;
  }

  async #killDpkg(withinMs: number): Promise<void> {
    const until = Date.now() + withinMs;
    while (Date.now() < until) {
      const [pid] = await this.host.programs('dpkg');
      if (pid !== undefined) {
        this.dpkgKills += 1;
        await attempt(['kill', '-KILL', String(pid)]);
        return;
      }
      await sleep(DPKG_POLL_MS);
    }
  }

  async #fillDisk(leaveMegabytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.host.root);
    const bytes = bavail * bsize - leaveMegabytes * MEGABYTE;
    // what is written meanwhile may be in the way
    if (bytes > 0) await run(['fallocate', '-l', String(bytes), this.#filler]).catch(() => undefined);
  }

  async #moveClock(offset: string): Promise<void> {
    await this.#run(
      `library=$(dpkg -L libfaketime | grep -x '.*/libfaketime.so.1')
      printf 'LD_PRELOAD=%s\\nFAKETIME=%s\\n' "$library" "$1" >/run/clock && cat /run/clock >/etc/environment
      systemctl set-environment "LD_PRELOAD=$library" "FAKETIME=$1" || true`,
      [offset],
    );
  }

  get #home(): string {
    return this.account === 'root' ? '/root' : `/home/${USER}`;
  }

  /** As a message of the day, on both outputs; bash reads this file for a command over SSH too. */
  async #makeNoise(): Promise<void> {
    const line = 'echo "Welcome! 3 users, load $RANDOM"; echo "disk is 81 % full" >&2 # shell-noise';
    await this.#run(
      `{ printf '%s\\n' "$1"; cat ${this.#home}/.bashrc 2>/dev/null || true; } >/run/noisy
      cat /run/noisy >${this.#home}/.bashrc`,
      [line],
    );
  }

  async #setSudo(how: keyof typeof sudoers): Promise<void> {
    const rule = `${USER} ALL=(ALL:ALL) ${sudoers[how]}`;
    await this.#run('printf "%s\\n" "$1" >/run/sudoers && mv /run/sudoers "/etc/sudoers.d/90-$2"', [rule, USER]);
  }

  #reboot(how: 'orderly' | 'power cut'): Promise<void> {
    this.#rebooting = this.#rebooting.then(async () => {
      this.reboots += 1;
      if (how === 'orderly') {
        const before = await this.host.bootId();
        await this.host.exec('systemctl reboot');
        await this.host.waitForReboot(before, HOST_AWAY_MS);
      } else {
        await this.host.kill();
        await this.host.start();
      }
    });
    return this.#rebooting;
  }

  /** Once the host is there, should it be between two boots. */
  async #run(script: string, args: readonly string[] = []): Promise<void> {
    const until = Date.now() + HOST_AWAY_MS;
    for (;;) {
      try {
        await this.host.run(script, { args, timeoutMs: 20_000 });
        return;
      } catch (error) {
        if (Date.now() > until) throw error;
        await sleep(500);
      }
    }
  }
}
