import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import { messageOf } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import type { AuditSink } from './requestAudit.ts';

const MEGABYTE = 1024 * 1024;
const DAY_MS = 24 * 60 * 60_000;
const DEFAULT_MEGABYTES = 100;
/** As in the name of a file that was set aside: 2026-11-28T19-05-54.123. */
const STAMP = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/;

/** When a file is full and what is kept of those before; the meaning of 0 is kube-apiserver's. */
export interface Rotation {
  /** Megabytes; 0 = 100. */
  maxSize: number;
  /** Files set aside; 0 = all. */
  maxBackups: number;
  /** Days; 0 = forever. */
  maxAge: number;
}

/**
 * Lines in a file (0600 when it is made here), handed to the kernel before `write` returns. A full file is set aside
 * as `name-TIME.ext` beside it. A line that cannot be written is lost and counted in the log: requests go on.
 */
export class AuditFile implements AuditSink {
  readonly #path: string;
  readonly #rotation: Rotation;
  readonly #clock: Clock;
  readonly #log: Logger;
  #file: number;
  #size: number;
  #lost = 0;

  /** @throws Error when the file cannot be opened. */
  constructor(path: string, rotation: Rotation, { clock, log }: { clock: Clock; log: Logger }) {
    this.#path = path;
    this.#rotation = rotation;
    this.#clock = clock;
    this.#log = log;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#file = open(path);
    this.#size = fstatSync(this.#file).size;
    this.#removeOld();
  }

  write(line: string): void {
    try {
      const bytes = Buffer.from(line);
      if (this.#size > 0 && this.#size + bytes.length > this.#maxBytes) this.#rotate();
      this.#writeAll(bytes);
      if (this.#lost > 0) this.#log.warn({ lost: this.#lost }, 'audit events are written again');
      this.#lost = 0;
    } catch (error) {
      // one line for all of them: a full disk is not helped by a log that fills it
      if (this.#lost === 0) this.#log.error({ error, path: this.#path }, 'audit events cannot be written and are lost');
      this.#lost++;
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  get #maxBytes(): number {
    return (this.#rotation.maxSize === 0 ? DEFAULT_MEGABYTES : this.#rotation.maxSize) * MEGABYTE;
  }

  #writeAll(bytes: Buffer): void {
    for (let done = 0; done < bytes.length;) {
      const written = writeSync(this.#file, bytes, done);
      done += written;
      this.#size += written;
    }
  }

  #rotate(): void {
    const { prefix, extension } = namesOf(this.#path);
    const stamp = new Date(this.#clock.now()).toISOString().slice(0, 23).replaceAll(':', '-');
    const aside = join(dirname(this.#path), `${prefix}${stamp}${extension}`);
    // two in one millisecond: rather a file that is too large than one that is lost
    if (existsSync(aside)) return;
    renameSync(this.#path, aside);
    const next = open(this.#path);
    closeSync(this.#file);
    this.#file = next;
    this.#size = 0;
    this.#removeOld();
  }

  /** Removes what was set aside too long ago, and the oldest of too many. */
  #removeOld(): void {
    const { maxBackups, maxAge } = this.#rotation;
    if (maxBackups === 0 && maxAge === 0) return;
    const directory = dirname(this.#path);
    const oldest = maxAge === 0 ? -Infinity : this.#clock.now() - maxAge * DAY_MS;
    const most = maxBackups === 0 ? Infinity : maxBackups;
    try {
      const aside = setAside(this.#path, readdirSync(directory));
      const old = aside.filter(({ at }, index) => index >= most || at < oldest);
      for (const { name } of old) rmSync(join(directory, name), { force: true });
    } catch (error) {
      this.#log.warn({ error: messageOf(error), directory }, 'old audit files could not be removed');
    }
  }
}

function open(path: string): number {
  return openSync(path, 'a', 0o600);
}

function namesOf(path: string): { prefix: string; extension: string } {
  const extension = extname(path);
  return { prefix: `${basename(path, extension)}-`, extension };
}

/** Those of `names` that were set aside for `path`, the newest first. */
function setAside(path: string, names: readonly string[]): { name: string; at: number }[] {
  const { prefix, extension } = namesOf(path);
  return names
    .filter((name) => name.startsWith(prefix) && name.endsWith(extension))
    .map((name) => ({ name, at: timeOf(name.slice(prefix.length, name.length - extension.length)) }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => b.at - a.at);
}

function timeOf(stamp: string): number {
  const [, day, hours, minutes, seconds] = STAMP.exec(stamp) ?? [];
  return Date.parse(`${day ?? ''}${hours ?? ''}:${minutes ?? ''}:${seconds ?? ''}Z`);
}
