import { join } from 'node:path';
import { ensurePki } from '../../src/apiserver/pki/pki.ts';
import { startApiServer } from '../../src/apiserver/server.ts';
import { openEmbeddedStorage } from '../../src/apiserver/storage/embedded.ts';
import { openEtcdStorage } from '../../src/apiserver/storage/etcd.ts';
import { silentLogger } from '../../src/lib/logger.ts';

// An API server as a process of its own, for tests that kill it: node --import tsx apiServerProcess.ts DIRECTORY PORT [ETCD]
const [directory = '', port = '0', etcd] = process.argv.slice(2);
const storage = await (etcd === undefined
  ? openEmbeddedStorage(join(directory, 'store'))
  : openEtcdStorage({ endpoints: [etcd], prefix: '/hostler' }));
const pki = await ensurePki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
const server = await startApiServer({
  storage,
  pki,
  listen: { host: '127.0.0.1', port: Number(port) },
  log: silentLogger,
});
await server.ready;
process.stdout.write(`${server.url}\n`);
