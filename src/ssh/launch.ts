import type { Reason } from '../api/reasons.ts';
import { TerminalError } from '../lib/errors.ts';
import { newNonce, systemPath } from './script.ts';

/** As whom a script runs. `user` = as the login came in, which may be root. */
export type RunAs = 'user' | 'sudo' | 'doas';

/** What the login shell is asked to execute, and what to look for before the script may be sent. */
export interface Launch {
  /** Constant but for nonces and the deadline; means the same to sh, bash, zsh, fish and csh. */
  command: string;
  /** The script is sent only after this was printed on stdout; undefined = at once. */
  started: string | undefined;
  /** sudo asks for the password with this on stderr. */
  prompt: string | undefined;
}

/** Seconds that the host's own watchdog waits longer than we do, and then longer still before KILL. */
const WATCHDOG_GRACE_SECONDS = 10;
const KILL_AFTER_SECONDS = 5;

/**
 * How to start `/bin/sh -s` on the host.
 * No quoting trick is used that csh or fish read differently: within the single quotes stand no quote, backslash,
 * newline or exclamation mark. sudo's own locale is C, so that what it says does not depend on the host's language.
 * @param options.watchdog  The host has a `timeout` that knows `-k`: it ends the script even when our link is gone.
 */
export function launch(as: RunAs, options: { timeoutMs: number; watchdog: boolean }): Launch {
  const seconds = Math.ceil(options.timeoutMs / 1000) + WATCHDOG_GRACE_SECONDS;
  const shell = options.watchdog ? `timeout -k ${KILL_AFTER_SECONDS} ${seconds} /bin/sh -s` : '/bin/sh -s';
  if (as === 'user') return { command: `exec ${shell}`, started: undefined, prompt: undefined };
  const started = newNonce();
  const inner = `/bin/sh -c "echo ${started}; exec ${shell}"`;
  const prompt = as === 'sudo' ? newNonce() : undefined;
  const elevate = prompt === undefined ? 'doas -n' : `sudo -k -S -H -p ${prompt} --`;
  return {
    command: `exec /bin/sh -c 'PATH="$PATH:${systemPath}" LC_ALL=C; export PATH LC_ALL; exec ${elevate} ${inner}'`,
    started,
    prompt,
  };
}

/** How the way to root ended before the script was sent. */
export type Refusal =
  | { kind: 'PasswordMissing' }
  | { kind: 'PasswordRefused' }
  /** sudo or doas ended by itself; `text`: what it said, without secrets. */
  | { kind: 'Refused'; text: string };

/** Text of sudo in locale C (plugins/sudoers/{check,sudoers,policy}.c). Anything else is quoted to the user. */
const said: readonly { pattern: RegExp; reason: Reason }[] = [
  { pattern: /must have a tty|no tty present|terminal is required/, reason: 'TTYRequired' },
  { pattern: /not found|No such file/, reason: 'SudoMissing' },
];

/** The error that `run` throws and condition Privileged shows. */
export function refusalError(as: RunAs, user: string, refusal: Refusal): TerminalError {
  switch (refusal.kind) {
    case 'PasswordMissing':
      return new TerminalError('PasswordRequired', `sudo asks for the password of ${user}, and none is given.`, {
        remedy: `Name a Secret in spec.ssh.privilege.passwordSecretRef, or allow ${user} NOPASSWD in sudoers.`,
      });
    case 'PasswordRefused':
      return new TerminalError(
        'PasswordRequired',
        `sudo refuses the password given for ${user}; it is not tried again.`,
        {
          remedy: 'Put the right password into the Secret that spec.ssh.privilege.passwordSecretRef names.',
        },
      );
    case 'Refused':
      return refused(as, user, refusal.text);
  }
}

function refused(as: RunAs, user: string, text: string): TerminalError {
  const reason = said.find(({ pattern }) => pattern.test(text))?.reason ?? 'NotInSudoers';
  const quoted = text === '' ? '' : ` It says: ${text}`;
  switch (reason) {
    case 'TTYRequired':
      return new TerminalError(reason, `sudo demands a terminal (requiretty) of ${user}.${quoted}`, {
        remedy: `Add "Defaults:${user} !requiretty" to sudoers.`,
      });
    case 'SudoMissing':
      return new TerminalError(reason, `${as} is not installed.${quoted}`, {
        remedy: 'Install sudo, or log in as root.',
      });
    default:
      return new TerminalError('NotInSudoers', `${user} may not become root by ${as}.${quoted}`, {
        remedy: allow(as, user),
      });
  }
}

function allow(as: RunAs, user: string): string {
  return as === 'doas'
    ? `Add "permit nopass ${user} as root" to doas.conf.`
    : `Add "${user} ALL=(ALL:ALL) ALL" to sudoers (visudo), or log in as root.`;
}
