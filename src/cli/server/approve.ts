import { Command } from 'commander';
import { openCluster, withCluster, type ClusterOptions } from '../cluster.ts';
import { CliError, exitCode } from '../exitCodes.ts';
import { operationWaits, runOperation, serverToOperate } from '../operation.ts';
import { waitForReady, waitOptions, type WaitOptions } from '../wait.ts';

interface ApproveOptions extends ClusterOptions, WaitOptions {
  plan?: string;
}

/** `hostler server approve` */
export function approveCommand(): Command {
  const command = withCluster(new Command('approve').description('let the plan that waits for approval run'))
    .argument('<name>', 'name of the Server')
    .option('--plan <hash>', 'hash of the plan you looked at; default: the current one');
  return waitOptions(command)
    .addHelpText('after', '\nExamples:\n  hostler server plan eu-1\n  hostler server approve eu-1 --plan sha256:…')
    .action(approve);
}

async function approve(name: string, options: ApproveOptions): Promise<void> {
  const cluster = openCluster(options);
  const { namespace } = cluster;
  const waits = operationWaits(options);
  const server = await serverToOperate(cluster, name, waits);
  const planHash = options.plan ?? server.status?.planHash;
  if (planHash === undefined)
    throw new CliError(
      exitCode.failed,
      `no plan waits for approval; look with: hostler server plan ${name} -n ${namespace}`,
    );
  await runOperation(cluster, name, { type: 'Approve', approve: { planHash } }, waits);
  if (options.wait === true) await waitForReady(cluster, name, options);
}
