import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TerminalError } from '../../../src/lib/errors.ts';
import { quote } from '../../../src/ssh/quote.ts';

/** What a real sh sees as its arguments after reading `set -- …` from standard input. */
function roundTrip(values: readonly string[], shell: readonly string[] = ['/bin/sh']): string[] {
  const program = `set -- ${values.map((value) => quote(value)).join(' ')}\nfor word do printf '%s\\0' "$word"; done\n`;
  const [command = '/bin/sh', ...args] = shell;
  const { stdout, status, stderr } = spawnSync(command, [...args, '-s'], { input: program });
  expect({ status, stderr: stderr.toString() }).toEqual({ status: 0, stderr: '' });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

const nasty = [
  '',
  ' ',
  "'",
  "''",
  "'; touch /tmp/pwned; '",
  '$(touch /tmp/pwned)',
  '`touch /tmp/pwned`',
  '"$HOME"',
  '\\',
  "\\'",
  '\n',
  '\r\n',
  'a\nb\n',
  '-n',
  '--',
  '-e',
  '!history',
  '~root',
  '* ? [a]',
  '&& || ; & |',
  '\t\u0001\u007f\u001b[31m',
  'żółć 漢字 🦆 \u202e',
  '#comment',
  'EOF\n',
  '%s%n',
];

describe('quote', () => {
  it.each([
    ['plain', "'plain'"],
    ['', "''"],
    ["it's", String.raw`'it'\''s'`],
    ["'", String.raw`''\'''`],
    ['$(id)', "'$(id)'"],
    ['a\nb', "'a\nb'"],
  ])('writes %j as %s', (value, expected) => {
    expect(quote(value)).toBe(expected);
  });

  it('gives every known trick back unchanged from a real sh', () => {
    expect(roundTrip(nasty)).toEqual(nasty);
  });

  it.each([['bash'], ['bash', '--posix'], ['busybox', 'sh']])('does so in %s %s as well', (...shell) => {
    if (spawnSync(shell[0], ['--help']).error !== undefined) return;
    expect(roundTrip(nasty, shell)).toEqual(nasty);
  });

  it('gives every string back byte for byte from a real sh', () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !value.includes('\0')),
      fc
        .array(fc.constantFrom(...nasty, "'", '"', '$', '`', '\\', '\n', ' ', '!'), { maxLength: 12 })
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 60 }), (values) => {
        expect(roundTrip(values)).toEqual(values);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses NUL, naming the value and the position', () => {
    expect(() => quote('ab\0c', 'argument 2 of x')).toThrow(TerminalError);
    expect(() => quote('ab\0c', 'argument 2 of x')).toThrow('argument 2 of x holds a NUL character at position 2.');
  });

  it('refuses half a surrogate pair, which would arrive as another string', () => {
    expect(() => quote('\ud800')).toThrow('half of a surrogate pair');
  });
});
