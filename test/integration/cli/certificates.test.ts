import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApiServer, type ApiServer } from '../../../src/apiserver/server.ts';
import { openEmbeddedStorage } from '../../../src/apiserver/storage/embedded.ts';
import type { Storage } from '../../../src/apiserver/storage/storage.ts';
import {
  keepCertificates,
  readCertificates,
  type Certificates,
} from '../../../src/apiserver/pki/controlPlaneCertificates.ts';
import { Client } from '../../../src/kube/client.ts';
import { fixedConnection } from '../../../src/kube/connection.ts';
import { configMaps } from '../../../src/kube/resource.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { eventually } from '../../support/apiServer.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { temporaryDirectory } from '../../support/storage.ts';

const DAY_MS = 24 * 3600_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let storage: Storage;
let api: ApiServer;
let certificates: Certificates;
let clock: FakeClock;
let over: AbortController;
let keeping: Promise<void>;
let renewals: number;

beforeEach(async () => {
  directory = await temporaryDirectory();
  // started 275 days ago: what was made then is over in 90
  clock = new FakeClock(Date.now() - 275 * DAY_MS);
  over = new AbortController();
  renewals = 0;
  const kept = { directory: join(directory.path, 'pki'), hosts: ['127.0.0.1'], clock };
  certificates = await readCertificates(kept);
  storage = await openEmbeddedStorage(join(directory.path, 'store'), { log: silentLogger });
  const listen = { host: '127.0.0.1', port: 0 };
  api = await startApiServer({ storage, pki: certificates, listen, log: silentLogger });
  await api.ready;
  const renewed = (next: Certificates): Promise<void> => {
    renewals += 1;
    certificates = next;
    api.useCertificate(next.serving);
    return Promise.resolve();
  };
  keeping = keepCertificates(certificates, { ...kept, renewed, log: silentLogger, signal: over.signal });
});
afterEach(async () => {
  over.abort();
  await keeping;
  await api.close();
  await storage.close();
  await directory.remove();
});

/** The certificate that a new connection gets, proven by the CA. */
function served(): Promise<X509Certificate> {
  const { hostname, port } = new URL(api.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca: certificates.ca }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

/** Until what is to be done that day is done. */
async function nextDay(): Promise<void> {
  const asleep = () => eventually(() => expect(clock.sleeping).toBe(1));
  await asleep();
  await clock.advance(DAY_MS);
  await asleep();
}

const daysLeft = (pem: string | X509Certificate) =>
  Math.round((Date.parse(new X509Certificate(typeof pem === 'string' ? pem : pem.raw).validTo) - Date.now()) / DAY_MS);

describe('the certificates of a control plane that runs on and on', () => {
  it('are renewed 90 days before their end, and used at once by the same process', async () => {
    const client = new Client({
      connection: fixedConnection({ server: api.url, ca: certificates.ca, ...certificates.admin }),
    });
    expect((await client.list(configMaps)).items).toBeDefined();
    clock.jump(269 * DAY_MS);
    await nextDay();
    expect(renewals).toBe(0);
    expect(daysLeft(await served())).toBe(90);
    for (let day = 0; day < 5; day++) await nextDay();
    expect(renewals).toBe(1);
    expect(daysLeft(await served())).toBe(365);
    expect(daysLeft(certificates.admin.cert)).toBe(365);
    expect(daysLeft(certificates.controllers.cert)).toBe(365);
    // who came in before stays in
    expect((await client.list(configMaps)).items).toBeDefined();
    client.close();
  });
});
