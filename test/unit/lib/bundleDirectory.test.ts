import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BundleDirectory } from '../../../src/lib/bundleDirectory.ts';

const CONTENT = 'packages';

let root: string;
let directory: BundleDirectory;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hostler-bundles-'));
  await mkdir(join(root, 'bundles/docker'), { recursive: true });
  directory = new BundleDirectory(join(root, 'bundles'));
});
afterEach(() => rm(root, { recursive: true }));

const put = (file: string, content = CONTENT) => writeFile(join(root, 'bundles', file), content);
const stated = (file: string, content = CONTENT) => ({
  file,
  sha256: createHash('sha256').update(content).digest('hex'),
  sizeBytes: content.length,
});

describe('BundleDirectory', () => {
  it('knows a file that is as stated, and reads parts of it', async () => {
    await put('docker/28.tar');
    expect(await directory.problemOf(stated('docker/28.tar'))).toBeUndefined();
    const read = await directory.read('docker/28.tar', { offset: 4, length: 100 });
    expect(Buffer.from(read).toString()).toBe('ages');
  });

  it.each([
    ['is not there', stated('none.tar'), 'FileMissing', 'file none.tar is not in the bundle directory'],
    ['is a directory', stated('docker'), 'FileMissing', 'file docker is no file'],
    ['lies outside, by a link', stated('out.tar'), 'FileMissing', 'a link that leads out'],
    ['has another size', stated('a.tar', 'longer packages'), 'ChecksumMismatch', 'a.tar has not the size and SHA-256'],
    ['has other content', stated('a.tar', 'PACKAGES'), 'ChecksumMismatch', 'a.tar has not the size and SHA-256'],
  ])('says what is wrong with one that %s', async (_name, file, reason, message) => {
    await put('a.tar');
    await writeFile(join(root, 'secret'), CONTENT);
    await symlink(join(root, 'secret'), join(root, 'bundles/out.tar'));
    expect(await directory.problemOf(file)).toMatchObject({
      reason,
      message: expect.stringContaining(message) as string,
    });
    if (reason === 'FileMissing') await expect(directory.read(file.file, { offset: 0, length: 1 })).rejects.toThrow();
  });

  it('tells nothing of a file to whoever only guesses, not even which guess was right', async () => {
    await put('theirs.tar', 'what they pay for');
    const { file, sha256, sizeBytes } = stated('theirs.tar', 'what they pay for');
    const [size, sum, both] = await Promise.all([
      directory.problemOf({ file, sha256, sizeBytes: 1 }),
      directory.problemOf({ file, sha256: '0'.repeat(64), sizeBytes }),
      directory.problemOf({ file, sha256: '0'.repeat(64), sizeBytes: 1 }),
    ]);
    expect(size?.message).not.toMatch(new RegExp(`\\b${sizeBytes}\\b|${sha256}`));
    expect([size, sum]).toEqual([both, both]);
  });

  it('reads a file again when it changed, though its size did not', async () => {
    await put('a.tar');
    expect(await directory.problemOf(stated('a.tar'))).toBeUndefined();
    await put('a.tar', 'PACKAGES');
    await utimes(join(root, 'bundles/a.tar'), 1, 1);
    expect(await directory.problemOf(stated('a.tar'))).toMatchObject({ reason: 'ChecksumMismatch' });
    expect(await directory.problemOf(stated('a.tar', 'PACKAGES'))).toBeUndefined();
  });
});
