import { Command } from 'commander';
import { findCondition } from '../../api/conditions.ts';
import type { Server } from '../../api/server.ts';
import { servers } from '../../kube/hostlerResources.ts';
import { formatDuration } from '../../lib/duration.ts';
import { openCluster, withCluster, type ClusterOptions } from '../cluster.ts';
import { outputOption, printData, printTable, remark, type OutputFormat } from '../output.ts';

interface ListOptions extends ClusterOptions {
  output: OutputFormat;
  allNamespaces?: boolean;
  selector?: string;
}

/** `hostler server list` */
export function listCommand(): Command {
  return withCluster(new Command('list').description('list Servers'))
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only those with these labels')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  hostler server list -o wide\n  hostler server list -A -l env=production -o json',
    )
    .action(list);
}

async function list(options: ListOptions): Promise<void> {
  const { client, namespace } = openCluster(options);
  const found = await client.list(servers, {
    ...(options.allNamespaces === true ? {} : { namespace }),
    ...(options.selector !== undefined && { labelSelector: options.selector }),
  });
  if (options.output === 'json' || options.output === 'yaml') {
    printData(found, options.output);
    return;
  }
  if (found.items.length === 0)
    remark(options.allNamespaces === true ? 'No Servers found.' : `No Servers found in namespace ${namespace}.`);
  else printServers(found.items, options);
}

function printServers(items: readonly Server[], options: ListOptions): void {
  const columns = [
    ...(options.allNamespaces === true ? [namespaceColumn] : []),
    ...narrowColumns,
    ...(options.output === 'wide' ? wideColumns : []),
  ];
  printTable(
    columns.map(([title]) => title),
    items.map((server) => columns.map(([, value]) => value(server) ?? '')),
  );
}

type Column = readonly [string, (server: Server) => string | undefined];
const condition = (type: Parameters<typeof findCondition>[1]) => (server: Server) =>
  findCondition(server.status?.conditions, type);

const namespaceColumn: Column = ['NAMESPACE', (server) => server.metadata.namespace];
const narrowColumns: readonly Column[] = [
  ['NAME', (server) => server.metadata.name],
  ['READY', (server) => condition('Ready')(server)?.status],
  ['STATUS', (server) => server.status?.summary],
  ['ADDRESS', (server) => server.status?.address ?? server.spec.addresses[0]?.address],
  ['DOCKER', (server) => server.status?.systemInfo?.dockerVersion],
  ['AGE', (server) => formatDuration(Date.now() - Date.parse(server.metadata.creationTimestamp ?? ''))],
];
const wideColumns: readonly Column[] = [
  ['OS', (server) => server.status?.systemInfo?.osName],
  ['IN-SYNC', (server) => condition('InSync')(server)?.reason],
  ['UPDATES', (server) => server.status?.updates?.pending?.toString()],
  ['REBOOT', (server) => condition('RebootPending')(server)?.status],
  ['MESSAGE', (server) => condition('Ready')(server)?.message],
];
