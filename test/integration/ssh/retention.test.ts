import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../../../src/ssh/connect.ts';
import { SessionPool } from '../../../src/ssh/pool.ts';
import type { PooledSession } from '../../../src/ssh/session.ts';
import { SshServer } from '../../support/sshServer.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let server: SshServer;
let pool: SessionPool;
beforeEach(async () => {
  server = await SshServer.start();
  pool = new SessionPool();
});
afterEach(async () => {
  await pool.close();
  await server.stop();
});

it('keeps nothing of the run that logged in, nor its credential, for as long as the session lives', async () => {
  const { session, run } = await opened();
  for (let round = 0; round < 50 && run.deref() !== undefined; round++) {
    await sleep(10);
    collectGarbage();
  }
  expect(run.deref()).toBeUndefined();
  expect(session.alive).toBe(true);
});

/** A session, and what its login was given, which nobody else holds. */
async function opened(): Promise<{ session: PooledSession; run: WeakRef<object> }> {
  const run = { calls: [] as string[], privateKey: server.clientKey };
  const session = await pool.acquire({
    owner: 'a',
    key: 'k1',
    address: `127.0.0.1:${server.port}`,
    open: (signal) =>
      connect({
        addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
        port: server.port,
        user: 'tester',
        trust: () => ({
          keys: [],
          policy: 'TrustOnFirstUse',
          store: () => Promise.resolve(void run.calls.push('store')),
        }),
        credential: () => {
          run.calls.push('credential');
          return Promise.resolve({ kind: 'key', privateKey: run.privateKey });
        },
        privilege: { mode: 'Auto' },
        signal,
      }),
  });
  expect(run.calls).toEqual(['store', 'credential']);
  return { session, run: new WeakRef(run) };
}
