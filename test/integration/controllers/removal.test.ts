import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { toTime } from '../../../src/lib/clock.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { ServerBench } from '../../support/serverBench.ts';
import { SshServer } from '../../support/sshServer.ts';

const MINUTE = 60_000;
const SERVERS = '/apis/hostler.dev/v1alpha1/servers';

let bench: ServerBench;
let host: SshServer;

beforeEach(async () => {
  [bench, host] = await Promise.all([ServerBench.start(), SshServer.start()]);
  bench.putSecret('key', { 'ssh-privatekey': generateKeyPair('key').privateKey });
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
});

/** Server eu-1 is being deleted, and the API refuses whatever status it is given. */
function deleteRefusingStatus(deletionPolicy: NonNullable<ServerSpec['deletionPolicy']>): void {
  bench.putServer('eu-1', {
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    ssh: { port: host.port, user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    deletionPolicy,
  });
  const { metadata, ...server } = bench.server('eu-1');
  const deletionTimestamp = toTime(bench.clock.now());
  bench.api.put(SERVERS, { ...server, metadata: { ...metadata, deletionTimestamp } });
  bench.api.fault = ({ method, path }) =>
    method === 'PATCH' && path.endsWith('/eu-1/status') ? { status: 422, reason: 'Invalid' } : undefined;
}

describe('a Server whose status the API refuses', () => {
  it('goes at once when its host is to be left as it is', async () => {
    deleteRefusingStatus('Retain');
    await bench.reconcile('eu-1');
    expect(bench.servers).toEqual([]);
  });

  it('goes after ten minutes when its host was to be cleaned, and says that it was not', async () => {
    deleteRefusingStatus('RemoveAgent');
    for (let run = 0; run < 2; run++) expect(await bench.reconcile('eu-1')).toEqual({ requeueAfterMs: 5000 });
    expect(bench.servers).toHaveLength(1);
    await bench.clock.advance(10 * MINUTE);
    await bench.reconcile('eu-1');
    expect(bench.servers).toEqual([]);
    expect(bench.events.join()).toContain("CleanupFailed: given up: The API refuses the Server's status");
  });
});
