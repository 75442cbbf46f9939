import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { fingerprint, parseHostKey } from '../../../src/ssh/knownHostKey.ts';
import { ServerBench } from '../../support/serverBench.ts';
import { SshServer } from '../../support/sshServer.ts';

let bench: ServerBench;
let host: SshServer;

beforeEach(async () => {
  host = await SshServer.start();
  bench = await ServerBench.startOn(host);
  await bench.reconcile('eu-1');
  await bench.restart();
  host.faults.rejectLogins = true;
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
});

function approve(): void {
  bench.putOperation('approve', {
    serverRef: { name: 'eu-1' },
    type: 'ApproveHostKey',
    approveHostKey: { fingerprint: fingerprint(host.hostKeys[0]!) },
  });
}

/** Logins that the host refuses in so many runs. */
async function refusedIn(runs: number): Promise<number> {
  const before = host.attempts.length;
  for (let run = 0; run < runs; run++) await bench.reconcile('eu-1');
  return host.attempts.length - before;
}

describe('an approved host key, where the login is refused', () => {
  it('is trusted, and tried once', async () => {
    bench.trustAnotherKey(parseHostKey(generateKeyPair('before').publicKey));
    expect(await refusedIn(1), 'the host key comes first').toBe(0);
    approve();
    const once = await refusedIn(1);
    expect(once).toBeGreaterThan(0);
    expect(bench.operation('approve')?.status).toMatchObject({ phase: 'Succeeded' });
    expect(bench.operation('approve')?.status?.message).toContain('CredentialsRejected');
    expect(bench.knownHost.spec.keys).toEqual(host.hostKeys);
    expect(await refusedIn(3)).toBe(0);
  });

  it('forces no login where it was trusted before', async () => {
    expect(await refusedIn(1)).toBeGreaterThan(0);
    approve();
    expect(await refusedIn(3)).toBe(0);
    expect(bench.operation('approve')?.status?.phase, 'the machine may be another one').toBeUndefined();
    host.faults.rejectLogins = false;
    bench.putOperation('retry', { serverRef: { name: 'eu-1' }, type: 'Retry' });
    await bench.reconcile('eu-1');
    expect(bench.operation('approve')?.status).toMatchObject({ phase: 'Succeeded' });
  });
});
