import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fingerprint } from '../../../src/ssh/knownHostKey.ts';
import { ServerBench } from '../../support/serverBench.ts';
import { SshServer } from '../../support/sshServer.ts';

/** Of the machine that the tests run on, and so of the host. */
const MACHINE_ID = readFileSync('/etc/machine-id', 'utf8').trim();
const OTHER_ID = '0123456789abcdef0123456789abcdef';

let bench: ServerBench;
let host: SshServer;

beforeEach(async () => {
  host = await SshServer.start();
  bench = await ServerBench.startOn(host);
  await bench.reconcile('eu-1');
  expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True', reason: 'FirstUse' });
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
});

const replaced = { status: 'False', reason: 'MachineReplaced' };
const print = () => fingerprint(host.hostKeys[0]!);

describe('another machine behind the trusted host key', () => {
  it('is recorded once and recognised by every later run', async () => {
    expect(bench.knownHost.spec.machineID).toBe(MACHINE_ID);
    await bench.restart();
    const writes = bench.writes;
    await bench.reconcile('eu-1');
    expect(bench.writes).toBe(writes);
  });

  it('gets no command but the question which machine it is', async () => {
    bench.trustAnotherMachine(OTHER_ID);
    await bench.restart();
    const before = host.commands.length;
    await bench.reconcile('eu-1');
    // each login asks who we are there; a look would be the third
    expect(host.commands.length - before).toBe(2);
    const condition = bench.condition('eu-1', 'HostKeyVerified');
    expect(condition).toMatchObject(replaced);
    expect(condition?.message).toContain(MACHINE_ID);
    expect(condition?.message).toContain(OTHER_ID);
    expect(condition?.message).toContain(`ApproveHostKey with fingerprint ${print()}`);
    expect(condition?.message).toContain(`delete KnownHost 127.0.0.1-${host.port}`);
    expect(bench.condition('eu-1', 'Stalled')).toMatchObject({ status: 'True', reason: 'MachineReplaced' });
    expect(bench.condition('eu-1', 'Reachable')).toMatchObject({ status: 'True' });
    expect(bench.condition('eu-1', 'Authenticated')).toMatchObject({ status: 'Unknown' });
    expect(bench.condition('eu-1', 'Ready')?.message).toMatch(/^HostKeyVerified: MachineReplaced: /);
    expect(bench.events.filter((event) => event.startsWith('MachineReplaced'))).toHaveLength(2);
    const writes = bench.writes;
    await bench.reconcile('eu-1');
    expect(host.commands.length - before).toBe(4);
    expect(bench.writes).toBe(writes);
    expect(bench.knownHost.spec.machineID).toBe(OTHER_ID);
  });

  it('is noticed on the kept connection too, whose findings do not count', async () => {
    const before = bench.server('eu-1').status;
    bench.trustAnotherMachine(OTHER_ID);
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject(replaced);
    expect(bench.condition('eu-1', 'InSync')).toMatchObject({ status: 'Unknown', reason: 'NotObserved' });
    expect(bench.server('eu-1').status?.hostKeys).toEqual(before?.hostKeys);
    expect(bench.server('eu-1').status?.auth).toEqual(before?.auth);
  });

  it('is trusted once its key is approved, and by no other fingerprint', async () => {
    bench.trustAnotherMachine(OTHER_ID);
    await bench.reconcile('eu-1');
    const approve = (name: string, value: string) =>
      bench.putOperation(name, {
        serverRef: { name: 'eu-1' },
        type: 'ApproveHostKey',
        approveHostKey: { fingerprint: value },
      });
    approve('wrong', `SHA256:${'A'.repeat(43)}`);
    await bench.reconcile('eu-1');
    expect(bench.operation('wrong')?.status).toMatchObject({ phase: 'Failed' });
    expect(bench.knownHost.spec.machineID).toBe(OTHER_ID);
    approve('right', print());
    await bench.reconcile('eu-1');
    expect(bench.operation('right')?.status).toMatchObject({ phase: 'Succeeded' });
    expect(bench.knownHost.spec).toMatchObject({ machineID: MACHINE_ID, keys: [host.hostKeys[0]] });
    expect(bench.condition('eu-1', 'HostKeyVerified')).toMatchObject({ status: 'True' });
    expect(bench.condition('eu-1', 'Stalled')).toBeUndefined();
  });
});
