import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditFile, type Rotation } from '../../../../src/apiserver/audit/auditFile.ts';
import { createLogger } from '../../../../src/lib/logger.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

const DAY_MS = 86_400_000;
/** Two of them are more than a megabyte. */
const LINE = `${'x'.repeat(600 * 1024)}\n`;
let directory: string;
let clock: FakeClock;
let log: string[];
const open = (rotation: Partial<Rotation> = {}): AuditFile =>
  new AuditFile(
    join(directory, 'logs/audit.log'),
    { maxSize: 1, maxBackups: 0, maxAge: 0, ...rotation },
    { clock, log: createLogger({ destination: { write: (line) => void log.push(line) } }) },
  );
const files = (): string[] => readdirSync(join(directory, 'logs')).sort();
const stamp = (ms: number): string => new Date(ms).toISOString().slice(0, 23).replaceAll(':', '-');

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostler-audit-'));
  clock = new FakeClock();
  log = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the file of the audit log', () => {
  it('is the owner’s alone, and goes on where it was', () => {
    const first = open();
    first.write('one\n');
    first.close();
    const second = open();
    second.write('two\n');
    expect(readFileSync(join(directory, 'logs/audit.log'), 'utf8')).toBe('one\ntwo\n');
    expect(statSync(join(directory, 'logs/audit.log')).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'logs')).mode & 0o777).toBe(0o700);
    second.close();
  });

  it('is set aside when the next line would make it too large, by the time of that', () => {
    const file = open();
    file.write(LINE);
    const at = clock.now();
    file.write(LINE);
    expect(files()).toEqual([`audit-${stamp(at)}.log`, 'audit.log']);
    for (const name of files()) expect(readFileSync(join(directory, 'logs', name), 'utf8')).toBe(LINE);
    file.close();
  });

  it('counts what was there before', () => {
    const first = open();
    first.write(LINE);
    first.close();
    const second = open();
    second.write(LINE);
    expect(files()).toHaveLength(2);
    second.close();
  });

  it('takes a line that is larger than a file', () => {
    const file = open();
    file.write(LINE.repeat(2));
    file.write('small\n');
    expect(files()).toHaveLength(2);
    expect(log).toEqual([]);
    file.close();
  });

  it('keeps as many as wanted, the newest, and touches no other', async () => {
    const file = open({ maxBackups: 2 });
    for (const name of ['audit-notes.log', 'audit.log.1', 'other-2026-01-01T00-00-00.000.log'])
      writeFileSync(join(directory, 'logs', name), '');
    const at: number[] = [];
    for (let i = 0; i < 5; i++) {
      file.write(LINE);
      await clock.advance(1000);
      at.push(clock.now());
    }
    const kept = at.slice(2, 4).map((ms) => `audit-${stamp(ms)}.log`);
    expect(files()).toEqual(
      [...kept, 'audit-notes.log', 'audit.log', 'audit.log.1', 'other-2026-01-01T00-00-00.000.log'].sort(),
    );
    file.close();
  });

  it('keeps them as long as wanted', async () => {
    const file = open({ maxAge: 2 });
    for (let i = 0; i < 5; i++) {
      file.write(LINE);
      await clock.advance(DAY_MS);
    }
    expect(files()).toHaveLength(4);
    file.close();
  });

  it('loses lines that cannot be written, and says so once', () => {
    const file = open();
    file.close();
    for (let i = 0; i < 3; i++) file.write('lost\n');
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('cannot be written and are lost');
  });
});
