import { Command } from 'commander';
import { addCommand } from './server/add.ts';
import { approveCommand } from './server/approve.ts';
import { deleteCommand } from './server/delete.ts';
import { listCommand } from './server/list.ts';
import { logsCommand } from './server/logs.ts';
import { operateCommands } from './server/operate.ts';
import { planCommand } from './server/plan.ts';
import { retryCommand } from './server/retry.ts';
import { showCommand } from './server/show.ts';

/** `hostler server …`: the Servers of a namespace. */
export function serverCommand(): Command {
  const command = new Command('server')
    .description('work with Servers; the same objects that kubectl shows')
    .addCommand(addCommand())
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(logsCommand())
    .addCommand(planCommand())
    .addCommand(approveCommand())
    .addCommand(retryCommand())
    .addCommand(deleteCommand());
  for (const one of operateCommands()) command.addCommand(one);
  return command.addHelpText(
    'after',
    `
Examples:
  hostler server add eu-1 --host root@203.0.113.10 --key-file ~/.ssh/id_ed25519 --wait
  hostler server show eu-1
  hostler server reboot eu-1
  hostler server add --help`,
  );
}
