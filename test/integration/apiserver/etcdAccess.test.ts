import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADMIN, ensurePki, type Pki } from '../../../src/apiserver/pki/pki.ts';
import { openEtcdStorage, type EtcdOptions } from '../../../src/apiserver/storage/etcd.ts';
import { openStore, proveAuthority } from '../../../src/cli/openStore.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { EtcdCluster } from '../../support/etcd.ts';
import { runHostler } from '../../support/hostlerCommand.ts';
import { Consumer, temporaryDirectory } from '../../support/storage.ts';

const PASSWORD = 'hunter2-of-etcd';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let pki: Pki;
let cluster: EtcdCluster;
let good: EtcdOptions;

beforeAll(async () => {
  directory = await temporaryDirectory();
  pki = await ensurePki(directory.path, { hosts: ['127.0.0.1'] });
  const [ca, cert, key] = ['ca.crt', 'server.crt', 'server.key'].map((name) => join(directory.path, name));
  cluster = await EtcdCluster.start({ tls: { ca: ca!, cert: cert!, key: key! } });
  const client = await pki.client(ADMIN);
  const tls = { ca: await readFile(ca!), cert: Buffer.from(client.cert), key: Buffer.from(client.key) };
  good = { endpoints: cluster.endpoints, tls, prefix: '/acme', auth: { username: 'hostler', password: PASSWORD } };
  await enableAuth(tls);
});
afterAll(async () => {
  await cluster.remove();
  await directory.remove();
});

/** As docs/storage.md says, by the client instead of etcdctl. */
async function enableAuth(tls: { ca: Buffer; cert: Buffer; key: Buffer }): Promise<void> {
  const credentials = { rootCertificate: tls.ca, privateKey: tls.key, certChain: tls.cert };
  const etcd = new Etcd3({ hosts: cluster.endpoints, credentials });
  const role = await etcd.role('hostler').create();
  await role.grant({ permission: 'Readwrite', range: etcd.range({ prefix: '/acme/' }) });
  await role.grant({ permission: 'Readwrite', key: 'compact_rev_key' });
  await (await etcd.user('hostler').create(PASSWORD)).addRole('hostler');
  await (await etcd.user('root').create('root-of-etcd')).addRole('root');
  await etcd.auth.authEnable();
  etcd.close();
}

/** What an open with these options says. */
async function refusal(options: EtcdOptions): Promise<string> {
  const outcome = await openEtcdStorage(options).then(
    async (storage) => {
      await storage.close();
      return 'opened';
    },
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  expect(outcome).not.toContain(PASSWORD);
  return outcome;
}

describe('etcd with certificates and users', () => {
  it('serves whoever has the certificate and the password, and goes on when it forgets who is logged in', async () => {
    const storage = await openEtcdStorage(good);
    const consumer = new Consumer(storage, '/registry/', await storage.revision());
    await consumer.progress(0);
    const entry = await storage.create('/registry/core/configmaps/ns/a', Buffer.from('1'), { ttlSeconds: 600 });
    await consumer.events(1);
    // tokens are kept in memory: a member that was restarted knows none
    await cluster.killAll();
    await cluster.startAll();
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        await storage.create(`/registry/core/configmaps/ns/b${i}`, Buffer.from('1'));
      }),
    );
    expect((await storage.list('/registry/')).entries).toHaveLength(11);
    await consumer.end();
    expect(consumer.error).toMatchObject({ code: 'Unavailable' });
    const again = new Consumer(storage, '/registry/', entry.revision);
    await again.events(10);
    await again.stop();
    await storage.close();
  }, 120_000);

  it('is refused with the reason', async () => {
    const { tls = {} } = good;
    const other = { username: 'hostler', password: 'wrong' };
    expect(await refusal({ ...good, auth: other })).toContain('refused the user name or password');
    expect(await refusal({ ...good, prefix: '/of-others' })).toContain('denied permission');
    expect(await refusal({ ...good, tls: { ca: tls.ca! } })).toContain('cannot be reached');
    expect(await refusal({ ...good, tls: { cert: tls.cert!, key: tls.key! } })).toContain(
      'check endpoints and certificates',
    );
    expect(await refusal({ ...good, endpoints: ['http://127.0.0.1:9'], tls: {} })).toMatch(
      /ECONNREFUSED|Nobody listens/,
    );
  }, 120_000);

  it('ends hostler serve with one line that names the endpoints, and no password', async () => {
    const env = { HOSTLER_ETCD_CREDENTIALS: `hostler:${PASSWORD}-not` };
    const args = ['--etcd-endpoints', cluster.endpoints.join(), '--etcd-cafile', join(directory.path, 'ca.crt')];
    const { code, stderr } = await runHostler(['serve', ...args], { cwd: directory.path, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^hostler: The store at https:\/\/127\.0\.0\.1:\d+ cannot be used: etcd /m);
    expect(stderr).not.toContain(PASSWORD);
  }, 120_000);

  it('belongs to servers of one encryption key and one certificate authority', async () => {
    const { endpoints, prefix, tls = {}, auth } = good;
    const etcd = { endpoints: [...endpoints], prefix: prefix ?? '', tls, ...(auth === undefined ? {} : { auth }) };
    const [first, second] = [join(directory.path, 'first'), join(directory.path, 'second')];
    await Promise.all([first, second].map((path) => mkdir(path)));
    const start = async (dataDir: string): Promise<void> => {
      const storage = await openStore({ dataDir, etcd }, silentLogger);
      try {
        const own = await ensurePki(join(dataDir, 'pki'), { hosts: ['127.0.0.1'] });
        await proveAuthority(storage, own.ca, dataDir);
      } finally {
        await storage.close();
      }
    };
    await start(first);
    const key = (await readFile(join(first, 'encryption.key'), 'utf8')).trim();
    const outcome = await start(second).catch((error: unknown) => String(error));
    expect(outcome).toMatch(/encrypt.* key/);
    expect(outcome).not.toContain(key);

    await cp(join(first, 'encryption.key'), join(second, 'encryption.key'));
    await expect(start(second)).rejects.toThrow('copy the directory pki from the data directory of one of them');
    await cp(join(first, 'pki'), join(second, 'pki'), { recursive: true });
    await start(second);
  }, 120_000);
});
