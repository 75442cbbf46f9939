import { Command } from 'commander';
import type { OperationType } from '../../api/serverOperation.ts';
import { openCluster, withCluster, type ClusterOptions } from '../cluster.ts';
import { operationWaits, runOperation, serverToOperate } from '../operation.ts';
import { duration, type WaitOptions } from '../wait.ts';

/** A command that is one ServerOperation without parameters. */
interface OperateCommand {
  name: string;
  type: OperationType;
  description: string;
  example: string;
}

const commands: readonly OperateCommand[] = [
  {
    name: 'test',
    type: 'TestConnection',
    description: 'log in anew and say how far that came',
    example: 'hostler server test eu-1',
  },
  {
    name: 'preflight',
    type: 'Preflight',
    description: 'check the host now; exit code 1 when it is not fit',
    example: 'hostler server preflight eu-1',
  },
  {
    name: 'fix',
    type: 'Fix',
    description: 'put right what preflight says Hostler can, also where management says Observe',
    example: 'hostler server fix eu-1',
  },
  {
    name: 'reboot',
    type: 'Reboot',
    description: 'restart the host, and wait until its units and containers are back',
    example: 'hostler server reboot eu-1 --timeout 20m',
  },
  {
    name: 'power-off',
    type: 'PowerOff',
    description: 'switch the host off',
    example: 'hostler server power-off eu-1',
  },
  {
    name: 'cleanup',
    type: 'Cleanup',
    description: 'remove dangling images, unused build cache and downloaded packages',
    example: 'hostler server cleanup eu-1',
  },
];

/** `hostler server test|preflight|fix|reboot|power-off|cleanup` */
export function operateCommands(): Command[] {
  return commands.map(({ name, type, description, example }) =>
    withCluster(new Command(name).description(description))
      .argument('<name>', 'name of the Server')
      .option(
        '--timeout <duration>',
        'longest wait, such as 90s or 10m; it goes on after that (default: 10m)',
        duration,
      )
      .addHelpText('after', `\nExamples:\n  ${example}`)
      .action((server: string, options: ClusterOptions & WaitOptions) => operate(server, type, options)),
  );
}

async function operate(name: string, type: OperationType, options: ClusterOptions & WaitOptions): Promise<void> {
  const cluster = openCluster(options);
  const waits = operationWaits(options);
  await serverToOperate(cluster, name, waits);
  await runOperation(cluster, name, { type }, waits);
}
