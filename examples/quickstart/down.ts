import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForGone } from '../../src/cli/wait.ts';
import { isNotFound } from '../../src/kube/apiError.ts';
import { Client } from '../../src/kube/client.ts';
import { servers } from '../../src/kube/hostlerResources.ts';
import { defaultConnection } from '../../src/kube/kubeconfig.ts';
import { messageOf } from '../../src/lib/errors.ts';
import { fleetNames, removeFleet } from '../../test/hosts/cleanup.ts';
import { controlPlanePid } from './controlPlane.ts';
import { DATA_DIR, isAlive, readState, say, type State } from './support.ts';

const REMOVE_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 20_000;

/** Removes all that the quickstart made: on an own server too, by deletionPolicy RemoveAgent. */
export async function takeDown(): Promise<void> {
  const state = await readState();
  const pid = await controlPlanePid();
  if (state?.kind === 'host' && pid !== undefined) await removeFromHost(state);
  if (pid !== undefined) await stop(pid, 'hostler serve');
  if (state !== undefined) await removeMachine(state);
  await rm(DATA_DIR, { recursive: true, force: true });
  say(`removed ${DATA_DIR}`);
}

async function removeMachine({ sshdPid, fleet }: State): Promise<void> {
  if (sshdPid !== undefined && isAlive(sshdPid)) await stop(sshdPid, 'the local sshd');
  if (fleet === undefined || !(await fleetNames()).includes(fleet)) return;
  await removeFleet(fleet);
  say(`removed the sandbox server of ${fleet}`);
}

async function removeFromHost(state: State): Promise<void> {
  const client = new Client({ connection: defaultConnection({ kubeconfig: `${DATA_DIR}/kubeconfig` }) });
  const key = { namespace: 'default', name: state.serverName };
  try {
    await client.patch(servers, key, { spec: { deletionPolicy: 'RemoveAgent' } });
    await client.delete(servers, key);
    await waitForGone({ client, namespace: key.namespace }, key.name, REMOVE_TIMEOUT_MS);
    say(`removed what Hostler had put on the server of ${state.serverName}; Docker and containers stay`);
  } catch (error) {
    if (isNotFound(error)) return;
    say(`The server could not be cleaned (${messageOf(error)}); /var/lib/hostler may still be there.`);
  }
}

async function stop(pid: number, what: string): Promise<void> {
  process.kill(pid, 'SIGTERM');
  const until = Date.now() + STOP_TIMEOUT_MS;
  while (isAlive(pid) && Date.now() < until) await sleep(100);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  say(`stopped ${what}`);
}
