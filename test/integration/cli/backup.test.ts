import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBackup } from '../../../src/apiserver/storage/backupFile.ts';
import { openEmbeddedStorage } from '../../../src/apiserver/storage/embedded.ts';
import { openEtcdStorage } from '../../../src/apiserver/storage/etcd.ts';
import type { Storage } from '../../../src/apiserver/storage/storage.ts';
import { configMaps, leases, secrets } from '../../../src/kube/resource.ts';
import { servers } from '../../../src/kube/hostlerResources.ts';
import { StandalonePlane } from '../../support/standalonePlane.ts';
import { EtcdCluster } from '../../support/etcd.ts';
import { runHostler } from '../../support/hostlerCommand.ts';
import { ROOT } from '../../support/workingCopy.ts';

const PASSWORD = 'correct horse battery staple';
const LEAP = 1_000_000_000;

let directory: string;
let cluster: EtcdCluster;
let etcd: Etcd3;
/** Embedded; runs while it is backed up. */
let plane: StandalonePlane;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hostler-backup-'));
  file = join(directory, 'backup.gz');
  [cluster, plane] = await Promise.all([EtcdCluster.start(), StandalonePlane.start()]);
  etcd = new Etcd3({ hosts: cluster.endpoints });
  await plane.createSecret('login', 'Opaque', { password: PASSWORD });
  await plane.createServer('eu-1', {
    addresses: [{ type: 'IPv4', address: '192.0.2.1' }],
    ssh: { user: 'root', auth: { privateKeySecretRef: { name: 'none' } } },
    paused: true,
  });
  await plane.waitFor('eu-1', (server) => server.status !== undefined);
}, 240_000);
afterAll(async () => {
  etcd.close();
  await plane.remove();
  await cluster.remove();
  await rm(directory, { recursive: true, force: true });
});

const hostler = (...args: string[]): ReturnType<typeof runHostler> => runHostler(args, { cwd: directory, env: {} });

/** Lines of a backup. */
async function lines(path: string): Promise<string[]> {
  return gunzipSync(await readFile(path))
    .toString()
    .trimEnd()
    .split('\n');
}

/** What must be the same after a move: identity, content, and everything but the resourceVersion. */
async function objects(of: StandalonePlane): Promise<unknown> {
  const { client } = of;
  const server = await client.get(servers, { namespace: 'default', name: 'eu-1' });
  const secret = await client.get(secrets, { namespace: 'default', name: 'login' });
  const installation = await client.get(configMaps, { namespace: 'hostler-system', name: 'hostler-installation' });
  return [server, secret, installation].map(({ metadata, ...rest }) => {
    const { uid, name, creationTimestamp, generation } = metadata;
    const spec = 'spec' in rest ? rest.spec : undefined;
    return { uid, name, creationTimestamp, generation, spec, data: 'data' in rest ? rest.data : undefined };
  });
}

interface StoredLease {
  metadata: { name: string };
  spec?: { leaseTransitions?: number };
}

/** Transitions of the Leases in a backup, by name. */
async function transitionsIn(path: string): Promise<Map<string, number>> {
  const entries = (await lines(path)).slice(1, -1).map((line) => JSON.parse(line) as { key: string; text: string });
  const found = entries
    .filter(({ key }) => key.includes('/leases/'))
    .map(({ text }) => JSON.parse(text) as StoredLease);
  return new Map(found.map(({ metadata, spec }) => [metadata.name, spec?.leaseTransitions ?? 0]));
}

describe('hostler backup', () => {
  it('writes everything of a running control plane, readable by its user only, Secrets encrypted', async () => {
    const { code, stdout, stderr } = await hostler('backup', file, '--data-dir', plane.directory);
    expect(stderr).toContain('Their key is not in it');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+ objects at revision \d+ written to /)]);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const all = await lines(file);
    expect(JSON.parse(all[0] ?? '')).toMatchObject({ format: 'hostler-backup', version: 1, store: 'embedded' });
    expect(all.join('\n')).toContain('/registry/hostler.dev/servers/default/eu-1');
    expect(all.join('\n')).not.toContain(Buffer.from(PASSWORD).toString('base64'));
    expect(all.join('\n')).not.toContain((await readFile(join(plane.directory, 'encryption.key'), 'utf8')).trim());
  });

  it('shows one state while writes go on', async () => {
    const over = new AbortController();
    const writing = (async () => {
      for (let i = 0; !over.signal.aborted; i++) {
        const data = { n: String(i) };
        const both = ['a', 'b'].map((name) => ({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `${name}-${i}`, namespace: 'default' },
          data,
        }));
        // b is written after a: a backup with b but without a would show two states
        for (const one of both) await plane.client.create(configMaps, one);
      }
    })();
    const during = join(directory, 'during.gz');
    const { code } = await hostler('backup', during, '--data-dir', plane.directory);
    over.abort();
    await writing;
    expect(code).toBe(0);
    const keys = new Set((await lines(during)).slice(1, -1).map((line) => (JSON.parse(line) as { key: string }).key));
    const counted = [...keys].flatMap((key) => /configmaps\/default\/b-(\d+)$/.exec(key)?.[1] ?? []);
    for (const n of counted) expect(keys.has(`/registry/core/configmaps/default/a-${n}`), n).toBe(true);
  });

  it('says so when there is nothing', async () => {
    const nothing = await hostler('backup', join(directory, 'none.gz'), '--data-dir', join(directory, 'none'));
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining('There is no store in')]);
    const empty = ['--etcd-endpoints', cluster.endpoints.join(), '--etcd-prefix', '/nobody'];
    const other = await hostler('backup', join(directory, 'none.gz'), ...empty);
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('check --etcd-prefix')]);
    expect(existsSync(join(directory, 'none.gz'))).toBe(false);
  }, 120_000);
});

describe('hostler restore', () => {
  it('refuses files that are cut off, damaged, newer or no backups, and writes nothing', async () => {
    const all = await lines(file);
    const damaged = all.map((line, i) => (i === 1 ? line.replace('"text":"', '"text":" ') : line));
    const newer = [(all[0] ?? '').replace('"version":1', '"version":2'), ...all.slice(1)];
    const bad: [string, Buffer, string][] = [
      ['cut.gz', (await readFile(file)).subarray(0, -20), 'is cut off'],
      ['short.gz', gzipSync(`${all.slice(0, -1).join('\n')}\n`), 'its last line is missing'],
      ['damaged.gz', gzipSync(`${damaged.join('\n')}\n`), 'does not fit its checksum'],
      ['newer.gz', gzipSync(`${newer.join('\n')}\n`), 'has format 2'],
      ['text.txt', Buffer.from('hello\n'), 'is no backup of Hostler'],
    ];
    for (const [name, content, message] of bad) {
      await writeFile(join(directory, name), content);
      await expect(readBackup(join(directory, name))).rejects.toThrow(message);
    }
    const { code, stderr } = await hostler('restore', join(directory, 'damaged.gz'), '--data-dir', 'bad');
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not fit its checksum')]);
    expect(existsSync(join(directory, 'bad'))).toBe(false);
  }, 120_000);

  it('refuses without the key, with another key, and into a store that is not empty', async () => {
    const target = join(directory, 'keyless');
    const keyless = await hostler('restore', file, '--data-dir', target);
    expect([keyless.code, keyless.stderr]).toEqual([
      1,
      expect.stringContaining(`encryption.key of the old data directory at ${target}`),
    ]);
    await writeFile(join(target, 'encryption.key'), `${randomBytes(32).toString('base64')}\n`);
    const wrong = await hostler('restore', file, '--data-dir', target);
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('cannot be decrypted')]);
    expect(existsSync(join(target, 'store'))).toBe(false);
    const running = await hostler('restore', file, '--data-dir', plane.directory);
    expect([running.code, running.stderr]).toEqual([1, expect.stringContaining('in use by another process')]);
  }, 120_000);

  it('moves a control plane from the embedded store to etcd and back, as docs/storage.md says', async () => {
    const before = await objects(plane);
    await plane.stop();
    const versionBefore = await revisionOf(await openEmbeddedStorage(join(plane.directory, 'store')));
    await run(await commandsOf('From the embedded store to etcd'));
    const options = { endpoints: cluster.endpoints, prefix: '/hostler' };
    const revision = await revisionOf(await openEtcdStorage(options));
    expect(revision).toBeGreaterThanOrEqual(versionBefore + LEAP);

    await plane.start(['--etcd-endpoints', cluster.endpoints.join(), '--etcd-prefix', '/hostler']);
    expect(await objects(plane)).toEqual(before);
    const leasesBefore = await transitionsIn(join(directory, 'hostler.gz'));
    expect(leasesBefore.size).toBeGreaterThan(0);
    const { items } = await plane.client.list(leases, {});
    const leasesAfter = new Map(items.map((lease) => [lease.metadata.name, lease.spec?.leaseTransitions ?? 0]));
    for (const [name, count] of leasesBefore)
      expect(leasesAfter.get(name), name).toBeGreaterThanOrEqual(count + 1_000_000);
    const { metadata } = await plane.client.list(servers, {});
    expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(revision);
    // a second restore into the same place would mix two histories
    const etcdFlags = ['--etcd-endpoints', cluster.endpoints.join(), '--etcd-prefix', '/hostler'];
    const again = await hostler('restore', join(directory, 'hostler.gz'), '--data-dir', plane.directory, ...etcdFlags);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('is not empty')]);

    // and back, with the key in the file, into a directory that has none
    const back = join(directory, 'back');
    const out = join(directory, 'with-key.gz');
    await hostler('backup', out, '--data-dir', plane.directory, '--include-encryption-key', ...etcdFlags);
    await plane.stop();
    expect((await hostler('restore', out, '--data-dir', back)).stderr).toContain('key of the backup was written to');
    expect((await stat(join(back, 'encryption.key'))).mode & 0o777).toBe(0o600);
    await rm(join(plane.directory, 'store'), { recursive: true });
    await cp(join(back, 'store'), join(plane.directory, 'store'), { recursive: true });
    await plane.start([]);
    expect(await objects(plane)).toEqual(before);
    const { metadata: last } = await plane.client.list(servers, {});
    expect(Number(last.resourceVersion)).toBeGreaterThan(revision + LEAP);
  }, 240_000);

  it('lets no server into etcd while a restore is under way', async () => {
    await etcd.put('/half/hostler/store').value(JSON.stringify({ format: 1, offset: 5, isRestoring: true }));
    const flags = ['--etcd-endpoints', cluster.endpoints.join(), '--etcd-prefix', '/half'];
    const { code, stderr } = await hostler(
      'serve',
      '--data-dir',
      join(directory, 'half'),
      '--listen',
      '127.0.0.1:0',
      ...flags,
    );
    expect([code, stderr]).toEqual([1, expect.stringContaining('is under way or was cut off')]);
  }, 120_000);
});

async function revisionOf(storage: Storage): Promise<number> {
  const revision = await storage.revision();
  await storage.close();
  return revision;
}

/** The lines `hostler …` under a heading of docs/storage.md, for the paths of this test. */
async function commandsOf(heading: string): Promise<string[]> {
  const text = await readFile(join(ROOT, 'docs/storage.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const commands = section.split('\n').filter((line) => /^hostler (backup|restore) /.test(line));
  expect(commands).toHaveLength(2);
  return commands.map((line) =>
    line
      .replaceAll('/var/lib/hostler', plane.directory)
      .replaceAll('/backup/', `${directory}/`)
      .replaceAll('https://etcd-1:2379,https://etcd-2:2379,https://etcd-3:2379', cluster.endpoints.join())
      .replace(' --etcd-cafile /etc/hostler/etcd-ca.pem', ''),
  );
}

async function run(commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    const { code, stderr } = await hostler(...command.split(' ').slice(1));
    expect([command, code, stderr]).toEqual([command, 0, expect.anything()]);
  }
}
