import { Command } from 'commander';
import { findCondition } from '../../api/conditions.ts';
import type { Server } from '../../api/server.ts';
import { servers } from '../../kube/hostlerResources.ts';
import { openCluster, orNotFound, withCluster, type ClusterOptions } from '../cluster.ts';
import { CliError, exitCode } from '../exitCodes.ts';
import { outputOption, print, printData, printTable, remark, type OutputFormat } from '../output.ts';
import { columns, describePlan } from './planText.ts';

interface PlanOptions extends ClusterOptions {
  output: OutputFormat;
}

/** `hostler server plan` */
export function planCommand(): Command {
  return withCluster(
    new Command('plan').description('show what would be changed on the host, why, and what it disrupts'),
  )
    .argument('<name>', 'name of the Server')
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  hostler server plan eu-1\n\nEnds with 5 when the plan waits for approval, with 1 when the host was not looked at.',
    )
    .action(plan);
}

async function plan(name: string, options: PlanOptions): Promise<void> {
  const { client, namespace } = openCluster(options);
  const server = await orNotFound(`Server ${namespace}/${name}`, client.get(servers, { namespace, name }));
  const { pendingChanges = [], planHash } = server.status ?? {};
  if (options.output === 'json' || options.output === 'yaml')
    printData({ planHash, changes: pendingChanges }, options.output);
  else printPlan(server);
  requireLook(server);
  if (pendingChanges.some((change) => change.waitingFor === 'Approval')) {
    throw new CliError(
      exitCode.approvalNeeded,
      `approve with: hostler server approve ${name} -n ${namespace} --plan ${planHash ?? ''}`,
    );
  }
}

/** An empty plan of a host that nobody looked at claims nothing. @throws CliError failed  saying why. */
function requireLook({ status }: Server): void {
  const inSync = findCondition(status?.conditions, 'InSync');
  if (inSync !== undefined && inSync.status !== 'Unknown') return;
  const why = findCondition(status?.conditions, 'Ready')?.message ?? 'No controller has seen the Server yet.';
  throw new CliError(exitCode.failed, `there is no plan: the host was not looked at. ${why}`);
}

function printPlan(server: Server): void {
  if (server.status?.observedGeneration !== server.metadata.generation)
    remark('The last change of the Server was not looked at yet; this is the plan before it.');
  const { rows, says } = describePlan(server.status ?? {});
  if (rows.length > 0) {
    print(`Plan ${server.status?.planHash ?? ''}\n`);
    printTable(columns, rows);
  }
  for (const line of says) print(line);
}
