import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { fingerprint, parseHostKey } from '../../../src/ssh/knownHostKey.ts';
import { ServerBench } from '../../support/serverBench.ts';
import { SshServer } from '../../support/sshServer.ts';

const OTHER_ID = '0123456789abcdef0123456789abcdef';
const keys = [generateKeyPair('host')];

let bench: ServerBench;
let host: SshServer;
/** Where the host was first. */
let firstPort: number;

beforeEach(async () => {
  host = await SshServer.start();
  await host.changeHostKey(keys);
  firstPort = host.port;
  bench = await ServerBench.startOn(host);
  await bench.reconcile('eu-1');
  expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True', reason: 'FirstUse' });
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
});

/** The Server has the address `localhost` too from now on, which goes before the other one. */
function addName(ssh: Partial<ServerSpec['ssh']> = {}): void {
  const { spec } = bench.server('eu-1');
  bench.putServer('eu-1', {
    ...spec,
    addresses: [...spec.addresses, { type: 'FQDN', address: 'localhost' }],
    ssh: { ...spec.ssh, ...ssh },
  });
}

/** The host has another port from now on, and the Server says so. */
async function movePort(hostKeys?: Parameters<SshServer['changeHostKey']>[0]): Promise<void> {
  await host.changeHostKey(hostKeys);
  const { spec } = bench.server('eu-1');
  bench.putServer('eu-1', { ...spec, ssh: { ...spec.ssh, port: host.port } });
}

async function expectMismatch(address: string, runs = 2): Promise<void> {
  const before = host.attempts.length;
  for (let run = 0; run < runs; run++) {
    await bench.reconcile('eu-1');
    const verified = bench.condition('eu-1', 'HostKeyVerified');
    expect(verified).toMatchObject({ status: 'False', reason: 'HostKeyMismatch' });
    expect(verified?.message).toContain(`KnownHost 127.0.0.1-${firstPort}`);
    expect(verified?.message).toContain(`ApproveHostKey with fingerprint ${fingerprint(host.hostKeys[0]!)}`);
  }
  expect(host.attempts.length, 'logins tried').toBe(before);
  expect(bench.knownHostAt(address, host.port)).toBeUndefined();
}

describe('a new address or port of a known host', () => {
  it('is trusted by the keys that are known, and they are stored for it too', async () => {
    const { spec } = bench.knownHost;
    addName();
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True' });
    expect(bench.knownHostAt('localhost', host.port)?.spec).toEqual({ ...spec, address: 'localhost' });
    await movePort(keys);
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True' });
    expect(bench.knownHostAt('localhost', host.port)?.spec.keys).toEqual(spec.keys);
  });

  it('gets no credential where another key answers, until that is approved', async () => {
    await movePort();
    await expectMismatch('127.0.0.1');
    await bench.restart();
    await expectMismatch('127.0.0.1');
    bench.putOperation('approve', {
      serverRef: { name: 'eu-1' },
      type: 'ApproveHostKey',
      approveHostKey: { fingerprint: fingerprint(host.hostKeys[0]!) },
    });
    await bench.reconcile('eu-1');
    expect(bench.operation('approve')?.status).toMatchObject({ phase: 'Succeeded' });
    expect(bench.knownHostAt('127.0.0.1', host.port)?.spec.keys).toEqual(host.hostKeys);
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True' });
  });

  it('is compared with the place where a host was last that says nothing of itself', async () => {
    const { knownHost } = bench.server('eu-1').status ?? {};
    bench.putStatus('eu-1', { ...(knownHost !== undefined && { knownHost }) });
    await movePort();
    await expectMismatch('127.0.0.1');
  });

  it('is compared with that place also where it has a name', async () => {
    addName();
    await bench.reconcile('eu-1');
    const { spec, status } = bench.server('eu-1');
    expect(status).toMatchObject({ address: `127.0.0.1:${firstPort}`, knownHost: `localhost-${firstPort}` });
    bench.putServer('eu-1', { ...spec, addresses: [{ type: 'FQDN', address: 'localhost' }] });
    bench.putStatus('eu-1', { knownHost: `localhost-${firstPort}` });
    await movePort();
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'False', reason: 'HostKeyMismatch' });
    expect(bench.knownHostAt('localhost', host.port)).toBeUndefined();
  });

  it('is compared with the other addresses of a Server that was never logged in to', async () => {
    bench.trustAnotherKey(parseHostKey(generateKeyPair('before').publicKey));
    bench.putStatus('eu-1', {});
    addName();
    await expectMismatch('localhost');
  });

  it('is not that of a clone with the same keys', async () => {
    bench.trustAnotherMachine(OTHER_ID);
    await bench.restart();
    addName();
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'False', reason: 'MachineReplaced' });
    expect(bench.knownHostAt('localhost', host.port)?.spec.machineID).toBe(OTHER_ID);
  });

  it('is trusted by nobody but a person under Strict', async () => {
    addName({ hostKeyPolicy: 'Strict' });
    const before = host.attempts.length;
    await bench.reconcile('eu-1');
    const verified = bench.condition('eu-1', 'HostKeyVerified');
    expect(verified).toMatchObject({ status: 'False', reason: 'HostKeyUnknown' });
    expect(verified?.message).toContain(`no KnownHost localhost-${host.port} exists`);
    expect(host.attempts.length).toBe(before);
    expect(bench.knownHostAt('localhost', host.port)).toBeUndefined();
  });
});
