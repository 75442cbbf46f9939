import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../../src/kube/client.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import type { Machine } from './machine.ts';
import { DATA_DIR, isAlive, isMissing, say } from './support.ts';

const PORT = 7443;
const START_TIMEOUT_MS = 60_000;
const KUBECONFIG = join(DATA_DIR, 'kubeconfig');

/** Starts `hostler serve` in the background, or finds it running. */
export async function startControlPlane(machine: Machine): Promise<Client> {
  const running = await controlPlanePid();
  if (running !== undefined) {
    say(`hostler serve runs already (pid ${running})`);
    return clientWhenReady(() => isAlive(running));
  }
  await mkdir(DATA_DIR, { recursive: true, mode: 0o700 });
  const port = (await isFree(PORT)) ? PORT : 0;
  const args = ['dist/main.js', 'serve', '--data-dir', DATA_DIR, '--listen', `127.0.0.1:${port}`];
  if (machine.kind === 'local') args.push('--allow-loopback');
  const log = openSync(join(DATA_DIR, 'serve.log'), 'a', 0o600);
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', log, log] });
  child.unref();
  const client = await clientWhenReady(() => child.exitCode === null);
  say(`hostler serve answers at ${client.server.href} (pid ${String(child.pid)}, log ${DATA_DIR}/serve.log)`);
  return client;
}

/** Pid of the control plane of this directory, when it runs. */
export async function controlPlanePid(): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(join(DATA_DIR, 'hostler.pid'), 'utf8')).trim());
    return isAlive(pid) && (await isHostler(pid)) ? pid : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** A pid that was left behind may belong to another program by now. */
async function isHostler(pid: number): Promise<boolean> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('main.js\0serve');
  } catch (error) {
    if (isMissing(error)) return process.platform !== 'linux';
    throw error;
  }
}

async function clientWhenReady(alive: () => boolean): Promise<Client> {
  const until = Date.now() + START_TIMEOUT_MS;
  let last: unknown;
  while (Date.now() < until && alive()) {
    try {
      const client = new Client({ connection: defaultConnection({ kubeconfig: KUBECONFIG }) });
      await client.list(servers, { timeoutMs: 5000 });
      if ((await controlPlanePid()) !== undefined) return client;
    } catch (error) {
      last = error;
    }
    await sleep(200);
  }
  throw new Error('the control plane did not start; see .hostler/serve.log', { cause: last });
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
