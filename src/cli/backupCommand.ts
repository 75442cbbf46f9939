import { Command } from 'commander';
import { type EtcdFlags, withEtcdOptions } from './etcdOptions.ts';

/** What `hostler restore` is told. */
export interface RestoreOptions extends EtcdFlags {
  dataDir: string;
}

/** What `hostler backup` is told. */
export interface BackupOptions extends RestoreOptions {
  includeEncryptionKey?: boolean;
}

/** `hostler backup` */
export function backupCommand(): Command {
  const command = new Command('backup')
    .description('write everything in the store to a file, also while `hostler serve` runs')
    .argument('<file>', 'replaced when it exists; mode 0600')
    .option('--data-dir <dir>', 'data directory of the control plane', './.hostler');
  return withEtcdOptions(command)
    .option('--include-encryption-key', 'put the key of the Secrets into the file, too')
    .addHelpText(
      'after',
      `
Examples:
  hostler backup /backup/hostler-$(date +%F).gz --data-dir /var/lib/hostler-control
  hostler backup hostler.gz --etcd-endpoints https://10.0.0.1:2379 --etcd-cafile ca.pem`,
    )
    .action(async (file: string, options: BackupOptions) => {
      const { backup } = await import('./backup.ts');
      await backup(file, options);
    });
}

/** `hostler restore` */
export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('fill an empty store from a backup, of either kind of store; start `hostler serve` after it')
    .argument('<file>', 'written by `hostler backup`')
    .option('--data-dir <dir>', 'data directory of the control plane', './.hostler');
  return withEtcdOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  hostler restore hostler.gz --data-dir /var/lib/hostler-control
  hostler restore hostler.gz --data-dir /var/lib/hostler-control --etcd-endpoints https://10.0.0.1:2379`,
    )
    .action(async (file: string, options: RestoreOptions) => {
      const { restore } = await import('./restore.ts');
      await restore(file, options);
    });
}
