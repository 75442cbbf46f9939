import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { effectiveServer } from '../../../src/api/effective.ts';
import { applyChange, finishJob, verify, type ApplyOptions } from '../../../src/host/apply.ts';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import { runHook } from '../../../src/host/hooks.ts';
import { explainDocker } from '../../../src/host/providers/failures.ts';
import type { Action, AnyTask, Change } from '../../../src/host/task.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { TerminalError } from '../../../src/lib/errors.ts';
import type { Session } from '../../../src/ssh/session.ts';
import { localSession, type LocalSession } from '../../support/localSession.ts';
import { noArtifacts, noProof } from '../../support/noProof.ts';

let session: LocalSession;
beforeEach(() => void (session = localSession()));
afterEach(() => session.remove());

const change: Change = {
  name: 'sample/file',
  area: 'Docker',
  what: 'write the file',
  to: 'there',
  why: 'spec.docker',
  disruption: 'None',
  expectedGapSeconds: 0,
  params: {},
};
/** Wants the file /var/lib/hostler/sample; its change runs `action`. */
const taskWith = (action: Action, over: Partial<AnyTask> = {}): AnyTask => ({
  name: 'sample',
  area: 'Docker',
  facts: [
    {
      script: 'file sample /var/lib/hostler/sample',
      parse: (records) => ({ there: records.status('sample') === 0 }),
    },
  ],
  want: () => true,
  diff: (_want, have) => ({
    changes: typeof have === 'object' && have !== null && 'there' in have && have.there === true ? [] : [change],
    obstacles: [],
  }),
  apply: () => action,
  ...over,
});
const script = (text: string, args: string[] = []): Action => ({
  kind: 'script',
  script: { name: 'sample', text, args },
  timeoutSeconds: 20,
});
const job = (text: string): Action => ({ kind: 'job', script: { name: 'sample', text }, timeoutSeconds: 20 });

function options(over: Partial<ApplyOptions> = {}): ApplyOptions & { announced: string[] } {
  const announced: string[] = [];
  const owner = { installation: 'i', server: 's', token: { lease: 'l', transitions: 1 } };
  return {
    announced,
    claim: { owner, stillHeld: () => Promise.resolve(true) },
    attempt: 1,
    facts: { packageManager: 'apt', initSystem: 'systemd', fileSystems: [], owner: { state: 'Free' } },
    writeAhead: ({ id, attempt }) => {
      expect(existsSync(join(session.stateDirectory, 'jobs', id))).toBe(false);
      announced.push(`${id} ${attempt}`);
      return Promise.resolve();
    },
    proof: noProof,
    artifacts: noArtifacts,
    ...over,
  };
}
const jobsLeft = (): string[] =>
  existsSync(join(session.stateDirectory, 'jobs')) ? readdirSync(join(session.stateDirectory, 'jobs')) : [];

describe('applyChange', () => {
  it('runs a script under the lock, as owner, with its arguments', async () => {
    const task = taskWith(script('printf %s "$1" >/var/lib/hostler/sample', [`it's $(fine)`]));
    const how = options();
    expect(await applyChange(session, change, task, how)).toEqual({ kind: 'done' });
    expect(readFileSync(join(session.stateDirectory, 'sample'), 'utf8')).toBe(`it's $(fine)`);
    expect(readFileSync(join(session.stateDirectory, 'owner'), 'utf8')).toContain('server=s\n');
    expect(how.announced).toEqual([]);
  });

  it('announces a job before it starts, waits for it, and takes its record off the host', async () => {
    const how = options({ waitMs: 20_000, attempt: 4 });
    expect(await applyChange(session, change, taskWith(job('echo hi')), how)).toEqual({ kind: 'done' });
    expect(how.announced).toEqual([expect.stringMatching(/^[0-9a-f]{20} 4$/)]);
    expect(jobsLeft()).toEqual([]);
  });

  it('starts nothing when the announcement is not acknowledged', async () => {
    const how = options({ writeAhead: () => Promise.reject(new Error('conflict')) });
    await expect(applyChange(session, change, taskWith(job('echo hi')), how)).rejects.toThrow('conflict');
    expect(session.ran).toEqual([]);
  });

  it('leaves a long job running, to be taken up later by whoever', async () => {
    const how = options();
    const result = await applyChange(session, change, taskWith(job('sleep 1')), how);
    expect(result).toEqual({ kind: 'running', jobID: how.announced[0]?.split(' ')[0] });
    const running = result.kind === 'running' ? result.jobID : '';
    const finish = { ...change, id: running };
    const tasks: AnyTask[] = [];
    expect(await finishJob(session, finish, { ...how, tasks, waitMs: 20_000 })).toEqual({ kind: 'done' });
    expect(await finishJob(session, finish, { ...how, tasks })).toEqual({ kind: 'gone' });
    expect(jobsLeft()).toEqual([]);
  });

  it.each([
    ['script', script(`echo "hostler: apt (pid 7) works" >&2; exit ${exitCodes.packageManagerBusy}`)],
    ['job', job(`echo "hostler: apt (pid 7) works" >&2; exit ${exitCodes.packageManagerBusy}`)],
  ] as const)('tells what the exit code of a %s means, and keeps no record', async (_kind, action) => {
    await expect(applyChange(session, change, taskWith(action), options({ waitMs: 20_000 }))).rejects.toMatchObject({
      reason: 'PackageManagerBusy',
      message: 'write the file waits: apt (pid 7) works.',
    });
    expect(jobsLeft()).toEqual([]);
  });

  it("prefers the task's own explanation", async () => {
    const error = new TerminalError('DockerConflict', 'podman is in the way.');
    const task = taskWith(script('echo details >&2; exit 42'), {
      explain: (what, run) =>
        what.name === change.name && run.exitCode === 42 && run.stderr === 'details\n' ? error : undefined,
    });
    await expect(applyChange(session, change, task, options())).rejects.toBe(error);
  });

  it('tells an interrupted job as such, once', async () => {
    const how = options();
    const result = await applyChange(session, change, taskWith(job('sleep 40')), how);
    const id = result.kind === 'running' ? result.jobID : '';
    await new Promise((resolve) => setTimeout(resolve, 700));
    const runner = Number(readFileSync(join(session.stateDirectory, 'jobs', id, 'process'), 'utf8').split(' ')[0]);
    process.kill(-runner, 'SIGKILL');
    for (const child of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) killIfOf(child, id);
    const finish = () => finishJob(session, { ...change, id }, { ...how, tasks: [] });
    await expect(finish()).rejects.toMatchObject({ reason: 'Interrupted' });
    expect(await finish()).toEqual({ kind: 'gone' });
  });
});

describe('finishJob', () => {
  it('takes up the job of a run that could not take its result off the host, and tells its end before it does', async () => {
    const refusal = new TerminalError('PasswordRequired', 'sudo suddenly asks.');
    const refusing: Session = {
      ...session,
      run: (what, limits) => (what.name === 'consume-job' ? Promise.reject(refusal) : session.run(what, limits)),
    };
    const how = options({ waitMs: 20_000 });
    const task = taskWith(job('exit 3'));
    const result = await applyChange(refusing, change, task, how);
    expect(result).toMatchObject({ kind: 'running' });
    const id = result.kind === 'running' ? result.jobID : '';
    const ends: unknown[] = [];
    const onEnd = (error: unknown) => {
      ends.push(error);
      expect(jobsLeft()).toEqual([id]);
      return Promise.resolve();
    };
    const finish = (by: Session) => finishJob(by, { ...change, id }, { ...how, tasks: [task], onEnd });
    await expect(finish(refusing)).rejects.toBe(refusal);
    await expect(finish(session)).rejects.toMatchObject({ reason: 'StepFailed' });
    expect(ends).toMatchObject([{ reason: 'StepFailed' }, { reason: 'StepFailed' }]);
    expect(jobsLeft()).toEqual([]);
  });

  it("tells a failed change's job as the run that started it would have", async () => {
    const action = job(`sleep 1; echo "hostler: E: Broken packages" >&2; exit 1`);
    const task = taskWith(action, { explain: explainDocker });
    const told = await applyChange(session, change, task, options({ waitMs: 20_000 })).catch(String);
    expect(told).toContain('write the file failed: E: Broken packages');
    const how = options({ attempt: 2 });
    const result = await applyChange(session, change, task, how);
    const id = result.kind === 'running' ? result.jobID : '';
    const { name, what } = change;
    const taken = finishJob(session, { id, name, what }, { ...how, tasks: [task], waitMs: 20_000 });
    expect(await taken.catch(String)).toBe(told);
  });

  it("tells a failed hook's job as HookFailed, whoever takes it up", async () => {
    const hook = {
      name: 'warm',
      when: 'PostProvision',
      script: 'sleep 1; echo no; exit 3',
      timeoutSeconds: 20,
      failurePolicy: 'Fail',
    } as const;
    const how = options();
    const result = await runHook(session, hook, how);
    const id = result.kind === 'running' ? result.jobID : '';
    const taken = { id, name: 'hook/warm', what: 'hook warm' };
    await expect(finishJob(session, taken, { ...how, tasks: [], waitMs: 20_000 })).rejects.toMatchObject({
      reason: 'HookFailed',
      message: 'Hook warm ended with exit code 3. Its last output: no',
    });
  });
});

describe('verify', { timeout: 60_000 }, () => {
  const effective = effectiveServer({
    spec: {
      addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
      ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    },
  });

  it('is content when the difference is gone, and names it when it is not', async () => {
    const lying = taskWith(script(':'));
    await applyChange(session, change, lying, options());
    const looking = { effective, tasks: [lying], clock: systemClock };
    await expect(verify(session, [change], looking)).rejects.toMatchObject({
      reason: 'NotConverged',
      message: 'The host still differs after the change: sample/file (write the file: found none, wanted there).',
    });
    const honest = taskWith(script('echo x >/var/lib/hostler/sample'));
    await applyChange(session, change, honest, options());
    expect((await verify(session, [change], looking)).plan.changes).toEqual([]);
  });
});

/** Ends `pid` when it is a process of the job. */
function killIfOf(pid: string, id: string): void {
  try {
    if (readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOSTLER_JOB=${id}`))
      process.kill(Number(pid), 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}
