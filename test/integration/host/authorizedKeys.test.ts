import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostKey } from '../../../src/api/knownHost.ts';
import { installPublicKey, type KeyInstallation } from '../../../src/host/authorizedKeys.ts';
import { generateKeyPair, publicKeyOf } from '../../../src/ssh/keys.ts';
import { localSession, shells } from '../../support/localSession.ts';

const key = publicKeyOf(generateKeyPair('main').privateKey);
const other = publicKeyOf(generateKeyPair('other').privateKey);
const lineOf = ({ type, publicKey }: HostKey, comment = 'hostler acme/eu-1') => `${type} ${publicKey} ${comment}`;
const line = lineOf(key);

describe.each(shells)('installing a public key under $name', ({ shell }) => {
  let home: string;
  const directory = () => join(home, '.ssh');
  const file = () => join(directory(), 'authorized_keys');
  const content = () => readFileSync(file(), 'utf8');
  const mode = (path: string) => (statSync(path).mode & 0o7777).toString(8);

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "hostler it's home-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  /** A file as a person left it. */
  function left(text: string, modes: { directory?: number; file?: number } = {}): void {
    mkdirSync(directory());
    writeFileSync(file(), text);
    chmodSync(directory(), modes.directory ?? 0o700);
    chmodSync(file(), modes.file ?? 0o600);
  }

  async function install(env: NodeJS.ProcessEnv = {}, wanted = key): Promise<KeyInstallation> {
    const session = localSession({ shell, env: { HOME: home, ...env } });
    try {
      return await installPublicKey(session, wanted, { comment: 'hostler acme/eu-1' });
    } finally {
      session.remove();
    }
  }

  /** A PATH with `script` in the place of `program`; "$real" is the program itself. */
  function instead(program: string, script: string): NodeJS.ProcessEnv {
    const bin = join(home, 'bin');
    mkdirSync(bin, { recursive: true });
    const text = `#!/bin/sh\nreal="env PATH=$(printf %s "$PATH" | cut -d: -f2-) ${program}"\n${script}\n`;
    writeFileSync(join(bin, program), text, { mode: 0o755 });
    return { PATH: [bin, process.env['PATH']].join(delimiter) };
  }

  it('makes directory and file that only the user can read', async () => {
    expect(await install()).toEqual({ changed: true, file: file(), loose: [] });
    expect(content()).toBe(`${line}\n`);
    expect([mode(directory()), mode(file())]).toEqual(['700', '600']);
    expect(readdirSync(directory())).toEqual(['authorized_keys']);
  });

  it('writes nothing when the key is there, whatever stands beside it', async () => {
    left(`# mine\nfrom="10.0.0.0/8",no-pty\t${key.type}  ${key.publicKey}\n`);
    const before = statSync(file());
    expect(await install()).toEqual({ changed: false, file: file(), loose: [] });
    const after = statSync(file());
    expect([after.ino, after.ctimeMs]).toEqual([before.ino, before.ctimeMs]);
  });

  it('adds a key that is only commented out', async () => {
    left(`  # ${line}\n`);
    expect(await install()).toMatchObject({ changed: true });
    expect(content()).toBe(`  # ${line}\n${line}\n`);
  });

  it.each([
    ['with a final newline', `${lineOf(other, 'me')}\n`, ''],
    ['without a final newline', lineOf(other, 'me'), '\n'],
    ['with Windows line ends', `${lineOf(other, 'me')}\r\n`, ''],
    ['with bytes that are no text', `\xff\x00 ${lineOf(other, 'me')}\x00`, '\n'],
    ['that is empty', '', ''],
  ])('keeps every byte of a file %s', async (_what, foreign, added) => {
    left(foreign);
    await install();
    expect(content()).toBe(`${foreign}${added}${line}\n`);
    expect(await install()).toMatchObject({ changed: false });
  });

  it.each([0o644, 0o640, 0o400])('keeps the mode %o of a file, and the one of its directory', async (chosen) => {
    left(`${lineOf(other)}\n`, { directory: 0o755, file: chosen });
    await install();
    expect([mode(directory()), mode(file())]).toEqual(['755', chosen.toString(8)]);
    expect(content()).toBe(`${lineOf(other)}\n${line}\n`);
  });

  it('names what others may write to, and leaves that as it is', async () => {
    left('', { directory: 0o770, file: 0o602 });
    chmodSync(home, 0o775);
    expect(await install()).toEqual({ changed: true, file: file(), loose: [home, directory(), file()] });
    expect([mode(home), mode(directory()), mode(file())]).toEqual(['775', '770', '602']);
  });

  it.each([
    ['directory', '.ssh is a symbolic link', () => symlinkSync(mkdtempSync(join(home, 'elsewhere-')), directory())],
    [
      'file',
      'authorized_keys is a symbolic link',
      () => {
        mkdirSync(directory());
        writeFileSync(join(home, 'target'), 'untouched\n');
        symlinkSync('../target', file());
      },
    ],
    [
      'file that leads nowhere',
      'authorized_keys is a symbolic link',
      () => {
        mkdirSync(directory());
        symlinkSync('/nonexistent/target', file());
      },
    ],
  ])('refuses a symbolic link for the %s, and says so', async (_what, said, prepare) => {
    prepare();
    const before = readdirSync(home, { recursive: true });
    await expect(install()).rejects.toMatchObject({
      reason: 'KeyNotInstalled',
      retry: { kind: 'never' },
      message: expect.stringContaining(said) as unknown,
      remedy: expect.stringContaining('by hand') as unknown,
    });
    expect(readdirSync(home, { recursive: true })).toEqual(before);
    if (existsSync(join(home, 'target'))) {
      expect(readFileSync(join(home, 'target'), 'utf8')).toBe('untouched\n');
      expect(readlinkSync(file())).toBe('../target');
    }
  });

  it.each([
    ['is a directory', () => mkdirSync(file(), { recursive: true }), 'not a file that the user owns'],
    ['cannot stand in its directory', () => writeFileSync(directory(), ''), 'not a directory that the user owns'],
    ['has no home', () => rmSync(home, { recursive: true }), 'cannot be entered'],
  ])('refuses when authorized_keys %s', async (_what, prepare, said) => {
    prepare();
    await expect(install()).rejects.toMatchObject({
      reason: 'KeyNotInstalled',
      message: expect.stringContaining(said) as unknown,
    });
  });

  it.each(['cp', 'mv', 'sync', 'cksum', 'chmod'])(
    'leaves the file whole and nothing beside it when %s fails',
    async (program) => {
      left(`${lineOf(other)}\n`);
      await expect(
        install(instead(program, 'echo "cannot: No space left on device" >&2; exit 1')),
      ).rejects.toMatchObject({
        reason: 'KeyNotInstalled',
        message: expect.stringContaining('No space left') as unknown,
      });
      expect(content()).toBe(`${lineOf(other)}\n`);
      expect(readdirSync(directory())).toEqual(['authorized_keys']);
    },
  );

  it('never puts a copy in place that lost something', async () => {
    left(`${lineOf(other)}\n`);
    await expect(install(instead('cp', '$real "$@"; for file do :; done; echo >"$file"'))).rejects.toMatchObject({
      reason: 'KeyNotInstalled',
    });
    expect(content()).toBe(`${lineOf(other)}\n`);
  });

  it('loses no line that somebody else adds meanwhile', async () => {
    left(`${lineOf(other)}\n`);
    const late = lineOf(publicKeyOf(generateKeyPair('late').privateKey), 'late');
    const once = `[ -e "$HOME/done" ] || { : >"$HOME/done"; echo '${late}' >>"$HOME/.ssh/authorized_keys"; }; $real "$@"`;
    expect(await install(instead('sync', once))).toMatchObject({ changed: true });
    expect(content()).toBe(`${lineOf(other)}\n${late}\n${line}\n`);
  });

  it('gives up on a file that never stands still', async () => {
    left(`${lineOf(other)}\n`);
    const always = `echo '# again' >>"$HOME/.ssh/authorized_keys"; $real "$@"`;
    await expect(install(instead('sync', always))).rejects.toMatchObject({
      message: expect.stringContaining('being changed') as unknown,
    });
    expect(content()).not.toContain(key.publicKey);
    expect(readdirSync(directory())).toEqual(['authorized_keys']);
  });

  it('can be done by many at once', async () => {
    left(`${lineOf(other)}\n`);
    const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => install()));
    expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(
      content()
        .split('\n')
        .filter((one) => one === lineOf(other)),
    ).toHaveLength(1);
    expect(content()).toContain(line);
    expect(readdirSync(directory())).toEqual(['authorized_keys']);
  });
});
