import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServerStatus } from '../../../src/api/serverStatus.ts';
import { quickLook, ServerBench } from '../../support/serverBench.ts';
import { sshKeygen } from '../../support/sshd.ts';
import { SshServer } from '../../support/sshServer.ts';

const MINUTE = 60_000;

const pair = sshKeygen('ed25519');

let bench: ServerBench;
let host: SshServer;
let home: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'hostler-home-'));
  mkdirSync(join(home, '.ssh'));
  writeFileSync(join(home, '.ssh', 'authorized_keys'), `${pair.publicKey}\n`);
  host = await SshServer.start();
  host.users.set('ops', { authorizedKeys: [], home, env: quickLook });
  bench = await ServerBench.start();
  bench.putSecret('key', { 'ssh-privatekey': pair.privateKey });
  bench.putServer('eu-1', {
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    ssh: {
      port: host.port,
      user: 'ops',
      auth: { privateKeySecretRef: { name: 'key' } },
      hostKeyPolicy: 'TrustOnFirstUse',
      privilege: { mode: 'None' },
    },
  });
});
afterEach(async () => {
  await bench.stop();
  await host.stop();
  rmSync(home, { recursive: true, force: true });
});

/** From the write of a status that fulfils `last` on, nothing that the process says is heard. */
async function reconcileUntil(last: (status: ServerStatus) => boolean): Promise<void> {
  let deaf = false;
  bench.api.fault = ({ method, body }) => {
    if (method === 'GET') return undefined;
    if (deaf) return { status: 403, reason: 'Forbidden' };
    deaf = last((body as { status?: ServerStatus } | undefined)?.status ?? {});
    return undefined;
  };
  await bench.reconcile('eu-1').catch(() => undefined);
  bench.api.fault = () => undefined;
  await bench.restart();
}

describe('a process that is killed', () => {
  it('after the login was accepted, before the host was seen: the next one logs in at once', async () => {
    await reconcileUntil((status) => status.auth?.acceptedVersion !== undefined);
    expect(bench.server('eu-1').status?.identity, 'the host was not seen yet').toBeUndefined();
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
  });

  it('during the login: the next one waits, and does not claim that the host refused', async () => {
    await reconcileUntil((status) => status.auth?.failures === 1);
    for (let seconds = 0; seconds < 60; seconds += 20) {
      await bench.reconcile('eu-1');
      const condition = bench.condition('eu-1', 'Authenticated');
      expect(condition).toMatchObject({ status: 'False', reason: 'AttemptsPaused' });
      expect(condition?.message).toContain('or Hostler was stopped before it knew the answer');
      expect(bench.condition('eu-1', 'Stalled')?.status).not.toBe('True');
      await bench.clock.advance(20_000);
    }
    await bench.clock.advance(MINUTE);
    await bench.reconcile('eu-1');
    expect(bench.condition('eu-1', 'Authenticated')).toMatchObject({ status: 'True', reason: 'KeyAccepted' });
  });
});
