import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ConditionType } from '../../../src/api/conditions.ts';
import type { ServerSpec } from '../../../src/api/serverSpec.ts';
import { FaultyPort } from '../../support/faultyPort.ts';
import { ServerBench } from '../../support/serverBench.ts';
import { startSshd, type Sshd } from '../../support/sshd.ts';

let bench: ServerBench;
let sshd: Sshd;
let link: FaultyPort;
beforeEach(async () => {
  [bench, sshd] = await Promise.all([ServerBench.start(), startSshd()]);
  link = await FaultyPort.to(sshd.port);
  bench.putSecret('key', { 'ssh-privatekey': sshd.clientKey });
});
afterEach(async () => {
  await bench.stop();
  await link.close();
  await sshd.stop();
});

const spec = (displayName: string): ServerSpec => ({
  displayName,
  addresses: [{ type: 'IPv4', address: sshd.address }],
  ssh: { port: link.port, user: sshd.user, auth: { privateKeySecretRef: { name: 'key' } } },
  management: { default: 'Observe' },
});
const seen = (type: ConditionType): unknown[] => {
  const { status, observedGeneration } = bench.condition('eu-1', type) ?? {};
  return [status, observedGeneration];
};

it('is not claimed to be Ready for a spec that no look has been had of, however often it fails', async () => {
  bench.putServer('eu-1', spec('one'));
  await bench.reconcile('eu-1');
  expect([seen('Ready'), seen('InSync'), seen('Reconciling')]).toEqual([
    ['True', 1],
    ['True', 1],
    [undefined, undefined],
  ]);

  link.faults = { greeting: 'close' };
  link.cut();
  bench.putServer('eu-1', spec('two'));
  await bench.reconcile('eu-1');
  expect(bench.server('eu-1').status?.observedGeneration).toBe(2);
  expect([seen('Ready'), seen('InSync'), seen('Reconciling')]).toEqual([
    ['True', 1],
    ['True', 1],
    ['True', 2],
  ]);

  // the next one has it, as long as it is before the drift is looked for again
  link.faults = {};
  await bench.reconcile('eu-1');
  expect([seen('Ready'), seen('InSync'), seen('Reconciling')]).toEqual([
    ['True', 2],
    ['True', 2],
    [undefined, undefined],
  ]);
  expect(bench.server('eu-1').status?.appliedGeneration).toBe(2);
});
