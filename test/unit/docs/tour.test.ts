import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../support/workingCopy.ts';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
}).split('\n');

/** Whether a path of the tour is a file or folder of src/, or ends like one: the tour names `machine.ts` in its place. */
function isThere(path: string): boolean {
  if (path.endsWith('/')) return files.some((file) => `/${file}`.includes(`/${path}`));
  return files.some((file) => file === path || file.endsWith(`/${path}`));
}

describe('the tour of the source', () => {
  const text = readFileSync(`${ROOT}/src/README.md`, 'utf8').split('<!-- generated')[0] ?? '';
  const paths = [...text.matchAll(/`([A-Za-z][\w/.]*(?:\.ts|\/))`/g)].map((match) => match[1] ?? '');

  it('names many files', () => {
    expect(paths.length).toBeGreaterThan(30);
  });

  it.each([...new Set(paths)])('%s exists', (path) => {
    expect(isThere(path)).toBe(true);
  });
});
