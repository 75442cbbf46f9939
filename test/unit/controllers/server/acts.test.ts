import { beforeEach, describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../../src/api/meta.ts';
import type { OperationType, ServerOperation } from '../../../../src/api/serverOperation.ts';
import type { Step } from '../../../../src/api/serverStatus.ts';
import type { ServerSpec } from '../../../../src/api/serverSpec.ts';
import { Acts, type ActsDeps } from '../../../../src/controllers/server/acts/acts.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import type { Script } from '../../../../src/ssh/session.ts';
import type { JobOnHost } from '../../../../src/host/jobs.ts';
import { ApiError } from '../../../../src/kube/apiError.ts';
import { TerminalError, TransientError, WaitingError, type ReconcileError } from '../../../../src/lib/errors.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, observed, scopeOf, serverWith } from '../../../support/serverScope.ts';

const UID = 'uid-eu-1';

let clock: FakeClock;
interface State {
  /** What asking for the job ends with. */
  problem?: ReconcileError;
  /** How it stands; default: it ended with 0. */
  job?: { state: 'Exited' | 'Consumed' | 'Absent'; exit?: string };
}
let session: FakeSession<State>;
/** What the API holds. */
let stored: Map<string, ServerOperation>;
/** What the API says to the next Secrets that are created; default: 201. */
let answers: number[];
/** The order in which things became known: writes of the API and scripts on the host. */
let story: string[];

beforeEach(() => {
  clock = new FakeClock();
  stored = new Map();
  story = [];
  answers = [];
  const script = (name: string) => () => {
    story.push(name);
    return '';
  };
  const asked =
    (name: string) =>
    ({ problem, job = { state: 'Exited', exit: '0' } }: State, { args: [nonce = ''] = [] }: Script) => {
      if (problem !== undefined) throw problem;
      story.push(name);
      const record = (of: string, text: string) => `\n${nonce} 0.${of} 0 ${text.length}\n${text}`;
      return `${record('state', job.state)}${record('exit', job.exit ?? '')}\n${nonce} end\n`;
    };
  session = new FakeSession<State>(
    {
      'start-job command': asked('start-job'),
      'job-status': asked('job-status'),
      'job-output': () => 'printed',
      'consume-job': script('consume-job'),
      'cancel-job': script('cancel-job'),
    },
    {},
  );
});

function operation(name: string, more: Partial<ServerOperation> = {}): ServerOperation {
  const made: ServerOperation = {
    apiVersion: 'hostler.dev/v1alpha1',
    kind: 'ServerOperation',
    metadata: { namespace: 'acme', name, uid: `uid-${name}`, generation: 1 },
    spec: { serverRef: { name: 'eu-1' }, type: 'RunCommand', runCommand: { script: 'true' } },
    ...more,
  };
  stored.set(name, made);
  return made;
}

/** As for a Secret that may not be created, or is there already. */
function apiError(code: number): ApiError {
  const reason = code === 409 ? 'AlreadyExists' : 'Forbidden';
  return new ApiError('POST secrets', code, {
    status: { apiVersion: 'v1', kind: 'Status', status: 'Failure', code, reason },
  });
}

function scopeWith(operations: ServerOperation[], spec: Partial<ServerSpec> = {}, jobs: JobOnHost[] = []): Scope {
  const scope = scopeOf({ server: serverWith(spec), session, now: clock.now(), operations });
  return observed(scope, { jobs });
}

function acts(): Acts {
  const deps = {
    clock,
    ...claimDeps,
    client: {
      userName: () => Promise.resolve('system:serviceaccount:hostler-system:prod-hostler'),
      find: (_: unknown, { name }: { name: string }) => Promise.resolve(stored.get(name)),
      create: (_: unknown, { metadata }: KubeObject, { dryRun = false }: { dryRun?: boolean }) => {
        const code = answers.shift() ?? 201;
        story.push(`${dryRun ? 'may create' : 'create'} ${metadata.name}: ${code}`);
        return code === 201 ? Promise.resolve() : Promise.reject(apiError(code));
      },
    },
    events: { record: () => undefined },
    operationStatus: {
      latest: (one: ServerOperation) => one,
      write: (one: ServerOperation, status: ServerOperation['status']) => {
        story.push(`${one.metadata.name} ${status?.phase ?? ''}`);
        const next = { ...one, ...(status && { status }) };
        stored.set(one.metadata.name, next);
        return Promise.resolve(next);
      },
    },
  };
  return new Acts(deps as unknown as ActsDeps, () => {
    story.push('server written');
    return Promise.resolve();
  });
}

describe('operations that change a host', () => {
  it('are written down before they begin, and their record goes after their end is told', async () => {
    const scope = scopeWith([operation('one')]);
    expect(await acts().perform(scope, session)).toBe('done');
    expect(story).toEqual(['server written', 'one Running', 'start-job', 'one Succeeded', 'consume-job']);
    expect(scope.recentOperations).toMatchObject([{ name: 'one', uid: 'uid-one', type: 'RunCommand' }]);
  });

  it('do not run again by a copy that lags behind their end', async () => {
    const running = operation('one', { status: { phase: 'Running' } });
    stored.set('one', { ...running, status: { phase: 'Succeeded' } });
    expect(await acts().perform(scopeWith([running]), session)).toBe('none');
    expect(story).toEqual([]);
  });

  it('do not run for an object that was deleted, or made again, meanwhile', async () => {
    const one = operation('one');
    stored.set('one', { ...one, metadata: { ...one.metadata, uid: 'uid-other' } });
    const two = operation('two');
    stored.delete('two');
    expect(await acts().perform(scopeWith([one, two]), session)).toBe('none');
    expect(story).toEqual([]);
  });

  it('say on which Server they began, and run on no other, however old the copy at hand', async () => {
    const one = operation('one');
    await acts().perform(scopeWith([one]), session);
    expect(stored.get('one')?.status?.serverUID).toBe(UID);
    story = [];
    stored.set('one', { ...one, status: { phase: 'Running', serverUID: 'uid-before' } });
    expect(await acts().perform(scopeWith([one]), session)).toBe('none');
    expect(story).toEqual([]);
  });

  it('end AlreadyRan where another object of that name and type ran', async () => {
    const scope = scopeWith([operation('one')]);
    const record = { name: 'one', type: 'RunCommand', startTime: '2026-01-01T00:00:00Z' };
    scope.recentOperations = [{ ...record, uid: 'uid-before' }];
    await acts().perform(scope, session);
    expect(story).toEqual(['one AlreadyRan']);
    scope.recentOperations = [{ ...record, uid: 'uid-before', type: 'Reboot' }];
    stored.set('one', operation('one'));
    await acts().perform(scope, session);
    expect(stored.get('one')?.status?.phase).toBe('Succeeded');
  });

  it.each([
    ['Paused', { paused: true }],
    ['ObserveOnly', { management: { default: 'Observe' } }],
  ] as const)('are refused with %s, and nothing is sent', async (reason, spec) => {
    await acts().perform(scopeWith([operation('one')], spec), session);
    expect(story).toEqual(['one Failed']);
    expect(stored.get('one')?.status?.conditions?.[0]?.reason).toBe(reason);
  });

  it('end as expired once their deadline passed, whoever was to notice that; what began goes on', async () => {
    const creationTimestamp = new Date(clock.now()).toISOString();
    const made = (name: string, more: Partial<ServerOperation> = {}) => {
      const { metadata, spec } = operation(name);
      return operation(name, {
        metadata: { ...metadata, creationTimestamp },
        spec: { ...spec, deadlineSeconds: 60 },
        ...more,
      });
    };
    await clock.advance(60_000);
    const running = made('two', { status: { phase: 'Running', startTime: creationTimestamp } });
    await acts().perform(scopeWith([made('one'), running]), session);
    expect(story).toEqual(['one Failed', 'job-status', 'two Succeeded', 'consume-job']);
    expect(stored.get('one')?.status?.conditions?.[0]?.reason).toBe('OperationExpired');
    session.state.job = { state: 'Absent' };
    story = [];
    await acts().perform(
      scopeWith([made('three', { status: { phase: 'Running', startTime: creationTimestamp } })]),
      session,
    );
    expect(story, 'it had begun, but not on the host').toEqual(['job-status', 'three Failed']);
    expect(stored.get('three')?.status?.conditions?.[0]?.reason).toBe('OperationExpired');
  });

  it.each([
    ['3', 'it ended with exit code 3'],
    [undefined, 'it left no exit code'],
  ])('end AlreadyRan where only the host knows that they ran, as after a restore: exit %s', async (exit, how) => {
    session.state.job = { state: 'Consumed', ...(exit && { exit }) };
    await acts().perform(scopeWith([operation('one')]), session);
    expect(story).toEqual(['server written', 'one Running', 'start-job', 'one AlreadyRan']);
    expect(stored.get('one')?.status?.message).toContain(how);
  });

  it('are not started again once they ran on the host, whatever became of their record there', async () => {
    session.state.job = { state: 'Absent' };
    const run: Step = { name: 'run', state: 'Running', attempts: 1 };
    const one = operation('one', { status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z', steps: [run] } });
    await acts().perform(scopeWith([one]), session);
    expect(story).toEqual(['job-status', 'one AlreadyRan']);
  });

  it('are started once what stood in the way is gone', async () => {
    session.state.problem = new WaitingError('WaitingForJob', 'Another job runs.', { afterMs: 1000 });
    await expect(acts().perform(scopeWith([operation('one')]), session)).rejects.toMatchObject({
      reason: 'WaitingForJob',
    });
    delete session.state.problem;
    story = [];
    await acts().perform(scopeWith([stored.get('one')!]), session);
    expect(story).toEqual(['start-job', 'one Succeeded', 'consume-job']);
  });

  it.each<{ when: string; problem: ReconcileError; denied: boolean }>([
    { when: 'sudo asks for a password now', problem: new TerminalError('PasswordRequired', 'It asks.'), denied: true },
    { when: 'the answer is damaged', problem: new TransientError('ObservationFailed', 'Damaged.'), denied: false },
  ])('go on, with their job, when $when', async ({ problem, denied }) => {
    const one = operation('one', { status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z' } });
    if (denied) session.privilegeFailure = problem;
    else session.state.problem = problem;
    await expect(acts().perform(scopeWith([one]), session)).rejects.toMatchObject({ reason: problem.reason });
    expect(stored.get('one')?.status?.phase).toBe('Running');
    session.privilegeFailure = undefined;
    delete session.state.problem;
    await acts().perform(scopeWith([one]), session);
    expect(stored.get('one')?.status?.phase).toBe('Succeeded');
  });

  it('end with a failure that stays for an hour', async () => {
    session.state.problem = new TransientError('DiskFull', 'A file system is full.');
    const one = operation('one', { status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z' } });
    await clock.advance(3600_000);
    await acts().perform(scopeWith([one]), session);
    expect(stored.get('one')?.status).toMatchObject({ phase: 'Failed', message: 'A file system is full.' });
  });

  it.each([
    new TransientError('NoRoute', 'There is no way to the host.'),
    new TerminalError('HostKeyMismatch', 'The host shows another key.'),
  ])('end where nobody gets in for an hour after they must have ended: %s', async (error) => {
    const one = operation('one', { status: { phase: 'Running', startTime: new Date(clock.now()).toISOString() } });
    await clock.advance(600_000 + 3600_000 - 1);
    await acts().away(scopeWith([one]), error);
    expect(stored.get('one')?.status?.phase).toBe('Running');
    await clock.advance(1);
    expect(await acts().away(scopeWith([one]), error)).toBe(error);
    const { phase, message } = stored.get('one')?.status ?? {};
    expect([phase, message]).toEqual(['Failed', expect.stringContaining(error.message)]);
  });

  it('are expected to take their host away, whatever else is under way', async () => {
    const status = { phase: 'Running', startTime: new Date(clock.now()).toISOString() } as const;
    const spec = (type: OperationType) => ({ serverRef: { name: 'eu-1' }, type });
    const both = [
      operation('fix', { spec: spec('Fix'), status }),
      operation('again', { spec: spec('Reboot'), status }),
    ];
    const error = new TransientError('NoRoute', 'There is no way to the host.');
    expect(await acts().away(scopeWith(both), error)).toMatchObject({ reason: 'Rebooting' });
  });

  it('keep what a command prints in a Secret that their UID names, also when it is there already', async () => {
    answers = [201, 409];
    const spec = { ...operation('one').spec, captureOutput: true };
    await acts().perform(scopeWith([operation('one', { spec })]), session);
    const name = 'one-output-uid-one';
    expect(story.filter((line) => line.includes('create'))).toEqual([`may create ${name}: 201`, `create ${name}: 409`]);
    expect(stored.get('one')?.status).toMatchObject({ phase: 'Succeeded', outputSecretRef: { name } });
  });

  it('run no command whose output may not be kept, and wait with one that was begun', async () => {
    const spec = { ...operation('one').spec, captureOutput: true };
    answers = [403];
    await acts().perform(scopeWith([operation('one', { spec })]), session);
    const { phase, message } = stored.get('one')?.status ?? {};
    expect([phase, message]).toEqual([
      'Failed',
      expect.stringContaining(
        'hostler grant --capture-output --namespace acme --service-account hostler-system/prod-hostler',
      ),
    ]);
    expect(story).not.toContain('start-job');
    answers = [403];
    const two = operation('two', { spec, status: { phase: 'Running', startTime: '2026-01-01T00:00:00Z' } });
    await expect(acts().perform(scopeWith([two]), session)).rejects.toMatchObject({ reason: 'SecretForbidden' });
    expect(stored.get('two')?.status).toMatchObject({ phase: 'Running' });
    expect(story).not.toContain('consume-job');
  });

  it('end with their job when they were deleted, and leave the jobs of others alone', async () => {
    const job = (change: string, more: Partial<JobOnHost> = {}): JobOnHost => ({
      id: 'ab12',
      change,
      attempt: 1,
      server: UID,
      state: 'Running',
      ...more,
    });
    const jobs = [
      job('docker-engine/package'),
      job('operation/foreign', { server: 'uid-other' }),
      job('operation/kept'),
      job('operation/gone'),
      job('operation/told', { state: 'Exited' }),
    ];
    const kept = operation('kept', { status: { phase: 'Succeeded' } });
    await acts().perform(scopeWith([kept], {}, jobs), session);
    expect(story).toEqual(['cancel-job', 'consume-job', 'consume-job']);
  });
});
