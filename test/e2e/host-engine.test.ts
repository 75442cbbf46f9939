import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { effectiveServer } from '../../src/api/effective.ts';
import { exitCodes } from '../../src/host/exitCodes.ts';
import { runHook } from '../../src/host/hooks.ts';
import {
  cancelJob,
  consumeJob,
  jobID,
  jobStatus,
  startJob,
  type JobSpec,
  type JobStatus,
} from '../../src/host/jobs.ts';
import { observe, type Observation } from '../../src/host/observe.ts';
import { claim, removeAgent, takeOver, type Claim, type Owner } from '../../src/host/ownership.ts';
import { runPreflight } from '../../src/host/preflight.ts';
import { tasks } from '../../src/host/tasks/registry.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { findCause, ReconcileError } from '../../src/lib/errors.ts';
import type { Connection, Session } from '../../src/ssh/session.ts';
import { until } from '../hosts/command.ts';
import { Fleet } from '../hosts/fleet.ts';
import type { Host } from '../hosts/host.ts';
import { CuttingProxy } from '../support/cuttingProxy.ts';
import { holdLock } from '../support/holdLock.ts';
import { logIn } from '../support/hostLogin.ts';

const STARTER = fileURLToPath(new URL('../support/jobStarter.ts', import.meta.url));
const WAIT_MS = 60_000;

let fleet: Fleet;
let host: Host;
const connections: Connection[] = [];

beforeAll(async () => {
  fleet = await Fleet.create();
  const authorizedKeys = [(await readFile(`${fleet.keyFile}.pub`, 'utf8')).trim()];
  host = await fleet.up({
    users: [
      { name: 'ubuntu', sudo: 'NOPASSWD', authorizedKeys },
      { name: 'guest', sudo: 'none', authorizedKeys },
    ],
  });
});
afterAll(() => fleet.down());
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await host.run('systemctl stop "hostler-*" || :; rm -rf /var/lib/hostler /root/count');
});

async function open(over: { user?: string; port?: number; privilege?: 'None' } = {}): Promise<Connection> {
  const address = over.port === undefined ? host.address : '127.0.0.1';
  const connection = await logIn({ address, keyFile: fleet.keyFile, ...over });
  connections.push(connection);
  return connection;
}

const owner = (over: Partial<Owner> = {}): Owner => ({
  installation: 'installation-1',
  server: 'server-1',
  token: { lease: 'lease-1', transitions: 3 },
  ...over,
});
const holding = (wanted: Owner = owner()): Claim => ({ owner: wanted, stillHeld: () => Promise.resolve(true) });
let number = 0;
function job(text: string, over: Partial<JobSpec> = {}): JobSpec {
  const attempt = ++number;
  const change = 'docker-engine/package';
  const id = jobID('server-1', { name: change, params: {} }, attempt);
  return { id, change, attempt, script: { name: 'test', text }, timeoutSeconds: 120, ...over };
}
const counting = (seconds: number): JobSpec =>
  job(`echo "ran $HOSTLER_JOB" >>/root/count; sleep ${seconds}; echo over`);
const runs = async (spec: JobSpec): Promise<number> =>
  (await host.run('cat /root/count 2>/dev/null || :')).split('\n').filter((line) => line === `ran ${spec.id}`).length;

async function reasonOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'done';
  } catch (error) {
    const known = findCause(error, ReconcileError);
    if (known === undefined) throw error;
    return known.reason;
  }
}

/** As a controller does after any interruption: log in again, start the same job again, until it ended. */
async function insist(spec: JobSpec): Promise<JobStatus> {
  for (let round = 0; round < 20; round++) {
    const session = await open();
    const outcome = await startJob(session, spec, { claim: holding(), waitMs: WAIT_MS }).catch((error: unknown) => {
      if (findCause(error, ReconcileError)?.reason !== 'WaitingForJob') throw error;
      return undefined;
    });
    if (outcome !== undefined && outcome.state !== 'Running') return outcome;
  }
  throw new Error('never ended');
}

function effective(docker?: object) {
  const ssh = { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } };
  const addresses = [{ type: 'IPv4' as const, address: '192.0.2.1' }];
  return effectiveServer({ spec: { addresses, ssh, ...(docker === undefined ? {} : { docker }) } });
}

const look = (session: Session, previous?: Observation): Promise<Observation> =>
  observe(session, { effective: effective({ users: ['ubuntu'] }), tasks, previous, clock: systemClock });

describe('observing a real host', () => {
  it('sees what the host is, in one round trip, as root', async () => {
    const session = await open();
    const { facts, failed } = await look(session);
    expect([...failed]).toEqual([]);
    expect(facts).toMatchObject({
      hostname: host.name,
      os: { id: 'debian', versionID: '12', codename: 'bookworm' },
      osTier: 1,
      packageManager: 'apt',
      initSystem: 'systemd',
      container: 'systemd-nspawn',
      user: { name: 'root', isRoot: true },
      ports: [],
      owner: { state: 'Free' },
      jobs: [],
      packageLocks: [],
      reboot: { required: false },
    });
    expect(facts.machineID).toBe((await host.run('cat /etc/machine-id')).trim());
    expect(facts.bootID?.startsWith(await host.bootId())).toBe(true);
    expect(Math.abs(facts.clockSkewMs ?? Infinity)).toBeLessThan(2000);
    expect(facts.fileSystems.map(({ path }) => path)).toContain('/var/lib');
  });

  it('changes nothing on the host', async () => {
    const snapshot = (): Promise<string> =>
      host.run(
        `find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/log/journal -o -path /tmp/systemd-private-* \\) -prune -o -printf '%p %y %m %u %g %s %T@ %C@ %l\\n' | sort
find /run -xdev -path /run/systemd -prune -o -path /run/log -prune -o -printf '%p %y\\n' | sort`,
      );
    const session = await open();
    await session.run({ name: 'settle', text: 'sleep 2' });
    const before = await snapshot();
    const first = await look(session);
    await look(session, first);
    expect(await snapshot()).toBe(before);
  });

  it('works for a user with sudo, and names that user', async () => {
    const session = await open({ user: 'ubuntu' });
    const { facts, failed } = await look(session);
    expect([...failed]).toEqual([]);
    expect(facts.user).toMatchObject({ name: 'ubuntu', isRoot: false });
    expect(facts.user?.groups).toContain('ubuntu');
    expect(facts.owner).toEqual({ state: 'Free' });
  });

  it('works without root and takes nothing that it may not read for absent', async () => {
    await claim(await open(), holding());
    await host.run('chmod 700 /var/lib/hostler');
    const session = await open({ user: 'guest', privilege: 'None' });
    const { facts, failed } = await look(session);
    expect([...failed]).toEqual([]);
    expect(facts).toMatchObject({ owner: { state: 'Unreadable' }, user: { name: 'guest' }, packageManager: 'apt' });
    expect(facts.jobs).toBeUndefined();
    const observation = await observe(session, { effective: effective(), tasks, clock: systemClock });
    const preflight = runPreflight(effective(), observation, { privilege: session.privilege, tasks });
    expect(preflight.checks.find(({ name }) => name === 'privilege')).toMatchObject({
      result: 'Fail',
      severity: 'Required',
    });
  });

  it('gathers the slow facts again only when the package state changed', async () => {
    const session = await open();
    const first = await look(session);
    const second = await look(session, first);
    expect(second.slow.results).toEqual(first.slow.results);
    for (const [name, { result }] of second.slow.results)
      expect(result, name).toBe(first.slow.results.get(name)?.result);
    await host.run('touch /etc/apt/sources.list.d/new.list');
    const third = await look(session, second);
    expect(third.slow.signature).not.toBe(second.slow.signature);
    expect(third.slow.results.get('core#1')?.result).toBe(second.slow.results.get('core#1')?.result);
    expect(third.facts.updates).toEqual(second.facts.updates);
    await host.run('rm /etc/apt/sources.list.d/new.list');
  });

  it('names who holds port 80, and the job that runs', async () => {
    const session = await open();
    await host.run(
      `systemd-run --quiet --unit=web perl -MIO::Socket::INET -e '$$s = IO::Socket::INET->new(Listen => 1, LocalPort => 80) or die; sleep 60'`,
    );
    await until('a listener on port 80', 10_000, async () =>
      (await host.run('ss -Hltn "sport = :80"')) === '' ? undefined : true,
    );
    await startJob(session, counting(3), { claim: holding() });
    const { facts } = await look(session);
    await host.run('systemctl stop web');
    expect(facts.ports).toEqual([{ port: 80, process: 'perl', pid: expect.any(Number) as number }]);
    expect(facts.owner).toMatchObject({ state: 'Owned', server: 'server-1' });
    expect(facts.jobs).toMatchObject([{ change: 'docker-engine/package', server: 'server-1', state: 'Running' }]);
  });
});

describe('a durable job on a real host', () => {
  it('runs as a unit of its own with root as home, and leaves no unit behind', async () => {
    const session = await open();
    const spec = job('cat /proc/self/cgroup; echo "home $HOME"; exit 3');
    const status = await startJob(session, spec, { claim: holding(), waitMs: WAIT_MS });
    expect(status).toMatchObject({ state: 'Exited', exitCode: 3 });
    expect(status.state === 'Exited' && status.logTail).toMatch(/hostler-[0-9a-f]+\.service\nhome \/root$/);
    await consumeJob(session, spec.id, { claim: holding() });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
    // the result is there some milliseconds before systemd has seen the runner's end
    await expect
      .poll(() => host.run('systemctl list-units --all --plain --no-legend "hostler-*"'), { timeout: 10_000 })
      .toBe('');
  });

  it('goes on when its starter is killed at any moment, and never runs twice', async () => {
    for (const delayMs of [0, 20, 60, 120, 250, 500]) {
      const spec = counting(1);
      const starter = spawn(
        process.execPath,
        ['--import', 'tsx', STARTER, host.address, fleet.keyFile, JSON.stringify({ spec, owner: owner() })],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(starter.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      starter.kill('SIGKILL');
      expect(await insist(spec)).toMatchObject({ state: 'Exited', exitCode: 0 });
      expect(await runs(spec)).toBe(1);
      await consumeJob(await open(), spec.id, { claim: holding() });
    }
  });

  it('survives a link that is cut at any byte, and never runs twice', async () => {
    const measure = await CuttingProxy.start({ host: host.address, port: 22 });
    const whole = await startOver(measure, counting(0), Number.POSITIVE_INFINITY);
    await measure.stop();
    const seed = Number(process.env['HOSTLER_TEST_SEED'] ?? Date.now() % 100_000);
    for (let round = 0; round < 12; round++) {
      const bytes = 1 + ((seed * 7919 + round * Math.ceil(whole / 12) + ((seed * 31 + round * 17) % 997)) % whole);
      const proxy = await CuttingProxy.start({ host: host.address, port: 22 });
      const spec = counting(1);
      await startOver(proxy, spec, bytes);
      await proxy.stop();
      const message = `seed ${seed}, cut after ${bytes} of ${whole} bytes`;
      expect(await insist(spec), message).toMatchObject({ state: 'Exited', exitCode: 0 });
      expect(await runs(spec), message).toBe(1);
      await consumeJob(await open(), spec.id, { claim: holding() });
    }
  });

  it('runs once when two controllers start it at the same instant', async () => {
    const spec = counting(1);
    const sessions = await Promise.all([open(), open(), open()]);
    const results = await Promise.all(
      sessions.map((session) => startJob(session, spec, { claim: holding(), waitMs: WAIT_MS })),
    );
    for (const result of results) expect(result).toMatchObject({ state: 'Exited', exitCode: 0 });
    expect(await runs(spec)).toBe(1);
  });

  it('lets only one of two different jobs run', async () => {
    const [one, other] = [counting(3), counting(3)];
    const sessions = await Promise.all([open(), open()]);
    const results = await Promise.all([
      reasonOf(startJob(sessions[0], one, { claim: holding() })),
      reasonOf(startJob(sessions[1], other, { claim: holding() })),
    ]);
    expect(results.sort()).toEqual(['WaitingForJob', 'done']);
    for (const { id } of [one, other]) await jobStatus(sessions[0], id, { waitMs: WAIT_MS });
    expect((await runs(one)) + (await runs(other))).toBe(1);
  });

  it('is interrupted by a reboot, keeps the owner, and can be tried again', async () => {
    const spec = counting(300);
    await startJob(await open(), spec, { claim: holding() });
    await host.reboot();
    const session = await open();
    const { facts } = await look(session);
    expect(facts.owner).toMatchObject({ state: 'Owned', server: 'server-1' });
    expect(facts.jobs).toMatchObject([{ id: spec.id, state: 'Interrupted' }]);
    expect(await jobStatus(session, spec.id)).toMatchObject({ state: 'Interrupted' });
    await consumeJob(session, spec.id, { claim: holding() });
    const again = counting(0);
    expect(await startJob(session, again, { claim: holding(), waitMs: WAIT_MS })).toMatchObject({ exitCode: 0 });
  });

  it('is interrupted by a power cut', async () => {
    const spec = counting(300);
    await startJob(await open(), spec, { claim: holding() });
    await host.kill();
    await host.start();
    await host.waitForSsh();
    expect(await jobStatus(await open(), spec.id)).toMatchObject({ state: 'Interrupted' });
  });

  it('is interrupted when its processes are killed, and nothing of it goes on', async () => {
    const session = await open();
    const spec = job('sleep 300 & sleep 300');
    await startJob(session, spec, { claim: holding() });
    await host.run('kill -9 "$(cut -d" " -f1 "/var/lib/hostler/jobs/$1/process")"', { args: [spec.id] });
    expect(await jobStatus(session, spec.id, { waitMs: 10_000 })).toMatchObject({ state: 'Interrupted' });
    expect(await host.run('pgrep -fc "^sleep 300" || :')).toBe('0\n');
    expect(await reasonOf(claim(session, holding()))).toBe('done');
  });

  it('is cancelled with all it started', async () => {
    const session = await open();
    const spec = job('trap "" TERM; sleep 301 & while :; do sleep 301 || :; done');
    await startJob(session, spec, { claim: holding() });
    await cancelJob(session, spec.id, { claim: holding(), graceSeconds: 2 });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
    expect(await host.run('pgrep -fc "^sleep 301" || :')).toBe('0\n');
    expect(await reasonOf(claim(session, holding()))).toBe('done');
  });

  it('leaves its result and its reason on a full disk', async () => {
    const session = await open();
    await claim(session, holding());
    await host.run('mount -t tmpfs -o size=1m tmpfs /var/lib/hostler; mount -t tmpfs -o size=1m tmpfs /tmp');
    try {
      const spec = job('cat /dev/zero >/tmp/fill || :; cat /dev/zero >"$HOSTLER_JOB_DIR/fill"');
      const status = await startJob(session, spec, { claim: holding(), waitMs: WAIT_MS });
      expect(status).toMatchObject({
        state: 'Exited',
        exitCode: exitCodes.diskFull,
        logTail: expect.stringMatching(/^hostler: \/var\/lib\/hostler has 0 kB free, \/tmp has 0 kB free$/m) as string,
      });
      await host.run('cat /dev/zero >/var/lib/hostler/fill 2>/dev/null || :');
      const newer = holding(owner({ token: { lease: 'lease-1', transitions: 9 } }));
      await expect(claim(session, newer)).rejects.toMatchObject({
        reason: 'DiskFull',
        message: expect.stringContaining('/var/lib/hostler has 0 kB free') as string,
      });
    } finally {
      await host.run('umount /var/lib/hostler /tmp');
    }
  });

  it('runs and ends where the disk fills up between its lay-out and its start', async () => {
    const session = await open();
    await claim(session, holding());
    const fill = `#!/bin/sh
cat /dev/zero >/var/lib/hostler/fill 2>/dev/null
exec /usr/bin/systemd-run "$@"
`;
    await host.run('mount -t tmpfs -o size=1m tmpfs /var/lib/hostler');
    await host.run('cat >/usr/local/bin/systemd-run; chmod 755 /usr/local/bin/systemd-run', { input: fill });
    try {
      const status = await startJob(session, job('exit 3'), { claim: holding(), waitMs: WAIT_MS });
      expect(await host.run('df --output=avail /var/lib/hostler | tail -n 1')).toMatch(/^ *0$/m);
      expect(status).toMatchObject({ state: 'Exited', exitCode: exitCodes.diskFull });
    } finally {
      await host.run('rm /usr/local/bin/systemd-run; umount /var/lib/hostler');
    }
  });

  it('runs for a user with sudo as root', async () => {
    const session = await open({ user: 'ubuntu' });
    const status = await startJob(session, job('id -un'), { claim: holding(), waitMs: WAIT_MS });
    expect(status).toEqual({ state: 'Exited', exitCode: 0, logTail: 'root' });
  });

  it('hides its arguments and its secret from the process list', async () => {
    const session = await open();
    const spec: JobSpec = {
      ...job('test "$(cat <&3)" = "canary-secret"; ps -eo args; cat /proc/[0-9]*/environ | tr "\\0" "\\n"'),
    };
    spec.script.args = ['canary-argument'];
    spec.script.secretInput = 'canary-secret';
    await startJob(session, spec, { claim: holding(), waitMs: WAIT_MS });
    const log = await host.run('cat "/var/lib/hostler/jobs/$1/log"', { args: [spec.id] });
    expect(log).toContain('systemd');
    expect(log).not.toContain('canary');
    const files = await host.run(
      'grep -rl canary-secret /var/lib/hostler /run /tmp /var/log 2>/dev/null | grep -v "/body$" || :',
    );
    expect(files).toBe('');
  });
});

describe('hooks on a real host', () => {
  const hook = (script: string, timeoutSeconds = 30) =>
    ({ name: 'warm', when: 'PostProvision', script, timeoutSeconds, failurePolicy: 'Fail' }) as const;
  const options = (attempt: number) => ({
    claim: holding(),
    attempt,
    waitMs: WAIT_MS,
    writeAhead: () => Promise.resolve(),
  });

  it('run whatever the user wrote, as it is written', async () => {
    const session = await open();
    const text = `a='it'"'"'s $(echo fine)'\nprintf '%s\\n' "$a" >/root/hooked\n# no newline at the end`;
    expect(await runHook(session, hook(text), options(1))).toEqual({ kind: 'done' });
    expect(await host.run('cat /root/hooked')).toBe("it's $(echo fine)\n");
  });

  it('fail with their output, or at their deadline', async () => {
    const session = await open();
    await expect(runHook(session, hook('echo why; exit 210'), options(2))).rejects.toMatchObject({
      reason: 'HookFailed',
      message: 'Hook warm ended with exit code 210. Its last output: why',
    });
    await expect(runHook(session, hook('sleep 60', 1), options(3))).rejects.toMatchObject({ reason: 'HookFailed' });
  });
});

describe('ownership of a real host', () => {
  it('is decided once among controllers of different Servers', async () => {
    const sessions = await Promise.all([open(), open(), open(), open()]);
    const results = await Promise.all(
      sessions.map((session, index) => reasonOf(claim(session, holding(owner({ server: `server-${index}` }))))),
    );
    expect(results.filter((result) => result === 'done')).toHaveLength(1);
    expect(results.filter((result) => result === 'OwnedByAnother')).toHaveLength(3);
  });

  it('changes hands only by a take-over, and not while a job lives', async () => {
    const session = await open();
    const spec = counting(2);
    await startJob(session, spec, { claim: holding() });
    const theirs = owner({ installation: 'installation-2', server: 'server-9' });
    expect(await reasonOf(takeOver(session, theirs))).toBe('WaitingForJob');
    await jobStatus(session, spec.id, { waitMs: WAIT_MS });
    expect(await reasonOf(claim(session, holding(theirs)))).toBe('OwnedByAnother');
    await takeOver(session, theirs);
    expect(await reasonOf(startJob(session, counting(0), { claim: holding() }))).toBe('OwnedByAnother');
    expect(await reasonOf(claim(session, holding(theirs)))).toBe('done');
  });

  it('ends with everything of Hostler removed', async () => {
    const session = await open();
    const spec = counting(0);
    await startJob(session, spec, { claim: holding(), waitMs: WAIT_MS });
    await host.run('apt-mark hold sudo procps; echo sudo >/var/lib/hostler/holds');
    const lock = await holdLock(host, '/var/lib/dpkg/lock-frontend');
    // nobody would know of the hold any more
    expect(await reasonOf(removeAgent(session, holding()))).toBe('PackageManagerBusy');
    expect(await host.run('apt-mark showhold; cat /var/lib/hostler/holds')).toBe('procps\nsudo\nsudo\n');
    await lock.release();
    // where apt does not even start, Hostler still leaves
    await host.run('echo malformed >/etc/apt/sources.list.d/broken.list; ! apt-mark unhold sudo');
    await removeAgent(session, holding());
    await host.run('rm /etc/apt/sources.list.d/broken.list');
    expect(await host.run('apt-mark showhold; apt-mark unhold procps')).toMatch(/^procps\n/);
    expect(await host.run('ls -d /var/lib/hostler 2>/dev/null || echo gone')).toBe('gone\n');
    expect((await look(session)).facts.owner).toEqual({ state: 'Free' });
  });
});

/** Starts the job over a link that breaks after so many bytes. Returns how many it carried. */
async function startOver(proxy: CuttingProxy, spec: JobSpec, bytes: number): Promise<number> {
  proxy.cutAfter(bytes);
  try {
    const session = await open({ port: proxy.port });
    await startJob(session, spec, { claim: holding() });
  } catch (error) {
    if (findCause(error, ReconcileError) === undefined) throw error;
  }
  return proxy.carried;
}
