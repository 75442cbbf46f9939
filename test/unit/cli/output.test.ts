import { afterEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { print, printData, printTable, remark } from '../../../src/cli/output.ts';
import { createLogger } from '../../../src/lib/logger.ts';

/** Writes the clipboard, rubs a line out, goes up one, does so by C1 too, and turns what follows. */
const EVIL = 'Debian \u001b]52;c;Y3VybA==\u0007\u001b[2K\u001b[1A\r\u009b2K\u202e\u2066\u2028\u007f';
const SHOWN = 'Debian \\u001b]52;c;Y3VybA==\\u0007\\u001b[2K\\u001b[1A\\u000d\\u009b2K\\u202e\\u2066\\u2028\\u007f';
const CONTROLS = /(?!\n)\p{Cc}|[\p{Bidi_Control}\p{Zl}\p{Zp}]/u;

describe('what a host says', () => {
  afterEach(() => void vi.restoreAllMocks());

  function written(stream: NodeJS.WriteStream, act: () => void): string {
    let text = '';
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      text += String(chunk);
      return true;
    });
    act();
    return text;
  }

  it('moves no cursor and turns no text, and is still to be seen', () => {
    expect(written(process.stdout, () => print(EVIL))).toBe(`${SHOWN}\n`);
    expect(written(process.stderr, () => remark(EVIL))).toBe(`${SHOWN}\n`);
  });

  it('keeps lines, tabs and letters of any language', () => {
    const text = 'Größe:\t3\n日本語 ✓ 👍';
    expect(written(process.stdout, () => print(text))).toBe(`${text}\n`);
  });

  it('makes up no rows of a table, nor puts its columns awry', () => {
    const rows = [
      ['a\neu-2\tReady', EVIL],
      ['b', 'Debian'],
    ];
    expect(written(process.stdout, () => printTable(['NAME', 'OS'], rows))).toBe(
      ['NAME             OS', `a\\neu-2\\tReady   ${SHOWN}`, 'b                Debian', ''].join('\n'),
    );
  });

  it.each(['json', 'yaml'] as const)('stays what it is in %s, which shows it escaped', (format) => {
    const value = { [EVIL]: [EVIL, `two\nlines ${EVIL}`, '\\u001b', 'plain: yes'], lines: 'a\nb\n', n: 1 };
    const text = written(process.stdout, () => printData(value, format));
    expect(text).not.toMatch(CONTROLS);
    expect(format === 'json' ? JSON.parse(text) : parse(text)).toEqual(value);
  });

  it('stays what it is in the log, which shows it escaped', () => {
    let text = '';
    createLogger({ destination: { write: (line: string) => void (text += line) } }).info({ said: EVIL }, 'heard');
    expect(text).not.toMatch(CONTROLS);
    expect(JSON.parse(text)).toMatchObject({ said: EVIL });
  });
});
