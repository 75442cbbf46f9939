import { Command, Option } from 'commander';
import {
  type ControllerOptions,
  type ListenAddress,
  listenAddress,
  withControllerOptions,
} from './controllerOptions.ts';

/** What `hostler serve` is told. */
export interface ServeOptions extends ControllerOptions {
  dataDir: string;
  listen: ListenAddress;
  kubeconfigOut?: string;
  controllers: boolean;
}

/** `hostler serve` */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('run a whole control plane: Kubernetes-compatible API server, store and controllers')
    .option('--data-dir <dir>', 'where everything is kept', './.hostler')
    .addOption(
      new Option('--listen <address:port>', 'where the API listens (TLS)')
        .argParser(listenAddress)
        .default({ host: '127.0.0.1', port: 7443 }, '127.0.0.1:7443'),
    )
    .option('--kubeconfig-out <file>', 'also write the admin kubeconfig here')
    .option('--no-controllers', 'API server only');
  return withControllerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  hostler serve
  hostler serve --data-dir /var/lib/hostler-control --listen 0.0.0.0:7443
  KUBECONFIG=.hostler/kubeconfig kubectl get servers -A -w`,
    )
    .action(async (options: ServeOptions) => {
      // the API server is loaded by this command only: the others start faster
      const { serve } = await import('./serve.ts');
      await serve(options);
    });
}
