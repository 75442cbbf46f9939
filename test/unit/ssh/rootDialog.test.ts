import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { launch, refusalError, type Launch } from '../../../src/ssh/launch.ts';
import { RootDialog } from '../../../src/ssh/rootDialog.ts';

const plan: Launch = { command: '', started: 'STARTED0123', prompt: 'PROMPT4567' };
let log: string[];

function dialog(password: () => Promise<string | undefined> = () => Promise.resolve('secret')): RootDialog {
  return new RootDialog(plan, password, {
    write: (text) => void log.push(`write ${JSON.stringify(text)}`),
    giveUp: () => void log.push('give up'),
    started: () => void log.push('started'),
  });
}
const bytes = (text: string): Buffer => Buffer.from(text);

beforeEach(() => {
  log = [];
});

describe('RootDialog', () => {
  it('writes the password only after our own prompt', async () => {
    const talk = dialog();
    talk.onStderr(bytes('We trust you have received the usual lecture.\nPassword: [sudo] password for x: PROMPT'));
    await turn();
    expect(log).toEqual([]);
    talk.onStderr(bytes('4567'));
    await turn();
    expect(log).toEqual(['write "secret\\n"']);
    talk.onStdout(bytes('noise STARTED01'));
    talk.onStdout(bytes('23\n'));
    expect([log.at(-1), talk.hasStarted]).toEqual(['started', true]);
  });

  it('sends nothing where sudo does not ask', async () => {
    const talk = dialog();
    talk.onStdout(bytes('STARTED0123\n'));
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    expect(log).toEqual(['started']);
  });

  it('never sends a password twice', async () => {
    const talk = dialog();
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    talk.onStderr(bytes('Sorry, try again.\nPROMPT4567'));
    talk.onStderr(bytes('Sorry, try again.\nPROMPT4567'));
    await turn();
    expect(log).toEqual(['write "secret\\n"', 'give up']);
    expect(talk.refusal).toEqual({ kind: 'PasswordRefused' });
  });

  it.each(['sudo: 1 incorrect password attempt', 'sudo: Maximum 1 incorrect authentication attempts'])(
    'knows a refused password where sudo asks once only: %s',
    async (text) => {
      const talk = dialog();
      talk.onStderr(bytes('PROMPT4567'));
      await turn();
      talk.onStderr(bytes(`\n${text}\n`));
      expect(talk.refusal).toEqual({ kind: 'PasswordRefused' });
    },
  );

  it('sends no password that the shell behind sudo would read on', async () => {
    const talk = dialog(() => Promise.resolve('a\ntouch /tmp/pwned'));
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    expect([log, talk.refusal]).toEqual([['give up'], { kind: 'PasswordRefused' }]);
  });

  it('takes the final newline of a Secret made from a file for what it is', async () => {
    const talk = dialog(() => Promise.resolve('secret\r\n'));
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    expect(log).toEqual(['write "secret\\n"']);
  });

  it.each([undefined, ''])('gives up when the password is %j', async (password) => {
    const talk = dialog(() => Promise.resolve(password));
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    expect([log, talk.refusal]).toEqual([['give up'], { kind: 'PasswordMissing' }]);
  });

  it('keeps what fetching the password threw', async () => {
    const error = new Error('Secret is gone');
    const talk = dialog(() => Promise.reject(error));
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    expect([log, talk.error]).toEqual([['give up'], error]);
  });

  it('shows what sudo said, without the password and without control characters', async () => {
    const talk = dialog();
    talk.onStderr(bytes('PROMPT4567'));
    await turn();
    talk.onStderr(bytes('\u001b[31mtester is not in the sudoers file.\n you typed secret \n'));
    expect(talk.refusal).toEqual({
      kind: 'Refused',
      text: '[31mtester is not in the sudoers file. / you typed [redacted]',
    });
  });
});

describe('refusalError', () => {
  it.each([
    ['sudo: sorry, you must have a tty to run sudo', 'TTYRequired'],
    ['sudo: no tty present and no askpass program specified', 'TTYRequired'],
    ['tester is not in the sudoers file.', 'NotInSudoers'],
    ["Sorry, user tester is not allowed to execute '/bin/sh' as root on h.", 'NotInSudoers'],
    ['/bin/sh: 1: exec: sudo: not found', 'SudoMissing'],
    ['', 'NotInSudoers'],
  ])('takes %j for %s, with what to do', (text, reason) => {
    const error = refusalError('sudo', 'tester', { kind: 'Refused', text });
    expect(error.reason).toBe(reason);
    expect(error.message).toContain(text);
    expect(error.remedy ?? '').not.toBe('');
  });
});

describe('launch', () => {
  const nonces = (text: string): string => text.replace(/[0-9a-f]{32}/g, 'NONCE');

  it.each([
    ['user', true, 'exec timeout -k 5 70 /bin/sh -s'],
    ['user', false, 'exec /bin/sh -s'],
    [
      'sudo',
      true,
      `exec /bin/sh -c 'PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LC_ALL=C; export PATH LC_ALL; exec sudo -k -S -H -p NONCE -- /bin/sh -c "echo NONCE; exec timeout -k 5 70 /bin/sh -s"'`,
    ],
    [
      'doas',
      false,
      `exec /bin/sh -c 'PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LC_ALL=C; export PATH LC_ALL; exec doas -n /bin/sh -c "echo NONCE; exec /bin/sh -s"'`,
    ],
  ] as const)('as %s with watchdog %s asks the login shell for this', (as, watchdog, command) => {
    expect(nonces(launch(as, { timeoutMs: 60_000, watchdog }).command)).toBe(command);
  });

  it('uses nothing that csh or fish read differently', () => {
    for (const as of ['user', 'sudo', 'doas'] as const) {
      const { command } = launch(as, { timeoutMs: 1_000, watchdog: true });
      expect(command).not.toMatch(/[\\!\n`]/);
      expect(command.split("'").length === 1 || command.split("'").length === 3).toBe(true);
    }
  });
});
