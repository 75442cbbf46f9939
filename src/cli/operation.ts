import { API_VERSION } from '../api/meta.ts';
import type { ServerOperation, ServerOperationStatus } from '../api/serverOperation.ts';
import { serverOperations } from '../kube/hostlerResources.ts';
import { secrets } from '../kube/resource.ts';
import type { Cluster } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print, remark } from './output.ts';
import { poll } from './poll.ts';

const POLL_MS = 300;
/** Of the longest name of a step. */
const WIDTH = 20;

/** An operation that ended. */
interface Ended {
  name: string;
  status: ServerOperationStatus;
}

/**
 * Creates a ServerOperation, waits until it ended, and says what came of it.
 * @throws CliError failed  with what came of it; timedOut  when it did not end in time (it goes on).
 */
export async function runOperation(
  cluster: Cluster,
  server: string,
  spec: Omit<ServerOperation['spec'], 'serverRef'>,
  timeoutMs: number,
): Promise<void> {
  const ended = await endOf(cluster, server, spec, timeoutMs);
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
  timeoutMs: number,
): Promise<string> {
  const { client, namespace } = cluster;
  const ended = await endOf(cluster, server, { type: 'RunCommand', captureOutput: true, runCommand }, timeoutMs);
  demandSuccess(ended);
  const { outputSecretRef } = ended.status;
  const secret = outputSecretRef && (await client.get(secrets, { namespace, name: outputSecretRef.name }));
  await client.delete(serverOperations, { namespace, name: ended.name });
  return Buffer.from(secret?.data?.['output'] ?? '', 'base64').toString();
}

async function endOf(
  { client, namespace }: Cluster,
  server: string,
  spec: Omit<ServerOperation['spec'], 'serverRef'>,
  timeoutMs: number,
): Promise<Ended> {
  const created = await client.create(serverOperations, {
    apiVersion: API_VERSION,
    kind: 'ServerOperation',
    metadata: { generateName: `${server}-${spec.type.toLowerCase()}-`, name: '', namespace },
    spec: { ...spec, serverRef: { name: server } },
  });
  const { name } = created.metadata;
  const look = async (): Promise<Ended | undefined> => {
    const { status } = await client.get(serverOperations, { namespace, name });
    return status?.completionTime === undefined ? undefined : { name, status };
  };
  const ended = await poll(look, { everyMs: POLL_MS, timeoutMs });
  if (ended !== undefined) return ended;
  throw new CliError(
    exitCode.timedOut,
    `serveroperation/${name} has not ended yet; look with kubectl get sop ${name} -n ${namespace}`,
  );
}

function demandSuccess({ name, status: { phase, message } }: Ended): void {
  if (phase !== 'Succeeded') throw new CliError(exitCode.failed, `serveroperation/${name}: ${message ?? phase ?? ''}`);
}
