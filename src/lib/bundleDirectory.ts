import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type { ReferenceProblem } from '../api/effective.ts';
import { messageOf } from './errors.ts';

/** A file as an ArtifactBundle states it. */
export interface StatedFile {
  /** Below the bundle directory. */
  file: string;
  /** 64 hexadecimal digits. */
  sha256: string;
  sizeBytes: number;
}

/**
 * The files that ArtifactBundles name, on this machine. Whoever may write ArtifactBundles can name any file in it, but
 * gets none, and learns nothing of one, without knowing its checksum; links that lead out of it are not followed.
 */
export class BundleDirectory {
  readonly path: string;
  /** Checksums by path, each with what tells that the file is still the same. */
  readonly #sums = new Map<string, { signature: string; sha256: Promise<string> }>();

  constructor(path: string) {
    this.path = resolve(path);
  }

  /** What is wrong with a file; undefined: it is there as stated. Reads it whole once, then again when it changed. */
  async problemOf({ file, sha256, sizeBytes }: StatedFile): Promise<ReferenceProblem | undefined> {
    const found = await this.#find(file);
    if ('problem' in found) return missing(`file ${file} ${found.problem} in the bundle directory ${this.path}`);
    if (found.stats.size !== sizeBytes) return differs(file);
    const sum = await this.#sum(found);
    if (typeof sum === 'object') return missing(`file ${file} ${sum.problem} in the bundle directory ${this.path}`);
    return sum === sha256 ? undefined : differs(file);
  }

  /**
   * At most `length` bytes from `offset` on; fewer only at the end of the file.
   * @throws Error  when the file is gone or cannot be read.
   */
  async read(file: string, { offset, length }: { offset: number; length: number }): Promise<Uint8Array> {
    const found = await this.#find(file);
    if ('problem' in found) throw new Error(`${file} ${found.problem} in ${this.path}`);
    const handle = await open(found.path, 'r');
    try {
      const buffer = Buffer.alloc(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return buffer.subarray(0, filled);
    } finally {
      await handle.close();
    }
  }

  async #find(file: string): Promise<{ path: string; stats: Stats } | { problem: string }> {
    try {
      const path = await realpath(join(this.path, file));
      if (!path.startsWith(`${await realpath(this.path)}${sep}`)) return { problem: 'is a link that leads out' };
      const stats = await stat(path);
      return stats.isFile() ? { path, stats } : { problem: 'is no file' };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      return { problem: error.code === 'ENOENT' ? 'is not' : unreadable(error) };
    }
  }

  /** Those who ask at the same time share one reading. */
  async #sum({ path, stats }: { path: string; stats: Stats }): Promise<string | { problem: string }> {
    const signature = [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(':');
    const known = this.#sums.get(path);
    if (known?.signature === signature) return known.sha256;
    const sha256 = sumOf(path);
    this.#sums.set(path, { signature, sha256 });
    try {
      return await sha256;
    } catch (error) {
      this.#sums.delete(path);
      return { problem: unreadable(error) };
    }
  }
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function missing(what: string): ReferenceProblem {
  return {
    reason: 'FileMissing',
    message: `${what}. Put it there, readable for Hostler; it looks again by itself.`,
    terminal: false,
  };
}

function unreadable(error: unknown): string {
  return `cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : messageOf(error)})`;
}

/** Neither what differs nor how: whoever knows the name of somebody else's file alone would have its sum from that. */
function differs(file: string): ReferenceProblem {
  return {
    reason: 'ChecksumMismatch',
    message: `file ${file} has not the size and SHA-256 stated. Put the right file into the bundle directory, or correct the ArtifactBundle: sha256sum FILE; stat -c %s FILE.`,
    terminal: true,
  };
}
