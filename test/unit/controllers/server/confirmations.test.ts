import { beforeEach, describe, expect, it } from 'vitest';
import type { Confirmation } from '../../../../src/api/serverStatus.ts';
import {
  Confirmations,
  forgiveRollbacks,
  mayBeLockedOut,
  rolledBack,
} from '../../../../src/controllers/server/confirmations.ts';
import type { Scope } from '../../../../src/controllers/server/scope.ts';
import { StepLog } from '../../../../src/controllers/server/steps.ts';
import type { Change } from '../../../../src/host/task.ts';
import { TransientError } from '../../../../src/lib/errors.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeSession } from '../../../support/fakeSession.ts';
import { claimDeps, scopeOf } from '../../../support/serverScope.ts';

const change = { name: 'sshd/config', what: 'set MaxAuthTries' };
const entry = (over: Partial<Confirmation> = {}): Confirmation => ({
  name: change.name,
  id: 'abc',
  attempts: 1,
  state: 'Pending',
  startTime: '2026-01-01T00:00:00Z',
  ...over,
});
const takenBack = new TransientError('ConfigRolledBack', 'The host took this back.');

let scope: Scope;
/** What the API knew at each write. */
let written: (Confirmation[] | undefined)[];
let books: Confirmations;
let session: FakeSession<{ marker: string }>;

beforeEach(() => {
  written = [];
  session = new FakeSession({ 'confirm/stand': ({ marker }) => marker }, { marker: '' });
  scope = scopeOf({ session });
  const steps = new StepLog(scope.steps, () => 0);
  books = new Confirmations(
    { ...claimDeps, clock: new FakeClock() },
    {
      desk: { prove: () => Promise.reject(new Error('nothing is to be proven')) },
      attempts: { steps: () => steps, fail: (_, name) => steps.fail(name, 'ConfigRolledBack', 'taken back') },
      writeAhead: (one) => {
        written.push(structuredClone(one.confirmations));
        return Promise.resolve();
      },
    },
  );
});

/** One try that ends with `error`, or well. */
async function attempt(error?: Error): Promise<unknown> {
  const make = async (): Promise<string> => {
    await books.proof(scope).begin(change);
    if (error !== undefined) throw error;
    return 'made';
  };
  return books.track(scope, change, make).catch((failure: unknown) => failure);
}

describe('a change that could lock us out', () => {
  it('is counted in the API before the host is touched, and forgotten once it is proven', async () => {
    expect(await attempt()).toBe('made');
    expect(written).toEqual([[entry({ id: expect.stringMatching(/^[0-9a-f]{20}$/) as string })]]);
    expect(scope.confirmations).toEqual([]);
  });

  it('is tried once more after it was taken back, and then only when something changes', async () => {
    expect(await attempt(takenBack)).toBe(takenBack);
    expect(scope.confirmations).toMatchObject([{ attempts: 1, state: 'RolledBack' }]);
    expect(await attempt(takenBack)).toMatchObject({
      reason: 'ConfigRolledBack',
      retry: { kind: 'never' },
      message: expect.stringContaining('This happened 2 times') as string,
    });
    expect(await attempt()).toMatchObject({ reason: 'ConfigRolledBack', retry: { kind: 'never' } });
    expect(written).toHaveLength(2);
    scope.confirmations = forgiveRollbacks(scope.confirmations);
    expect(await attempt()).toBe('made');
  });

  it('has an id of its own at every try, so that no other try is taken for it', async () => {
    await attempt(takenBack);
    await attempt(takenBack);
    const ids = written.map((list) => list?.[0]?.id);
    expect(new Set(ids).size).toBe(2);
  });

  it('stays open when its end is not known', async () => {
    const lost = new TransientError('ConnectionLost', 'gone');
    expect(await attempt(lost)).toBe(lost);
    expect(scope.confirmations).toMatchObject([{ attempts: 1, state: 'Pending' }]);
  });

  it('that is no such change leaves no trace', async () => {
    expect(await books.track(scope, change, () => Promise.resolve(1))).toBe(1);
    expect(scope.confirmations).toEqual([]);
  });
});

describe('a change that another process left open', () => {
  it.each([
    { marker: '', attempts: 1, left: [] },
    { marker: '', attempts: 2, left: [{ attempts: 1, state: 'RolledBack' }] },
    { marker: 'rolledback', attempts: 1, left: [{ attempts: 1, state: 'RolledBack' }] },
  ])('and that is "$marker" on the host leaves $left of $attempts tries', async ({ marker, attempts, left }) => {
    session.state.marker = marker;
    scope.confirmations = [entry({ attempts })];
    const error = await books.settle(scope, session);
    expect(error?.reason).toBe(marker === '' ? undefined : 'ConfigRolledBack');
    expect(error?.retry.kind).toBe(marker === '' ? undefined : 'backoff');
    expect(scope.confirmations).toMatchObject(left);
  });

  it('and that was taken back for the second time is given up', async () => {
    session.state.marker = 'rolledback';
    scope.confirmations = [entry({ attempts: 2 })];
    expect((await books.settle(scope, session))?.retry).toEqual({ kind: 'never' });
  });

  it('is not asked about once its end is known', async () => {
    scope.confirmations = [entry({ state: 'RolledBack' })];
    expect(await books.settle(scope, session)).toBeUndefined();
    expect(session.ran).toEqual([]);
  });
});

describe('what the books say', () => {
  it('forgives what was taken back, and keeps what is open', () => {
    const list = [entry({ attempts: 2, state: 'RolledBack' }), entry({ name: 'firewall/rules', attempts: 2 })];
    expect(forgiveRollbacks(list)).toEqual([entry({ name: 'firewall/rules', attempts: 1 })]);
  });

  it.each([
    { state: 'Pending', minutes: 1, locked: true },
    { state: 'Pending', minutes: 6, locked: false },
    { state: 'RolledBack', minutes: 1, locked: false },
  ] as const)(
    'a rejection $minutes min after a $state change may be its work: $locked',
    ({ state, minutes, locked }) => {
      const now = Date.parse('2026-01-01T00:00:00Z') + minutes * 60_000;
      expect(mayBeLockedOut({ confirmations: [entry({ state })], now })).toBe(locked);
    },
  );

  it('names the changes that were taken back', () => {
    const changes = [{ name: 'sshd/config' }, { name: 'sshd/other' }] as Change[];
    expect(rolledBack({ confirmations: [entry({ state: 'RolledBack' })] }, changes)).toEqual([{ name: 'sshd/config' }]);
  });
});
