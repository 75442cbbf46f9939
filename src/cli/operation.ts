import { API_VERSION } from '../api/meta.ts';
import type { ServerOperation, ServerOperationStatus } from '../api/serverOperation.ts';
import { serverOperations } from '../kube/hostlerResources.ts';
import { systemClock } from '../lib/clock.ts';
import type { Cluster } from './cluster.ts';
import { CliError, exitCode } from './exitCodes.ts';
import { print, remark } from './output.ts';

const POLL_MS = 300;
/** Of the longest name of a step. */
const WIDTH = 20;

/**
 * Creates a ServerOperation and waits until it ended.
 * @throws CliError failed  with what came of it; timedOut  when it did not end in time (it goes on).
 */
export async function runOperation(
  { client, namespace }: Cluster,
  server: string,
  spec: Omit<ServerOperation['spec'], 'serverRef'>,
  timeoutMs: number,
): Promise<void> {
  const created = await client.create(serverOperations, {
    apiVersion: API_VERSION,
    kind: 'ServerOperation',
    metadata: { generateName: `${server}-${spec.type.toLowerCase()}-`, name: '', namespace },
    spec: { ...spec, serverRef: { name: server } },
  });
  const key = { namespace, name: created.metadata.name };
  const until = systemClock.now() + timeoutMs;
  while (systemClock.now() < until) {
    const { status } = await client.get(serverOperations, key);
    if (status?.completionTime !== undefined) {
      report(key.name, status);
      return;
    }
    await systemClock.sleep(POLL_MS);
  }
  throw new CliError(
    exitCode.timedOut,
    `serveroperation/${key.name} has not ended yet; look with kubectl get sop ${key.name} -n ${namespace}`,
  );
}

/** Steps on standard error: the answer is the operation's message. @throws CliError failed  unless it succeeded. */
function report(name: string, { phase, message, steps = [] }: ServerOperationStatus): void {
  for (const step of steps) {
    remark(`${step.name.padEnd(WIDTH)} ${step.state.padEnd(10)} ${step.message ?? ''}`.trimEnd());
  }
  if (phase !== 'Succeeded') throw new CliError(exitCode.failed, `serveroperation/${name}: ${message ?? phase ?? ''}`);
  print(`serveroperation/${name} ${message ?? 'succeeded'}`);
}
