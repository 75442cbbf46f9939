import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ArtifactBundle } from '../../../src/api/artifactBundle.ts';
import { generateKeyPair } from '../../../src/ssh/keys.ts';
import { freePort } from '../../support/freePort.ts';
import { ServerBench } from '../../support/serverBench.ts';

let bench: ServerBench;

beforeEach(async () => {
  bench = await ServerBench.start();
  bench.putSecret('key', { 'ssh-privatekey': generateKeyPair('key').privateKey });
});
afterEach(() => bench.stop());

describe('a Server that is out of attempts', () => {
  it.each<[string, Partial<ArtifactBundle['metadata']>, { lifecycle: string; attempts: number }]>([
    ['stays so while its bundle stays', {}, { lifecycle: 'Error', attempts: 5 }],
    ['tries again with a changed bundle', { generation: 2 }, { lifecycle: 'Detecting', attempts: 0 }],
    ['tries again with a bundle made anew', { uid: 'another' }, { lifecycle: 'Detecting', attempts: 0 }],
  ])('%s', async (_what, metadata, machine) => {
    bench.putBundle({ uid: 'one', generation: 1, ...metadata });
    bench.putServer('eu-1', {
      addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
      ssh: { port: await freePort(), user: 'root', auth: { privateKeySecretRef: { name: 'key' } } },
      docker: { version: '27.5.1', source: { type: 'Bundle', bundle: { bundleRef: { name: 'docker' } } } },
    });
    bench.putStatus('eu-1', {
      observedGeneration: 1,
      observedBundle: { uid: 'one', generation: 1 },
      machine: { schema: 1, lifecycle: 'Error', maintenance: 'UpToDate', attempts: 5 },
    });
    for (let run = 0; run < 2; run++) await bench.reconcile('eu-1');
    const { status } = bench.server('eu-1');
    expect(status?.machine).toMatchObject(machine);
    expect(status?.observedBundle).toEqual({ uid: 'one', generation: 1, ...metadata });
  });
});
