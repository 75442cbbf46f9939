import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { findCondition, type ConditionType } from '../../src/api/conditions.ts';
import type { Server } from '../../src/api/server.ts';
import type { ServerSpec } from '../../src/api/serverSpec.ts';
import type { Fleet } from '../hosts/fleet.ts';
import { Canaries } from '../support/canaries.ts';
import { ControlPlane } from '../support/controlPlane.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectDocker, expectNoJobLeft, expectSoundPackages, waitForJobs } from '../support/soundHost.ts';
import { lastingFaults, type Fault, type Schedule } from './schedule.ts';
import { Target, USER } from './target.ts';

const HOOK_LOG = '/var/tmp/hook-ran';
const FLAGS = ['--allow-loopback', '--health-interval', '2s', '--drift-interval', '4s'];
/** After the last fault: a kill in the middle of a first login costs a minute, a busy package manager 15 s at a time. */
const CONVERGE_MS = 180_000;
/** Two looks at everything: whatever was Ready only in the status shows itself. */
const CONFIRM_MS = 9000;

/** Provisions the hosts of a schedule while its faults happen, and looks at what came of it. */
export class FaultRun {
  readonly #schedule: Schedule;
  readonly #plane: ControlPlane;
  readonly #targets: readonly Target[];
  readonly #canaries: Canaries;
  /** The control plane dies and comes back one time after the other. */
  #restarting: Promise<void> = Promise.resolve();

  private constructor(schedule: Schedule, plane: ControlPlane, targets: readonly Target[], canaries: Canaries) {
    this.#schedule = schedule;
    this.#plane = plane;
    this.#targets = targets;
    this.#canaries = canaries;
  }

  static async prepare(fleet: Fleet, schedule: Schedule): Promise<FaultRun> {
    const canaries = new Canaries();
    const password = canaries.make('sudo password');
    const pem = await readFile(fleet.keyFile, 'utf8');
    canaries.addKey('private key', pem);
    const key = (await readFile(`${fleet.keyFile}.pub`, 'utf8')).trim();
    const started = ControlPlane.start(FLAGS);
    const targets = schedule.hosts.map((plan, index) =>
      Target.up(fleet, `s${schedule.seed}-${index}`, plan, { key, password }),
    );
    const run = new FaultRun(schedule, await started, await Promise.all(targets), canaries);
    await run.#plane.createSecret('key', 'kubernetes.io/ssh-auth', { 'ssh-privatekey': pem });
    await run.#plane.createSecret('sudo', 'kubernetes.io/basic-auth', { password });
    return run;
  }

  /** Everything up to the end of the last fault. */
  async suffer(): Promise<void> {
    for (const [index, target] of this.#targets.entries()) {
      await this.#plane.createServer(nameOf(index), specOf(target));
    }
    const created = Date.now();
    const sufferings = this.#schedule.faults.map(async (fault) => {
      await sleep(Math.max(0, created + fault.atMs - Date.now()));
      await (fault.kind === 'KillControlPlane' ? this.#restart(fault.downMs) : this.#targetOf(fault).suffer(fault));
    });
    await Promise.all(sufferings);
  }

  /** Waits until every Server came to rest, and checks that it did so rightly. */
  async expectGoodEnd(): Promise<void> {
    const { lasting } = this.#schedule;
    if (lasting !== undefined) {
      // before a first contact other host keys are no fault
      await this.#plane.waitFor(nameOf(0), (one) => isTrue(one, 'HostKeyVerified'), CONVERGE_MS);
      await this.#targets[0]?.sufferForGood(lasting);
    }
    for (const [index, target] of this.#targets.entries()) {
      const interruptions = target.reboots;
      if (index === 0 && lasting !== undefined) {
        await this.#plane.waitFor(nameOf(index), (one) => isStalled(one, lastingFaults[lasting]), CONVERGE_MS);
        await waitForJobs(target.host);
        await expectSoundPackages(target.host, { interruptions });
        continue;
      }
      await this.#plane.waitFor(nameOf(index), isConverged, CONVERGE_MS);
      await sleep(CONFIRM_MS);
      await this.#plane.waitFor(nameOf(index), isConverged, CONFIRM_MS);
      await expectSoundPackages(target.host, { interruptions });
      await expectDocker(target.host, /^20\.10\./);
      await expectNoJobLeft(target.host);
      const ran = await target.host.run(`cat ${HOOK_LOG}`);
      expect(ran.split('\n').length - 1, 'how often the hook ran').toBeLessThanOrEqual(1 + interruptions);
    }
    const hosts = new Map(this.#targets.map(({ host }, index) => [nameOf(index), host]));
    await checkInvariants(this.#plane, { hosts, canaries: this.#canaries });
  }

  /** Copies the logs of the control plane and the hosts to where they stay. Returns where that is. */
  async keepLogs(): Promise<string> {
    const directory = join(tmpdir(), `hostler-fault-${this.#schedule.seed}`);
    await mkdir(directory, { recursive: true });
    await copyFile(join(this.#plane.directory, 'serve.log'), join(directory, 'serve.log'));
    for (const { host } of this.#targets) {
      await copyFile(join(host.record.directory, 'console.log'), join(directory, `${host.name}.log`));
    }
    return directory;
  }

  async end(): Promise<void> {
    await this.#restarting.catch(() => undefined);
    await this.#plane.remove();
    await Promise.all(this.#targets.map((target) => target.down()));
  }

  #targetOf({ host }: Fault): Target {
    const target = this.#targets[host];
    if (target === undefined) throw new Error(`the schedule has no host ${host}`);
    return target;
  }

  #restart(downMs: number): Promise<void> {
    this.#restarting = this.#restarting.then(async () => {
      await this.#plane.kill();
      await sleep(downMs);
      await this.#plane.start();
    });
    return this.#restarting;
  }
}

function nameOf(index: number): string {
  return `host${index}`;
}

function specOf({ link, account, plan: { hook } }: Target): ServerSpec {
  const auth = { privateKeySecretRef: { name: 'key' } };
  const withPassword = {
    hostKeyPolicy: 'TrustOnFirstUse',
    privilege: { passwordSecretRef: { name: 'sudo' } },
  } as const;
  return {
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    ssh: {
      port: link.port,
      user: account === 'root' ? 'root' : USER,
      auth,
      ...(account === 'passwordSudo' && withPassword),
    },
    docker: { version: '20.10' },
    requirements: { disk: '1G' },
    hooks: [{ name: 'once', when: hook.when, script: `echo ran >>${HOOK_LOG}; sleep ${hook.seconds}` }],
  };
}

function isTrue({ status }: Server, type: ConditionType): boolean {
  return findCondition(status?.conditions, type)?.status === 'True';
}

function isConverged(server: Server): boolean {
  const isCurrent = server.status?.observedGeneration === server.metadata.generation;
  return isCurrent && isTrue(server, 'Ready') && !isTrue(server, 'Reconciling');
}

function isStalled({ status }: Server, reasons: readonly string[]): boolean {
  const stalled = findCondition(status?.conditions, 'Stalled');
  return stalled !== undefined && reasons.includes(stalled.reason);
}
