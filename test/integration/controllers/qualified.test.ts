import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toTime } from '../../../src/lib/clock.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { freePort } from '../../support/freePort.ts';
import { ServerBench } from '../../support/serverBench.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let bench: ServerBench;

beforeEach(async () => {
  bench = await ServerBench.start();
  bench.putSecret('key', { 'ssh-privatekey': generateKeyPair('key').privateKey });
});
afterEach(() => bench.stop());

describe('a Server whose host went away for good', () => {
  it('turns Stale after 7 days and Expired after 30, over restarts, with one write each', async () => {
    const start = bench.clock.now();
    const since = toTime(start);
    bench.putServer('eu-1', {
      addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
      ssh: { port: await freePort(), user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
    });
    bench.putStatus('eu-1', {
      observedGeneration: 1,
      appliedGeneration: 1,
      machine: { schema: 1, lifecycle: 'Active', maintenance: 'UpToDate', attempts: 0 },
      qualification: { result: 'Qualified', checks: [], passed: 9, failed: 0, warnings: 0, lastCheckTime: since },
      conditions: [
        { type: 'Qualified', status: 'True', reason: 'AllChecksPassed', message: 'all', lastTransitionTime: since },
        { type: 'Reachable', status: 'True', reason: 'Connected', message: 'was', lastTransitionTime: since },
      ],
    });
    await bench.reconcile('eu-1');
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'Reachable')).toMatchObject({ status: 'False', reason: 'ConnectionRefused' });
    const seen: [day: number, status: string, reason: string, moved: boolean][] = [];
    const before = bench.writes;
    for (let last = 'AllChecksPassed'; bench.clock.now() < start + 35 * DAY;) {
      await bench.clock.advance(12 * HOUR);
      await bench.reconcile('eu-1');
      const { status = '', reason = '', lastTransitionTime } = bench.condition('eu-1', 'Qualified') ?? {};
      if (reason === last) continue;
      seen.push([(bench.clock.now() - start) / DAY, status, reason, lastTransitionTime !== since]);
      last = reason;
      await bench.restart();
      await bench.reconcile('eu-1');
    }
    expect(seen).toEqual([
      [7.5, 'True', 'Stale', false],
      [30.5, 'Unknown', 'Expired', true],
    ]);
    expect(bench.writes - before).toBe(2);
    expect(bench.events.filter((event) => /^(Stale|Expired)/.test(event))).toHaveLength(1);
  });
});
