import { open, type Database, type RootDatabase } from 'lmdb';

type Table = Database<Buffer, Buffer>;

/**
 * The tables of the embedded store. Every write changes them in one transaction.
 *
 * A value lives in `head` while it is the newest of its key, and moves to `values` under its revision when it is
 * replaced or deleted. `log` holds one row per revision and chains each key's revisions backwards, so that the state
 * at an old revision and every event since can be read; compaction only removes rows.
 */
export interface Tables {
  root: RootDatabase<Buffer, Buffer>;
  /** key → {@link HeadRow}: what exists now. */
  head: Table;
  /** key → revision of its deletion, while that is in the history. */
  tombs: Table;
  /** revision → {@link LogRow}. */
  log: Table;
  /** revision → value that was written at it, once it is no longer the newest. */
  values: Table;
  /** (expiry time, revision) → key. */
  expiry: Table;
  /** {@link META} → number or text. */
  meta: Table;
}

/** Keys of the `meta` table. */
export const META = {
  format: Buffer.from('format'),
  owner: Buffer.from('owner'),
  revision: Buffer.from('revision'),
  compacted: Buffer.from('compacted'),
  /** Bytes of values ever replaced or deleted, as of `revision`. */
  replaced: Buffer.from('replaced'),
  /** The same as of `compacted`. */
  forgotten: Buffer.from('forgotten'),
} as const;

/** Address space for the data file, not disk space: the file grows as needed. */
const MAP_BYTES = 64 * 1024 ** 3;

/** Opens the tables of `directory`, which exists. Read-only they may be open in another process, too. */
export function openTables(directory: string, { readOnly = false } = {}): Tables {
  const codec = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const root: RootDatabase<Buffer, Buffer> = open({
    ...codec,
    path: directory,
    readOnly,
    // a commit's promise resolves only after fdatasync
    overlappingSync: false,
    // with it, lmdb-js makes a promise of its own per turn that nobody can catch when the disk is full
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
  });
  const table = (name: string): Table => root.openDB<Buffer, Buffer>(name, codec);
  return {
    root,
    head: table('head'),
    tombs: table('tombs'),
    log: table('log'),
    values: table('values'),
    expiry: table('expiry'),
    meta: table('meta'),
  };
}

/** Bytes of a number in keys and rows: 48 bits, big-endian, so that byte order is number order. */
const NUMBER_BYTES = 6;

/** `value` (0 ≤ value < 2^48) as a key or value. */
export function packNumber(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(NUMBER_BYTES);
  bytes.writeUIntBE(value, 0, NUMBER_BYTES);
  return bytes;
}

/** Inverse of {@link packNumber}; undefined → 0. */
export function unpackNumber(bytes: Buffer | undefined): number {
  return bytes === undefined ? 0 : bytes.readUIntBE(0, NUMBER_BYTES);
}

/** A row of `head`. */
export interface HeadRow {
  revision: number;
  /** Milliseconds since the epoch; 0 = never. */
  expiresAt: number;
  value: Buffer;
}

/** {@link HeadRow} as bytes. */
export function packHead(row: HeadRow): Buffer {
  const bytes = Buffer.allocUnsafe(2 * NUMBER_BYTES + row.value.length);
  bytes.writeUIntBE(row.revision, 0, NUMBER_BYTES);
  bytes.writeUIntBE(row.expiresAt, NUMBER_BYTES, NUMBER_BYTES);
  row.value.copy(bytes, 2 * NUMBER_BYTES);
  return bytes;
}

/** Inverse of {@link packHead}; `value` shares memory with `bytes`. */
export function unpackHead(bytes: Buffer): HeadRow {
  return {
    revision: bytes.readUIntBE(0, NUMBER_BYTES),
    expiresAt: bytes.readUIntBE(NUMBER_BYTES, NUMBER_BYTES),
    value: bytes.subarray(2 * NUMBER_BYTES),
  };
}

const OPERATIONS = ['Created', 'Updated', 'Deleted'] as const;

/** A row of `log`. */
export interface LogRow {
  type: (typeof OPERATIONS)[number];
  /** Revision of the key's row before this one (also across a deletion); 0 = none in the history. */
  before: number;
  /** {@link META}.replaced after this row. */
  replaced: number;
  key: string;
}

/** {@link LogRow} as bytes. */
export function packLog(row: LogRow): Buffer {
  const key = Buffer.from(row.key);
  const bytes = Buffer.allocUnsafe(1 + 2 * NUMBER_BYTES + key.length);
  bytes.writeUInt8(OPERATIONS.indexOf(row.type), 0);
  bytes.writeUIntBE(row.before, 1, NUMBER_BYTES);
  bytes.writeUIntBE(row.replaced, 1 + NUMBER_BYTES, NUMBER_BYTES);
  key.copy(bytes, 1 + 2 * NUMBER_BYTES);
  return bytes;
}

/** Inverse of {@link packLog}. */
export function unpackLog(bytes: Buffer): LogRow {
  const type = OPERATIONS[bytes.readUInt8(0)];
  if (type === undefined) throw new Error(`unknown operation ${bytes.readUInt8(0)} in the log of the embedded store`);
  return {
    type,
    before: bytes.readUIntBE(1, NUMBER_BYTES),
    replaced: bytes.readUIntBE(1 + NUMBER_BYTES, NUMBER_BYTES),
    key: bytes.toString('utf8', 1 + 2 * NUMBER_BYTES),
  };
}

/** Key of `expiry`: sorted by time. */
export function packExpiry(expiresAt: number, revision: number): Buffer {
  return Buffer.concat([packNumber(expiresAt), packNumber(revision)]);
}

/** Time and revision of a key of `expiry`. */
export function unpackExpiry(bytes: Buffer): { expiresAt: number; revision: number } {
  return { expiresAt: unpackNumber(bytes), revision: unpackNumber(bytes.subarray(NUMBER_BYTES)) };
}
