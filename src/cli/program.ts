import { Command, CommanderError } from 'commander';
import { ApiConnectionError, ApiError } from '../kube/apiError.ts';
import { messageOf } from '../lib/errors.ts';
import { redactor } from '../lib/redaction.ts';
import { version } from '../lib/version.ts';
import { backupCommand, restoreCommand } from './backupCommand.ts';
import { controllerCommand } from './controllerCommand.ts';
import { CliError, exitCode, type ExitCode } from './exitCodes.ts';
import { grantCommand } from './grant.ts';
import { remark } from './output.ts';
import { serveCommand } from './serveCommand.ts';
import { serverCommand } from './server.ts';
import { versionCommand } from './version.ts';

/**
 * Runs the `hostler` command.
 * @param argv  Arguments without program name.
 * @returns the exit code; everything a person should read was written.
 */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
    return exitCode.ok;
  } catch (error) {
    return report(error);
  }
}

function createProgram(): Command {
  const program = new Command('hostler')
    .description(
      'Declare the Linux servers you own as Kubernetes resources; Hostler makes them so over SSH and keeps them so.',
    )
    .version(`hostler ${version}`, '-V, --version', 'print the version of this program')
    .addCommand(serveCommand())
    .addCommand(controllerCommand())
    .addCommand(serverCommand())
    .addCommand(grantCommand())
    .addCommand(backupCommand())
    .addCommand(restoreCommand())
    .addCommand(versionCommand());
  program.addHelpText(
    'after',
    `
Examples:
  hostler serve                                          start a control plane in ./.hostler
  hostler server add eu-1 --host root@203.0.113.10 --key-file ~/.ssh/id_ed25519 --docker 28 --wait
  hostler server list
  hostler server plan eu-1                               what would be changed, and why

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 wait timed out, 5 approval needed.`,
  );
  settle(program);
  return program;
}

/** What holds for every command: errors are thrown instead of ending the process, and say where help is. */
function settle(command: Command): void {
  command.exitOverride().showHelpAfterError('(add --help for usage and examples)');
  command.commands.forEach(settle);
}

function report(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  if (error instanceof CliError) {
    if (error.message !== '') remark(`hostler: ${redactor.redact(error.message)}`);
    return error.exitCode;
  }
  remark(`hostler: ${redactor.redact(messageOf(error))}${adviceFor(error)}`);
  const expected = error instanceof ApiError || error instanceof ApiConnectionError;
  if (!expected && error instanceof Error && process.env['HOSTLER_DEBUG'] !== undefined)
    remark(redactor.redact(error.stack ?? ''));
  return exitCode.failed;
}

/** The next step, where the error alone does not say it. */
function adviceFor(error: unknown): string {
  const refused = error instanceof ApiConnectionError && error.code === 'ECONNREFUSED';
  return refused ? '. Start the control plane with: hostler serve' : '';
}
