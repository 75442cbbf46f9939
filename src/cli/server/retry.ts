import { Command } from 'commander';
import { servers } from '../../kube/hostlerResources.ts';
import { openCluster, orNotFound, withCluster, type ClusterOptions } from '../cluster.ts';
import { runOperation } from '../operation.ts';
import { timeoutOption, waitForReady, waitOptions, type WaitOptions } from '../wait.ts';

/** `hostler server retry` */
export function retryCommand(): Command {
  const command = withCluster(
    new Command('retry').description('try again now what was given up or is held back'),
  ).argument('<name>', 'name of the Server');
  return waitOptions(command).addHelpText('after', '\nExamples:\n  hostler server retry eu-1 --wait').action(retry);
}

async function retry(name: string, options: ClusterOptions & WaitOptions): Promise<void> {
  const cluster = openCluster(options);
  const { client, namespace } = cluster;
  await orNotFound(`Server ${namespace}/${name}`, client.get(servers, { namespace, name }));
  await runOperation(cluster, name, { type: 'Retry' }, timeoutOption(options));
  if (options.wait === true) await waitForReady(cluster, name, options);
}
