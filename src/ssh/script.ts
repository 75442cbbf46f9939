import { randomBytes } from 'node:crypto';
import { quote } from './quote.ts';
import type { Script } from './session.ts';

/** Before whatever PATH the login has, so that a host's own rc files do not decide which program runs. */
export const systemPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Marks of one run; unguessable, so that no output can pass for them. */
export interface Frame {
  begin: string;
  end: string;
}

/** Fresh marks of 128 random bits. */
export function newFrame(): Frame {
  const nonce = newNonce();
  return { begin: `${nonce}B`, end: `${nonce}E` };
}

/** 128 random bits in hex: safe in any shell without quotes. */
export function newNonce(): string {
  return randomBytes(16).toString('hex');
}

/**
 * The program that `/bin/sh -s` reads from standard input to run `script`.
 *
 * Prints on stdout and stderr `begin`, then what the script prints, then `end` and the exit status; nothing else counts.
 * The line of `begin` on stdout carries /proc/self/stat: who must be ended at a deadline.
 *
 * Why it looks like this: everything stands in one brace group, which the shell reads to its end before it runs the
 * first command, because dash and busybox read ahead in blocks and a child could eat the rest otherwise. The text runs
 * in a subshell, so that `exit`, `exec`, traps and `set` cannot suppress the status. No here-documents: bash writes
 * them to disk; instead `input` and `secretInput` follow on standard input once `begin` was seen, when nothing is read
 * ahead any more.
 */
export function renderScript(script: Script, frame: Frame): string {
  if (script.input !== undefined && script.secretInput !== undefined) {
    throw new TypeError(`script ${script.name} has both input and secretInput; it may have one of them`);
  }
  const args = (script.args ?? []).map((arg, index) => quote(arg, `argument ${index + 1} of script ${script.name}`));
  return [
    '{',
    `PATH="${systemPath}\${PATH:+:$PATH}" LC_ALL=C.UTF-8`,
    'export PATH LC_ALL',
    'unset ENV BASH_ENV CDPATH',
    'umask 022',
    'cd /',
    'hostler_stat=',
    '{ read -r hostler_stat </proc/self/stat; } 2>/dev/null || :',
    `printf '\\n%s %s\\n' ${frame.begin} "$hostler_stat"`,
    `printf '\\n%s\\n' ${frame.begin} >&2`,
    'unset hostler_stat',
    `set -- ${args.join(' ')}`.trimEnd(),
    '(',
    'set -eu',
    script.text,
    `) ${redirections(script)}`,
    `set -- "$?"`,
    `printf '%s %s\\n' ${frame.end} "$1" >&2`,
    `printf '%s %s\\n' ${frame.end} "$1"`,
    'exit 0',
    '}',
    '',
  ].join('\n');
}

function redirections(script: Script): string {
  if (script.secretInput !== undefined) return '3<&0 </dev/null';
  return script.input !== undefined ? '3</dev/null' : '</dev/null 3</dev/null';
}
