import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import { jobLogsScript } from '../../../src/host/jobLogs.ts';
import {
  cancelJob,
  consumeJob,
  jobID,
  jobStatus,
  startJob,
  type JobSpec,
  type JobStatus,
} from '../../../src/host/jobs.ts';
import { claim, removeAgent, takeOver, type Claim } from '../../../src/host/ownership.ts';
import { ReconcileError } from '../../../src/lib/errors.ts';
import { localSession, shells, type LocalSession } from '../../support/localSession.ts';

const sessions: LocalSession[] = [];
afterEach(() => sessions.splice(0).forEach((session) => session.remove()));

function open(options: Parameters<typeof localSession>[0] = {}): LocalSession {
  const session = localSession(options);
  sessions.push(session);
  return session;
}

const ours: Claim = {
  owner: { installation: 'installation-1', server: 'server-1', token: { lease: 'lease-1', transitions: 3 } },
  stillHeld: () => Promise.resolve(true),
};
const job = (text: string, over: Partial<JobSpec> & { args?: string[]; secretInput?: string } = {}): JobSpec => ({
  id:
    over.id ?? jobID('server-1', { name: over.change ?? 'docker-engine/package', params: { text } }, over.attempt ?? 1),
  change: over.change ?? 'docker-engine/package',
  attempt: over.attempt ?? 1,
  script: {
    name: 'test',
    text,
    ...(over.args === undefined ? {} : { args: over.args }),
    ...(over.secretInput === undefined ? {} : { secretInput: over.secretInput }),
  },
  timeoutSeconds: over.timeoutSeconds ?? 30,
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const processOf = (session: LocalSession, id: string): number =>
  Number(readFileSync(join(session.stateDirectory, 'jobs', id, 'process'), 'utf8').split(' ')[0]);

async function reasonOf(act: Promise<unknown>): Promise<string> {
  try {
    await act;
    return 'done';
  } catch (error) {
    if (error instanceof ReconcileError) return error.reason;
    throw error;
  }
}

describe.each(shells)('a job under $name', { timeout: 60_000 }, ({ shell }) => {
  it('runs its body once with its arguments untouched, and keeps its result until it is consumed', async () => {
    const session = open({ shell });
    const nasty = `a'b"c$(touch ${session.stateDirectory}/hacked)\`id\`\n\\ é *`;
    const spec = job('printf "%s|%s" "$1" "$#"; echo done >&2; exit 7', { args: [nasty, '', '-n'] });
    const status = await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    expect(status).toEqual({ state: 'Exited', exitCode: 7, logTail: `${nasty}|3done` });
    expect(existsSync(join(session.stateDirectory, 'hacked'))).toBe(false);
    expect(await jobStatus(session, spec.id)).toEqual(status);
    expect(await startJob(session, spec, { claim: ours })).toEqual(status);
    await consumeJob(session, spec.id, { claim: ours });
    await consumeJob(session, spec.id, { claim: ours });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
    expect(readFileSync(join(session.stateDirectory, 'logs', `${spec.id}.log`), 'utf8')).toContain('done');
  });

  it('that may run only once does not run again when its result is gone, and tells how it ended', async () => {
    const session = open({ shell });
    const count = join(session.stateDirectory, 'count');
    const again = (id: string, text: string) => ({ ...job(text, { id, args: [count] }), once: true });
    const [ended, cut] = [again('ab1', 'echo ran >>"$1"; exit 3'), again('ab2', 'sleep 50')];
    await startJob(session, ended, { claim: ours, waitMs: 20_000 });
    await consumeJob(session, ended.id, { claim: ours });
    await startJob(session, cut, { claim: ours });
    await cancelJob(session, cut.id, { claim: ours, graceSeconds: 2 });
    expect(await startJob(session, ended, { claim: ours })).toEqual({ state: 'Consumed', exitCode: 3 });
    expect(await startJob(session, cut, { claim: ours })).toEqual({ state: 'Consumed' });
    await startJob(session, { ...ended, once: false }, { claim: ours, waitMs: 20_000 });
    expect(readFileSync(count, 'utf8'), 'a change is made as often as it is wanted').toBe('ran\nran\n');
  });

  it('is consumed where its record was removed in part only, and still runs once', async () => {
    const session = open({ shell });
    const count = join(session.stateDirectory, 'count');
    const spec = { ...job('echo ran >>"$1"', { args: [count] }), once: true };
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    const directory = join(session.stateDirectory, 'jobs', spec.id);
    rmSync(join(directory, 'exit'));
    await consumeJob(session, spec.id, { claim: ours });
    expect(await startJob(session, spec, { claim: ours })).toEqual({ state: 'Consumed' });
    // what an earlier removal kept counts
    mkdirSync(directory);
    writeFileSync(join(session.stateDirectory, 'logs', `${spec.id}.exit`), '0\n');
    await consumeJob(session, spec.id, { claim: ours });
    expect(await startJob(session, spec, { claim: ours })).toEqual({ state: 'Consumed', exitCode: 0 });
    expect(readFileSync(count, 'utf8')).toBe('ran\n');
  });

  it('is gone as a whole or not at all, wherever its removal is cut off', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'hostler-unit-'));
    try {
      // an rm that is cut off after what proves that the job ran
      const rm = '#!/bin/sh\nfor path do [ ! -d "$path" ] || /bin/rm -f "$path/exit" "$path/process"; done\nexit 1\n';
      writeFileSync(join(bin, 'rm'), rm, { mode: 0o755 });
      const session = open({ shell });
      const count = join(session.stateDirectory, 'count');
      const spec = { ...job('echo ran >>"$1"', { args: [count] }), once: true };
      await startJob(session, spec, { claim: ours, waitMs: 20_000 });
      const dying = open({
        shell,
        stateDirectory: session.stateDirectory,
        env: { PATH: `${bin}:${process.env['PATH']}` },
      });
      await consumeJob(dying, spec.id, { claim: ours }).catch(() => undefined);
      expect(await startJob(session, spec, { claim: ours, waitMs: 20_000 })).toEqual({
        state: 'Consumed',
        exitCode: 0,
      });
      expect(readFileSync(count, 'utf8')).toBe('ran\n');
    } finally {
      rmSync(bin, { recursive: true });
    }
  });

  it('runs where only the directory is left of an earlier one of its id', async () => {
    const session = open({ shell });
    await claim(session, ours);
    const spec = job('exit 0');
    mkdirSync(join(session.stateDirectory, 'jobs', spec.id), { recursive: true });
    expect(await startJob(session, spec, { claim: ours, waitMs: 20_000 })).toMatchObject({ state: 'Exited' });
  });

  it('leaves a log that tells later what the change printed, and nothing of what people ran', async () => {
    const session = open({ shell });
    const specs = [
      job('echo unpacking; echo "# a comment"', { change: 'docker-engine/package' }),
      job('echo private', { change: 'operation/mine' }),
    ];
    for (const spec of specs) {
      await startJob(session, spec, { claim: ours, waitMs: 20_000 });
      await consumeJob(session, spec.id, { claim: ours });
    }
    const { stdout } = await session.run({ name: 'job-logs', text: jobLogsScript });
    expect(stdout).toMatch(/^== \d{4}-\d\d-\d\dT[\d:]{8}Z docker-engine\/package\nunpacking\n# a comment\n$/);
  });

  it('stops at the first failing command, as every script of Hostler', async () => {
    const session = open({ shell });
    const status = await startJob(session, job('false\necho never'), { claim: ours, waitMs: 20_000 });
    expect(status).toEqual({ state: 'Exited', exitCode: 1, logTail: '' });
  });

  it('goes on without the connection, is found again, and ends', async () => {
    const session = open({ shell });
    const spec = job('sleep 2; echo over');
    expect(await startJob(session, spec, { claim: ours })).toEqual({ state: 'Running' });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Running' });
    expect(await jobStatus(session, spec.id, { waitMs: 20_000 })).toEqual({
      state: 'Exited',
      exitCode: 0,
      logTail: 'over',
    });
  });

  it('keeps every other mutating script and job away while it runs', async () => {
    const session = open({ shell });
    const gate = join(session.stateDirectory, 'gate');
    const spec = job('until [ -e "$1" ]; do sleep 0.1; done', { args: [gate] });
    await startJob(session, spec, { claim: ours });
    expect(await reasonOf(startJob(session, job('echo other'), { claim: ours }))).toBe('WaitingForJob');
    expect(await reasonOf(claim(session, ours))).toBe('WaitingForJob');
    expect(await reasonOf(takeOver(session, ours.owner))).toBe('WaitingForJob');
    expect(await reasonOf(removeAgent(session, ours))).toBe('WaitingForJob');
    expect(await reasonOf(consumeJob(session, spec.id, { claim: ours }))).toBe('WaitingForJob');
    writeFileSync(gate, '');
    expect(await jobStatus(session, spec.id, { waitMs: 20_000 })).toMatchObject({ state: 'Exited', exitCode: 0 });
    expect(await reasonOf(claim(session, ours))).toBe('done');
  });

  it('runs exactly once when many start it at the same instant', async () => {
    const session = open({ shell });
    await claim(session, ours);
    const spec = job('echo ran >>"$1"; sleep 1', { args: [join(session.stateDirectory, 'count')] });
    const starts = await Promise.all(
      [1, 2, 3, 4, 5].map(() => startJob(session, spec, { claim: ours, waitMs: 20_000 })),
    );
    expect(starts.every((status) => status.state === 'Exited' && status.exitCode === 0)).toBe(true);
    expect(readFileSync(join(session.stateDirectory, 'count'), 'utf8')).toBe('ran\n');
  });

  it('is interrupted, not ended, when its processes are killed', async () => {
    const session = open({ shell });
    const spec = job('sleep 50');
    await startJob(session, spec, { claim: ours });
    await pause(700);
    process.kill(processOf(session, spec.id), 'SIGKILL');
    // The body lives on in the runner's session: the job still counts as running.
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Running' });
    await cancelJob(session, spec.id, { claim: ours, graceSeconds: 2 });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
  });

  it('is interrupted when the machine booted since', async () => {
    const session = open({ shell });
    const spec = job('exit 0');
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    const directory = join(session.stateDirectory, 'jobs', spec.id);
    const record = readFileSync(join(directory, 'record'), 'utf8');
    writeFileSync(
      join(directory, 'record'),
      record.replace(/^boot=.*$/m, 'boot=00000000-0000-4000-8000-000000000000/7'),
    );
    writeFileSync(join(directory, 'exit'), ' '.repeat(15) + '\n');
    expect(await jobStatus(session, spec.id)).toMatchObject({ state: 'Interrupted' });
    expect(await reasonOf(claim(session, ours))).toBe('done');
    await consumeJob(session, spec.id, { claim: ours });
    expect(await startJob(session, { ...spec, attempt: 2 }, { claim: ours, waitMs: 20_000 })).toMatchObject({
      exitCode: 0,
    });
  });

  it('gets its secret from descriptor 3 and leaves it nowhere', async () => {
    const session = open({ shell });
    const secret = `s3cret'"$( )\n-value`;
    const spec = job('secret=$(cat <&3); [ "$secret" = "$1$2" ]; tr "\\000" " " </proc/$$/cmdline; sleep 1', {
      args: [`s3cret'"$( )\n`, '-value'],
      secretInput: secret,
    });
    expect(await startJob(session, spec, { claim: ours, waitMs: 20_000 })).toMatchObject({ exitCode: 0 });
    expect(existsSync(join(session.stateDirectory, 'jobs', spec.id, 'secret'))).toBe(false);
  });

  it('is ended at its deadline', async () => {
    const session = open({ shell });
    const spec = job('sleep 50', { timeoutSeconds: 1 });
    expect(await startJob(session, spec, { claim: ours, waitMs: 20_000 })).toMatchObject({
      exitCode: exitCodes.timedOut,
    });
  });

  it.each([
    { cut: 'never started', left: 'claim' },
    { cut: 'cut off before its runner was known', left: 'claim.7' },
  ])('that was laid out but $cut is started by the next try', async ({ left }) => {
    const session = open({ shell });
    const spec = job('echo came to life');
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    layOutAgain(join(session.stateDirectory, 'jobs', spec.id), left);
    expect(await jobStatus(session, spec.id)).toMatchObject({ state: 'Interrupted' });
    expect(await startJob(session, spec, { claim: ours, waitMs: 20_000 })).toEqual({
      state: 'Exited',
      exitCode: 0,
      logTail: 'came to life',
    });
  });

  it('is not run by a runner that comes to life after it was given up', async () => {
    const session = open({ shell });
    await claim(session, ours);
    const count = join(session.stateDirectory, 'count');
    const spec = job('echo ran >>"$1"', { args: [count] });
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    const directory = join(session.stateDirectory, 'jobs', spec.id);
    layOutAgain(directory);
    await startJob(session, job('sleep 1', { attempt: 2 }), { claim: ours });
    const late = spawn('sh', [join(directory, 'run'), 'installation-1', 'server-1', 'lease-1', '3', '30']);
    await new Promise((resolve) => late.on('close', resolve));
    expect(readFileSync(count, 'utf8')).toBe('ran\n');
  });

  it('does not run when the host changed hands between its start and its lock', async () => {
    const session = open({ shell });
    await claim(session, ours);
    const spec = job('echo ran');
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    const directory = join(session.stateDirectory, 'jobs', spec.id);
    layOutAgain(directory);
    const owner = join(session.stateDirectory, 'owner');
    writeFileSync(owner, readFileSync(owner, 'utf8').replace('transitions=3', 'transitions=4'));
    const late = spawn('sh', [join(directory, 'run'), 'installation-1', 'server-1', 'lease-1', '3', '30']);
    await new Promise((resolve) => late.on('close', resolve));
    expect(await jobStatus(session, spec.id)).toMatchObject({ state: 'Exited', exitCode: exitCodes.ownershipLost });
  });

  it('leaves no result to one who takes the host over', async () => {
    const session = open({ shell });
    const spec = job('exit 5');
    await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    await takeOver(session, { ...ours.owner, server: 'server-2' });
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
  });

  it('is cancelled with everything it started, and leaves no result', async () => {
    const session = open({ shell });
    const mark = join(session.stateDirectory, 'survived');
    const spec = job('trap "" TERM; (sleep 6; touch "$1") & sleep 6; touch "$1"', { args: [mark] });
    await startJob(session, spec, { claim: ours });
    await pause(700);
    await cancelJob(session, spec.id, { claim: ours, graceSeconds: 2 });
    await pause(6000);
    expect(existsSync(mark)).toBe(false);
    expect(await jobStatus(session, spec.id)).toEqual({ state: 'Absent' });
    expect(await reasonOf(claim(session, ours))).toBe('done');
  });

  it("of another owner's is neither cancelled nor consumed", async () => {
    const session = open({ shell });
    const spec = job('sleep 1');
    await startJob(session, spec, { claim: ours });
    const theirs = { ...ours, owner: { ...ours.owner, server: 'server-2' } };
    expect(await reasonOf(cancelJob(session, spec.id, { claim: theirs }))).toBe('OwnedByAnother');
    expect(await jobStatus(session, spec.id, { waitMs: 20_000 })).toMatchObject({ exitCode: 0 });
    expect(await reasonOf(consumeJob(session, spec.id, { claim: theirs }))).toBe('OwnedByAnother');
  });
});

/** As if the start had been cut off before the runner's first act, or right after it. */
function layOutAgain(directory: string, left = 'claim'): void {
  renameSync(join(directory, 'process'), join(directory, left));
  writeFileSync(join(directory, 'exit'), ' '.repeat(15) + '\n');
}

describe('an uploaded job', () => {
  it('whose body arrived damaged is refused and not laid out', async () => {
    const session = open();
    const run = session.run.bind(session);
    const damaged: LocalSession = {
      ...session,
      run: (script, options) =>
        run({ ...script, args: script.args?.map((arg) => arg.replace('echo whole', 'echo half')) ?? [] }, options),
    };
    const spec = job('echo whole');
    expect(await reasonOf(startJob(damaged, spec, { claim: ours }))).toBe('ConnectionLost');
    expect(await jobStatus(session, spec.id)).toEqual<JobStatus>({ state: 'Absent' });
  });

  it('keeps only the end of a long log for messages, redacted', async () => {
    const session = open();
    mkdirSync(session.stateDirectory);
    const spec = job('i=0; while [ $i -lt 200 ]; do echo "line number $i of the log"; i=$((i+1)); done');
    const status = await startJob(session, spec, { claim: ours, waitMs: 20_000 });
    const tail = status.state === 'Exited' ? status.logTail : '';
    expect(tail.length).toBeLessThanOrEqual(1024);
    expect(tail.split('\n')[0]).toMatch(/^line number \d+ of the log$/);
    expect(tail.endsWith('line number 199 of the log')).toBe(true);
  });
});

describe('jobID', () => {
  it('differs by Server, change, parameters and attempt, and is stable', () => {
    const id = jobID('s', { name: 'a/b', params: { x: 1, y: 2 } }, 1);
    expect(id).toMatch(/^[0-9a-f]{20}$/);
    expect(jobID('s', { name: 'a/b', params: { y: 2, x: 1 } }, 1)).toBe(id);
    const others = [
      jobID('t', { name: 'a/b', params: { x: 1, y: 2 } }, 1),
      jobID('s', { name: 'a/c', params: { x: 1, y: 2 } }, 1),
      jobID('s', { name: 'a/b', params: { x: 1, y: 3 } }, 1),
      jobID('s', { name: 'a/b', params: { x: 1, y: 2 } }, 2),
    ];
    expect(new Set([id, ...others]).size).toBe(5);
  });
});
