import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { undoText } from '../../../src/host/confirmScript.ts';
import { exitCodes } from '../../../src/host/exitCodes.ts';
import { claim, type Claim } from '../../../src/host/ownership.ts';
import { localSession, shells } from '../../support/localSession.ts';

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

const undo = (home: string, shell: readonly string[] = ['sh']): number | null =>
  spawnSync(shell[0]!, [...shell.slice(1), join(home, 'run')]).status;
const reloads = (): number => readFileSync(join(root, 'reloads'), 'utf8').split('\n').length - 1;

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

describe('a claim of a host with a change that is not proven', () => {
  const owner = { installation: 'i', server: 's', token: { lease: 'l', transitions: 1 } };
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
});
