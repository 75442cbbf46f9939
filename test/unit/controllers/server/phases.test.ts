import { beforeEach, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../../../src/api/serverSpec.ts';
import type { ServerDeps } from '../../../../src/controllers/server/deps.ts';
import type { LoginDesk } from '../../../../src/controllers/server/login.ts';
import { judgeInSync } from '../../../../src/controllers/server/judge.ts';
import { Phases } from '../../../../src/controllers/server/phases.ts';
import type { References } from '../../../../src/controllers/server/references.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import type { AnyTask } from '../../../../src/host/task.ts';
import { TerminalError } from '../../../../src/lib/errors.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, scopeOf, serverWith } from '../../../support/serverScope.ts';

type Job = { state: 'Running' | 'Exited' | 'Interrupted'; exit?: number; log?: string };

let session: FakeSession<{ job: Job }>;
/** What happened, in order: scripts on the host and writes of the status. */
let done: string[];

beforeEach(() => {
  done = [];
  session = new FakeSession<{ job: Job }>(
    {
      'job-status': ({ job }, { args: [nonce = ''] = [] }) => {
        done.push('job-status');
        const record = (name: string, text: string) => `\n${nonce} 0.${name} 0 ${text.length}\n${text}`;
        const { state, exit = '', log = '' } = job;
        return `${record('state', state)}${record('exit', String(exit))}${record('log', log)}\n${nonce} end\n`;
      },
      'consume-job': () => {
        done.push('consume-job');
        return '';
      },
    },
    { job: { state: 'Running' } },
  );
});

const task: AnyTask = {
  name: 'sample',
  area: 'Docker',
  facts: [],
  want: () => undefined,
  diff: () => ({ changes: [], obstacles: [] }),
  apply: () => ({ kind: 'script', script: { name: 'sample', text: ':' }, timeoutSeconds: 1 }),
  explain: (_change, { stderr }) =>
    stderr.includes('podman') ? new TerminalError('DockerConflict', 'podman is in the way.') : undefined,
};

/** A run that finds the job of `change`, which an earlier one started. */
function scopeWith(change: string, hooks: NonNullable<ServerSpec['hooks']> = []): Scope {
  const scope = scopeOf({ server: serverWith({ hooks }), session });
  scope.jobs = [{ name: '0123456789abcdef0123', change, attempt: 1, startTime: '2026-01-01T00:00:00Z' }];
  scope.steps = [{ name: change, state: 'Running', attempts: 1 }];
  return scope;
}

/** Every scope here has its login already. */
const noDesk = { logIn: () => Promise.reject(new Error('no login is expected')) } as unknown as LoginDesk;

const noReferences = {
  resolve: ({ effective }: Scope) => Promise.resolve(effective),
} as unknown as References;

function observe(scope: Scope) {
  const deps = {
    tasks: [task],
    clock: new FakeClock(),
    ...claimDeps,
    events: { record: () => undefined },
  } as unknown as ServerDeps;
  const writeAhead = ({ hooksRun, steps }: Scope): Promise<void> => {
    done.push(`write ${hooksRun.join(' ')}: ${steps.find(({ name }) => name.startsWith('hook/'))?.state ?? 'no step'}`);
    return Promise.resolve();
  };
  return new Phases(deps, { desk: noDesk, references: noReferences }, writeAhead).run('observe', scope);
}

const stepOf = ({ steps }: Scope, name: string) => steps.find((step) => step.name === name);

describe('a job that an earlier run started', () => {
  it('is waited for while it runs', async () => {
    const scope = scopeWith('sample/file');
    expect(await observe(scope)).toEqual({ type: 'waiting' });
    expect(scope.jobs).toHaveLength(1);
    expect(judgeInSync(scope)).toBeUndefined();
  });

  it.each([
    ['the package repository is away', false],
    ['podman-docker is installed', true],
  ])('is a failed change when it failed, as %s: hopeless %s', async (log, terminal) => {
    session.state.job = { state: 'Exited', exit: 1, log };
    const scope = scopeWith('sample/file');
    expect(await observe(scope)).toEqual({ type: 'changeFailed', terminal });
    expect(scope.jobs).toEqual([]);
    expect(stepOf(scope, 'sample/file')).toMatchObject({ state: 'Failed', attempts: 1 });
    expect(done).toEqual(['job-status', 'consume-job']);
    expect(judgeInSync(scope)).toMatchObject({ status: 'False', reason: 'ApplyFailed' });
  });

  it('is a failed change when it was cut off', async () => {
    session.state.job = { state: 'Interrupted' };
    expect(await observe(scopeWith('sample/file'))).toEqual({ type: 'changeFailed', terminal: false });
  });

  it('stays known while root, which it needs to be asked, is denied', async () => {
    session.privilegeFailure = new TerminalError('PasswordRequired', 'sudo asks for a password.');
    const scope = scopeWith('sample/file');
    expect(await observe(scope)).toEqual({ type: 'lookFailed' });
    expect(scope.failure?.reason).toBe('PasswordRequired');
    expect(scope.jobs).toHaveLength(1);
    expect(stepOf(scope, 'sample/file')).toMatchObject({ state: 'Running' });
  });

  it('of a hook is written down as run before its record leaves the host, and once', async () => {
    const hook = {
      name: 'warm',
      when: 'PreProvision',
      script: 'true',
      timeoutSeconds: 9,
      failurePolicy: 'Fail',
    } as const;
    session.state.job = { state: 'Exited', exit: 0 };
    const scope = scopeWith('hook/warm', [hook]);
    // it goes on to look at the host, which this one cannot be
    await expect(observe(scope)).rejects.toThrow('does not know script');
    expect(done).toEqual(['job-status', 'write warm: Succeeded', 'consume-job']);
    scope.jobs = scopeWith('hook/warm').jobs;
    await expect(observe(scope)).rejects.toThrow('does not know script');
    expect(done.slice(3)).toEqual(['job-status', 'consume-job']);
    expect(scope.hooksRun).toEqual(['warm']);
  });

  it.each([
    ['Fail', []],
    ['Ignore', ['warm']],
  ] as const)('of a hook that failed counts as run under failurePolicy %s: %j', async (failurePolicy, ran) => {
    const hook = { name: 'warm', when: 'PreProvision', script: 'false', timeoutSeconds: 9, failurePolicy } as const;
    session.state.job = { state: 'Exited', exit: 1 };
    const scope = scopeWith('hook/warm', [hook]);
    await observe(scope).catch(() => undefined);
    expect(scope.hooksRun).toEqual(ran);
  });
});
