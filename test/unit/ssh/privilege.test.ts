import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../src/lib/errors.ts';
import { detectPrivilege, parseProbe, type LoginProbe, type RootTry } from '../../../src/ssh/privilege.ts';

const result = (stdout: string, exitCode = 0) => ({
  exitCode,
  stdout,
  stderr: '',
  signal: undefined,
  truncated: false,
  durationMs: 0,
});
const probe: LoginProbe = { isRoot: false, hasSudo: true, hasDoas: true, hasTimeout: true, clientAddress: undefined };
const works: RootTry = { result: result('0\n'), prompted: false };
const fails = (reason: 'NotInSudoers' | 'PasswordRequired', prompted = false): RootTry => ({
  failure: new TerminalError(reason, reason),
  prompted,
});

describe('detectPrivilege', () => {
  it.each([
    ['Auto', { ...probe, isRoot: true }, {}, { kind: 'root' }, []],
    ['None', { ...probe, isRoot: true }, {}, { kind: 'root' }, []],
    ['Auto', probe, { sudo: works }, { kind: 'sudo', withPassword: false }, ['sudo']],
    ['Auto', probe, { sudo: { ...works, prompted: true } }, { kind: 'sudo', withPassword: true }, ['sudo']],
    ['Auto', probe, { sudo: fails('NotInSudoers'), doas: works }, { kind: 'doas' }, ['sudo', 'doas']],
    ['Auto', { ...probe, hasSudo: false }, { doas: works }, { kind: 'doas' }, ['doas']],
    ['Sudo', probe, { sudo: fails('NotInSudoers') }, 'NotInSudoers', ['sudo']],
    ['Doas', probe, { doas: fails('NotInSudoers') }, 'NotInSudoers', ['doas']],
    [
      'Auto',
      probe,
      { sudo: fails('PasswordRequired'), doas: fails('NotInSudoers') },
      'PasswordRequired',
      ['sudo', 'doas'],
    ],
    ['Auto', { ...probe, hasSudo: false, hasDoas: false }, {}, 'SudoMissing', []],
    ['Sudo', { ...probe, hasSudo: false }, {}, 'SudoMissing', []],
    ['None', probe, {}, 'ManualRootStepsRequired', []],
    ['Sudo', probe, { sudo: { result: result('1000\n'), prompted: false } }, 'NotInSudoers', ['sudo']],
  ] as const)('by mode %s', async (...[mode, found, outcomes, expected, tried]) => {
    const attempts: string[] = [];
    const finding = await detectPrivilege(mode, 'tester', found, (as) => {
      attempts.push(as);
      return Promise.resolve((outcomes as Record<string, RootTry>)[as] ?? fails('NotInSudoers'));
    });
    expect(attempts).toEqual(tried);
    if (typeof expected === 'string') {
      expect(finding).toMatchObject({ privilege: { kind: 'none' }, failure: { reason: expected } });
    } else {
      expect(finding).toEqual({ privilege: expected, failure: undefined, final: true });
    }
  });

  it('never looks again after a password was refused, which could lock the account', async () => {
    const after = async (outcome: RootTry) => detectPrivilege('Sudo', 'tester', probe, () => Promise.resolve(outcome));
    expect(await after(fails('PasswordRequired', true))).toMatchObject({ final: true });
    expect(await after(fails('PasswordRequired', false))).toMatchObject({ final: false });
    expect(await after(fails('NotInSudoers', true))).toMatchObject({ final: false });
  });
});

describe('parseProbe', () => {
  it('reads what the login says', () => {
    expect(parseProbe(result('1000\nyes\nno\nyes\n203.0.113.1 4711 203.0.113.10 22\n'))).toEqual({
      isRoot: false,
      hasSudo: true,
      hasDoas: false,
      hasTimeout: true,
      clientAddress: '203.0.113.1',
    });
  });

  it.each(['', 'root\n', '-1\n'])('does not believe %j', (stdout) => {
    expect(() => parseProbe(result(stdout))).toThrow('does not say which user');
  });
});
