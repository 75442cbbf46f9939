import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { findCondition } from '../../src/api/conditions.ts';
import { API_VERSION } from '../../src/api/meta.ts';
import type { Reason } from '../../src/api/reasons.ts';
import type { Server } from '../../src/api/server.ts';
import { isFinalPhase, type ServerOperationStatus } from '../../src/api/serverOperation.ts';
import { ApiError } from '../../src/kube/apiError.ts';
import { serverOperations, servers } from '../../src/kube/hostlerResources.ts';
import type { Fleet } from '../hosts/fleet.ts';
import { Canaries } from '../support/canaries.ts';
import type { ControlPlane, Home } from '../support/controlPlane.ts';
import { startControlPlane } from '../support/home.ts';
import { checkInvariants } from '../support/invariants.ts';
import { expectDocker, expectNoJobLeft, expectProxy, expectSoundPackages, waitForJobs } from '../support/soundHost.ts';
import { isConverged, isTrue } from './converged.ts';
import { COMMAND_LOG, HOOK_LOG, laterProxy, NEWER_ENGINE, specOf } from './declared.ts';
import { pressOn } from './pressOn.ts';
import { lastingFaults, type Fault, type HostPlan, type Schedule } from './schedule.ts';
import { Target } from './target.ts';

type Operation = NonNullable<HostPlan['operation']>['type'];

/** Why an operation may fail: it, or what it waits for, was cut off. */
const whyNot: Readonly<Record<Operation, readonly Reason[]>> = {
  RunCommand: ['Interrupted', 'CommandFailed'],
  Cleanup: ['Interrupted', 'DiskFull', 'StepFailed'],
  Reboot: ['RebootFailed'],
};
const INSIST_MS = 60_000;
const POLL_MS = 250;
/** After so many looks somebody reads what the Server asks for. */
const PATIENCE = 40;
const FLAGS = ['--allow-loopback', '--health-interval', '2s', '--drift-interval', '4s'];
/** After the last fault: a kill in the middle of a first login costs a minute, a busy package manager 15 s at a time. */
const CONVERGE_MS = 300_000;
/** Two looks at everything: whatever was Ready only in the status shows itself. */
const CONFIRM_MS = 9000;

/** Provisions the hosts of a schedule while its faults happen, and looks at what came of it. */
export class FaultRun {
  readonly #schedule: Schedule;
  readonly #plane: ControlPlane;
  readonly #targets: readonly Target[];
  readonly #canaries: Canaries;
  readonly #proxyImage: string;
  /** The control plane dies and comes back one time after the other. */
  #restarting: Promise<void> = Promise.resolve();

  private constructor(
    schedule: Schedule,
    plane: ControlPlane,
    targets: readonly Target[],
    { canaries, proxyImage }: { canaries: Canaries; proxyImage: string },
  ) {
    this.#schedule = schedule;
    this.#plane = plane;
    this.#targets = targets;
    this.#canaries = canaries;
    this.#proxyImage = proxyImage;
  }

  /**
   * @param settings.env  Environment of the control plane.
   * @param settings.proxyImage  Of nginx, without tag; not asked for where no host of the schedule has a proxy.
   */
  static async prepare(
    fleet: Fleet,
    schedule: Schedule,
    { env, proxyImage, home }: { env: Record<string, string>; proxyImage: string; home: Home },
  ): Promise<FaultRun> {
    const canaries = new Canaries();
    const password = canaries.make('sudo password');
    const pem = await readFile(fleet.keyFile, 'utf8');
    canaries.addKey('private key', pem);
    const key = (await readFile(`${fleet.keyFile}.pub`, 'utf8')).trim();
    const started = startControlPlane(FLAGS, { env }, home);
    const targets = schedule.hosts.map((plan, index) =>
      Target.up(fleet, `s${schedule.seed}-${index}`, plan, { key, password }),
    );
    const run = new FaultRun(schedule, await started, await Promise.all(targets), { canaries, proxyImage });
    const clocks = new Set(schedule.faults.filter(({ kind }) => kind === 'MoveClock').map(({ host }) => host));
    for (const index of clocks) await run.#targets[index]?.prepareClock();
    await run.#plane.createSecret('key', 'kubernetes.io/ssh-auth', { 'ssh-privatekey': pem });
    await run.#plane.createSecret('sudo', 'kubernetes.io/basic-auth', { password });
    return run;
  }

  /** Everything up to the end of the last fault. */
  async suffer(): Promise<void> {
    for (const [index, target] of this.#targets.entries()) {
      await this.#plane.createServer(nameOf(index), specOf(target, this.#proxyImage));
    }
    const created = Date.now();
    const at = async (ms: number, act: () => Promise<void>): Promise<void> => {
      await sleep(Math.max(0, created + ms - Date.now()));
      await act();
    };
    const sufferings = this.#schedule.faults.map((fault) =>
      at(fault.atMs, () =>
        fault.kind === 'KillControlPlane' ? this.#restart(fault.downMs) : this.#targetOf(fault).suffer(fault),
      ),
    );
    const requests = this.#targets.flatMap(({ plan: { upgradeAtMs, proxy, operation } }, index) => [
      ...(upgradeAtMs === undefined
        ? []
        : [at(upgradeAtMs, () => this.#declare(index, { docker: { version: NEWER_ENGINE } }))]),
      ...(proxy === undefined
        ? []
        : [at(proxy.atMs, () => this.#declare(index, { proxy: laterProxy(proxy, this.#proxyImage) }))]),
      ...(operation === undefined ? [] : [at(operation.atMs, () => this.#operate(index, operation.type))]),
    ]);
    await Promise.all([...sufferings, ...requests]);
  }

  #declare(index: number, spec: object): Promise<void> {
    return insist(() => this.#plane.client.patch(servers, { namespace: 'default', name: nameOf(index) }, { spec }));
  }

  #operate(index: number, type: Operation): Promise<void> {
    const script = `echo ran >>${COMMAND_LOG}; sleep 3`;
    return insist(() =>
      this.#plane.client.create(serverOperations, {
        apiVersion: API_VERSION,
        kind: 'ServerOperation',
        metadata: { name: operationOf(index), namespace: 'default' },
        spec: { serverRef: { name: nameOf(index) }, type, ...(type === 'RunCommand' && { runCommand: { script } }) },
      }),
    );
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
      const interruptions = target.reboots + target.dpkgKills + target.fullDisks;
      if (index === 0 && lasting !== undefined) {
        await this.#plane.waitFor(nameOf(index), (one) => isStalled(one, lastingFaults[lasting]), CONVERGE_MS);
        await waitForJobs(target.host);
        await expectSoundPackages(target.host, { interruptions });
        continue;
      }
      await this.#convergence(index);
      await sleep(CONFIRM_MS);
      await this.#plane.waitFor(nameOf(index), isConverged, CONFIRM_MS);
      await expectSoundPackages(target.host, { interruptions });
      await this.#expectEngine(target);
      const { proxy } = target.plan;
      if (proxy !== undefined) await expectProxy(target.host, laterProxy(proxy, this.#proxyImage));
      await expectNoJobLeft(target.host);
      expect(await linesOf(target, HOOK_LOG), 'how often the hook ran').toBeLessThanOrEqual(1 + target.reboots);
      if (target.plan.operation !== undefined) await this.#expectOperation(index, target, target.plan.operation.type);
    }
    const hosts = new Map(this.#targets.map(({ host }, index) => [nameOf(index), host]));
    await checkInvariants(this.#plane, { hosts, canaries: this.#canaries });
  }

  /** As declared, and what was asked for is over. */
  async #convergence(index: number): Promise<void> {
    const until = Date.now() + CONVERGE_MS;
    let patience = 0;
    for (;;) {
      const server = await this.#plane.server(nameOf(index));
      if (isConverged(server) && isFinalPhase((await this.#operation(index)).phase)) return;
      if (Date.now() > until) break;
      // what a person has to decide is decided once all is well again
      if (++patience % PATIENCE === 0) for (const name of await pressOn(this.#plane)) console.log(`${name}: Retry`);
      await sleep(POLL_MS);
    }
    // tells how it stands instead
    await this.#plane.waitFor(nameOf(index), isConverged, CONFIRM_MS);
    throw new Error(`what was asked of ${nameOf(index)} is not over: ${JSON.stringify(await this.#operation(index))}`);
  }

  /** Where there is none, it is over. */
  async #operation(index: number): Promise<ServerOperationStatus> {
    if (this.#targets[index]?.plan.operation === undefined) return { phase: 'Succeeded' };
    const key = { namespace: 'default', name: operationOf(index) };
    return (await this.#plane.client.get(serverOperations, key)).status ?? {};
  }

  async #expectEngine({ host, plan: { engine, upgradeAtMs } }: Target): Promise<void> {
    if (engine === 'docker.io') return expectDocker(host, /^20\.10\./);
    if (upgradeAtMs === undefined) return expectDocker(host, /^26\./);
    // declared before the older one was installed, the newer one is the only one
    const older = Number(
      await host.run('cat /var/log/dpkg.log* | grep -c " status installed docker-ce:[^ ]* 5:26" || true'),
    );
    return expectDocker(host, /^28\./, { releases: 1 + older });
  }

  /** Once, or told why not; never twice. */
  async #expectOperation(index: number, target: Target, type: Operation): Promise<void> {
    const { host } = target;
    const { phase, message = '', conditions } = await this.#operation(index);
    const [reason] = (conditions ?? []).map((one) => one.reason);
    if (phase !== 'Succeeded') expect(whyNot[type], message).toContain(reason);
    const isDone = phase === 'Succeeded' ? 1 : 0;
    const boots = await linesOf(target, '/var/lib/boots');
    expect(boots, 'boots').toBeLessThanOrEqual(target.reboots + (type === 'Reboot' ? 1 : 0));
    if (type === 'Reboot') expect(boots, 'boots').toBeGreaterThanOrEqual(isDone);
    if (type !== 'RunCommand') return;
    const runs = await linesOf(target, COMMAND_LOG);
    expect(runs, `runs of the command on ${host.name}`).toBeLessThanOrEqual(1);
    expect(runs, `runs of the command on ${host.name}`).toBeGreaterThanOrEqual(isDone);
  }

  /** Copies the logs of the control plane and the hosts to where they stay. Returns where that is. */
  async keepLogs(): Promise<string> {
    const directory = join(tmpdir(), `hostler-fault-${this.#schedule.seed}`);
    await mkdir(directory, { recursive: true });
    await copyFile(this.#plane.logFile, join(directory, 'hostler.log'));
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

function operationOf(index: number): string {
  return `act${index}`;
}

async function linesOf({ host }: Target, path: string): Promise<number> {
  return (await host.run(`cat ${path} 2>/dev/null || true`)).split('\n').length - 1;
}

/** Until the API, which may be away, took it. */
async function insist(write: () => Promise<unknown>): Promise<void> {
  const until = Date.now() + INSIST_MS;
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      // it was taken, and the answer was lost
      if (error instanceof ApiError && error.code === 409) return;
      if (Date.now() > until) throw error;
      await sleep(200);
    }
  }
}

function isStalled({ status }: Server, reasons: readonly string[]): boolean {
  const stalled = findCondition(status?.conditions, 'Stalled');
  return stalled !== undefined && reasons.includes(stalled.reason);
}
