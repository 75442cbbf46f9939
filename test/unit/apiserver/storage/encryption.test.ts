import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedStorage } from '../../../../src/apiserver/storage/embedded.ts';
import { encryptStorage, loadEncryptionKeys } from '../../../../src/apiserver/storage/encryption.ts';
import type { Storage } from '../../../../src/apiserver/storage/storage.ts';
import { redactor } from '../../../../src/lib/redaction.ts';
import { Consumer, failsWith, temporaryDirectory } from '../../../support/storage.ts';

const SECRETS = '/registry/core/secrets/';
const KEY = `${SECRETS}ns/one`;

describe('encryption at rest', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let raw: Storage;
  const first = { name: 'first', key: randomBytes(32) };
  const second = { name: 'second', key: randomBytes(32) };
  const encrypted = (...keys: (typeof first)[]): ReturnType<typeof encryptStorage> =>
    encryptStorage(raw, { prefixes: [SECRETS], keys });

  beforeEach(async () => {
    directory = await temporaryDirectory();
    raw = await openEmbeddedStorage(directory.path);
  });
  afterEach(async () => {
    await raw.close();
    await directory.remove();
  });

  it('leaves no plain text on disk, in no version of the value', async () => {
    const storage = encrypted(first);
    const canaries = ['canary-one-4711', 'canary-two-4711', 'canary-gone-4711'];
    const entry = await storage.create(KEY, Buffer.from(canaries[0]!));
    await storage.update(KEY, Buffer.from(canaries[1]!), entry.revision);
    const gone = await storage.create(`${SECRETS}ns/gone`, Buffer.from(canaries[2]!));
    await storage.delete(gone.key, gone.revision);
    await raw.create('/registry/core/configmaps/ns/plain', Buffer.from('plain-4711'));
    await raw.close();
    const file = await readFile(join(directory.path, 'data.mdb'));
    for (const canary of canaries) expect(file.includes(canary), canary).toBe(false);
    expect(file.includes('plain-4711')).toBe(true);
  });

  it('marks values as kube-apiserver does and never encrypts twice alike', async () => {
    const storage = encrypted(first);
    await storage.create(KEY, Buffer.from('same'));
    await storage.create(`${KEY}2`, Buffer.from('same'));
    const [one, two] = (await raw.list(SECRETS)).entries.map((entry) => entry.value);
    expect(one!.toString('latin1')).toMatch(/^k8s:enc:aesgcm:v1:first:/);
    expect(one!.length).toBe('k8s:enc:aesgcm:v1:first:'.length + 12 + 4 + 16);
    expect(one!.subarray(24).equals(two!.subarray(24))).toBe(false);
  });

  it('shows plain values in every way of reading', async () => {
    const storage = encrypted(first);
    const live = new Consumer(storage, '/registry/', 0);
    await live.progress(0);
    const one = await storage.create(KEY, Buffer.from('1'));
    expect(one.value.toString()).toBe('1');
    const two = await storage.update(KEY, Buffer.from('2'), one.revision);
    const conflict = await failsWith('Conflict', storage.update(KEY, Buffer.from('x'), one.revision));
    expect(conflict.current).toEqual({ key: KEY, value: Buffer.from('2'), revision: two.revision });
    expect((await failsWith('Conflict', storage.delete(KEY, one.revision))).current?.value.toString()).toBe('2');
    expect((await storage.get(KEY))?.value.toString()).toBe('2');
    expect((await storage.list('/registry/')).entries[0]?.value.toString()).toBe('2');
    expect((await storage.list('/registry/', { revision: one.revision })).entries[0]?.value.toString()).toBe('1');
    const gone = await storage.delete(KEY, two.revision);
    await live.events(3);
    const past = new Consumer(storage, SECRETS, 0);
    await past.events(3);
    for (const consumer of [live, past]) {
      expect(consumer.received).toEqual([
        { type: 'Created', key: KEY, value: Buffer.from('1'), revision: one.revision },
        { type: 'Updated', key: KEY, value: Buffer.from('2'), previous: Buffer.from('1'), revision: two.revision },
        { type: 'Deleted', key: KEY, previous: Buffer.from('2'), revision: gone },
      ]);
      await consumer.stop();
    }
  });

  it('reads what was stored before it was switched on, and encrypts it on request', async () => {
    await raw.create(KEY, Buffer.from('{"old":true}'));
    const storage = encrypted(first);
    expect((await storage.get(KEY))?.value.toString()).toBe('{"old":true}');
    expect(await storage.rewriteAll()).toBe(1);
    expect((await raw.get(KEY))?.value.includes('old')).toBe(false);
    expect((await storage.get(KEY))?.value.toString()).toBe('{"old":true}');
  });

  it('rotates keys: new first, rewrite, drop the old one', async () => {
    const before = encrypted(first);
    for (let i = 0; i < 1_100; i++) await before.create(`${SECRETS}ns/${i}`, Buffer.from(`value ${i}`));
    await raw.create('/registry/core/configmaps/ns/x', Buffer.from('plain'));
    const during = encrypted(second, first);
    expect((await during.get(`${SECRETS}ns/7`))?.value.toString()).toBe('value 7');
    const changed = await during.get(`${SECRETS}ns/8`);
    await during.update(changed!.key, Buffer.from('changed'), changed!.revision);
    expect(await during.rewriteAll()).toBe(1_099);
    expect(await during.rewriteAll()).toBe(0);
    const after = encrypted(second);
    const page = await after.list(SECRETS);
    expect(page.entries).toHaveLength(1_100);
    expect((await after.get(`${SECRETS}ns/1099`))?.value.toString()).toBe('value 1099');
    expect((await raw.get('/registry/core/configmaps/ns/x'))?.value.toString()).toBe('plain');
  });

  it('loses no write that runs beside a rewrite', async () => {
    const before = encrypted(first);
    for (let i = 0; i < 200; i++) await before.create(`${SECRETS}ns/${i}`, Buffer.from('0'));
    const during = encrypted(second, first);
    const bump = async (i: number): Promise<void> => {
      for (;;) {
        const entry = (await during.get(`${SECRETS}ns/${i}`))!;
        const next = Buffer.from(String(Number(entry.value.toString()) + 1));
        const outcome = await during.update(entry.key, next, entry.revision).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) return;
      }
    };
    const bumps = Array.from({ length: 600 }, (_, i) => bump(i % 200));
    await Promise.all([during.rewriteAll(), ...bumps]);
    const values = (await encrypted(second).list(SECRETS)).entries.map((entry) => entry.value.toString());
    expect(new Set(values)).toEqual(new Set(['3']));
  });

  it('says which key is missing and what to do', async () => {
    await encrypted(first).create(KEY, Buffer.from('x'));
    const storage = encrypted(second);
    for (const reading of [storage.get(KEY), storage.list(SECRETS), storage.rewriteAll()]) {
      const error = await failsWith('Corrupt', reading);
      expect(error.message).toContain(
        `${KEY} cannot be decrypted: it was encrypted with the key first; known keys: second`,
      );
      expect(error.message).toContain('HOSTLER_ENCRYPTION_KEY');
    }
  });

  it('ends no watch over a value that it cannot read: that one is told as such, in its place', async () => {
    const one = await raw.create('/registry/core/configmaps/ns/x', Buffer.from('1'));
    const bad = await encrypted(first).create(KEY, Buffer.from('x'));
    const two = await raw.update(one.key, Buffer.from('2'), one.revision);
    const consumer = new Consumer(encrypted(second), '/registry/', 0);
    await consumer.progress(two.revision);
    await consumer.stop();
    expect(consumer.revisions).toEqual([one.revision, two.revision]);
    expect(consumer.items[1]).toMatchObject({
      kind: 'unreadable',
      key: KEY,
      revision: bad.revision,
      error: { code: 'Corrupt' },
    });
  });

  it('notices a wrong key of the same name, damage, truncation, and a value moved to another key', async () => {
    const storage = encrypted(first);
    const entry = await storage.create(KEY, Buffer.from('x'.repeat(50)));
    await failsWith('Corrupt', encrypted({ ...second, name: 'first' }).get(KEY));
    const { value, revision } = (await raw.get(KEY))!;
    await raw.create(`${SECRETS}ns/moved`, value);
    await failsWith('Corrupt', storage.get(`${SECRETS}ns/moved`));
    let at = revision;
    for (const position of [24, 30, 40, value.length - 1]) {
      const damaged = Buffer.from(value);
      damaged.writeUInt8(damaged.readUInt8(position) ^ 1, position);
      at = (await raw.update(KEY, damaged, at)).revision;
      await failsWith('Corrupt', storage.get(KEY));
    }
    for (const length of [value.length - 1, 40, 24, 23, 19]) {
      at = (await raw.update(KEY, value.subarray(0, length), at)).revision;
      await failsWith('Corrupt', storage.get(KEY));
    }
    await raw.update(KEY, value, at);
    expect((await storage.get(KEY))?.value).toEqual(entry.value);
  });
});

describe('the encryption key', () => {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let file: string;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    file = join(directory.path, 'encryption.key');
  });
  afterEach(async () => {
    await directory.remove();
  });
  const base64 = (): string => randomBytes(32).toString('base64');

  it('is made on first start, for its owner alone, and stays', async () => {
    const made = await loadEncryptionKeys(file, {});
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    expect(Buffer.from(text.trim(), 'base64')).toHaveLength(32);
    expect(await loadEncryptionKeys(file, {})).toEqual(made);
    expect(made[0]?.name).toMatch(/^key-[0-9a-f]{10}$/);
    expect(redactor.redact(`it is ${text.trim()}.`)).toBe('it is [redacted].');
  });

  it('comes from the environment where that is set, and then makes no file', async () => {
    const [one, two] = [base64(), base64()];
    const keys = await loadEncryptionKeys(file, { HOSTLER_ENCRYPTION_KEY: `new:${one},${two}` });
    expect(keys.map((key) => key.key.toString('base64'))).toEqual([one, two]);
    expect(keys[0]?.name).toBe('new');
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('may be several, one per line, with names and comments', async () => {
    const [one, two] = [base64(), base64()];
    await writeFile(file, `# rotated in May\nnew: ${one}\n\n${two}\n`);
    const keys = await loadEncryptionKeys(file, {});
    expect(keys.map((key) => key.key.toString('base64'))).toEqual([one, two]);
  });

  it.each([
    { name: 'an empty file', content: '', message: /holds no encryption key/ },
    { name: 'a short key', content: Buffer.alloc(16).toString('base64'), message: /line 1 .* base64 form of 32 bytes/ },
    { name: 'other characters in the key', content: `${'A'.repeat(20)}!${'A'.repeat(22)}=`, message: /line 1 of/ },
    { name: 'a wrong second line', content: `${Buffer.alloc(32).toString('base64')}\nx`, message: /line 2 of/ },
    { name: 'a bad name', content: `Bad Name:${Buffer.alloc(32).toString('base64')}`, message: /DNS label/ },
    {
      name: 'one name twice',
      content: `a:${Buffer.alloc(32, 1).toString('base64')}\na:${Buffer.alloc(32, 2).toString('base64')}`,
      message: /same name/,
    },
  ])('is refused when it is $name, without being shown', async ({ content, message }) => {
    await writeFile(file, content);
    const error: unknown = await loadEncryptionKeys(file, {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: expect.stringMatching(message) as string });
    for (const line of content.split('\n').filter((text) => text.length > 5)) expect(String(error)).not.toContain(line);
    expect(await readFile(file, 'utf8')).toBe(content);
  });
});
