import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { provisionalScript, undoText } from '../../../src/host/confirmScript.ts';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import { claim, claimArgs, type Claim } from '../../../src/host/ownership.ts';
import { localSession, shells } from '../../support/localSession.ts';
import type { ExecResult } from '../../../src/ssh/session.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hostler-undo-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Lays out a change as armed: `old` was there, `new` was not; both are changed now. @returns its directory */
function changed(state = root): string {
  const home = join(state, 'confirm', 'abc0');
  mkdirSync(home, { recursive: true });
  const write = (path: string, text: string): void => writeFileSync(path, text);
  write(join(root, 'old'), 'changed');
  write(join(root, 'new'), 'changed');
  write(join(home, 'armed'), '');
  write(join(home, 'paths'), `${join(root, 'old')}\n${join(root, 'new')}\n`);
  write(join(home, 'saved.1'), 'as it was');
  chmodSync(join(home, 'saved.1'), 0o640);
  write(join(home, 'rollback'), `echo reload >>${join(root, 'reloads')}\n`);
  write(join(home, 'run'), undoText);
  return home;
}

const undo = (home: string, shell: readonly string[] = ['sh'], args: readonly string[] = []): number | null =>
  spawnSync(shell[0]!, [...shell.slice(1), join(home, 'run'), ...args]).status;
const reloads = (): number => readFileSync(join(root, 'reloads'), 'utf8').split('\n').length - 1;

/** A program that fails, as on a file system without room; before all others of undoing. */
function failing(home: string, ...programs: string[]): void {
  mkdirSync(join(root, 'bin'));
  for (const program of programs) writeFileSync(join(root, 'bin', program), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  writeFileSync(join(home, 'run'), undoText.replace('PATH=', `PATH=${join(root, 'bin')}:`));
}

function expectAsItWas(home: string): void {
  expect(readFileSync(join(root, 'old'), 'utf8')).toBe('as it was');
  expect(statSync(join(root, 'old')).mode & 0o777).toBe(0o640);
  expect(existsSync(join(root, 'new'))).toBe(false);
  expect(existsSync(join(home, 'rolledback'))).toBe(true);
}

describe.each(shells)('taking back under $name', ({ shell }) => {
  it('puts files back as they were, removes those that were not there, and puts that in force, once', () => {
    const home = changed();
    expect([undo(home, shell), undo(home, shell)]).toEqual([0, 0]);
    expectAsItWas(home);
    expect(reloads()).toBe(1);
  });

  it('begins again where it was cut off', () => {
    const home = changed();
    rmSync(join(home, 'armed'));
    writeFileSync(join(home, 'rolling'), '');
    expect(undo(home, shell)).toBe(0);
    expectAsItWas(home);
  });

  it('leaves a change alone that was proven', () => {
    const home = changed();
    rmSync(join(home, 'armed'));
    writeFileSync(join(home, 'confirmed'), '');
    expect(undo(home, shell)).toBe(exitCodes.proven);
    expect(readFileSync(join(root, 'old'), 'utf8')).toBe('changed');
    expect(existsSync(join(root, 'reloads'))).toBe(false);
  });
});

describe.each(shells)('taking back under $name what does not come back', ({ shell }) => {
  it('needs no room: the file as it was is beside the one that was changed', () => {
    const home = changed();
    failing(home, 'cp');
    writeFileSync(join(root, 'old.hostler-old'), 'as it was', { mode: 0o640 });
    expect(undo(home, shell)).toBe(0);
    expectAsItWas(home);
    expect(existsSync(join(root, 'old.hostler-old'))).toBe(false);
  });

  it('goes on where it was cut off between a file and the next, without room too', () => {
    const home = changed();
    failing(home, 'cp');
    writeFileSync(join(root, 'old'), 'as it was');
    expect(undo(home, shell)).toBe(0);
    expectAsItWas(home);
  });

  it('says so, stays to be taken back, and puts nothing in force that was not proven', () => {
    const home = changed();
    failing(home, 'cp');
    expect(undo(home, shell)).toBe(1);
    expect([existsSync(join(home, 'rolling')), existsSync(join(home, 'rolledback'))]).toEqual([true, false]);
    expect([existsSync(join(root, 'reloads')), existsSync(join(root, 'old.hostler-new'))]).toEqual([false, false]);
    rmSync(join(root, 'bin', 'cp'));
    expect(undo(home, shell)).toBe(0);
    expectAsItWas(home);
    expect(reloads()).toBe(1);
  });

  it('says so when the files are back and not in force', () => {
    const home = changed();
    writeFileSync(join(home, 'rollback'), 'exit 1\n');
    expect(undo(home, shell)).toBe(1);
    expect(readFileSync(join(root, 'old'), 'utf8')).toBe('as it was');
    expect(existsSync(join(home, 'rolledback'))).toBe(false);
  });

  it('tries again by itself where it is told to', () => {
    const home = changed();
    writeFileSync(
      join(home, 'rollback'),
      `echo reload >>${join(root, 'reloads')}; [ "$(wc -l <${join(root, 'reloads')})" -ge 3 ]`,
    );
    expect(undo(home, shell, ['9', '0'])).toBe(0);
    expectAsItWas(home);
    expect(reloads()).toBe(3);
  });

  it('does not try for ever to put in force what is back', () => {
    const home = changed();
    writeFileSync(join(home, 'rollback'), `echo reload >>${join(root, 'reloads')}; exit 1\n`);
    expect(undo(home, shell, ['2', '0'])).toBe(0);
    expectAsItWas(home);
    expect(reloads()).toBe(2);
  });

  it('is not taken for proven where nothing can be written', () => {
    const home = changed();
    failing(home, 'mv');
    expect(undo(home, shell)).toBe(1);
    expect(existsSync(join(home, 'armed'))).toBe(true);
  });
});

const owner = { installation: 'i', server: 's', token: { lease: 'l', transitions: 1 } };

describe('a change that fails by itself', () => {
  /** Runs it with systemd's directory and its programs in our own. @param run  Takes the change back. */
  async function failedChange(run: string): Promise<ExecResult> {
    const old = join(root, 'old');
    writeFileSync(old, 'as it was', { mode: 0o640 });
    for (const program of ['systemctl', 'systemd-run']) {
      writeFileSync(join(root, program), `#!/bin/sh\nprintf '%s\\n' "$*" >>${join(root, program)}.said\n`, {
        mode: 0o755,
      });
    }
    const state = join(root, 'state');
    const env = { PATH: `${root}${delimiter}${process.env['PATH'] ?? ''}` };
    const session = localSession({ stateDirectory: state, env });
    const here = (text: string): string => text.replaceAll('/etc/systemd/system', join(root, 'units'));
    const body = `test "$(cat ${old}.hostler-old)" = 'as it was'; echo changed >${old}; exit 7`;
    const args = [...claimArgs(owner, 'hold'), 'abc0', '60', here(run), 'true', old];
    try {
      return await session.run({ name: 'change', text: here(provisionalScript(body)), args });
    } finally {
      session.remove();
    }
  }

  it('is taken back, and nothing of it is left', async () => {
    expect(await failedChange(undoText)).toMatchObject({ exitCode: 7 });
    expect(readFileSync(join(root, 'old'), 'utf8')).toBe('as it was');
    expect(existsSync(join(root, 'old.hostler-old'))).toBe(false);
    expect(existsSync(join(root, 'state', 'confirm', 'abc0'))).toBe(false);
  });

  it('is left to the timer when it cannot be taken back at once', async () => {
    expect(await failedChange('exit 1\n')).toMatchObject({ exitCode: 7 });
    const home = join(root, 'state', 'confirm', 'abc0');
    expect(readFileSync(join(home, 'saved.1'), 'utf8')).toBe('as it was');
    expect(readFileSync(join(root, 'old.hostler-old'), 'utf8')).toBe('as it was');
    expect(readFileSync(join(root, 'units', 'hostler-undo-abc0.service'), 'utf8')).toContain(`${home}/run 10 30`);
    expect(readFileSync(join(root, 'systemd-run.said'), 'utf8')).toContain(`${home}/run 10 30`);
    expect(existsSync(join(root, 'systemctl.said'))).toBe(false);
  });
});

describe('a claim of a host with a change that is not proven', () => {
  const ours: Claim = { owner, stillHeld: () => Promise.resolve(true) };

  /** @param timer  Whether systemd has one for the change. */
  async function claimWith(timer: boolean): Promise<string> {
    writeFileSync(join(root, 'systemctl'), `#!/bin/sh\nexit ${timer ? 0 : 3}\n`, { mode: 0o755 });
    const env = { PATH: `${root}${delimiter}${process.env['PATH'] ?? ''}` };
    const session = localSession({ stateDirectory: join(root, 'state'), env });
    try {
      await claim(session, ours);
      return 'claimed';
    } catch (error) {
      return String(error);
    } finally {
      session.remove();
    }
  }

  it('waits for the proof or the timer', async () => {
    changed(join(root, 'state'));
    expect(await claimWith(true)).toContain('waits for its proof');
    expect(readFileSync(join(root, 'old'), 'utf8')).toBe('changed');
  });

  it('takes it back when no timer would', async () => {
    const home = changed(join(root, 'state'));
    expect(await claimWith(false)).toBe('claimed');
    expectAsItWas(home);
  });

  it('is refused while that cannot be taken back, since its copies are needed', async () => {
    const home = changed(join(root, 'state'));
    failing(home, 'cp');
    expect(await claimWith(false)).toContain('waits for its proof');
    expect(readFileSync(join(home, 'saved.1'), 'utf8')).toBe('as it was');
  });

  it('takes it back with files that nobody puts in force: it has got in', async () => {
    const home = changed(join(root, 'state'));
    writeFileSync(join(home, 'rollback'), 'exit 1\n');
    expect(await claimWith(false)).toBe('claimed');
    expectAsItWas(home);
  });
});
