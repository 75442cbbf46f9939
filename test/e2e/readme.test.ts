import { execFileSync, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, workingCopy, type WorkingCopy } from '../support/workingCopy.ts';

/** What is running this very test. */
const ALREADY_RUN = ['npm test'];

let copy: WorkingCopy;

beforeAll(async () => {
  copy = await workingCopy();
});

afterAll(async () => {
  await shell('npm run -s quickstart -- --down');
  await copy.remove();
});

/** Runs a block of the README as a reader would: one shell, stop at the first failure. */
async function shell(script: string): Promise<{ code: number; output: string }> {
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: copy.directory,
    env: {
      ...process.env,
      KUBECONFIG: join(copy.directory, '.hostler/kubeconfig'),
      PATH: `${join(copy.directory, '.hostler/bin')}:${process.env['PATH'] ?? ''}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? 128)));
  return { code, output };
}

/** The benches measure a quiet machine; they are run by hand. */
describe('the commands of the README', async () => {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8');
  const blocks = [...text.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]!.trim());

  it('begin with the quickstart and the tests', () => {
    expect(blocks.slice(0, 2)).toEqual(['npm run quickstart', 'npm test']);
  });

  it.each(blocks.filter((block) => !ALREADY_RUN.includes(block) && !block.includes('bench:')))(
    '%s',
    { timeout: 900_000 },
    async (block) => {
      const { code, output } = await shell(block);
      expect(code, output.slice(-4000)).toBe(0);
      if (block === 'npm run quickstart') {
        expect(output).toContain('is Ready');
        // safe to run twice
        const again = await shell(block);
        expect(again.code, again.output.slice(-4000)).toBe(0);
      }
    },
  );

  it('name only paths that exist', () => {
    const tree = /```\nsrc\/README\.md[^]*?```/.exec(text)?.[0] ?? '';
    const paths = [...tree.matchAll(/^([a-z]+(?:\/[A-Za-z.]+)?\/?) {2,}/gm)].map((match) => match[1]!);
    const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
    for (const path of paths)
      expect(
        tracked.some((file) => file.startsWith(path) || dirname(file) === path),
        path,
      ).toBe(true);
    expect(paths.length).toBeGreaterThan(4);
  });
});
