import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForGone } from '../../src/cli/wait.ts';
import { isNotFound } from '../../src/kube/apiError.ts';
import type { Client } from '../../src/kube/client.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { removeFleet } from '../../test/hosts/cleanup.ts';
import { CACHE } from '../../test/hosts/paths.ts';
import { endSshd } from '../../test/support/sshd.ts';
import { controlPlanePid, startControlPlane } from './controlPlane.ts';
import { isLocalSshd, RUN_DIRECTORY } from './localSshd.ts';
import { readState, type Entry } from './state.ts';
import { DATA_DIR, isOurs, say } from './support.ts';

const REMOVE_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;
type HostEntry = Extract<Entry, { kind: 'host' }>;

/**
 * Removes all that the quickstart made: on an own server too, by deletionPolicy RemoveAgent.
 * @returns whether everything is gone.
 */
export async function takeDown(): Promise<boolean> {
  const state = await readState();
  const cleaned = await cleanHosts(state.servers.filter((one) => one.kind === 'host'));
  await stopControlPlane();
  for (const entry of state.servers) await removeMachine(entry);
  await rm(DATA_DIR, { recursive: true, force: true });
  say(`removed ${DATA_DIR}`);
  tellPackages(state.packages ?? []);
  if (existsSync(CACHE)) say(`kept for the next time: ${CACHE} (base images, kubectl)`);
  return cleaned;
}

/** Other things may need them by now, so their owner decides. */
function tellPackages(packages: readonly string[]): void {
  const installed = packages.filter((name) => existsSync(`/var/lib/dpkg/info/${name}.list`)).join(' ');
  if (installed === '') return;
  say(`kept, as they were installed on this machine for it: Debian packages ${installed}`);
  say(`  remove them with: apt-get purge ${installed}`);
}

/** Only the control plane can clean a host: it is started again where it does not run. */
async function cleanHosts(entries: readonly HostEntry[]): Promise<boolean> {
  if (entries.length === 0) return true;
  try {
    const client = await startControlPlane();
    let all = true;
    for (const entry of entries) all = (await cleanHost(client, entry)) && all;
    return all;
  } catch (error) {
    say(
      `The control plane that could clean ${entries.map(({ where }) => where).join(', ')} fails: ${messageOf(error)}`,
    );
    for (const { where } of entries) tellLeftover(where);
    return false;
  }
}

async function cleanHost(client: Client, { serverName, where }: HostEntry): Promise<boolean> {
  const key = { namespace: 'default', name: serverName };
  try {
    const server = await client.get(servers, key);
    // never logged into: nothing was put there, and a try would only wait for what cannot come
    const deletionPolicy = server.status?.identity === undefined ? 'Retain' : 'RemoveAgent';
    say(`removing what Hostler put on ${where}`);
    await client.patch(servers, key, { spec: { deletionPolicy } });
    await client.delete(servers, key);
    await waitForGone({ client, namespace: key.namespace }, key.name, REMOVE_TIMEOUT_MS);
    say(`server/${serverName} is deleted; on ${where} Docker and its containers stay`);
    return true;
  } catch (error) {
    if (isNotFound(error)) return true;
    say(`${where} could not be cleaned: ${messageOf(error)}`);
    tellLeftover(where);
    return false;
  }
}

function tellLeftover(where: string): void {
  say(`What may be left there: /var/lib/hostler. Remove it with: ssh ${where} sudo rm -rf /var/lib/hostler`);
}

async function removeMachine(entry: Entry): Promise<void> {
  if (entry.kind === 'sandbox') {
    await removeFleet(entry.fleet);
    say(`removed the sandbox server of ${entry.fleet}`);
  }
  if (entry.kind !== 'local') return;
  if (entry.sshdPid !== undefined && isLocalSshd(entry)) {
    endSshd(entry.sshdPid);
    say('stopped the local sshd');
  }
  if (entry.madeRunDirectory && existsSync(RUN_DIRECTORY)) await rmdir(RUN_DIRECTORY);
}

async function stopControlPlane(): Promise<void> {
  const pid = await controlPlanePid();
  if (pid === undefined) return;
  const runs = (): boolean => isOurs(pid, 'main.js\0serve');
  process.kill(pid, 'SIGTERM');
  const until = Date.now() + STOP_TIMEOUT_MS;
  while (runs() && Date.now() < until) await sleep(100);
  if (runs()) process.kill(pid, 'SIGKILL');
  say('stopped hostler serve');
}
