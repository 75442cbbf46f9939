import { appendFile, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../../hosts/command.ts';
import { workingCopy, type WorkingCopy } from '../../support/workingCopy.ts';

const HOUR_S = 3600;
let copy: WorkingCopy;
beforeAll(async () => {
  copy = await workingCopy();
});
afterAll(() => copy.remove());

/** Builds, as if `hours` ago, and names what is there then. */
async function build(hours: number): Promise<string[]> {
  const dist = join(copy.directory, 'dist');
  const old: string[] = await readdir(dist).catch(() => []);
  await run(['node', join(copy.directory, '.config', 'build.mjs')]);
  const files = await readdir(dist);
  const then = Date.now() / 1000 - hours * HOUR_S;
  for (const file of files.filter((name) => name === 'main.js' || !old.includes(name)))
    await utimes(join(dist, file), then, then);
  return files;
}

it('a build leaves what the one before made to a server that still runs it, and nothing older', async () => {
  const serve = (files: string[]): string[] => files.filter((name) => /^serve-\w+\.js$/.test(name));
  const source = join(copy.directory, 'src', 'cli', 'serve.ts');
  const [first = ''] = serve(await build(3));
  await appendFile(source, 'export const secondBuild = 2;\n');
  const second = serve(await build(2));
  expect(second).toHaveLength(2);
  expect(second).toContain(first);
  await appendFile(source, 'export const thirdBuild = 3;\n');
  const third = serve(await build(1));
  expect(third).toHaveLength(2);
  expect(third).not.toContain(first);
});
