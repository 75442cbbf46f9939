import { Command } from 'commander';
import type { Server } from '../../api/server.ts';
import type { ServerStatus } from '../../api/serverStatus.ts';
import { servers } from '../../kube/hostlerResources.ts';
import { openCluster, orNotFound, withCluster, type ClusterOptions } from '../cluster.ts';
import { outputOption, print, printData, printTable, type OutputFormat } from '../output.ts';

interface ShowOptions extends ClusterOptions {
  output: OutputFormat;
}

/** `hostler server show` */
export function showCommand(): Command {
  return withCluster(new Command('show').description('show one Server: conditions, checks, steps, versions'))
    .argument('<name>', 'name of the Server')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  hostler server show eu-1\n  hostler server show eu-1 -o yaml')
    .action(show);
}

async function show(name: string, options: ShowOptions): Promise<void> {
  const { client, namespace } = openCluster(options);
  const server = await orNotFound(`Server ${namespace}/${name}`, client.get(servers, { namespace, name }));
  if (options.output === 'json' || options.output === 'yaml') printData(server, options.output);
  else printServer(server);
}

function printServer(server: Server): void {
  const status = server.status ?? {};
  printHead(server, status);
  printVersions(status);
  section(
    'Conditions',
    ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
    status.conditions?.map((one) => [one.type, one.status, one.reason, one.lastTransitionTime, one.message]),
  );
  section(
    'Preflight',
    ['CHECK', 'RESULT', 'SEVERITY', 'MESSAGE'],
    status.qualification?.checks?.map((one) => [one.name, one.result, one.severity, one.message]),
  );
  section(
    'Provisioning',
    ['STEP', 'STATE', 'ATTEMPTS', 'STARTED', 'ENDED', 'MESSAGE'],
    status.provisioning?.steps?.map((one) => [
      one.name,
      one.state,
      String(one.attempts),
      one.startTime ?? '',
      one.completionTime ?? '',
      one.message ?? '',
    ]),
  );
  section(
    'Pending changes',
    ['CHANGE', 'DISRUPTION', 'WAITS FOR', 'WHAT'],
    status.pendingChanges?.map((one) => [one.name, one.disruption, one.waitingFor, one.what]),
  );
}

function printHead({ metadata, spec }: Server, { summary, address, systemInfo }: ServerStatus): void {
  print(`Server ${metadata.namespace ?? ''}/${metadata.name}   ${summary ?? 'Pending'}`);
  const facts = [
    address ?? spec.addresses[0]?.address,
    systemInfo?.osName,
    systemInfo?.kernelVersion,
    systemInfo?.architecture,
  ];
  print(`  ${facts.filter((fact) => fact !== undefined).join(', ')}`);
}

function printVersions(status: ServerStatus): void {
  const rows = (status.components ?? []).map((one) => [
    one.name,
    one.desired ?? 'any',
    one.current ?? '',
    one.held === true ? 'held' : '',
    one.available ?? '',
  ]);
  section('Components', ['COMPONENT', 'DECLARED', 'CURRENT', 'HELD', 'AVAILABLE'], rows);
}

function section(title: string, header: readonly string[], rows: readonly (readonly string[])[] = []): void {
  if (rows.length === 0) return;
  print(`\n${title}`);
  printTable(
    header,
    rows.map((row) => row.map((cell) => cell.replaceAll('\n', ' '))),
  );
}
