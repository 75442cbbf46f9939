import { TerminalError } from '../lib/errors.ts';

/**
 * `value` as one word of POSIX sh, byte for byte (UTF-8), whatever it holds: the only way in which anything variable
 * reaches a shell.
 * @param what  Names the value in the error. Example: `argument 2 of docker-users/add`.
 * @throws TerminalError InvalidSpec  when it holds NUL, which no shell can carry, or half a surrogate pair.
 * Source: POSIX.1-2017, Shell Command Language 2.2.2: within single quotes every character stands for itself.
 */
export function quote(value: string, what = 'a script argument'): string {
  const nul = value.indexOf('\0');
  if (nul !== -1) throw refused(what, `a NUL character at position ${nul}`);
  if (/[\uD800-\uDFFF]/u.test(value)) throw refused(what, 'half of a surrogate pair, which is no Unicode text');
  return `'${value.replaceAll("'", `'\\''`)}'`;
}

function refused(what: string, found: string): TerminalError {
  return new TerminalError('InvalidSpec', `${what} holds ${found}.`, {
    remedy: 'Remove it from the field that the value comes from.',
  });
}
