import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreInUseError } from '../../../src/apiserver/storage/directoryLock.ts';
import { openEmbeddedStorage } from '../../../src/apiserver/storage/embedded.ts';
import type { Storage } from '../../../src/apiserver/storage/storage.ts';
import { Consumer, temporaryDirectory } from '../../support/storage.ts';

const WRITER = fileURLToPath(new URL('../../support/storeWriter.ts', import.meta.url));

describe('the embedded store and its process', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  const children: Writer[] = [];
  beforeEach(async () => {
    directory = await temporaryDirectory();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill();
    await directory.remove();
  });
  const start = (options: { writers?: number; bytes?: number; limitBlocks?: number } = {}): Writer => {
    const writer = new Writer(directory.path, options);
    children.push(writer);
    return writer;
  };

  it('loses nothing acknowledged and never goes back, killed at any moment', async () => {
    const acknowledged = new Map<string, Acknowledged>();
    let newest = 0;
    for (let round = 0; round < 8; round++) {
      const writer = start();
      await writer.line(/^ready/);
      expect(Number(writer.find(/^ready (\d+)/)?.[1])).toBeGreaterThanOrEqual(newest);
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 300));
      await writer.kill();
      for (const write of writer.acknowledged()) {
        expect(write.revision, 'a revision was given out twice').toBeGreaterThan(
          acknowledged.get(write.key)?.revision ?? 0,
        );
        acknowledged.set(write.key, write);
        newest = Math.max(newest, write.revision);
      }
      const storage = await openEmbeddedStorage(directory.path);
      expect(await storage.revision()).toBeGreaterThanOrEqual(newest);
      await verify(storage, acknowledged);
      await storage.close();
    }
    expect(newest).toBeGreaterThan(500);
  }, 240_000);

  it('belongs to one process, also a frozen one, and to the next as soon as that is killed', async () => {
    const writer = start({ writers: 1 });
    await writer.line(/^put/);
    await expect(openEmbeddedStorage(directory.path)).rejects.toThrow(StoreInUseError);
    await expect(openEmbeddedStorage(directory.path)).rejects.toThrow(`another process (${writer.pid})`);
    // several times, so that it is also frozen in the middle of a transaction
    for (let i = 0; i < 5; i++) {
      process.kill(writer.pid, 'SIGSTOP');
      await expect(openEmbeddedStorage(directory.path)).rejects.toThrow(StoreInUseError);
      process.kill(writer.pid, 'SIGCONT');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    process.kill(writer.pid, 'SIGSTOP');
    await writer.kill();
    const storage = await openEmbeddedStorage(directory.path);
    expect(await storage.revision()).toBeGreaterThan(0);
    await storage.close();
  });

  it('goes to exactly one of several successors', async () => {
    const writer = start({ writers: 1 });
    await writer.line(/^put/);
    await writer.kill();
    const successors = [start({ writers: 1 }), start({ writers: 1 }), start({ writers: 1 })];
    await Promise.all(successors.map((successor) => successor.line(/^(ready|refused)/)));
    const refused = successors.filter((successor) => successor.find(/^refused StoreInUseError/) !== undefined);
    expect(refused).toHaveLength(2);
  });

  it('refuses writes when the disk is full, goes on reading, and keeps what it acknowledged', async () => {
    const writer = start({ writers: 8, bytes: 14_000, limitBlocks: 8_000 });
    await writer.line(/^still reads/);
    expect(writer.find(/^failed (.*)/)?.[1]).toMatch(/is the disk full/);
    await writer.kill();
    const acknowledged = new Map(writer.acknowledged().map((write) => [write.key, write]));
    expect(writer.acknowledged().length).toBeGreaterThan(50);
    const storage = await openEmbeddedStorage(directory.path);
    await verify(storage, acknowledged);
    const entry = await storage.create('/more', Buffer.alloc(14_000));
    expect(entry.revision).toBeGreaterThan(Math.max(...writer.acknowledged().map((write) => write.revision)));
    await storage.close();
  });
});

interface Acknowledged {
  key: string;
  /** Undefined: deleted. */
  value: string | undefined;
  revision: number;
}

/** What is stored is what was acknowledged, or the one write of that key that was under way. */
async function verify(storage: Storage, acknowledged: ReadonlyMap<string, Acknowledged>): Promise<void> {
  const page = await storage.list('/w/');
  const stored = new Map(page.entries.map((entry) => [entry.key, entry]));
  for (const { key, value, revision } of acknowledged.values()) {
    const entry = stored.get(key);
    if (entry === undefined) {
      if (value !== undefined) await expectDeletedAfter(storage, key, revision);
    } else if (entry.revision === revision) expect(entry.value.toString().trim()).toBe(value);
    else expect(entry.revision, `${key} went back`).toBeGreaterThan(revision);
  }
  await expectHistoryToAgree(storage);
}

/** The writer was killed between the deletion and its word. */
async function expectDeletedAfter(storage: Storage, key: string, revision: number): Promise<void> {
  const consumer = new Consumer(storage, key, revision);
  await consumer.progress(0);
  await consumer.stop();
  const last = consumer.received.filter((event) => event.key === key).at(-1);
  expect(last, `${key} is lost`).toMatchObject({ type: 'Deleted' });
}

/** Every event since the beginning, one after the other, makes what is stored now. */
async function expectHistoryToAgree(storage: Storage): Promise<void> {
  const consumer = new Consumer(storage, '/w/', 0);
  await consumer.progress(0, 20_000);
  await consumer.stop();
  const state = new Map<string, { value: string; revision: number }>();
  let before = 0;
  for (const event of consumer.received) {
    expect(event.revision).toBe(before + 1);
    before = event.revision;
    if (event.type === 'Created') expect(state.has(event.key)).toBe(false);
    else expect(event.previous?.toString()).toBe(state.get(event.key)?.value);
    if (event.type === 'Deleted') state.delete(event.key);
    else state.set(event.key, { value: event.value.toString(), revision: event.revision });
  }
  const page = await storage.list('/w/');
  const now = page.entries.map(({ key, value, revision }) => [key, { value: value.toString(), revision }] as const);
  expect(new Map(now)).toEqual(state);
}

/** A process that writes to the store. */
class Writer {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<unknown>;

  constructor(directory: string, options: { writers?: number; bytes?: number; limitBlocks?: number }) {
    const command = [
      process.execPath,
      '--import',
      'tsx',
      WRITER,
      directory,
      String(options.writers ?? 32),
      String(options.bytes ?? 0),
    ];
    // a limit on file size is the nearest thing to a full disk that needs no privileges
    const script = `trap '' XFSZ; ulimit -f ${options.limitBlocks ?? 'unlimited'}; exec "$@"`;
    this.#child = spawn('/bin/sh', ['-c', script, 'sh', ...command], { stdio: ['ignore', 'pipe', 'ignore'] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('no output');
    const reader = createInterface({ input: stdout });
    reader.on('line', (line) => this.#lines.push(line));
    this.#ended = Promise.all([once(this.#child, 'exit'), once(reader, 'close')]);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the writer did not start');
    return this.#child.pid;
  }

  /** Waits for a line that matches. */
  async line(pattern: RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.find(pattern), `a line ${pattern.source}`).toBeDefined(), {
      timeout: 30_000,
      interval: 5,
    });
  }

  find(pattern: RegExp): RegExpExecArray | undefined {
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    return undefined;
  }

  /** SIGKILL; resolves when the process is gone and its last word is read. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  acknowledged(): Acknowledged[] {
    return this.#lines.flatMap((line) => {
      const [word, key = '', ...rest] = line.split(' ');
      const revision = Number(rest.at(-1));
      if (word === 'put') return [{ key, value: rest[0], revision }];
      return word === 'del' ? [{ key, value: undefined, revision }] : [];
    });
  }
}
