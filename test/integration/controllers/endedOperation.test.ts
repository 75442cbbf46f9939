import { expect, it } from 'vitest';
import { ServerBench } from '../../support/serverBench.ts';
import { startSshd } from '../../support/sshd.ts';

it('an operation that has ended is not judged again by a run whose copy of it lags behind', async () => {
  const [bench, sshd] = await Promise.all([ServerBench.start(), startSshd()]);
  try {
    bench.putSecret('key', { 'ssh-privatekey': sshd.clientKey });
    bench.putServer('eu-1', {
      addresses: [{ type: 'IPv4', address: sshd.address }],
      ssh: { port: sshd.port, user: sshd.user, auth: { privateKeySecretRef: { name: 'key' } } },
      management: { default: 'Observe' },
    });
    await bench.reconcile('eu-1');
    bench.putOperation('retry', { serverRef: { name: 'eu-1' }, type: 'Retry' });
    bench.holdOperations();
    await bench.reconcile('eu-1');
    const ended = structuredClone(bench.operation('retry')?.status);
    expect(ended).toMatchObject({ phase: 'Succeeded' });
    await bench.clock.advance(60_000);
    await bench.reconcile('eu-1');
    expect(bench.operation('retry')?.status).toEqual(ended);
  } finally {
    await bench.stop();
    await sshd.stop();
  }
});
