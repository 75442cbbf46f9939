import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/kube/client.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { readState, rememberServe } from './state.ts';
import { DATA_DIR, isMissing, isOurs, say } from './support.ts';

const PORT = 7443;
const START_TIMEOUT_MS = 60_000;
const KUBECONFIG = join(DATA_DIR, 'kubeconfig');
const LOG = join(DATA_DIR, 'serve.log');

/** Starts `hostler serve` in the background, or finds it running. */
export async function startControlPlane(): Promise<Client> {
  const running = await controlPlanePid();
  const pid = running ?? (await launch());
  const client = await clientWhenReady(pid);
  const state = running === undefined ? 'answers' : 'runs already';
  say(`hostler serve ${state} at ${client.server.href} (pid ${pid}, log ${LOG})`);
  return client;
}

async function launch(): Promise<number> {
  await mkdir(DATA_DIR, { recursive: true, mode: 0o700 });
  const port = (await isFree(PORT)) ? PORT : 0;
  // the control plane is for this machine only, so a Server on loopback is nobody else's
  const args = ['--data-dir', resolve(DATA_DIR), '--listen', `127.0.0.1:${port}`, '--allow-loopback'];
  const log = openSync(LOG, 'a', 0o600);
  const child = spawn(process.execPath, ['dist/main.js', 'serve', ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  if (child.pid === undefined) throw new Error('hostler serve could not be started');
  await rememberServe(child.pid);
  return child.pid;
}

/** Pid of the control plane of this directory, when it runs: started here, or by `hostler serve`. */
export async function controlPlanePid(): Promise<number | undefined> {
  const { servePid } = await readState();
  if (servePid !== undefined && isOurs(servePid, `\0${resolve(DATA_DIR)}\0`)) return servePid;
  const pid = await readPidFile();
  return pid !== undefined && isOurs(pid, 'main.js\0serve') ? pid : undefined;
}

async function readPidFile(): Promise<number | undefined> {
  try {
    return Number((await readFile(join(DATA_DIR, 'hostler.pid'), 'utf8')).trim());
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function clientWhenReady(pid: number): Promise<Client> {
  const until = Date.now() + START_TIMEOUT_MS;
  let last: unknown;
  while (Date.now() < until && isOurs(pid, 'main.js\0serve')) {
    // the pid file is written once the kubeconfig is the one of this start
    if ((await readPidFile()) === pid) {
      try {
        const client = new Client({ connection: defaultConnection({ kubeconfig: KUBECONFIG }) });
        await client.list(servers, { timeoutMs: 5000 });
        return client;
      } catch (error) {
        last = error;
      }
    }
    await sleep(200);
  }
  throw new Error(`the control plane did not start. The end of ${LOG}:\n${await endOfLog()}`, { cause: last });
}

async function endOfLog(): Promise<string> {
  return (await readFile(LOG, 'utf8')).trim().split('\n').slice(-5).join('\n');
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolvePromise) => {
    probe.once('error', () => resolvePromise(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolvePromise(true)));
  });
}
