import { Command } from 'commander';
import { servers } from '../../kube/hostlerResources.ts';
import { openCluster, orNotFound, withCluster, type ClusterOptions } from '../cluster.ts';
import { print, remark } from '../output.ts';
import { timeoutOption, waitForGone, waitOptions, type WaitOptions } from '../wait.ts';

/** `hostler server delete` */
export function deleteCommand(): Command {
  const command = withCluster(
    new Command('delete').description(
      'delete a Server; the host is left as spec.deletionPolicy says (default: untouched)',
    ),
  ).argument('<name>', 'name of the Server');
  return waitOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  hostler server delete eu-1 --wait\n\nIts Secret and KnownHost stay: kubectl delete secret eu-1-ssh',
    )
    .action(remove);
}

async function remove(name: string, options: ClusterOptions & WaitOptions): Promise<void> {
  const cluster = openCluster(options);
  const { client, namespace } = cluster;
  const server = await orNotFound(`Server ${namespace}/${name}`, client.get(servers, { namespace, name }));
  await orNotFound(`Server ${namespace}/${name}`, client.delete(servers, { namespace, name }, uidOf(server.metadata)));
  if (options.wait === true) await waitForGone(cluster, name, timeoutOption(options));
  print(`server/${name} ${options.wait === true ? 'deleted' : 'is being deleted'}`);
  remark('Its Secret and KnownHost stay.');
}

function uidOf({ uid }: { uid?: string }): { uid?: string } {
  return uid === undefined ? {} : { uid };
}
