import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { z } from 'zod';
import { messageOf } from '../../lib/errors.ts';
import type { Snapshot, SnapshotEntry } from './snapshot.ts';

/**
 * A backup file: gzip over lines of JSON. The first line is the {@link Header}, then one line per entry, and the last
 * one counts the entries and holds the SHA-256 of all lines before it. docs/storage.md describes it for users.
 */
const FORMAT = 'hostler-backup';
const VERSION = 1;

const Header = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  /** RFC 3339. */
  createdAt: z.string(),
  /** Version of Hostler that wrote it. */
  hostler: z.string(),
  store: z.enum(['embedded', 'etcd']),
  /** Of the store when it was read: all entries are as of then. */
  revision: z.number().int().nonnegative(),
  /** Content of the encryption key file, where that was asked for. */
  encryptionKey: z.string().optional(),
});
/** First line of a backup. */
export type Header = z.infer<typeof Header>;

const Entry = z.object({
  key: z.string(),
  revision: z.number().int().positive(),
  /** The value, where it is UTF-8 text; else `base64`. */
  text: z.string().optional(),
  base64: z.string().optional(),
  /** Milliseconds since the epoch. */
  expiresAt: z.number().optional(),
});

const Trailer = z.object({ entries: z.number().int().nonnegative(), sha256: z.string() });

/** The file is no backup, a damaged one, or one of a newer version. */
class BackupFileError extends Error {
  constructor(path: string, why: string, cause?: unknown) {
    super(`${path} ${why}.`, cause === undefined ? undefined : { cause });
    this.name = 'BackupFileError';
  }
}

/**
 * Writes `snapshot` to the file at `path`, mode 0600, durable when it resolves; until then `path` is as it was before.
 * Returns the number of entries.
 */
export async function writeBackup(
  path: string,
  snapshot: Snapshot,
  header: Pick<Header, 'createdAt' | 'hostler' | 'encryptionKey'>,
): Promise<number> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.tmp`);
  const first: Header = {
    format: FORMAT,
    version: VERSION,
    ...header,
    store: snapshot.kind,
    revision: snapshot.revision,
  };
  let entries = 0;
  async function* lines(): AsyncGenerator<string> {
    const hash = createHash('sha256');
    const add = (line: object): string => {
      const text = `${JSON.stringify(line)}\n`;
      hash.update(text);
      return text;
    };
    yield add(first);
    for await (const entry of snapshot.entries) {
      entries++;
      yield add(toLine(entry));
    }
    yield `${JSON.stringify({ entries, sha256: hash.digest('hex') })}\n`;
  }
  try {
    await pipeline(
      Readable.from(lines()),
      createGzip(),
      // flush: on disk before it is closed
      createWriteStream(temporary, { flags: 'wx', mode: 0o600, flush: true }),
    );
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const parent = await open(dirname(path), 'r');
  await parent.sync();
  await parent.close();
  return entries;
}

/**
 * Reads the file at `path` to its end: the header, and every entry through `each`. The checksum is known only at the
 * end, so nothing may be done with entries of a file that was not read through once before.
 * @throws BackupFileError
 */
export async function readBackup(
  path: string,
  each: (entry: SnapshotEntry) => void | Promise<void> = () => undefined,
): Promise<{ header: Header; entries: number }> {
  const hash = createHash('sha256');
  let header: Header | undefined;
  let entries = 0;
  let last: string | undefined;
  for await (const line of linesOf(path)) {
    // one line behind: the last one is no entry
    if (last !== undefined) {
      hash.update(`${last}\n`);
      if (header === undefined) header = toHeader(path, last);
      else {
        await each(toEntry(path, last));
        entries++;
      }
    }
    last = line;
  }
  if (header === undefined || last === undefined)
    throw new BackupFileError(path, 'is no backup of Hostler, or is cut off');
  const trailer = Trailer.safeParse(parseJson(last));
  if (!trailer.success) throw new BackupFileError(path, 'is cut off: its last line is missing');
  if (trailer.data.entries !== entries || trailer.data.sha256 !== hash.digest('hex')) {
    throw new BackupFileError(path, 'is damaged: its content does not fit its checksum');
  }
  return { header, entries };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const file = createReadStream(path);
  const text = file.pipe(createGunzip()).setEncoding('utf8');
  // pipe does not hand errors on
  file.once('error', (error) => text.destroy(error));
  let rest = '';
  try {
    for await (const chunk of text as AsyncIterable<string>) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw new BackupFileError(path, `cannot be read: ${messageOf(error)}`);
    throw new BackupFileError(path, `is no backup of Hostler, or is cut off (${messageOf(error)})`, error);
  } finally {
    file.destroy();
  }
  if (rest !== '') yield rest;
}

function toHeader(path: string, line: string): Header {
  const json = parseJson(line);
  const parsed = Header.safeParse(json);
  if (parsed.success) return parsed.data;
  const version = z.object({ format: z.literal(FORMAT), version: z.number() }).safeParse(json);
  if (!version.success) throw new BackupFileError(path, 'is no backup of Hostler');
  if (version.data.version === VERSION) throw new BackupFileError(path, 'is damaged: its first line is incomplete');
  const remedy = 'use the version of Hostler that wrote it, or a newer one';
  throw new BackupFileError(path, `has format ${version.data.version}, this version reads ${VERSION}: ${remedy}`);
}

function toEntry(path: string, line: string): SnapshotEntry {
  const parsed = Entry.safeParse(parseJson(line));
  if (!parsed.success) throw new BackupFileError(path, 'is damaged: a line is no entry');
  const { key, revision, text, base64 = '', expiresAt } = parsed.data;
  return { key, revision, value: text === undefined ? Buffer.from(base64, 'base64') : Buffer.from(text), expiresAt };
}

function toLine({ key, value, revision, expiresAt }: SnapshotEntry): z.infer<typeof Entry> {
  const text = value.toString();
  // what is not UTF-8 does not come back the same
  const content = Buffer.from(text).equals(value) ? { text } : { base64: value.toString('base64') };
  return { key, revision, ...content, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined; // judged by the schema
  }
}
