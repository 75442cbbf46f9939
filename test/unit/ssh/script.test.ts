import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FrameReader } from '../../../src/ssh/frame.ts';
import { renderScript } from '../../../src/ssh/script.ts';
import type { Script } from '../../../src/ssh/session.ts';

const frame = { begin: '0123456789abcdefB', end: '0123456789abcdefE' };
const home = mkdtempSync(join(tmpdir(), 'hostler-script-'));
afterAll(() => rmSync(home, { recursive: true }));
const shells = [['/bin/sh'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([command]) => spawnSync(command ?? '', ['--help']).error === undefined,
);

function run(script: Omit<Script, 'name'>, shell: readonly string[] = ['/bin/sh']) {
  const [command = '', ...args] = shell;
  const result = spawnSync(command, [...args, '-s'], {
    input: renderScript({ name: 'test', ...script }, frame),
    env: { PATH: '/home/evil:/usr/bin:/bin', TMPDIR: home, ENV: '/nonexistent' },
  });
  const read = (bytes: Buffer): FrameReader => {
    const reader = new FrameReader(frame, 1024 * 1024);
    reader.push(bytes);
    return reader;
  };
  const stdout = read(result.stdout);
  return { status: stdout.status, stdout: stdout.body, stderr: read(result.stderr).body, header: stdout.header };
}

describe('renderScript', () => {
  it('renders this program', () => {
    expect(renderScript({ name: 'x', text: 'echo "$1"', args: ["it's", ''] }, frame)).toMatchInlineSnapshot(`
      "{
      PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\${PATH:+:$PATH}" LC_ALL=C.UTF-8
      export PATH LC_ALL
      unset ENV BASH_ENV CDPATH
      umask 022
      cd /
      hostler_stat=
      { read -r hostler_stat </proc/self/stat; } 2>/dev/null || :
      printf '\\n%s %s\\n' 0123456789abcdefB "$hostler_stat"
      printf '\\n%s\\n' 0123456789abcdefB >&2
      unset hostler_stat
      set -- 'it'\\''s' ''
      (
      set -eu
      echo "$1"
      ) </dev/null 3</dev/null
      set -- "$?"
      printf '%s %s\\n' 0123456789abcdefE "$1" >&2
      printf '%s %s\\n' 0123456789abcdefE "$1"
      exit 0
      }
      "
    `);
  });

  it.each(shells)('gives arguments, strict mode, empty input and the exit status in %s %s', (...shell) => {
    const text = 'printf "%s|" "$#" "$@"; cat; echo err >&2; exit 7';
    expect(run({ text, args: ['a b', "'", '$(id)'] }, shell)).toMatchObject({
      status: 7,
      stdout: "3|a b|'|$(id)|",
      stderr: 'err\n',
    });
  });

  it.each(shells)('stops at the first failing command and at an unset variable in %s %s', (...shell) => {
    expect(run({ text: 'echo one; false; echo two' }, shell)).toMatchObject({ status: 1, stdout: 'one\n' });
    expect(run({ text: 'echo one; echo "$nothing"; echo two' }, shell).stdout).toBe('one\n');
    expect(run({ text: 'echo one; echo "$nothing"; echo two' }, shell).status).not.toBe(0);
  });

  it.each(shells)('is not eaten by a command that reads standard input in %s %s', (...shell) => {
    const text = `cat >/dev/null\nsh -c 'cat' \nread -r line || echo none\n${'echo filler >/dev/null\n'.repeat(2000)}echo end`;
    expect(run({ text }, shell)).toMatchObject({ status: 0, stdout: 'none\nend\n' });
  });

  it.each(shells)('reports the status whatever the text does to its shell in %s %s', (...shell) => {
    expect(run({ text: 'exec /bin/sh -c "exit 9"' }, shell).status).toBe(9);
    expect(run({ text: 'trap "echo bye" EXIT; exit 4' }, shell)).toMatchObject({ status: 4, stdout: 'bye\n' });
    expect(run({ text: 'exec >/dev/null 2>&1; exit 5' }, shell).status).toBe(5);
    expect(run({ text: "sh -c 'kill -TERM $$'" }, shell).status).toBe(143);
  });

  it.each(shells)('keeps 100 KiB of arguments out of argv and off the disk in %s %s', (...shell) => {
    const big = "x'$(id)\n".repeat(16_000);
    expect(run({ text: 'printf %s "$1"', args: [big] }, shell)).toMatchObject({ status: 0, stdout: big });
    expect(readdirSync(home)).toEqual([]);
  });

  it('puts the system directories first in PATH and starts in /', () => {
    expect(run({ text: 'printf %s "$PATH $LC_ALL $PWD $(umask)"' }).stdout).toBe(
      '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/home/evil:/usr/bin:/bin C.UTF-8 / 0022',
    );
  });

  it('says who runs it, so that it can be ended', () => {
    expect(run({ text: ':' }).header).toMatch(/^\d+ \(\S+\) [A-Z] \d+ \d+/);
  });

  it('refuses input together with secretInput', () => {
    expect(() => renderScript({ name: 'x', text: ':', input: 'a', secretInput: 'b' }, frame)).toThrow('one of them');
  });

  it('names the argument that cannot be sent', () => {
    expect(() => renderScript({ name: 'user/add', text: ':', args: ['ok', 'a\0'] }, frame)).toThrow(
      'argument 2 of script user/add holds a NUL character',
    );
  });
});
