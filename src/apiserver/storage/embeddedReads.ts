import { META, packNumber, unpackHead, unpackLog, unpackNumber, type LogRow, type Tables } from './embeddedTables.ts';
import { boundsOf } from './limits.ts';
import { StorageError, type Entry, type Page, type StorageEvent } from './storage.ts';

/** Beyond this many changes since the revision of a page, its `remaining` is not worth counting. */
const MAX_RECOUNT = 20_000;

/** Which part of the keys a list reads. */
interface Range {
  prefix: string;
  /** First key. */
  start: Buffer;
  /** Key after the last; undefined = to the end of the table. */
  end: Buffer | undefined;
  /** Infinity = all. */
  limit: number;
}

/** A piece of history. */
export interface HistoryChunk {
  events: StorageEvent[];
  /** Every event up to here (and after where the piece began) is in `events`. */
  until: number;
}

/**
 * Reads of the embedded store, also of the past. All of them are synchronous: what runs in one turn of the event
 * loop sees one snapshot of the file.
 */
export class Reader {
  readonly #tables: Tables;
  #compacted: number;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.#compacted = unpackNumber(tables.meta.get(META.compacted));
  }

  /** History up to and including this revision is gone. */
  get compacted(): number {
    return this.#compacted;
  }

  /** Refuses reads below `revision` from now on. */
  forget(revision: number): void {
    this.#compacted = Math.max(this.#compacted, revision);
  }

  /** The newest entry of `key`. */
  get(key: string): Entry | undefined {
    const id = Buffer.from(key);
    const bytes = id.length === 0 ? undefined : this.#tables.head.get(id);
    if (bytes === undefined) return undefined;
    const { revision, value } = unpackHead(bytes);
    return { key, value, revision };
  }

  /** See `Storage.list`. */
  list(prefix: string, options: { limit?: number; start?: string; revision?: number }): Page {
    const newest = unpackNumber(this.#tables.meta.get(META.revision));
    const revision = options.revision ?? newest;
    if (revision > newest) throw new StorageError('TooLarge', prefix);
    if (revision < this.#compacted) throw new StorageError('Compacted', prefix);
    const range = toRange(prefix, options);
    const entries = revision === newest ? this.#newest(range) : this.#past(range, revision);
    const more = entries.length > range.limit ? entries.pop() : undefined;
    if (more === undefined) return { entries, revision, next: undefined, remaining: 0 };
    const rest = { ...range, start: Buffer.from(more.key) };
    return { entries, revision, next: more.key, remaining: this.#count(rest, revision, newest) };
  }

  /**
   * Events under `prefix` after `after`, at most `limits` rows of the log and bytes of values.
   * @throws StorageError Compacted when some of them are gone.
   */
  history(prefix: string, after: number, limits: { rows: number; bytes: number }): HistoryChunk {
    if (after < this.#compacted) throw new StorageError('Compacted', prefix);
    const events: StorageEvent[] = [];
    let until = after;
    let bytes = 0;
    for (const { key, value } of this.#tables.log.getRange({ start: packNumber(after + 1), limit: limits.rows })) {
      until = unpackNumber(key);
      const row = unpackLog(value);
      if (!row.key.startsWith(prefix)) continue;
      const event = this.#event(row, until);
      events.push(event);
      bytes += sizeOf(event);
      if (bytes >= limits.bytes) break;
    }
    return { events, until };
  }

  /** Entries up to one more than the limit, so that the caller sees whether there are more. */
  #newest(range: Range): Entry[] {
    const entries: Entry[] = [];
    for (const { key, value } of this.#tables.head.getRange(bounds(range))) {
      const row = unpackHead(value);
      entries.push({ key: key.toString(), value: row.value, revision: row.revision });
      if (entries.length > range.limit) break;
    }
    return entries;
  }

  /** The same at an old revision: every key that exists now or was deleted since. */
  #past(range: Range, revision: number): Entry[] {
    const entries: Entry[] = [];
    for (const { key, revision: last, value } of this.#everyKey(range)) {
      const entry =
        last <= revision && value !== undefined ? { key, value, revision: last } : this.#at(key, last, revision);
      if (entry !== undefined) entries.push(entry);
      if (entries.length > range.limit) break;
    }
    return entries;
  }

  /** Keys of `head` and `tombs`, merged in order, with their last revision; `value` only where it exists now. */
  *#everyKey(range: Range): Generator<{ key: string; revision: number; value: Buffer | undefined }> {
    const gone = [...this.#tables.tombs.getRange(bounds(range))];
    let next = 0;
    for (const { key, value } of this.#tables.head.getRange(bounds(range))) {
      for (let tomb = gone[next]; tomb !== undefined && tomb.key.compare(key) < 0; tomb = gone[++next]) {
        yield { key: tomb.key.toString(), revision: unpackNumber(tomb.value), value: undefined };
      }
      const row = unpackHead(value);
      yield { key: key.toString(), revision: row.revision, value: row.value };
    }
    for (const tomb of gone.slice(next)) {
      yield { key: tomb.key.toString(), revision: unpackNumber(tomb.value), value: undefined };
    }
  }

  /** What `key` held at `revision`, following its chain of log rows down from `last`. */
  #at(key: string, last: number, revision: number): Entry | undefined {
    let at = last;
    while (at > revision) at = this.#row(at)?.before ?? 0;
    // the row of a deletion has no value
    const value = at === 0 ? undefined : this.#tables.values.get(packNumber(at));
    return value === undefined ? undefined : { key, value, revision: at };
  }

  /** How many entries `range` holds at `revision`: the number now, corrected by what happened since. */
  #count(range: Range, revision: number, newest: number): number | undefined {
    if (newest - revision > MAX_RECOUNT) return undefined;
    const first = new Map<string, LogRow['type']>();
    const last = new Map<string, LogRow['type']>();
    for (const { value } of this.#tables.log.getRange({ start: packNumber(revision + 1) })) {
      const row = unpackLog(value);
      if (!row.key.startsWith(range.prefix) || Buffer.from(row.key).compare(range.start) < 0) continue;
      if (!first.has(row.key)) first.set(row.key, row.type);
      last.set(row.key, row.type);
    }
    let count = this.#tables.head.getKeysCount(bounds(range));
    for (const type of first.values()) count += type === 'Created' ? 0 : 1;
    for (const type of last.values()) count -= type === 'Deleted' ? 0 : 1;
    return count;
  }

  #row(revision: number): LogRow | undefined {
    const bytes = this.#tables.log.get(packNumber(revision));
    return bytes === undefined ? undefined : unpackLog(bytes);
  }

  #event(row: LogRow, revision: number): StorageEvent {
    const { key } = row;
    switch (row.type) {
      case 'Created':
        return { type: 'Created', key, value: this.#valueAt(key, revision), revision };
      case 'Updated':
        return {
          type: 'Updated',
          key,
          value: this.#valueAt(key, revision),
          revision,
          previous: this.#replaced(key, row.before),
        };
      case 'Deleted':
        return { type: 'Deleted', key, revision, previous: this.#replaced(key, row.before) };
    }
  }

  #valueAt(key: string, revision: number): Buffer {
    const entry = this.get(key);
    return entry?.revision === revision ? entry.value : this.#replaced(key, revision);
  }

  #replaced(key: string, revision: number): Buffer {
    const value = this.#tables.values.get(packNumber(revision));
    if (value === undefined) {
      throw new StorageError('Corrupt', key, {
        message: `the value of ${key} at revision ${revision} is missing from the history`,
      });
    }
    return value;
  }
}

function toRange(prefix: string, options: { limit?: number; start?: string }): Range {
  const limit = options.limit === undefined || options.limit <= 0 ? Infinity : options.limit;
  return { prefix, ...boundsOf(prefix, options.start), limit };
}

function bounds(range: Range): { start?: Buffer; end?: Buffer } {
  return {
    // LMDB refuses an empty key
    ...(range.start.length === 0 ? {} : { start: range.start }),
    ...(range.end === undefined ? {} : { end: range.end }),
  };
}

/** Bytes of the values that an event carries. */
export function sizeOf(event: StorageEvent): number {
  return (event.type === 'Deleted' ? 0 : event.value.length) + (event.previous?.length ?? 0);
}
