import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecords, recordsPrelude } from '../../../src/host/records.ts';
import { ReconcileError } from '../../../src/lib/errors.ts';
import { shells } from '../../support/localSession.ts';

const nonce = '0123456789abcdef0123456789abcdef';
let directory = '';
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'hostler-records-'))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function print(shell: readonly string[], body: string, args: readonly string[] = []): string {
  const text = `hostler_nonce=${nonce}\nhostler_scope=1\n${recordsPrelude}\n${body}\nhostler_finish\n`;
  const { stdout, stderr } = spawnSync(shell[0]!, [...shell.slice(1), '-c', text, 'sh', ...args], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout;
}

const parse = (output: string) => parseRecords(output, nonce).get(1)!;

describe.each(shells)('records printed by $name', ({ shell }) => {
  it('carry values, outputs and exit codes', () => {
    const records = parse(
      print(
        shell,
        `put value 'two
lines'
put empty ''
run ok printf 'a\\nb\\n'
run bad sh -c 'echo partly; exit 3'
run missing no-such-tool
status yes true
status no sh -c 'exit 9'
printf 'x\\ny\\n' | rec stream`,
      ),
    );
    expect(records.text('value')).toBe('two\nlines');
    expect(records.text('empty')).toBe('');
    expect(records.lines('ok')).toEqual(['a', 'b']);
    expect([records.text('bad'), records.entry('bad')]).toEqual([undefined, { status: 3, text: 'partly' }]);
    expect(records.status('missing')).toBe(127);
    expect([records.status('yes'), records.status('no')]).toEqual([0, 9]);
    expect(records.text('stream')).toBe('x\ny');
    expect([records.text('nowhere'), records.status('nowhere')]).toEqual([undefined, undefined]);
  });

  it('survive any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        fc.pre(!text.includes('\0'));
        expect(parse(print(shell, 'put any "$1"', [text])).text('any')).toBe(text.replace(/\n+$/, ''));
      }),
      { numRuns: 25 },
    );
  });

  it('tell a file that is absent from one that may not be read', () => {
    const closed = join(directory, `closed-${shell[0]!}`);
    mkdirSync(closed);
    writeFileSync(join(closed, 'inside'), 'secret');
    writeFileSync(join(directory, 'last-line'), 'one\ntwo');
    const body = `file there ${directory}/last-line
file absent ${directory}/none/deeper/still
file folder ${directory}
file inside ${closed}/inside`;
    expect(parse(print(shell, body)).status('inside')).toBe(0);
    const records = parse(print(shell, body));
    expect(records.text('there')).toBe('one\ntwo');
    expect([records.status('absent'), records.status('folder')]).toEqual([1, 2]);
  });

  it.runIf(process.getuid?.() === 0)('do not call a file absent where they may not search', () => {
    const closed = join(directory, `closed-to-nobody-${shell[0]!}`);
    mkdirSync(closed, { mode: 0o700 });
    chmodSync(directory, 0o755);
    const nobody = ['setpriv', '--reuid=65534', '--clear-groups', '--', ...shell];
    const records = parse(print(nobody, `file inside ${closed}/inside\nfile deeper ${closed}/none/at/all`));
    expect([records.status('inside'), records.status('deeper')]).toEqual([2, 2]);
  });

  it('are cut at 64 KiB', () => {
    const records = parse(print(shell, `put big "$(head -c 200000 /dev/zero | tr '\\0' x)"`));
    expect(records.text('big')).toHaveLength(65_536);
  });
});

describe('parseRecords', () => {
  const frame = (name: string, text: string, length = Buffer.byteLength(text)): string =>
    `\n${nonce} ${name} 0 ${length}\n${text}`;
  const end = `\n${nonce} end\n`;

  it('skips the noise of a login before the first record and after the end', () => {
    const output = `Welcome!\nLast login: today\n${frame('1.a', 'x')}${end}bye\n`;
    expect(parse(output).text('a')).toBe('x');
  });

  it('takes content that looks like a record of another look as content', () => {
    const fake = `\n${'f'.repeat(32)} 1.b 0 1\ny`;
    const records = parse(frame('1.a', fake) + end);
    expect([records.text('a'), records.text('b')]).toEqual([fake, undefined]);
  });

  it('keeps the first of two records of one name', () => {
    expect(parse(frame('1.a', 'real') + frame('1.a', 'forged') + end).text('a')).toBe('real');
  });

  it.each([
    ['without an end', frame('1.a', 'x')],
    ['that is empty', ''],
    ['cut in the middle of a record', `${frame('1.a', 'long text').slice(0, -4)}${end}`],
    ['with a wrong length', frame('1.a', 'x', 7) + end],
    ['with a header that is none', `\n${nonce} 1.a zero 1\nx${end}`],
    ['with a name of other characters', frame('1.a$(id)', 'x') + end],
  ])('refuses an answer %s', (_name, output) => {
    expect(() => parseRecords(output, nonce)).toThrow(ReconcileError);
  });

  it('accepts bytes that are no UTF-8', () => {
    expect(parse(`${frame('1.a', 'x\uFFFDy', 3)}${end}`).text('a')).toBe('x\uFFFDy');
  });
});
