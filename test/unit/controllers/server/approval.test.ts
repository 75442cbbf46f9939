import { beforeEach, describe, expect, it } from 'vitest';
import type { ServerOperation } from '../../../../src/api/serverOperation.ts';
import type { ServerDeps } from '../../../../src/controllers/server/deps.ts';
import type { LoginDesk } from '../../../../src/controllers/server/login.ts';
import { admitOperations, concludeOperations } from '../../../../src/controllers/server/operations.ts';
import { Phases } from '../../../../src/controllers/server/phases.ts';
import type { References } from '../../../../src/controllers/server/references.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import { statusOf } from '../../../../src/controllers/server/status.ts';
import type { AnyTask, Change } from '../../../../src/host/task.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, observed, scopeOf, serverWith } from '../../../support/serverScope.ts';

const restart: Change = {
  name: 'sample/restart',
  area: 'Docker',
  what: 'restart it',
  why: 'spec',
  disruption: 'RestartContainers',
  expectedGapSeconds: 1,
  params: {},
};
const session = new FakeSession<object>({}, {});

/** What the next look finds to do; undefined: it cannot tell. */
let drift: Change[] | undefined;
/** As the API holds the Server. */
let server: Scope['server'];

beforeEach(() => {
  drift = [restart];
  server = serverWith({ docker: {} });
});

const task: AnyTask = {
  name: 'sample',
  area: 'Docker',
  facts: [],
  want: () => ({}),
  diff: () => ({ changes: drift ?? [], obstacles: [] }),
  apply: () => ({ kind: 'script', script: { name: 'sample', text: ':' }, timeoutSeconds: 1 }),
};

const approve = (planHash: string): ServerOperation => ({
  apiVersion: 'hostler.dev/v1alpha1',
  kind: 'ServerOperation',
  metadata: { namespace: 'acme', name: 'approve', uid: 'uid-approve', generation: 1 },
  spec: { serverRef: { name: 'eu-1' }, type: 'Approve', approve: { planHash } },
});

/** One run up to what it would do, written to the API. @returns the names of changes that may run. */
async function run(operations: ServerOperation[] = [], { away = false } = {}) {
  const scope = scopeOf({ server, session, operations });
  admitOperations(scope);
  if (away) scope.login = undefined;
  else await check(scope);
  const endings = concludeOperations(scope).map(({ ending }) => ending.reason);
  server = { ...server, status: statusOf(scope, [task]) };
  return { runs: scope.runnable.map(({ name }) => name), endings, hash: scope.plan?.hash ?? '' };
}

async function check(scope: Scope): Promise<void> {
  const observation = observed(scope, {}).observation!;
  const [have, failed] =
    drift === undefined ? [[], [['sample', 'no answer'] as const]] : [[['sample', {}] as const], []];
  scope.observation = { ...observation, have: new Map(have), failed: new Map(failed) };
  const deps = { tasks: [task], clock: new FakeClock(), ...claimDeps } as unknown as ServerDeps;
  const none = {} as unknown;
  const others = { desk: none as LoginDesk, references: none as References };
  await new Phases(deps, others, () => Promise.resolve()).run('check', scope);
}

describe('the approval of a plan', () => {
  it('holds over the runs that the plan needs, and once', async () => {
    const { runs, hash } = await run();
    expect(runs).toEqual([]);
    expect(await run([approve(hash)])).toMatchObject({ runs: ['sample/restart'], endings: ['OperationSucceeded'] });
    expect((await run()).runs, 'its job failed, or is under way').toEqual(['sample/restart']);
    drift = undefined;
    await run();
    drift = [restart];
    expect((await run()).runs, 'a look failed in between').toEqual(['sample/restart']);
    drift = [];
    await run();
    expect(server.status?.approvedPlanHash).toBeUndefined();
    drift = [restart];
    expect((await run()).runs, 'the same drift again').toEqual([]);
  });

  it('counts for nothing where the host was away until the operation ended', async () => {
    const { hash } = await run();
    expect((await run([approve(hash)], { away: true })).endings).toEqual([]);
    expect((await run()).runs).toEqual([]);
  });

  it('counts for nothing where another plan was found, also when that one comes', async () => {
    const { hash } = await run();
    drift = [{ ...restart, what: 'restart it twice' }];
    expect(await run([approve(hash)])).toMatchObject({ runs: [], endings: ['PlanChanged'] });
    drift = [restart];
    expect((await run()).runs).toEqual([]);
  });

  it('goes on with what is left of the plan, and asks for everything else', async () => {
    const [second, third] = ['sample/second', 'sample/third'].map((name) => ({ ...restart, name }));
    drift = [restart, second!];
    const { hash } = await run();
    expect((await run([approve(hash)])).runs).toEqual(['sample/restart', 'sample/second']);
    drift = [second!, third!];
    expect((await run()).runs, 'the first was made by a job that outlived its run').toEqual(['sample/second']);
    drift = [second!, restart];
    expect((await run()).runs, 'the first is wanted once more').toEqual(['sample/second']);
    drift = [{ ...second!, to: 'something else' }];
    expect((await run()).runs).toEqual([]);
    drift = [second!];
    expect((await run()).runs, 'it was not there in between').toEqual([]);
  });

  it('stands behind the operation whose end could not be told in time', async () => {
    const second = { ...restart, name: 'sample/second' };
    drift = [restart, second];
    const { hash } = await run();
    await run([approve(hash)]);
    drift = [second];
    expect(await run([approve(hash)])).toMatchObject({ runs: ['sample/second'], endings: ['OperationSucceeded'] });
    drift = [];
    expect((await run([approve(hash)])).endings).toEqual(['OperationSucceeded']);
    drift = [restart, second];
    expect((await run()).runs).toEqual([]);
  });

  it('covers no change that the status has no room to show', async () => {
    drift = Array.from({ length: 101 }, (_, index) => ({ ...restart, name: `sample/${index}` }));
    const { hash } = await run();
    expect((await run([approve(hash)])).runs).toHaveLength(100);
  });

  it('waits while the host itself is not ready to be judged', async () => {
    const { hash } = await run();
    const wait: Change = { ...restart, name: 'sample/settled', disruption: 'None', provisional: true };
    drift = [wait];
    expect(await run([approve(hash)])).toMatchObject({ runs: ['sample/settled'], endings: [] });
    drift = [restart];
    expect(await run([approve(hash)])).toMatchObject({ runs: ['sample/restart'], endings: ['OperationSucceeded'] });
    drift = [wait];
    await run();
    drift = [restart];
    expect((await run()).runs).toEqual(['sample/restart']);
  });

  it('is not lost to one of a plan that is not there', async () => {
    const { hash } = await run();
    await run([approve(hash)]);
    expect(await run([approve(`sha256:${'0'.repeat(64)}`)])).toMatchObject({
      runs: ['sample/restart'],
      endings: ['PlanChanged'],
    });
  });
});
