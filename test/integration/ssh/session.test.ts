import { describeSession } from '../../contract/session.ts';
import { connect } from '../../../src/ssh/connect.ts';
import type { Connection } from '../../../src/ssh/session.ts';
import { startSshd } from '../../support/sshd.ts';
import { SshServer } from '../../support/sshServer.ts';

function logIn(host: { port: number; user: string; clientKey: string }): Promise<Connection> {
  return connect({
    addresses: [{ type: 'IPv4', address: '127.0.0.1' }],
    port: host.port,
    user: host.user,
    trust: () => ({ keys: [], policy: 'TrustOnFirstUse', store: () => Promise.resolve() }),
    credential: () => Promise.resolve({ kind: 'key', privateKey: host.clientKey }),
    privilege: { mode: 'Auto' },
  });
}

describeSession('ssh2 on OpenSSH', async () => {
  const sshd = await startSshd();
  return { connection: await logIn(sshd), stop: () => sshd.stop() };
});

describeSession('ssh2 on OpenSSH that grants two channels', async () => {
  const sshd = await startSshd({ config: ['MaxSessions 2'] });
  return { connection: await logIn(sshd), stop: () => sshd.stop() };
});

describeSession("ssh2 on ssh2's own server", async () => {
  const server = await SshServer.start();
  const connection = await logIn({ port: server.port, user: 'tester', clientKey: server.clientKey });
  return { connection, stop: () => server.stop() };
});
