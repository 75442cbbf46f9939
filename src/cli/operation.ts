import { randomBytes } from 'node:crypto';
import { API_VERSION } from '../api/meta.ts';
import type { ServerOperation, ServerOperationStatus } from '../api/serverOperation.ts';
import type { Server } from '../api/server.ts';
import { serverOperations, servers } from '../kube/hostlerResources.ts';
import { isNotFound } from '../kube/apiError.ts';
import { secrets } from '../kube/resource.ts';
import { systemClock } from '../lib/clock.ts';
import { orNotFound, type Cluster } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print, remark } from './output.ts';
import { createOnce, persist, poll } from './poll.ts';
import { patienceOption, timeoutOption, type WaitOptions } from './wait.ts';

const POLL_MS = 300;
/** Of the longest name of a step. */
const WIDTH = 20;

const SUFFIX_BYTES = 5;
/** As long as the base of a name that the API generates. */
const BASE_MAX = 53;

/** How long is waited. */
export interface OperationWaits {
  /** For the end; milliseconds. */
  timeoutMs: number;
  /** For an API that is away while there is no operation yet; milliseconds. */
  patienceMs: number;
}

/** An operation that ended. */
interface Ended {
  name: string;
  status: ServerOperationStatus;
}

/** The waits that the options of a command ask for. */
export function operationWaits(options: WaitOptions): OperationWaits {
  return { timeoutMs: timeoutOption(options), patienceMs: patienceOption(options) };
}

/** The Server that an operation is to be for. @throws CliError notFound; failed  when the API stays away. */
export async function serverToOperate(
  { client, namespace }: Cluster,
  name: string,
  { patienceMs }: OperationWaits,
): Promise<Server> {
  const undone = 'no ServerOperation was created';
  const found = persist(() => client.get(servers, { namespace, name }), { patienceMs, undone });
  return orNotFound(`Server ${namespace}/${name}`, found);
}

/**
 * Creates a ServerOperation, waits until it ended, and says what came of it.
 * @throws CliError failed  with what came of it; timedOut  when it did not end in time (it goes on).
 */
export async function runOperation(
  cluster: Cluster,
  server: string,
  spec: Omit<ServerOperation['spec'], 'serverRef'>,
  waits: OperationWaits,
): Promise<void> {
  const ended = await endOf(cluster, server, spec, waits);
  // the answer is the operation's message
  for (const step of ended.status.steps ?? []) {
    remark(`${step.name.padEnd(WIDTH)} ${step.state.padEnd(10)} ${step.message ?? ''}`.trimEnd());
  }
  demandSuccess(ended);
  print(`serveroperation/${ended.name} ${ended.status.message ?? 'succeeded'}`);
}

/**
 * Runs a script on the host as a ServerOperation that is removed again.
 * @returns what it printed.
 * @throws as {@link runOperation}.
 */
export async function outputOf(
  cluster: Cluster,
  server: string,
  runCommand: NonNullable<ServerOperation['spec']['runCommand']>,
  waits: OperationWaits,
): Promise<string> {
  const { client, namespace } = cluster;
  const ended = await endOf(cluster, server, { type: 'RunCommand', captureOutput: true, runCommand }, waits);
  demandSuccess(ended);
  const { outputSecretRef } = ended.status;
  const { patienceMs } = waits;
  const undone = `ServerOperation ${ended.name} has the output and is to be deleted`;
  const secret =
    outputSecretRef &&
    (await persist(() => client.get(secrets, { namespace, name: outputSecretRef.name }), { patienceMs, undone }));
  const remove = () => client.delete(serverOperations, { namespace, name: ended.name });
  await persist(remove, { patienceMs, undone }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
  return Buffer.from(secret?.data?.['output'] ?? '', 'base64').toString();
}

async function endOf(
  { client, namespace }: Cluster,
  server: string,
  spec: Omit<ServerOperation['spec'], 'serverRef'>,
  waits: OperationWaits,
): Promise<Ended> {
  const until = systemClock.now() + waits.timeoutMs;
  const name = newName(server, spec.type);
  const create = () =>
    client.create(serverOperations, {
      apiVersion: API_VERSION,
      kind: 'ServerOperation',
      metadata: { name, namespace },
      spec: { ...spec, serverRef: { name: server } },
    });
  const undone = `ServerOperation ${name} may have been created all the same; look with kubectl get sop ${name} -n ${namespace}`;
  await createOnce(create, { patienceMs: waits.patienceMs, undone });
  const look = async (): Promise<Ended | undefined> => {
    const { status } = await client.get(serverOperations, { namespace, name });
    return status?.completionTime === undefined ? undefined : { name, status };
  };
  const ended = await poll(look, { everyMs: POLL_MS, timeoutMs: until - systemClock.now() });
  if (ended !== undefined) return ended;
  throw new CliError(
    exitCode.timedOut,
    `serveroperation/${name} has not ended yet; look with kubectl get sop ${name} -n ${namespace}`,
  );
}

/** Made here and not by the API, so that a creation whose answer was lost is not made twice. */
function newName(server: string, type: string): string {
  const base = `${server}-${type.toLowerCase()}-`.slice(0, BASE_MAX);
  return `${base}${randomBytes(SUFFIX_BYTES).toString('hex')}`;
}

function demandSuccess({ name, status: { phase, message } }: Ended): void {
  if (phase !== 'Succeeded') throw new CliError(exitCode.failed, `serveroperation/${name}: ${message ?? phase ?? ''}`);
}
