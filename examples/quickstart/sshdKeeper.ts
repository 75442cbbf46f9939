/** Keeps an unprivileged sshd running until it is told to stop; started by machine.ts, ended by down.ts. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startSshd } from '../../test/support/sshd.ts';

const directory = resolve(process.argv[2] ?? '.hostler/sshd');
mkdirSync(directory, { recursive: true, mode: 0o700 });
const sshd = await startSshd({ directory });
const { port, user, clientKeyFile } = sshd;
writeFileSync(join(directory, 'info.json'), JSON.stringify({ pid: process.pid, port, user, clientKeyFile }));
process.stdout.write('ready\n');
const keepAlive = setInterval(() => undefined, 60_000);
process.once('SIGTERM', () => {
  clearInterval(keepAlive);
  void sshd.stop();
});
