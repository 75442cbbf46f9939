import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { Reader } from './embeddedReads.ts';
import {
  META,
  packExpiry,
  packNumber,
  unpackExpiry,
  unpackHead,
  unpackLog,
  unpackNumber,
  type Tables,
} from './embeddedTables.ts';
import type { Committer } from './embeddedWrites.ts';

/** Rows taken out of the history, or keys expired, in one transaction. */
const CHUNK = 500;
const TICK_MS = 1_000;

/** How much history is kept. */
interface HistoryLimits {
  /** Milliseconds; at most twice as long. 0 = no limit. */
  ageMs: number;
  events: number;
  bytes: number;
}

interface Deps {
  tables: Tables;
  reader: Reader;
  committer: Committer;
  clock: Clock;
  log: Logger;
  limits: HistoryLimits;
}

/** What the store does by itself: deletes expired keys and forgets old history. */
export class Housekeeping {
  readonly #deps: Deps;
  readonly #timer: NodeJS.Timeout;
  /** Revision and time that the next compaction by age goes back to. */
  #mark: { revision: number; at: number };
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#mark = { revision: deps.committer.revision, at: deps.clock.now() };
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** Stops after the piece of work under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  /** See `Storage.compact`. Also goes on with a compaction that a crash cut short. */
  async compact(revision: number): Promise<void> {
    const { reader, committer } = this.#deps;
    const target = Math.min(revision, committer.revision);
    if (target > reader.compacted) {
      await committer.submit(() => this.#putMark(target), 0);
      // only now: rows are taken out up to what is forgotten, and after a restart the mark alone tells
      reader.forget(target);
    }
    while (!this.#closed && (await committer.submit(() => this.#forgetSome(), 0)) === CHUNK);
  }

  async #tick(): Promise<void> {
    if (this.#running !== undefined || this.#closed) return;
    this.#running = this.#work()
      .catch((error: unknown) => this.#deps.log.warn({ error: messageOf(error) }, 'housekeeping of the store failed'))
      .finally(() => (this.#running = undefined));
    await this.#running;
  }

  async #work(): Promise<void> {
    await this.#expire();
    const target = Math.max(this.#tooOld(), this.#tooMuch());
    if (target > this.#deps.reader.compacted || this.#isUnfinished()) await this.compact(target);
  }

  /** Deletes what has expired. */
  async #expire(): Promise<void> {
    const { tables, committer, clock } = this.#deps;
    const end = packExpiry(clock.now() + 1, 0);
    while (!this.#closed) {
      const due = [...tables.expiry.getRange({ end, limit: CHUNK })];
      if (due.length === 0) return;
      await committer.submit((batch) => {
        for (const { key: id, value } of due) {
          const { revision } = unpackExpiry(id);
          const row = tables.head.get(value);
          // rewritten since: its own row of `expiry`, if any, counts
          if (row !== undefined && unpackHead(row).revision === revision) batch.delete(value.toString(), revision);
          else void tables.expiry.remove(id);
        }
      }, 0);
    }
  }

  /** The revision to forget by age: the one seen an interval ago, every interval. */
  #tooOld(): number {
    const { clock, committer, limits } = this.#deps;
    if (limits.ageMs === 0 || clock.now() - this.#mark.at < limits.ageMs) return 0;
    const { revision } = this.#mark;
    this.#mark = { revision: committer.revision, at: clock.now() };
    return revision;
  }

  /** The revision to forget by size: half of the history when there is too much of it. */
  #tooMuch(): number {
    const { committer, reader, tables, limits } = this.#deps;
    const events = committer.revision - reader.compacted;
    const bytes = committer.replaced - unpackNumber(tables.meta.get(META.forgotten));
    const isTooMuch = events > limits.events || (bytes > limits.bytes && events > 1);
    return isTooMuch ? reader.compacted + Math.ceil(events / 2) : 0;
  }

  #isUnfinished(): boolean {
    const { reader, tables } = this.#deps;
    return [...tables.log.getKeys({ end: packNumber(reader.compacted + 1), limit: 1 })].length > 0;
  }

  /** Writes how far history is forgotten; another compaction may have come further meanwhile. Runs in a transaction. */
  #putMark(target: number): void {
    const { tables } = this.#deps;
    if (target <= unpackNumber(tables.meta.get(META.compacted))) return;
    const row = tables.log.get(packNumber(target));
    if (row !== undefined) void tables.meta.put(META.forgotten, packNumber(unpackLog(row).replaced));
    void tables.meta.put(META.compacted, packNumber(target));
  }

  /** Takes the oldest rows out of the history; returns how many. Runs in a transaction. */
  #forgetSome(): number {
    const { tables, reader } = this.#deps;
    const rows = [...tables.log.getRange({ end: packNumber(reader.compacted + 1), limit: CHUNK })];
    for (const { key: id, value } of rows) {
      const row = unpackLog(value);
      void tables.log.remove(id);
      if (row.before !== 0) void tables.values.remove(packNumber(row.before));
      if (row.type === 'Deleted') this.#forgetTomb(Buffer.from(row.key), id);
    }
    return rows.length;
  }

  #forgetTomb(key: Buffer, revision: Buffer): void {
    const { tombs } = this.#deps.tables;
    if (tombs.get(key)?.equals(revision) === true) void tombs.remove(key);
  }
}
