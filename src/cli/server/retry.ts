import { Command } from 'commander';
import { openCluster, withCluster, type ClusterOptions } from '../cluster.ts';
import { operationWaits, runOperation, serverToOperate } from '../operation.ts';
import { waitForReady, waitOptions, type WaitOptions } from '../wait.ts';

/** `hostler server retry` */
export function retryCommand(): Command {
  const command = withCluster(
    new Command('retry').description('try again now what was given up or is held back'),
  ).argument('<name>', 'name of the Server');
  return waitOptions(command).addHelpText('after', '\nExamples:\n  hostler server retry eu-1 --wait').action(retry);
}

async function retry(name: string, options: ClusterOptions & WaitOptions): Promise<void> {
  const cluster = openCluster(options);
  const waits = operationWaits(options);
  await serverToOperate(cluster, name, waits);
  await runOperation(cluster, name, { type: 'Retry' }, waits);
  if (options.wait === true) await waitForReady(cluster, name, options);
}
