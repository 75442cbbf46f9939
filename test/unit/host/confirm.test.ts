import { describe, expect, it } from 'vitest';
import { makeProvisional, settleChange, type ProofMeans } from '../../../src/host/confirm.ts';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import type { ProvisionalAction } from '../../../src/host/task.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { ReconcileError, TerminalError, TransientError } from '../../../src/lib/errors.ts';
import { AuthenticationRejected } from '../../../src/ssh/connectErrors.ts';
import type { Connection, Session } from '../../../src/ssh/session.ts';
import { FakeSession } from '../../support/fakeSession.ts';

interface Host {
  marker: '' | 'armed' | 'armed made' | 'confirmed' | 'rolling' | 'rolledback';
  /** The session that made the change is gone. */
  cut?: boolean;
  /** The script of the change is still at it. */
  goesOn?: boolean;
  /** What the change ends with. */
  ends?: number;
  args?: readonly string[];
}

const action: ProvisionalAction = {
  kind: 'provisional',
  script: { name: 'sample/change', text: 'true', args: ['a b'] },
  files: ['/etc/one', '/etc/two'],
  rollback: { name: 'sample/rollback', text: 'reload' },
  timeoutSeconds: 10,
  confirmSeconds: 60,
};
const change = { id: 'abc', name: 'sample/change', what: 'change the sample', action };
const refused: ReconcileError = new TransientError('ConnectionRefused', 'nobody listens');
const rejected: ReconcileError = new AuthenticationRejected('no', { offeredMethods: [], remedy: 'none' });

/** Knows what confirmScript.ts does on a real host. */
function host(state: Host): FakeSession<Host> {
  const alive = (): void => {
    if (state.cut === true) throw new TransientError('ConnectionLost', 'gone');
  };
  return new FakeSession<Host>(
    {
      'sample/change': (_, script) => {
        state.args = script.args ?? [];
        state.marker = state.ends === undefined ? 'armed made' : '';
        return { exitCode: state.ends ?? 0 };
      },
      'confirm/disarm': () => {
        if (state.marker !== 'armed made' && state.marker !== 'confirmed') return { exitCode: exitCodes.takenBack };
        state.marker = '';
        return '';
      },
      'confirm/undo': (_, script) => {
        alive();
        if (state.goesOn === true && script.args?.at(-1) === 'cut') {
          state.marker = 'armed made';
          return { exitCode: exitCodes.changedMeanwhile };
        }
        if (state.marker === '') return { exitCode: exitCodes.proven };
        state.marker = 'rolledback';
        return '';
      },
      'confirm/stand': () => `${state.marker}\n`,
    },
    state,
  );
}

/** @param outcomes  Of one login after the other; `true` lets us in, the last stays. */
function means(session: FakeSession<Host>, ...outcomes: (true | Error)[]): ProofMeans & { closed: number } {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
  const owner = { installation: 'i', server: 's', token: { lease: 'l', transitions: 1 } };
  const given = {
    claim: { owner, stillHeld: () => Promise.resolve(true) },
    closed: 0,
    clock,
    prove: () => {
      const outcome = outcomes.length > 1 ? outcomes.shift() : outcomes[0];
      if (outcome !== true) return Promise.reject(outcome ?? new Error('no outcome'));
      const connection: Partial<Connection> = {
        run: (script, limits) => session.run(script, limits),
        close: () => {
          given.closed += 1;
        },
      };
      return Promise.resolve(connection as Connection);
    },
  };
  return given;
}

const make = (session: Session, how: ProofMeans): Promise<void> =>
  makeProvisional(
    session,
    { ...change, explain: (run) => new TerminalError('ConfigRejected', `${run.exitCode}`) },
    how,
  );

describe('a provisional change', () => {
  it('lasts once a login of its own has disarmed it', async () => {
    const session = host({ marker: '' });
    const how = means(session, true);
    await make(session, how);
    expect(session.state.marker).toBe('');
    expect(session.ran).toEqual(['sample/change', 'confirm/disarm']);
    expect(how.closed).toBe(1);
    const [id, seconds, , rollback, files, ...args] = session.state.args!.slice(5);
    expect([id, seconds, files, ...args]).toEqual(['abc', '60', '/etc/one\n/etc/two', 'a b']);
    expect(rollback).toContain('reload');
  });

  it('is tried again to log in while that may be a matter of the moment', async () => {
    const session = host({ marker: '' });
    await make(session, means(session, refused, refused, true));
    expect(session.state.marker).toBe('');
  });

  it.each([
    { name: 'the host refuses the login', error: rejected, told: 'The login said: no' },
    { name: 'nobody answers all the time', error: refused, told: 'The login said: nobody listens' },
  ])('is taken back at once when $name', async ({ error, told }) => {
    const session = host({ marker: '' });
    const failure = await make(session, means(session, error)).catch((one: unknown) => one);
    const message = expect.stringContaining(told) as string;
    expect(failure).toMatchObject({ name: 'TransientError', reason: 'ConfigRolledBack', message });
    expect(session.state.marker).toBe('rolledback');
    expect(session.ran.filter((one) => one === 'confirm/undo')).toHaveLength(1);
  });

  it('that failed by itself is explained, and needs no proof', async () => {
    const session = host({ marker: '', ends: exitCodes.configRejected });
    await expect(make(session, means(session, true))).rejects.toMatchObject({ reason: 'ConfigRejected' });
    expect(session.ran).toEqual(['sample/change']);
  });

  it('that took longer than the host waits was taken back', async () => {
    const session = host({ marker: '', ends: exitCodes.takenBack });
    await expect(make(session, means(session, true))).rejects.toMatchObject({ reason: 'ConfigRolledBack' });
  });

  it('whose proof came too late was taken back', async () => {
    const session = host({ marker: '' });
    const how = means(session, true);
    const { prove } = how;
    how.prove = (signal) => {
      session.state.marker = 'rolledback';
      return prove(signal);
    };
    await expect(make(session, how)).rejects.toMatchObject({ reason: 'ConfigRolledBack' });
  });

  it('lasts when only the answer to the proof was lost', async () => {
    const session = host({ marker: '' });
    const how = means(session, true);
    how.prove = () => {
      session.state.marker = '';
      return Promise.reject(new TerminalError('ConnectionLost', 'cut after the disarming'));
    };
    await expect(make(session, how)).resolves.toBeUndefined();
  });

  it('of which nothing can be learned is left to the host', async () => {
    const session = host({ marker: '', cut: true });
    const failure: unknown = await make(session, means(session, rejected)).catch((one: unknown) => one);
    expect(failure).toMatchObject({ reason: 'ConnectionLost' });
    expect(session.state.marker).toBe('armed made');
  });
});

describe('a change that an earlier process began', () => {
  it.each([
    { marker: '', kind: 'absent', left: '' },
    { marker: 'armed made', kind: 'confirmed', left: '' },
    { marker: 'armed', kind: 'absent', left: 'rolledback' },
    { marker: 'confirmed', kind: 'confirmed', left: '' },
    { marker: 'rolledback', kind: 'takenBack', left: 'rolledback' },
  ] as const)('is $kind when the host says "$marker"', async ({ marker, kind, left }) => {
    const session = host({ marker });
    expect(await settleChange(session, change, means(session, true))).toMatchObject({ kind });
    expect(session.state.marker).toBe(left);
  });

  it('is taken back when no login proves it', async () => {
    const session = host({ marker: 'armed made' });
    expect(await settleChange(session, change, means(session, rejected))).toMatchObject({ kind: 'takenBack' });
    expect(session.state.marker).toBe('rolledback');
  });

  it('is proven when its script came to its end after all', async () => {
    const session = host({ marker: 'armed', goesOn: true });
    expect(await settleChange(session, change, means(session, true))).toEqual({ kind: 'confirmed' });
    expect(session.state.marker).toBe('');
  });

  it('is waited for while the host takes it back', async () => {
    const session = host({ marker: 'rolling' });
    const waiting = settleChange(session, change, means(session, true)).catch((error: unknown) => error);
    const error = await waiting;
    expect(error).toBeInstanceOf(ReconcileError);
    expect(error).toMatchObject({ retry: { kind: 'after' } });
  });
});
