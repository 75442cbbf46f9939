/**
 * Child process of the crash tests: writes to the embedded store in argv[2] until it is killed or the store fails,
 * and prints each write after it was acknowledged: `put <key> <value> <revision>` or `del <key> <revision>`.
 */
import { writeSync } from 'node:fs';
import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import type { Storage } from '../../src/apiserver/storage/storage.ts';

const [, , directory = '', writers = '32', bytes = '0'] = process.argv;
const say = (line: string): void => void writeSync(1, `${line}\n`);

async function write(storage: Storage, key: string): Promise<void> {
  for (let sequence = 0; ; sequence++) {
    const current = await storage.get(key);
    if (current !== undefined && sequence % 7 === 6) {
      say(`del ${key} ${await storage.delete(key, current.revision)}`);
      continue;
    }
    const text = `${process.pid}-${sequence}`;
    const value = Buffer.from(text.padEnd(Number(bytes), ' '));
    const entry =
      current === undefined ? await storage.create(key, value) : await storage.update(key, value, current.revision);
    say(`put ${key} ${text} ${entry.revision}`);
  }
}

async function main(): Promise<void> {
  const storage = await openEmbeddedStorage(directory);
  say(`ready ${await storage.revision()}`);
  const keys = Array.from({ length: Number(writers) }, (_, i) => `/w/${i}`);
  const failures = await Promise.all(keys.map((key) => write(storage, key).catch((error: unknown) => error)));
  say(`failed ${String(failures[0])}`);
  say(`still reads ${(await storage.list('/w/')).entries.length}`);
  // stays, with the store open, until it is killed
  setInterval(() => undefined, 1_000);
}

main().catch((error: unknown) => {
  say(`refused ${String(error)}`);
  process.exitCode = 3;
});
