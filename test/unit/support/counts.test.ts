import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { countRun, describeFailures, parseClosingLine, sum } from '../../support/counts.mjs';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hostler-counts-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function report(...files: { status: string; tests: string[] }[]): string {
  const path = join(directory, 'report.json');
  const testResults = files.map(({ status, tests }) => ({
    status,
    assertionResults: tests.map((state) => ({ status: state })),
  }));
  writeFileSync(path, JSON.stringify({ testResults }));
  return path;
}

describe('countRun', () => {
  it('counts passed, failed and every other state as skipped', () => {
    const path = report(
      { status: 'passed', tests: ['passed', 'passed', 'skipped', 'todo'] },
      { status: 'failed', tests: ['failed', 'passed', 'pending'] },
    );
    expect(countRun(path, 1)).toEqual({ passed: 3, failed: 1, skipped: 3 });
  });

  it('counts a file whose set-up failed as a failure', () => {
    expect(countRun(report({ status: 'failed', tests: [] }), 1).failed).toBe(1);
    expect(countRun(report({ status: 'failed', tests: ['skipped'] }), 1)).toMatchObject({ failed: 1, skipped: 1 });
  });

  it('counts a run that ended badly without a failed test as a failure', () => {
    expect(countRun(report({ status: 'passed', tests: ['passed'] }), 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a run without a report as a failure', () => {
    expect(countRun(join(directory, 'absent.json'), 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});

describe('describeFailures', () => {
  it('names the failed tests and files with the first line of why', () => {
    const path = join(directory, 'report.json');
    const testResults = [
      {
        name: '/repo/test/a.test.ts',
        status: 'failed',
        assertionResults: [
          { status: 'passed', fullName: 'a passes' },
          { status: 'failed', fullName: 'a fails', failureMessages: ['Error: expected 1 to be 2\n    at a.test.ts'] },
        ],
      },
      { name: '/repo/test/b.test.ts', status: 'failed', message: 'hook timed out\nmore', assertionResults: [] },
      { name: '/repo/test/c.test.ts', status: 'passed', assertionResults: [{ status: 'passed', fullName: 'c' }] },
    ];
    writeFileSync(path, JSON.stringify({ testResults }));
    expect(describeFailures(path, '/repo/')).toEqual([
      'test/a.test.ts: a fails: Error: expected 1 to be 2',
      'test/b.test.ts: hook timed out',
    ]);
  });

  it('says where a run left no report', () => {
    expect(describeFailures(join(directory, 'absent.json'), '/repo/')).toEqual(['the run ended without a report']);
  });
});

describe('parseClosingLine', () => {
  it.each([
    { name: 'plain', text: '…\n12 passed, 0 failed\n', code: 0, counts: { passed: 12, failed: 0, skipped: 0 } },
    {
      name: 'with skips',
      text: '3 passed, 1 failed, 2 skipped',
      code: 1,
      counts: { passed: 3, failed: 1, skipped: 2 },
    },
    { name: 'bad exit code', text: '3 passed, 0 failed', code: 1, counts: { passed: 3, failed: 1, skipped: 0 } },
    {
      name: 'not the last line',
      text: '3 passed, 0 failed\nboom',
      code: 0,
      counts: { passed: 0, failed: 1, skipped: 0 },
    },
    { name: 'empty', text: '', code: 0, counts: { passed: 0, failed: 1, skipped: 0 } },
  ])('reads a closing line: $name', ({ text, code, counts }) => {
    expect(parseClosingLine(text, code)).toEqual(counts);
  });
});

describe('sum', () => {
  it('adds up', () => {
    const one = { passed: 1, failed: 2, skipped: 3 };
    expect(sum([one, one])).toEqual({ passed: 2, failed: 4, skipped: 6 });
  });
});
