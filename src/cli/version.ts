import { Command } from 'commander';
import { version } from '../lib/version.ts';
import { print } from './output.ts';

/** `hostler version` */
export function versionCommand(): Command {
  return new Command('version')
    .description('print the version of this program')
    .addHelpText('after', '\nExamples:\n  hostler version')
    .action(() => print(`hostler ${version}`));
}
